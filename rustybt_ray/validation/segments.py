"""Records of windows: closed ranges of sessions with their dates."""

from collections.abc import Iterator, Sequence
from dataclasses import field
from datetime import date
from typing import NamedTuple, overload

import numpy as np

from rustybt_ray._record import record_class
from rustybt_ray._typing import IntArray
from rustybt_ray._validation import check_choice
from rustybt_ray.exceptions import InputError

DAY = 86_400_000_000_000
PARTS = ("train", "validate", "test", "stitched")


class Segment(NamedTuple):
    """Consecutive sessions.

    Attributes
    ----------
    first, last : int
        Positions in the sessions that the windows were made of, both included.
    start, end : date
        Dates of these two sessions.
    """

    first: int
    last: int
    start: date
    end: date

    @property
    def stop(self) -> int:
        """Position after the last: the range is ``first <= position < stop``."""
        return self.last + 1

    @property
    def n_sessions(self) -> int:
        """How many sessions there are."""
        return self.stop - self.first

    def __str__(self) -> str:
        return f"{self.start} to {self.end}"


class Window(NamedTuple):
    """One train / (validate) / test split.

    Attributes
    ----------
    number : int
        From 0.
    train, test : Segment
    validate : Segment or None
    stitched : Segment
        The part of the test that belongs to the out-of-sample curve.
    partial : bool
        Whether the data end before the test does.
    """

    number: int
    train: Segment
    validate: Segment | None
    test: Segment
    stitched: Segment
    partial: bool


@record_class(frozen=True)
class Windows(Sequence[Window]):
    """The windows of some sessions.

    Attributes
    ----------
    title : str
        The specification, as text.
    items : tuple of Window
    notes : tuple of str
        What a reader of the results should know: partial tests, sessions in no test, arguments without effect.
    days : ndarray of int64, shape (sessions,)
        Dates of the sessions in days since 1970-01-01.
    """

    title: str
    items: tuple[Window, ...]
    notes: tuple[str, ...]
    days: IntArray = field(repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Window]:
        return iter(self.items)

    @overload
    def __getitem__(self, index: int) -> Window: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Window, ...]: ...
    def __getitem__(self, index: int | slice) -> Window | tuple[Window, ...]:
        return self.items[index]

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the segments that each window has."""
        return PARTS if self.items[0].validate else tuple(part for part in PARTS if part != "validate")

    @property
    def curve(self) -> Segment:
        """The sessions of the stitched out-of-sample curve: each belongs to one window."""
        first, last = self.items[0].stitched, self.items[-1].stitched
        return Segment(first.first, last.last, first.start, last.end)

    def bounds(self, part: str) -> IntArray:
        """First and last position of "train", "validate", "test" or "stitched" in each window.

        Returns
        -------
        ndarray of int64, shape (windows, 2)

        Raises
        ------
        InputError
            If the windows have no such part.
        """
        check_choice("part", part, self.parts)
        return np.array([getattr(window, part)[:2] for window in self.items], dtype=np.int64)


def rows_of(bounds: IntArray, session: IntArray, *, offset: int = 0) -> IntArray:
    """First and last row of ranges of sessions.

    Parameters
    ----------
    bounds : ndarray of int64, shape (..., 2)
        First and last position of each range.
    session : ndarray of int64, shape (rows,)
        The session of each row; it never falls and leaves none out.
    offset : int, default 0
        The session that the windows call 0.

    Returns
    -------
    ndarray of int64, shape (..., 2)

    Examples
    --------
    Sessions of three bars each:

    >>> rows_of(np.array([[0, 1], [2, 2]]), np.repeat(np.arange(4), 3), offset=1).tolist()
    [[3, 8], [9, 11]]
    """
    first = np.searchsorted(session, bounds[..., 0] + offset, side="left")
    last = np.searchsorted(session, bounds[..., 1] + offset, side="right") - 1
    return np.stack([first, last], axis=-1).astype(np.int64)


def check_sessions(sessions: object) -> IntArray:
    """Dates of sessions in days since 1970-01-01.

    Parameters
    ----------
    sessions : array_like of int64 or datetime64, shape (sessions,)
        UTC nanoseconds or dates, rising, one a day at most.

    Raises
    ------
    InputError
        If they are something else.
    """
    remedy = "Pass the sessions of a panel: panel.sessions."
    given = np.asarray(sessions)
    if given.dtype.kind == "M":
        given = given.astype("datetime64[ns]").astype(np.int64)
    if given.ndim != 1 or not len(given) or given.dtype.kind != "i":
        received = f"{given.dtype} of shape {given.shape}"
        raise InputError("sessions", "whole numbers of UTC nanoseconds in one dimension, not empty", received, remedy)
    days: IntArray = given.astype(np.int64) // DAY
    if wrong := np.flatnonzero(np.diff(days) <= 0).tolist():
        late = str(np.datetime64(int(days[wrong[0] + 1]), "D"))
        raise InputError("sessions", "rising from day to day", (wrong[0] + 1, late), f"(position, date). {remedy}")
    return days


def dates_of(days: IntArray) -> list[date]:
    """Days since 1970-01-01 as dates."""
    made: list[date] = days.astype("datetime64[D]").tolist()
    return made


def make_segment(dates: Sequence[date], first: int, stop: int) -> Segment:
    """The sessions ``first <= position < stop``."""
    return Segment(first, stop - 1, dates[first], dates[stop - 1])
