"""The sessions on which a scheduled function runs."""

import warnings
from typing import Any, Literal

import numpy as np

from rustybt_ray._typing import BoolArray, IntArray
from rustybt_ray.data.build import DAY
from rustybt_ray.data.panel import Panel
from rustybt_ray.zipline.dates import dates_of, utc
from rustybt_ray.zipline.errors import NotSupported, ScheduleFunctionInvalidCalendar
from rustybt_ray.zipline.events import (
    AfterOpen,
    BeforeClose,
    EventRule,
    OncePerDay,
    calendars,
    date_rules,
    make_eventrule,
    time_rules,
)

EarlyCloses = Literal["skip", "run"]


class Scheduled:
    """When one scheduled function runs.

    Attributes
    ----------
    flags : bytes or None
        By row of the panel, 1 where it runs; None if a rule that the algorithm wrote has to be asked on each session.
    """

    __slots__ = ("_closes", "_rule", "flags")

    def __init__(self, flags: bytes | None, rule: EventRule, closes: IntArray) -> None:
        self.flags, self._rule, self._closes = flags, rule, closes

    def due(self, row: int) -> bool:
        """Whether it runs at the close of a row; to be asked once for each session, in order."""
        if self.flags is not None:
            return self.flags[row] == 1
        return bool(self._rule.should_trigger(utc(int(self._closes[row]))))


def schedule(
    view: Panel,
    first: int,
    date_rule: Any = None,
    time_rule: Any = None,
    half_days: bool = True,
    calendar: Any = None,
    *,
    early_closes: EarlyCloses = "skip",
) -> Scheduled:
    """When a function runs that is scheduled before or on the bar of row `first`, in daily mode.

    Parameters
    ----------
    view : Panel
    first : int
        The first row on whose bar it can run; its memory begins there.
    date_rule : EventRule, default every day
        Counted over the whole calendar. A time rule in its place holds where its minute is the close.
    time_rule : EventRule, optional
        Ignored.
    half_days : bool, default True
        Whether it runs on early closes.
    calendar : `events.calendars.US_EQUITIES`, optional
    early_closes : {"skip", "run"}, default "skip"
        zipline remembers for 24 hours of the clock that a function ran: an early close that follows a session on the day before
        is skipped by whatever ran on that day. With "run" a day is a day.

    Raises
    ------
    TypeError
        If `date_rule` is no rule, such as a rule's class or function that was not called.
    ScheduleFunctionInvalidCalendar
        If `calendar` is none of `events.calendars`.
    NotSupported
        If it is the one of futures.

    Examples
    --------
    >>> from rustybt_ray.data.sample import sample_panel
    >>> weekly = schedule(sample_panel(), 0, date_rules.week_end())
    >>> list(weekly.flags[:10])
    [0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    """
    if isinstance(date_rule, AfterOpen | BeforeClose) and not time_rule:
        warnings.warn(
            "Got a time rule for the second positional argument date_rule. You should use keyword argument time_rule= when "
            "calling schedule_function without specifying a date_rule",
            stacklevel=3,
        )
    _check_calendar(calendar)
    whole = dates_of(view).calendar
    once = make_eventrule(date_rule or date_rules.every_day(), time_rules.every_minute(), whole, half_days)
    rule = once if early_closes == "skip" else once.rule
    holds = once.rule.holds(whole)
    if holds is None:
        return Scheduled(None, rule, view.close_time)
    own = holds[whole.offset : whole.offset + len(view.sessions)].copy()
    own[:first] = False
    if isinstance(rule, OncePerDay):
        own[first:] = once_a_day(own[first:], view.close_time[first:])
    return Scheduled(own.tobytes(), rule, view.close_time)


def once_a_day(holds: BoolArray, times: IntArray) -> BoolArray:
    """Where a rule holds for the first time since its memory was reset, which needs 24 hours since the last reset.

    Parameters
    ----------
    holds : ndarray of bool, shape (n,)
    times : ndarray of int64, shape (n,)
        Rising, in nanoseconds; the first one resets.
    """
    runs = holds.copy()
    before = reset = -1
    for at in (np.flatnonzero(np.diff(times) < DAY) + 1).tolist():  # all others reset it
        if before != at - 1:
            reset = at - 1
        if times[at] - times[reset] >= DAY:
            reset = at
        elif holds[reset:at].any():
            runs[at] = False
        before = at
    return runs


def _check_calendar(calendar: Any) -> None:
    if calendar is calendars.US_FUTURES:
        raise NotSupported(what="schedule_function by the calendar of futures", remedy="Use calendars.US_EQUITIES.")
    if calendar is not None and calendar is not calendars.US_EQUITIES:
        allowed = "[calendars.US_EQUITIES, calendars.US_FUTURES]"
        raise ScheduleFunctionInvalidCalendar(given_calendar=calendar, allowed_calendars=allowed)
