"""The sessions of a view as pandas dates, each made once for all runs on it."""

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from rustybt_ray._typing import IntArray
from rustybt_ray.data.calendars import Calendar, is_new_york, whole_calendar
from rustybt_ray.data.panel import Panel
from rustybt_ray.zipline._pandas import pandas

KEPT = 8192
"""Windows of dates that are kept at most."""
_MADE: WeakKeyDictionary[Panel, "Dates"] = WeakKeyDictionary()


class Dates:
    """Naive Timestamps and DatetimeIndexes of a view's sessions.

    Attributes
    ----------
    calendar : Calendar
        Of which the sessions are a part; row 0 is its position `calendar.offset`.
    """

    __slots__ = ("_exchange", "_index", "_spans", "_stamps", "calendar", "sessions")

    def __init__(self, view: Panel) -> None:
        self.sessions: IntArray = view.sessions
        self.calendar: Calendar = whole_calendar(view)
        self._exchange = is_new_york(view)
        self._index: Any = None
        self._spans: dict[tuple[int, int], Any] = {}
        self._stamps: dict[int, Any] = {}

    def stamp(self, row: int) -> Any:
        """Timestamp of a row's session."""
        found = self._stamps.get(row)
        if found is None:
            found = self._stamps[row] = naive(int(self.sessions[row]))
        return found

    def span(self, first: int, stop: int) -> Any:
        """DatetimeIndex of the rows in [first, stop); its freq is C on the New York Stock Exchange, else None."""
        found = self._spans.get((first, stop))
        if found is None:
            if len(self._spans) >= KEPT:
                self._spans.clear()
            offset = self.calendar.offset
            found = self._spans[first, stop] = self.whole[first + offset : stop + offset]
        return found

    @property
    def whole(self) -> Any:
        """DatetimeIndex of the whole calendar."""
        if self._index is None:
            days = self.calendar.sessions.astype("datetime64[ns]")
            freq = _business_days(days) if self._exchange else None
            self._index = pandas().DatetimeIndex(days, freq=freq)
        return self._index


def dates_of(view: Panel) -> Dates:
    """The dates of a view, made with the first call and kept as long as the view."""
    found = _MADE.get(view)
    if found is None:
        found = _MADE[view] = Dates(view)
    return found


def naive(time: int) -> Any:
    """Timestamp without a zone of UTC nanoseconds."""
    return pandas().Timestamp(time)


def utc(time: int) -> Any:
    """Timestamp in UTC of UTC nanoseconds."""
    return pandas().Timestamp(time, tz="UTC")


def _business_days(days: np.ndarray) -> Any:
    """The offset that leads from each of these days to the next."""
    first, last = days[[0, -1]].astype("datetime64[D]")
    week = np.arange(first, last + 1)
    holidays = np.setdiff1d(week[np.is_busday(week)], days.astype("datetime64[D]"))
    return pandas().offsets.CustomBusinessDay(holidays=holidays.tolist())
