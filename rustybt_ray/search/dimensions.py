"""The dimensions of a space: whole numbers, real numbers, choices. Each maps positions to values, so that none is listed."""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from rustybt_ray._record import record_class
from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray._validation import check_count, check_number
from rustybt_ray.exceptions import InputError

if TYPE_CHECKING:
    from decimal import Decimal

WIDEST = 2**62
MOST = 2**53  # grid values of a Float: positions up to here are exact


@record_class(frozen=True)
class Int:
    """Whole numbers from `low` to `high` by `step`; `high` is one of them where the steps meet it.

    Raises
    ------
    InputError
        If a limit is no whole number between -2**62 and 2**62, `low` is above `high`, or `step` is below 1.

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
            if isinstance(value, bool) or not hasattr(value, "__index__") or abs(int(value)) > WIDEST:
                remedy = "Use Float for real numbers, Choice for others."
                raise InputError(f"Int.{name}", "a whole number between -2**62 and 2**62", value, remedy)
            object.__setattr__(self, name, int(value))
        remedy = "The step is the distance between values: Int(5, 50, step=5)."
        object.__setattr__(self, "step", check_count("Int.step", self.step, low=1, remedy=remedy))
        if self.low > self.high:
            raise InputError("Int.low", f"at most high = {self.high}", self.low, "Exchange low and high.")

    @property
    def size(self) -> int:
        """How many values there are."""
        return (self.high - self.low) // self.step + 1

    @property
    def values(self) -> list[Any]:
        """All values, rising."""
        return list(range(self.low, self.high + 1, self.step))

    def at(self, positions: IntArray) -> np.ndarray:
        """Values at positions 0..size-1."""
        return self.low + self.step * positions

    def spread(self, shares: FloatArray) -> np.ndarray:
        """Values at shares of the way, 0 <= share < 1, each value equally likely."""
        return self.at(_positions(shares, self.size))


@record_class(frozen=True)
class Float:
    """Real numbers from `low` to `high`; on a grid by `step`, or spread evenly in logarithms with `log`.

    Grid values are the decimal sums ``low + i * step`` of the numbers as they are written, each rounded once: 0.1, 0.2, 0.3
    are what they look like, and the third is not 0.30000000000000004. `high` is one of them where the steps meet it.

    Raises
    ------
    InputError
        If a limit is not finite, `low` is above `high`, or not above 0 with `log`; if `step` is not above 0, too small, or
        given with `log`.

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
        remedy = "Logarithms need a number above 0." if self.log else ""
        low = check_number(
            "Float.low", self.low, low=0.0 if self.log else -math.inf, strict=bool(self.log), remedy=remedy
        )
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", check_number("Float.high", self.high))
        if self.low > self.high:
            raise InputError("Float.low", f"at most high = {self.high}", self.low, "Exchange low and high.")
        if self.step is not None:
            object.__setattr__(self, "step", check_number("Float.step", self.step, low=0.0, strict=True))
            if self.log:
                remedy = "Use Choice for a grid in logarithms."
                raise InputError("Float.step", "left out with log=True", self.step, remedy)
            if self.need_size() > MOST:
                raise InputError("Float.step", "large enough for 2**53 values at most", self.step, "Leave it out.")

    @property
    def size(self) -> int | None:
        """How many values there are; None without a step."""
        if self.step is None:
            return None
        # a billionth of a step is rounding, not a missing value
        return int((_decimal(self.high) - _decimal(self.low)) / _decimal(self.step) + _decimal(1e-9)) + 1

    @property
    def values(self) -> list[Any]:
        """All values, rising.

        Raises
        ------
        InputError
            Without a step; the message says how to give one.
        """
        return self.at(np.arange(self.need_size())).tolist()  # type: ignore[no-any-return]

    def need_size(self, name: str = "Float") -> int:
        """How many values there are; messages call this dimension `name`.

        Raises
        ------
        InputError
            Without a step.
        """
        size = self.size
        if size is None:
            remedy = f"Say Float({self.low}, {self.high}, step=...), or use search='random' with n_trials."
            raise InputError(name, "given a step to be searched on a grid", self, remedy)
        return size

    def at(self, positions: IntArray) -> np.ndarray:
        """Values at positions 0..size-1."""
        low, step, scale = self._scaled
        last = abs(low) + step * int(positions.max(initial=0))
        if scale <= 10**22 and last < 2**53:  # whole numbers and a power of ten that floats hold exactly: one rounding
            made = (low + step * positions) / float(scale)
        else:
            made = np.array([(low + step * i) / scale for i in positions.tolist()])
        return np.minimum(made, self.high)

    def spread(self, shares: FloatArray) -> np.ndarray:
        """Values at shares of the way, 0 <= share < 1."""
        if self.step is not None:
            return self.at(_positions(shares, self.need_size()))
        if self.log:  # math, not numpy: numpy's depends on the processor in its last bit
            low, high = math.log(self.low), math.log(self.high)
            made = np.array([math.exp(low + share * (high - low)) for share in shares.tolist()])
        else:
            made = self.low * (1.0 - shares) + self.high * shares
        clipped: FloatArray = np.clip(made, self.low, self.high)
        return clipped

    @cached_property
    def _scaled(self) -> tuple[int, int, int]:
        """Low and step as whole numbers of the last decimal place of both, and how many of these make 1."""
        low, step = _decimal(self.low), _decimal(self.step or 0.0)
        places = max(0, *(-int(number.as_tuple().exponent) for number in (low, step)))
        return int(low.scaleb(places)), int(step.scaleb(places)), 10**places


@record_class(frozen=True, init=False)
class Choice:
    """One of some values: ``Choice("sma", "ema")`` or ``Choice(["sma", "ema"])``.

    Values are numbers, text, True, False, None, or tuples of these; their order is kept, and a set's is by its text.

    Raises
    ------
    InputError
        If there is no value, one appears twice, or one cannot be written to a study's record.
    """

    options: tuple[Any, ...]

    def __init__(self, *options: Any) -> None:
        if len(options) == 1 and isinstance(options[0], list | tuple | range | set | frozenset | np.ndarray):
            given = options[0]
            options = tuple(sorted(given, key=repr)) if isinstance(given, set | frozenset) else tuple(given)
        values = tuple(check_value("Choice", value) for value in options)
        if not values:
            raise InputError("Choice", "given at least one value", values, "Say Choice('sma', 'ema').")
        seen = set()
        for value in values:
            key = (type(value), repr(value))
            if key in seen:
                raise InputError("Choice", "given each value once", value, "Remove the repeated value.")
            seen.add(key)
        object.__setattr__(self, "options", values)

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.options)

    @property
    def values(self) -> list[Any]:
        """All values, as given."""
        return list(self.options)

    def at(self, positions: IntArray) -> np.ndarray:
        """Values at positions 0..size-1."""
        column: np.ndarray = self._column[positions]
        return column

    def spread(self, shares: FloatArray) -> np.ndarray:
        """Values at shares of the way, 0 <= share < 1, each equally likely."""
        return self.at(_positions(shares, self.size))

    @cached_property
    def _column(self) -> np.ndarray:
        return as_column(self.options)


Parameter: TypeAlias = Int | Float | Choice


def as_column(values: Sequence[Any]) -> np.ndarray:
    """Values as an array that gives them back as they are: numbers of one type as such, all others as objects."""
    kinds = {type(value) for value in values}
    if kinds in ({bool}, {float}) or (kinds == {int} and all(abs(value) <= WIDEST for value in values)):
        return np.array(values)
    if kinds == {str} and not any(value.endswith("\0") for value in values):  # numpy drops those
        return np.array(values)
    made = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):  # one by one: numpy would take tuples apart
        made[i] = value
    return made


def check_value(name: str, value: Any) -> Any:
    """A parameter's value as a plain Python object.

    Raises
    ------
    InputError
        If it is not a finite number, text, True, False, None or a tuple of these.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, tuple | list):
        return tuple(check_value(name, part) for part in value)
    remedy = "Give names and look up in the strategy what they stand for."
    if value is not None and type(value) not in (bool, int, float, str):
        raise InputError(name, "given numbers, text, True, False, None or tuples of these", value, remedy)
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(name, "given finite numbers", value, "Use None for what has no limit or no value.")
    return value


def _positions(shares: FloatArray, size: int) -> IntArray:
    return np.minimum((shares * size).astype(np.int64), size - 1)


def _decimal(number: float) -> "Decimal":
    from decimal import Decimal

    return Decimal(repr(number))
