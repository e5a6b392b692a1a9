"""Lengths of segments: sessions, or calendar durations counted from one day."""

import re
from typing import NamedTuple, TypeAlias

import numpy as np

from rustybt_ray._typing import IntArray
from rustybt_ray.exceptions import InputError

Length: TypeAlias = int | str
"""A number of sessions, or a duration such as "3y", "6mo", "2w" or "21d"."""
FORMS = "a number of sessions such as 252, or a duration such as '3y', '6mo', '2w' or '21d'"
REMEDY = "y are years, mo months, w weeks, d calendar days; a number without quotes counts sessions."
_DURATION = re.compile(r"(\d{1,6})(y|mo|w|d)", re.ASCII)


class Span(NamedTuple):
    """A length or a sum of lengths: months and days of the calendar, or sessions."""

    months: int = 0
    days: int = 0
    sessions: int = 0

    def plus(self, other: "Span", times: int = 1) -> "Span":
        """The sum of it and `times` the other."""
        return Span(*(mine + times * theirs for mine, theirs in zip(self, other, strict=True)))

    def surely_above(self, other: "Span") -> bool:
        """Whether it is the longer one from whatever day both are counted."""
        months, days = self.months - other.months, self.days - other.days
        return self.sessions > other.sessions or days + 28 * max(months, 0) + 31 * min(months, 0) > 0

    @property
    def calendar(self) -> bool:
        """Whether it is a duration."""
        return bool(self.months or self.days)


def check_length(name: str, value: object, *, low: int = 1, remedy: str = REMEDY) -> Length:
    """`value` as a number of sessions or the text of a duration, of at least `low` of its units.

    Raises
    ------
    InputError
        If it is neither; the message names the forms.
    """
    if isinstance(value, str):
        found = _DURATION.fullmatch(value.strip())
        if found and int(found[1]) >= low:
            return f"{int(found[1])}{found[2]}"
    elif not isinstance(value, bool) and hasattr(value, "__index__") and low <= int(value) < 2**31:
        return int(value)
    raise InputError(name, f"{FORMS}, of at least {low}", value, remedy)


def span_of(length: Length) -> Span:
    """The span of a checked length.

    Examples
    --------
    >>> span_of("3y"), span_of("2w"), span_of(252)
    (Span(months=36, days=0, sessions=0), Span(months=0, days=14, sessions=0), Span(months=0, days=0, sessions=252))
    """
    if isinstance(length, int):
        return Span(sessions=length)
    number, unit = int(length.rstrip("ymowd")), length.lstrip("0123456789")
    return Span(months=number * {"y": 12, "mo": 1}.get(unit, 0), days=number * {"w": 7, "d": 1}.get(unit, 0))


def add_months(day: int, months: int) -> int:
    """The same day of the month so many months later, or that month's last where it has fewer days.

    Days are counted from 1970-01-01.

    Examples
    --------
    >>> str(np.datetime64(add_months(int(np.datetime64("2000-01-31").astype(int)), 1), "D"))
    '2000-02-29'
    """
    start = np.datetime64(day, "D")
    month = start.astype("datetime64[M]")
    into = start - month.astype("datetime64[D]")
    first, following = ((month + months + more).astype("datetime64[D]") for more in (0, 1))
    return int(min(first + into, following - 1).astype(np.int64))


class Ruler:
    """Places on the axis along which lengths are counted: positions of sessions, or days of the calendar.

    Each place is counted from the origin in one step, so that "1mo" after 31 January and again "1mo" is 31 March.

    Parameters
    ----------
    days : ndarray of int64, shape (sessions,)
        Dates of the sessions in days since 1970-01-01, rising.
    warmup : Span
        Comes before the origin, in sessions or by the calendar.
    calendar : bool
        Whether lengths are durations.
    """

    def __init__(self, days: IntArray, warmup: Span, *, calendar: bool) -> None:
        self.days, self.calendar = days, calendar
        self.end = int(days[-1]) + 1 if calendar else len(days)  # the place just after the last session
        self._before = Span()
        if not calendar:
            start = add_months(int(days[0]), warmup.months) + warmup.days
            self._origin = int(np.searchsorted(days, start)) if warmup.calendar else warmup.sessions
        elif warmup.sessions >= len(days):
            self._origin = self.end
        else:
            self._origin, self._before = int(days[warmup.sessions]), Span(warmup.months, warmup.days)

    def at(self, span: Span) -> int:
        """The place that is `span` after the origin."""
        if not self.calendar:
            return self._origin + span.sessions
        whole = self._before.plus(span)
        return add_months(self._origin, whole.months) + whole.days

    def position(self, place: int) -> int:
        """Position of the first session at or after a place; their number if there is none."""
        return int(np.searchsorted(self.days, place)) if self.calendar else min(place, len(self.days))
