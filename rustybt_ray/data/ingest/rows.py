"""The long form that every source takes first: one row a bar, its place in the source beside it."""

from dataclasses import field
from typing import TYPE_CHECKING

import numpy as np

from rustybt_ray._record import record_class
from rustybt_ray._typing import BoolArray, FloatArray, IntArray
from rustybt_ray.data.ingest.columns import read_numbers, read_times
from rustybt_ray.data.ingest.findings import Findings
from rustybt_ray.data.panel import FIELDS

if TYPE_CHECKING:
    import polars as pl

EVENT_FIELDS = ("dividend", "split")
"""Columns that a source may have; blank means none."""


@record_class(frozen=True)
class Rows:
    """Bars in the order of the source, n in all.

    Attributes
    ----------
    files : tuple of str
        Names of the files, or of the table.
    file, line : ndarray of int64, shape (n,)
        Where each row stands: which file, which row of it, as people count.
    symbols : tuple of str
        In code point order.
    symbol : ndarray of int64, shape (n,)
        Position in `symbols`.
    time : ndarray of int64, shape (n,)
        UTC nanoseconds.
    daily : bool
        Whether every time is a midnight.
    ordered : bool
        Whether each file has to be in the order of time.
    values : dict of str to ndarray of float64, shape (n,)
        open, high, low, close, volume, dividend, split; NaN where blank.
    notes : list of str
        What the reader found odd.
    """

    files: tuple[str, ...]
    file: IntArray
    line: IntArray
    symbols: tuple[str, ...]
    symbol: IntArray
    time: IntArray
    daily: bool
    ordered: bool
    values: dict[str, FloatArray]
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.time)

    def order(self, at: int) -> tuple[int, int]:
        """Position in the source, for sorting."""
        return int(self.file[at]), int(self.line[at])

    def place(self, at: int) -> str:
        """Where a row stands and what it is about."""
        named = self.symbols[self.symbol[at]]
        return f"{self.files[self.file[at]]} row {self.line[at]}, {named} {self.when(int(self.time[at]))}"

    def when(self, time: int) -> str:
        """A time as text: the date alone for daily bars."""
        return str(np.datetime64(time, "ns").astype("datetime64[D]" if self.daily else "datetime64[s]"))


def to_rows(frame: "pl.DataFrame", files: tuple[str, ...], *, ordered: bool, findings: Findings) -> Rows:
    """Rows of a polars frame with the columns file, line, symbol, time, OHLCV, and the event fields if there are any.

    Values that are not numbers or dates become findings; their rows are left out, so that each is reported once.
    """
    import polars as pl

    file, line = (frame[name].cast(pl.Int64).to_numpy() for name in ("file", "line"))
    places = [f"{name} row" for name in files]

    def report(wrong: BoolArray, name: str, rule: str) -> None:
        cells = frame[name]
        findings.add_where(
            wrong,
            lambda at: (int(file[at]), int(line[at])),
            lambda at: f"{places[file[at]]} {line[at]}: {LABELS.get(name, name)} {_shown(cells[at])} {rule}",
        )

    times, good, daily = read_times(frame["time"])
    report(~good, "time", "is not a date or time such as 2020-01-31 or 2020-01-31 14:30:00")
    codes, symbols = _codes(frame["symbol"])
    report(codes < 0, "symbol", "is not a symbol")
    good &= codes >= 0
    values = {}
    for name in (*FIELDS, *EVENT_FIELDS):
        if name not in frame.columns:
            values[name] = np.full(len(frame), np.nan)
            continue
        values[name], numeric = read_numbers(frame[name])
        report(~numeric, name, "is not a number")
        good &= numeric
    if not good.all():
        file, line, codes, times = (array[good] for array in (file, line, codes, times))
        values = {name: array[good] for name, array in values.items()}
    return Rows(files, file, line, symbols, codes, times, daily, ordered, values)


LABELS = {"time": "date"}


def _codes(series: "pl.Series") -> tuple[IntArray, tuple[str, ...]]:
    """Position of each symbol among all, in code point order; -1 for a blank one."""
    import polars as pl

    text = series.cast(pl.String)
    text = text.set(text == "", None) if text.null_count() or (text == "").any() else text
    symbols = text.drop_nulls().unique().sort()
    codes = text.cast(pl.Enum(symbols)).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
    return codes, tuple(symbols.to_list())


def _shown(value: object) -> str:
    return "(blank)" if value is None or (isinstance(value, str) and not value) else " ".join(repr(value).split())
