"""The calendar that a daily panel's sessions are a part of, for rules that need the days around them."""

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np

from rustybt_ray._typing import BoolArray, IntArray
from rustybt_ray.data import nyse
from rustybt_ray.data.build import DAY
from rustybt_ray.data.panel import Panel

BEGIN = date(1990, 1, 1)
"""Where zipline's calendars begin; the exchange's dates by rule are right from here on, its hours from `nyse.FIRST` on."""
AHEAD = timedelta(366)


class Calendar(NamedTuple):
    """Sessions of a calendar in UTC nanoseconds.

    Attributes
    ----------
    sessions, opens, closes : ndarray of int64
        Date, opening and closing of each.
    offset : int
        Position of the panel's first session.
    early : ndarray of bool
        Whether a session is shorter than the longest.
    """

    sessions: IntArray
    opens: IntArray
    closes: IntArray
    offset: int
    early: BoolArray


def whole_calendar(panel: Panel) -> Calendar:
    """The sessions of the New York Stock Exchange from 1990 to a year after the panel, if the panel's are among them.

    Week and month ends of a panel's last weeks, and counts from a month's first day, need the days that it has not. Any other
    panel's calendar is its own sessions.

    Examples
    --------
    >>> from rustybt_ray.data.sample import sample_panel
    >>> found = whole_calendar(sample_panel())
    >>> found.sessions[[0, found.offset, -1]].astype("datetime64[ns]").astype("datetime64[D]").astype(str).tolist()
    ['1990-01-02', '2000-01-03', '2025-12-31']
    """
    if is_new_york(panel):
        sessions, opens, closes = nyse.sessions_between(BEGIN, min(_day(panel.sessions[-1]) + AHEAD, nyse.LAST))
        offset = int(np.searchsorted(sessions, panel.sessions[0]))
        opens[offset : offset + len(panel.sessions)], closes[offset : offset + len(panel.sessions)] = hours_of(panel)
    else:
        sessions, offset, (opens, closes) = panel.sessions, 0, hours_of(panel)
    length = closes - opens
    return Calendar(sessions, opens, closes, offset, length < length.max())


def hours_of(panel: Panel) -> tuple[IntArray, IntArray]:
    """Opening and closing of the panel's sessions: the exchange's where the panel has New York's sessions as UTC days."""
    unknown = np.array_equal(panel.close_time - panel.open_time, np.full(len(panel.sessions), DAY))
    if unknown and is_new_york(panel):
        _, opens, closes = nyse.sessions_between(_day(panel.sessions[0]), _day(panel.sessions[-1]))
        return opens, closes
    return panel.open_time, panel.close_time


def is_new_york(panel: Panel) -> bool:
    """Whether the panel's rows are days, and exactly the sessions of the New York Stock Exchange from first to last."""
    first, last = _day(panel.sessions[0]), _day(panel.sessions[-1])
    if first < BEGIN or last > nyse.LAST or not np.array_equal(panel.time, panel.sessions):
        return False
    return np.array_equal(nyse.sessions_between(first, last)[0], panel.sessions)


def _day(time: int) -> date:
    day: date = np.datetime64(int(time), "ns").astype("datetime64[D]").item()
    return day
