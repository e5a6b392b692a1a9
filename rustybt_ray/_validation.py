"""Checks of arguments that share one message: what, the rule, the value received, the way out."""

import math
from collections.abc import Collection

from rustybt_ray.exceptions import InputError


def check_number(
    name: str,
    value: object,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    strict: bool = False,
    remedy: str = "",
) -> float:
    """`value` as a float that is finite and within [low, high], or above `low` if `strict`."""
    rule = f"a number {'above' if strict else 'of at least'} {low:g}" if low > -math.inf else "a finite number"
    rule += f" and at most {high:g}" if high < math.inf else ""
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise InputError(name, rule, value, remedy)
    number = float(value)
    if not math.isfinite(number) or number < low or number > high or (strict and number == low):
        raise InputError(name, rule, value, remedy)
    return number


def check_count(name: str, value: object, *, low: int = 0, remedy: str = "") -> int:
    """`value` as an int of at least `low`."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < low:
        raise InputError(name, f"a whole number of at least {low}", value, remedy)
    return int(value)


def check_choice(name: str, value: object, choices: Collection[str], *, remedy: str = "") -> str:
    """`value` if it is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise InputError(name, f"one of {', '.join(map(repr, choices))}", value, remedy or "Check the spelling.")
    return value
