"""Rules for the sessions on which scheduled functions run.

A rule of ours knows all its sessions at once (`holds`); rules that algorithms write themselves answer for one moment
(`should_trigger`), and ours do so too, for rules that are made of both.
"""

import datetime as dt
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from operator import index
from typing import Any

import numpy as np

from rustybt_ray._typing import BoolArray, IntArray
from rustybt_ray.data.build import DAY
from rustybt_ray.data.calendars import Calendar

MAX_MONTH_RANGE, MAX_WEEK_RANGE = 23, 5
MINUTE = dt.timedelta(minutes=1)
MICROSECOND = 1000
EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday."""


class EventRule(ABC):
    """When a scheduled function runs; `cal` is the calendar, set when the function is scheduled."""

    _cal: Calendar | None = None

    @property
    def cal(self) -> Calendar | None:
        """The calendar."""
        return self._cal

    @cal.setter
    def cal(self, value: Calendar | None) -> None:
        self._cal = value

    @abstractmethod
    def should_trigger(self, dt: Any) -> bool:
        """Whether it holds at a Timestamp."""

    def holds(self, calendar: Calendar) -> BoolArray | None:
        """On which sessions of a calendar it holds at the close; None if it has to be asked at each moment."""
        return None


class StatelessRule(EventRule):
    """A rule whose answer depends on the moment alone; ``a & b`` holds when both do."""

    def and_(self, rule: "StatelessRule") -> "ComposedRule":
        """Both."""
        return ComposedRule(self, rule, ComposedRule.lazy_and)

    __and__ = and_


class ComposedRule(StatelessRule):
    """Two rules and a function of their answers."""

    def __init__(self, first: StatelessRule, second: StatelessRule, composer: Callable[..., bool]) -> None:
        if not (isinstance(first, StatelessRule) and isinstance(second, StatelessRule)):
            raise ValueError("Only two StatelessRules can be composed")
        self.first, self.second, self.composer = first, second, composer

    def should_trigger(self, dt: Any) -> bool:  # noqa: D102
        return self.composer(self.first.should_trigger, self.second.should_trigger, dt)

    def holds(self, calendar: Calendar) -> BoolArray | None:  # noqa: D102
        first, second = self.first.holds(calendar), self.second.holds(calendar)
        return None if first is None or second is None or self.composer is not ComposedRule.lazy_and else first & second

    @staticmethod
    def lazy_and(first: Callable[[Any], bool], second: Callable[[Any], bool], dt: Any) -> bool:
        """Ask the second only if the first holds."""
        return first(dt) and second(dt)

    @property
    def cal(self) -> Calendar | None:  # noqa: D102
        return self.first.cal

    @cal.setter
    def cal(self, value: Calendar | None) -> None:
        self.first.cal = self.second.cal = value


class Always(StatelessRule):
    """Every moment."""

    @staticmethod
    def should_trigger(dt: Any) -> bool:  # noqa: D102
        return True

    def holds(self, calendar: Calendar) -> BoolArray:  # noqa: D102
        return np.ones(len(calendar.sessions), dtype=bool)


class Never(StatelessRule):
    """No moment."""

    @staticmethod
    def should_trigger(dt: Any) -> bool:  # noqa: D102
        return False

    def holds(self, calendar: Calendar) -> BoolArray:  # noqa: D102
        return np.zeros(len(calendar.sessions), dtype=bool)


class _SessionRule(StatelessRule):
    """A rule about sessions as a whole."""

    _known: tuple[Calendar, BoolArray] | None = None

    def should_trigger(self, dt: Any) -> bool:
        calendar = _calendar(self)
        if self._known is None or self._known[0] is not calendar:
            self._known = (calendar, self._sessions(calendar))
        return bool(self._known[1][_position(calendar, dt.value)])

    def holds(self, calendar: Calendar) -> BoolArray:
        return self._sessions(calendar)

    @abstractmethod
    def _sessions(self, calendar: Calendar) -> BoolArray: ...


class NotHalfDay(_SessionRule):
    """Sessions that do not close early."""

    def _sessions(self, calendar: Calendar) -> BoolArray:
        return ~calendar.early


class _NthOfGroup(_SessionRule):
    """The n-th session of each week or month, from its start or from its end."""

    limit: int

    def __init__(self, n: int, invert: bool) -> None:
        number = _whole(type(self).__name__, n)
        if not 0 <= number < self.limit:
            raise ValueError(f"offset must be in between 0 and {self.limit - 1} inclusive")
        self.td_delta = -number - 1 if invert else number

    def _sessions(self, calendar: Calendar) -> BoolArray:
        group = self._groups(calendar.sessions)
        at = np.arange(len(group))
        if self.td_delta >= 0:
            return np.asarray(at - np.searchsorted(group, group, side="left") == self.td_delta)
        return np.asarray(at - np.searchsorted(group, group, side="right") == self.td_delta)

    @staticmethod
    @abstractmethod
    def _groups(sessions: IntArray) -> IntArray: ...


class TradingDayOfWeekRule(_NthOfGroup):
    """Of ISO weeks."""

    limit = MAX_WEEK_RANGE

    @staticmethod
    def _groups(sessions: IntArray) -> IntArray:
        return (sessions // DAY + EPOCH_WEEKDAY) // 7


class TradingDayOfMonthRule(_NthOfGroup):
    """Of calendar months."""

    limit = MAX_MONTH_RANGE

    @staticmethod
    def _groups(sessions: IntArray) -> IntArray:
        return sessions.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)


class NthTradingDayOfWeek(TradingDayOfWeekRule):
    """The n-th session of a week, from 0."""

    def __init__(self, n: int) -> None:
        super().__init__(n, invert=False)


class NDaysBeforeLastTradingDayOfWeek(TradingDayOfWeekRule):
    """The session n sessions before a week's last."""

    def __init__(self, n: int) -> None:
        super().__init__(n, invert=True)


class NthTradingDayOfMonth(TradingDayOfMonthRule):
    """The n-th session of a month, from 0."""

    def __init__(self, n: int) -> None:
        super().__init__(n, invert=False)


class NDaysBeforeLastTradingDayOfMonth(TradingDayOfMonthRule):
    """The session n sessions before a month's last."""

    def __init__(self, n: int) -> None:
        super().__init__(n, invert=True)


class _TimeRule(StatelessRule):
    """A minute of each session."""

    def __init__(self, offset: dt.timedelta | None = None, **kwargs: float | None) -> None:
        self.offset = _offset(offset, {name: value for name, value in kwargs.items() if value is not None})

    @property
    def _nanoseconds(self) -> int:
        return self.offset // dt.timedelta(microseconds=1) * MICROSECOND

    @abstractmethod
    def _minutes(self, calendar: Calendar) -> IntArray: ...

    def should_trigger(self, dt: Any) -> bool:
        calendar = _calendar(self)
        return bool(self._minutes(calendar)[_position(calendar, dt.value)] == dt.value)

    def holds(self, calendar: Calendar) -> BoolArray:
        return np.asarray(self._minutes(calendar) == calendar.closes)


class AfterOpen(_TimeRule):
    """So long after the opening; one minute if nothing is said."""

    def _minutes(self, calendar: Calendar) -> IntArray:
        return calendar.opens + self._nanoseconds


class BeforeClose(_TimeRule):
    """So long before the close; one minute if nothing is said."""

    def _minutes(self, calendar: Calendar) -> IntArray:
        return calendar.closes - self._nanoseconds


class StatefulRule(EventRule):
    """A rule around another one."""

    def __init__(self, rule: EventRule | None = None) -> None:
        self.rule = rule or Always()

    @property
    def cal(self) -> Calendar | None:  # noqa: D102
        return self.rule.cal

    @cal.setter
    def cal(self, value: Calendar | None) -> None:
        self.rule.cal = value


class OncePerDay(StatefulRule):
    """A rule at most once in 24 hours of the clock, counted from the first moment asked about."""

    def __init__(self, rule: EventRule | None = None) -> None:
        self.triggered, self.date, self.next_date = False, None, None
        super().__init__(rule)

    def should_trigger(self, dt: Any) -> bool:  # noqa: D102
        if self.date is None or dt >= self.next_date:
            self.triggered, self.date, self.next_date = False, dt, dt + MINUTE * 1440
        if not self.triggered and self.rule.should_trigger(dt):
            self.triggered = True
            return True
        return False


def _calendar(rule: EventRule) -> Calendar:
    if rule.cal is None:
        raise ValueError(f"{type(rule).__name__} needs a calendar; it has one once its function is scheduled.")
    return rule.cal


def _position(calendar: Calendar, time: int) -> int:
    """The session of a moment, or the next one."""
    return min(int(np.searchsorted(calendar.closes, time)), len(calendar.closes) - 1)


def _whole(name: str, number: Any) -> int:
    if isinstance(number, float):
        if number != int(number):
            raise TypeError(number)
        warnings.warn(
            f"{name} expected an int for argument 'n', but got float {number}. Coercing to int.", stacklevel=5
        )
        return int(number)
    return index(number)


def _offset(offset: dt.timedelta | None, kwargs: dict[str, float]) -> dt.timedelta:
    if offset is None:
        if not kwargs:
            return MINUTE
        offset = dt.timedelta(**kwargs)
    elif kwargs:
        raise ValueError("Cannot pass kwargs and an offset")
    elif not isinstance(offset, dt.timedelta):
        raise TypeError("Must pass 'hours' and/or 'minutes' as keywords")
    if not MINUTE <= offset <= MINUTE * 720:
        raise ValueError("offset must be in between 1 minute and 12 hours, inclusive.")
    return offset
