"""``zipline.utils.events``: ``date_rules``, ``time_rules``, ``calendars`` and the rules themselves."""

import datetime as dt
import inspect
from typing import Any

from rustybt_ray.data.calendars import Calendar
from rustybt_ray.zipline.rules import (
    AfterOpen,
    Always,
    BeforeClose,
    ComposedRule,
    EventRule,
    NDaysBeforeLastTradingDayOfMonth,
    NDaysBeforeLastTradingDayOfWeek,
    Never,
    NotHalfDay,
    NthTradingDayOfMonth,
    NthTradingDayOfWeek,
    OncePerDay,
    StatefulRule,
    StatelessRule,
    TradingDayOfMonthRule,
    TradingDayOfWeekRule,
)

__all__ = [
    "AfterOpen",
    "Always",
    "BeforeClose",
    "ComposedRule",
    "EventRule",
    "NDaysBeforeLastTradingDayOfMonth",
    "NDaysBeforeLastTradingDayOfWeek",
    "Never",
    "NotHalfDay",
    "NthTradingDayOfMonth",
    "NthTradingDayOfWeek",
    "OncePerDay",
    "StatefulRule",
    "StatelessRule",
    "TradingDayOfMonthRule",
    "TradingDayOfWeekRule",
    "calendars",
    "date_rules",
    "make_eventrule",
    "time_rules",
]


class date_rules:  # noqa: N801 - zipline's name
    """The sessions of a scheduled function; offsets count sessions."""

    @staticmethod
    def every_day() -> EventRule:
        """Each session."""
        return Always()

    @staticmethod
    def month_start(days_offset: int = 0) -> EventRule:
        """So many sessions after each month's first, 0 to 22."""
        return NthTradingDayOfMonth(n=days_offset)

    @staticmethod
    def month_end(days_offset: int = 0) -> EventRule:
        """So many sessions before each month's last, 0 to 22."""
        return NDaysBeforeLastTradingDayOfMonth(n=days_offset)

    @staticmethod
    def week_start(days_offset: int = 0) -> EventRule:
        """So many sessions after each week's first, 0 to 4."""
        return NthTradingDayOfWeek(n=days_offset)

    @staticmethod
    def week_end(days_offset: int = 0) -> EventRule:
        """So many sessions before each week's last, 0 to 4."""
        return NDaysBeforeLastTradingDayOfWeek(n=days_offset)


class time_rules:  # noqa: N801 - zipline's name
    """The minute of a scheduled function; ignored in daily mode, where functions run at the close."""

    @staticmethod
    def market_open(
        offset: dt.timedelta | None = None, hours: float | None = None, minutes: float | None = None
    ) -> EventRule:
        """One minute to twelve hours after the opening."""
        return AfterOpen(offset=offset, hours=hours, minutes=minutes)

    @staticmethod
    def market_close(
        offset: dt.timedelta | None = None, hours: float | None = None, minutes: float | None = None
    ) -> EventRule:
        """One minute to twelve hours before the close."""
        return BeforeClose(offset=offset, hours=hours, minutes=minutes)

    every_minute = Always


class _Named:
    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (calendars, self.name)


class calendars:  # noqa: N801 - zipline's name
    """Calendars that rules can count by."""

    US_EQUITIES = _Named("US_EQUITIES")
    US_FUTURES = _Named("US_FUTURES")


def make_eventrule(date_rule: Any, time_rule: Any, cal: Calendar, half_days: bool = True) -> OncePerDay:
    """Both rules once a day, on half days or not.

    Raises
    ------
    TypeError
        If one is no rule, or the class or function that makes one.
    """
    for rule in (date_rule, time_rule):
        if not isinstance(rule, StatelessRule):
            called = inspect.isclass(rule) or inspect.isroutine(rule)
            hint = f" (hint: did you mean {rule.__name__}()?)" if called else ". Use one of date_rules."
            raise TypeError(f"invalid rule: {rule!r}{hint}")
    inner = date_rule & time_rule
    made = OncePerDay(inner if half_days else inner & NotHalfDay())
    made.cal = cal
    return made
