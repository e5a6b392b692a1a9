"""Parameter spaces: whole numbers, real numbers, choices, and what they must meet together."""

import keyword
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from rustybt_ray._expressions import Expression, parse
from rustybt_ray._typing import BoolArray
from rustybt_ray._validation import check_count, check_number
from rustybt_ray.exceptions import InputError

Condition: TypeAlias = Expression | Callable[[dict[str, Any]], bool]
Columns: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Int:
    """Whole numbers from `low` to `high`, both included, by `step`.

    Raises
    ------
    InputError
        If `low` is above `high` or `step` is below 1.

    Examples
    --------
    >>> Int(5, 20, step=5).values
    [5, 10, 15, 20]
    """

    low: int
    high: int
    step: int = 1

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            value = getattr(self, name)
            if isinstance(value, bool) or not hasattr(value, "__index__"):
                raise InputError(f"Int.{name}", "a whole number", value, "Use Float for real numbers.")
        check_count("Int.step", self.step, low=1)
        if self.low > self.high:
            raise InputError("Int.low", f"at most high = {self.high}", self.low, "Exchange low and high.")

    @property
    def size(self) -> int:
        """How many values there are."""
        return (self.high - self.low) // self.step + 1

    @property
    def values(self) -> list[Any]:
        """All values, rising."""
        return list(range(int(self.low), int(self.high) + 1, int(self.step)))

    def pick(self, share: float) -> int:
        """The value at `share` of the way, 0 <= share < 1, each equally likely."""
        return int(self.low) + int(self.step) * int(share * self.size)


@dataclass(frozen=True)
class Float:
    """Real numbers from `low` to `high`; on a grid by `step`, in logarithms with `log`.

    Grid values are the decimal sums ``low + i * step``, so that 0.1, 0.2, 0.3 are what they look like.

    Raises
    ------
    InputError
        If the limits, the step or their combination make no sense.

    Examples
    --------
    >>> Float(0.1, 0.5, step=0.1).values
    [0.1, 0.2, 0.3, 0.4, 0.5]
    """

    low: float
    high: float
    step: float | None = None
    log: bool = False

    def __post_init__(self) -> None:
        check_number("Float.low", self.low, low=0.0 if self.log else -math.inf, strict=self.log)
        check_number("Float.high", self.high)
        if self.low > self.high:
            raise InputError("Float.low", f"at most high = {self.high}", self.low, "Exchange low and high.")
        if self.step is not None:
            check_number("Float.step", self.step, low=0.0, strict=True)
            if self.log:
                raise InputError("Float.step", "left out with log=True", self.step, "Use Choice for a grid in logarithms.")

    @property
    def size(self) -> int | None:
        """How many values there are; None without a step."""
        if self.step is None:
            return None
        # one part in 10^9 of a step is rounding, not a missing value
        return int((Decimal(repr(self.high)) - Decimal(repr(self.low))) / Decimal(repr(self.step)) + Decimal("1e-9")) + 1

    @property
    def values(self) -> list[Any]:
        """All values, rising.

        Raises
        ------
        InputError
            Without a step.
        """
        if self.step is None:
            remedy = f"Say Float({self.low}, {self.high}, step=...) for a grid, or search='random' with n_trials."
            raise InputError("Float", "given a step to be searched on a grid", self, remedy)
        low, step = Decimal(repr(float(self.low))), Decimal(repr(float(self.step)))
        return [float(low + i * step) for i in range(self.size or 0)]

    def pick(self, share: float) -> float:
        """The value at `share` of the way, 0 <= share < 1."""
        if self.size is not None:
            return float(self.values[int(share * self.size)])
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return min(max(math.exp(low + share * (high - low)), self.low), self.high)
        return self.low + share * (self.high - self.low)


@dataclass(frozen=True, init=False)
class Choice:
    """One of some values: ``Choice("sma", "ema")`` or ``Choice(["sma", "ema"])``.

    Raises
    ------
    InputError
        If there is none, or one appears twice.
    """

    options: tuple[Any, ...]

    def __init__(self, *options: Any) -> None:
        if len(options) == 1 and isinstance(options[0], list | tuple | range | set | frozenset | np.ndarray):
            given = options[0]
            options = tuple(sorted(given, key=repr)) if isinstance(given, set | frozenset) else tuple(given)
        values = tuple(value.item() if isinstance(value, np.generic) else value for value in options)
        if not values:
            raise InputError("Choice", "given at least one value", values, "Choice('sma', 'ema').")
        keys = [(type(value).__name__, repr(value)) for value in values]
        if len(set(keys)) < len(keys):
            twice = next(value for value, key in zip(values, keys, strict=True) if keys.count(key) > 1)
            raise InputError("Choice", "given each value once", twice, "Remove the repeated value.")
        object.__setattr__(self, "options", values)

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.options)

    @property
    def values(self) -> list[Any]:
        """All values, as given."""
        return list(self.options)

    def pick(self, share: float) -> Any:
        """The value at `share` of the way, 0 <= share < 1, each equally likely."""
        return self.options[int(share * len(self.options))]


Parameter: TypeAlias = Int | Float | Choice


class ParameterSpace:
    """Parameters by name, and what they must meet together.

    Parameters
    ----------
    parameters : mapping of str to Int, Float, Choice, list, tuple or range
        A list, tuple or range is a Choice.
    constraint : str, callable or a list of these, optional
        ``"fast < slow"``, or a function of the dict of parameters.

    Raises
    ------
    InputError
        If a name is not one for an argument, a parameter is none of those, or a constraint cannot be read.

    Examples
    --------
    >>> ParameterSpace({"fast": Int(5, 50, step=5), "kind": ["sma", "ema"]}, constraint="fast > 10").size
    20
    """

    def __init__(self, parameters: Mapping[str, Any], constraint: Any = None) -> None:
        if not isinstance(parameters, Mapping) or not parameters:
            remedy = "Pass {'fast': rb.Int(5, 50, step=5)}."
            raise InputError("space", "a mapping of names to Int, Float or Choice", parameters, remedy)
        self.parameters: dict[str, Parameter] = {name: _parameter(name, value) for name, value in parameters.items()}
        self.conditions: tuple[Condition, ...] = _conditions(constraint, tuple(self.parameters))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters, as declared."""
        return tuple(self.parameters)

    @cached_property
    def size(self) -> int | None:
        """Number of combinations before constraints; None if a parameter has no grid."""
        sizes = [parameter.size for parameter in self.parameters.values()]
        return None if None in sizes else math.prod(size for size in sizes if size is not None)

    def meets(self, columns: Columns, count: int) -> BoolArray:
        """Which of `count` points, given as columns, meet every constraint."""
        return meets(self.conditions, columns, count)

    def describe(self) -> dict[str, Any]:
        """The space as JSON takes it."""
        made: dict[str, Any] = {}
        for name, parameter in self.parameters.items():
            fields = {key: getattr(parameter, key) for key in parameter.__dataclass_fields__}
            made[name] = {"type": type(parameter).__name__, **fields}
        return {"parameters": made, "constraint": describe_conditions(self.conditions)}


def meets(conditions: Sequence[Condition], columns: Columns, count: int) -> BoolArray:
    """Which of `count` points meet every condition; expressions by column, callables point by point."""
    allowed = np.ones(count, dtype=np.bool_)
    for condition in conditions:
        if isinstance(condition, Expression):
            values = {name: np.asarray(columns[name]) for name in condition.names}
            allowed &= np.asarray(condition.evaluate(values), dtype=np.bool_)
            continue
        for i in np.flatnonzero(allowed).tolist():
            point = {name: plain(values[i]) for name, values in columns.items()}
            allowed[i] = bool(condition(point))
    return allowed


def describe_conditions(conditions: Sequence[Condition]) -> list[str]:
    """Constraints as text."""
    return [c.text if isinstance(c, Expression) else getattr(c, "__qualname__", repr(c)) for c in conditions]


def plain(value: Any) -> Any:
    """A value as a plain Python object."""
    return value.item() if isinstance(value, np.generic) else value


def _parameter(name: str, value: Any) -> Parameter:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise InputError("a parameter's name", "one that an argument can have", name, "Use letters, digits and _.")
    if isinstance(value, Int | Float | Choice):
        return value
    if isinstance(value, list | tuple | range):
        return Choice(list(value))
    remedy = "Use rb.Int(5, 50, step=5), rb.Float(0.1, 0.5), rb.Choice('a', 'b'), or a list."
    raise InputError(f"space[{name!r}]", "an Int, a Float, a Choice, a list or a range", value, remedy)


def _conditions(constraint: Any, names: tuple[str, ...]) -> tuple[Condition, ...]:
    if constraint is None:
        return ()
    given: Iterable[Any] = constraint if isinstance(constraint, list | tuple) else (constraint,)
    made: list[Condition] = []
    for condition in given:
        if isinstance(condition, str):
            made.append(parse(condition, names=names))
        elif isinstance(condition, Expression) or callable(condition):
            made.append(condition)
        else:
            remedy = "Pass 'fast<slow' or lambda p: p['fast'] < p['slow']."
            raise InputError("constraint", "text or a function of the parameters", condition, remedy)
    return tuple(made)
