"""One field as of a row that moves on: each earlier row times the ratios since, one after another, then rounded."""

from bisect import bisect_right

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.zipline.source import Events, Merged

DECIMALS = 3
LEAST = 256
"""Rows that are held at least."""
WIDENINGS = 24
"""After so many times that unknown columns were asked for, all are held."""
PLANS = 256
FAR = 1 << 62


class _Plan:
    """A list of columns that is asked for: where they are held, and which of their events comes next."""

    __slots__ = ("events", "next", "next_row", "places")

    def __init__(self, events: Merged, places: IntArray | None) -> None:
        self.events, self.places = events, places
        self.next, self.next_row = 0, 0

    def skip_to(self, row: int) -> None:
        """Start with the events after this row."""
        self.seek(bisect_right(self.events.row, row))

    def seek(self, at: int) -> None:
        rows = self.events.row
        self.next, self.next_row = at, rows[at] if at < len(rows) else FAR


class Adjusted:
    """Windows of one field over a piece of the rows and of the columns, those that are asked for.

    The piece begins where the longest window begins. Values of a column are as of the last row for which it was asked, so an
    event costs one pass over the longest window, once. What the pieces hold depends on what was asked for; what a window
    contains does not.

    Parameters
    ----------
    stored : ndarray of float64, shape (T, N)
    events : Events
    """

    __slots__ = (
        "_base", "_columns", "_done", "_end", "_events", "_exact", "_place", "_plans", "_reach", "_rounded", "_row",
        "_stored", "_widened",
    )  # fmt: skip

    def __init__(self, stored: FloatArray, events: Events) -> None:
        self._stored, self._events = stored, events
        self._columns: tuple[int, ...] = ()
        self._place: dict[int, int] = {}
        self._done: list[int] = []
        self._plans: dict[tuple[int, ...], _Plan] = {}
        self._exact = self._rounded = np.empty((0, 0))
        self._base, self._end, self._row, self._reach, self._widened = 0, 0, -1, 0, 0

    def reset(self) -> None:
        """Forget how far the adjustments are; what was asked for is still known."""
        self._end = 0

    def window(self, columns: tuple[int, ...], row: int, count: int) -> FloatArray:
        """A new array of the last `count` rows as of `row`, shape (count, len(columns)), C-contiguous.

        ``count <= row + 1``.
        """
        plan = self._plans.get(columns) or self._plan(columns)
        if row >= self._end or row < self._row or count > self._reach:
            self._fill(row, count)
        self._row = row
        if plan.next_row <= row:
            self._advance(plan, row)
        stop = row - self._base + 1
        part = self._rounded[stop - count : stop]
        return part.copy() if plan.places is None else part.take(plan.places, 1)

    def _plan(self, columns: tuple[int, ...]) -> _Plan:
        """A plan for columns that were not asked for together yet; they are held from now on."""
        if not self._place.keys() >= set(columns):
            self._widened += 1
            several = (
                range(self._stored.shape[1]) if self._widened > WIDENINGS else dict.fromkeys(self._columns + columns)
            )
            self._columns = tuple(several)
            self._place = {column: place for place, column in enumerate(self._columns)}
            self._plans.clear()
            self._end = 0
        if len(self._plans) >= PLANS:
            self._plans.clear()
        whole = columns == self._columns
        places = None if whole else np.array([self._place[column] for column in columns], dtype=np.int64)
        plan = self._plans[columns] = _Plan(self._events.of(columns), places)
        plan.skip_to(self._base)
        return plan

    def _fill(self, row: int, count: int) -> None:
        """Hold the rows from the longest window's first on, unadjusted."""
        if count > self._reach:
            self._reach = max(count, 2 * self._reach)
        self._base = base = max(0, row - self._reach + 1)
        self._end = min(len(self._stored), base + max(4 * self._reach, LEAST))
        piece = self._stored[base : self._end]
        every = self._columns == tuple(range(self._stored.shape[1]))
        self._exact = piece.copy() if every else piece.take(self._columns, 1)
        self._rounded = np.round(self._exact, DECIMALS)
        rows, start = self._events.row, self._events.start
        self._done = [bisect_right(rows, base, start[column], start[column + 1]) for column in self._columns]
        for plan in self._plans.values():
            plan.skip_to(base)

    def _advance(self, plan: _Plan, row: int) -> None:
        """Apply the events of a plan's columns up to `row`, but those that another plan has applied already."""
        rows, columns, events = plan.events
        exact, base, done, at = self._exact, self._base, self._done, plan.next
        low = max(0, row - self._reach + 1 - base)
        touched: dict[int, int] = {}
        while at < len(rows) and rows[at] <= row:
            place, event = self._place[columns[at]], events[at]
            if done[place] <= event:
                done[place] = event + 1
                high = rows[at] - base
                if high > low:
                    exact[low:high, place] *= self._events.ratio[event]
                    touched[place] = high
            at += 1
        plan.seek(at)
        for place, high in touched.items():
            np.round(exact[low:high, place], DECIMALS, out=self._rounded[low:high, place])
