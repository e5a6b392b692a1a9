"""What every run on a view reads and none changes: stored bars, adjustments by column, last trades."""

from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.data.grid import adjustments
from rustybt_ray.data.panel import FIELDS, Panel
from rustybt_ray.engine.stepwise import cells_of

PLANS = 256
"""Lists of assets whose events are kept at most."""
_MADE: WeakKeyDictionary[Panel, "Source"] = WeakKeyDictionary()


class Merged(NamedTuple):
    """Events of several columns by row, in the order in which each column's have to be applied.

    Attributes
    ----------
    row, column, event : list of int
        `event` is the position in `Events`.
    """

    row: list[int]
    column: list[int]
    event: list[int]


class Events:
    """What multiplies the earlier rows of a field.

    Attributes
    ----------
    start : list of int, length N + 1
        Those of column i are at ``start[i]:start[i + 1]``, by row, dividends before splits on one row.
    row : list of int
        Rows before it are multiplied.
    ratio : list of float
    """

    __slots__ = ("_kept", "_rows", "_starts", "ratio", "row", "start")

    def __init__(self, start: IntArray, row: IntArray, ratio: FloatArray) -> None:
        self._starts, self._rows = start, row
        self.start: list[int] = start.tolist()
        self.row: list[int] = row.tolist()
        self.ratio: list[float] = ratio.tolist()
        self._kept: dict[tuple[int, ...], Merged] = {}

    def of(self, columns: tuple[int, ...]) -> Merged:
        """The events of these columns together; made once for each list of columns."""
        found = self._kept.get(columns)
        if found is None:
            if len(self._kept) >= PLANS:
                self._kept.clear()
            found = self._kept[columns] = self._merge(np.array(columns, dtype=np.int64))
        return found

    def _merge(self, columns: IntArray) -> Merged:
        first, count = self._starts[columns], self._starts[columns + 1] - self._starts[columns]
        ends = np.cumsum(count)
        event = np.arange(int(count.sum())) + np.repeat(first - (ends - count), count)
        order = np.argsort(self._rows[event], kind="stable")
        event = event[order]
        return Merged(self._rows[event].tolist(), np.repeat(columns, count)[order].tolist(), event.tolist())


class Source:
    """A view as histories read it.

    Attributes
    ----------
    rows : int
    stored : dict of str to ndarray of float64, shape (T, N)
        open, high, low, close, volume.
    mark : memoryview of float64, shape (N, T)
        zipline's "price", carried on after an asset's end.
    cells : dict of str to memoryview of float64, shape (T, N)
        The stored fields, for single values.
    first, last : ndarray of int64, shape (N,)
        Lives of the assets.
    prices, volumes : Events
        Of open, high, low, close; of volume.
    """

    __slots__ = ("_split", "_traded", "cells", "first", "last", "mark", "prices", "rows", "stored", "volumes")

    def __init__(self, view: Panel) -> None:
        self.rows = len(view.sessions)
        self.stored: dict[str, FloatArray] = {name: getattr(view, name) for name in FIELDS}
        self.mark = cells_of(view.mark)
        self.cells = {name: cells_of(array) for name, array in self.stored.items()}
        self.first, self.last = view.life
        found = adjustments(view)
        self.prices = Events(found.start, found.row, found.ratio)
        before = np.concatenate([[0], np.cumsum(found.split)])
        self.volumes = Events(before[found.start], found.row[found.split], 1.0 / found.ratio[found.split])
        self._split: list[bool] = found.split.tolist()
        self._traded: dict[int, Any] = {}

    def last_traded(self, column: int, row: int) -> int:
        """Last row up to `row` with a volume, -1 if there is none."""
        found = self._traded.get(column)
        if found is None:
            rows = np.where(self.stored["volume"][:, column] != 0.0, np.arange(self.rows), -1)
            found = self._traded[column] = cells_of(np.maximum.accumulate(rows))
        at: int = found[row]
        return at

    def carried(self, column: int, first: int, row: int) -> float:
        """Price on the last row up to `first` with a volume, as of `row`: times all splits since, then all dividends."""
        at = self.last_traded(column, first)
        if at < 0:
            return float("nan")
        events = self.prices
        own = range(events.start[column], events.start[column + 1])
        since = [j for j in own if at < events.row[j] <= row]
        ratio = 1.0
        for j in sorted(since, key=lambda j: not self._split[j]):
            ratio *= events.ratio[j]
        price: float = self.mark[column, at]
        return price * ratio


def source_of(view: Panel) -> Source:
    """The source of a view, made with the first call and kept as long as the view."""
    found = _MADE.get(view)
    if found is None:
        found = _MADE[view] = Source(view)
    return found
