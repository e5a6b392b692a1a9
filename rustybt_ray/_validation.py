"""Checks of arguments that share one message: what, the rule, the value received, the way out."""

import math
import re
from collections.abc import Collection

from rustybt_ray.exceptions import InputError

SIZE = re.compile(r"(\d+\.?\d*) ?(b|[kmgt]i?b)", re.IGNORECASE)
UNITS = {
    "b": 1,
    **{f"{unit}b": 1000**i for i, unit in enumerate("kmgt", 1)},
    **{f"{unit}ib": 1024**i for i, unit in enumerate("kmgt", 1)},
}


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


def check_bytes(name: str, value: object, *, remedy: str = "Such as 500_000_000 or '500MB'.") -> int:
    """`value`, a number of bytes or a text such as "500MB" or "1.5 GiB", as an int above 0."""
    number: object = value
    if isinstance(value, str) and (found := SIZE.fullmatch(value.strip())):
        number = float(found[1]) * UNITS[found[2].lower()]
    if isinstance(number, str):
        raise InputError(name, "a number of bytes", value, remedy)
    return int(check_number(name, number, low=1.0, remedy=remedy))


def check_choice(name: str, value: object, choices: Collection[str], *, remedy: str = "") -> str:
    """`value` if it is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise InputError(name, f"one of {', '.join(map(repr, choices))}", value, remedy or "Check the spelling.")
    return value
