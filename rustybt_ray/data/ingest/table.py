"""Long tables: one row a bar, as a Parquet file or a polars, pandas or Arrow table.

Columns, in any order and case: date or timestamp, symbol, open, high, low, close, volume; dividend and split may be
there, others are ignored. Symbols may be dictionary-encoded, the index of a pandas frame counts as columns.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rustybt_ray.data.ingest.csvdir import MISTAKEN
from rustybt_ray.data.ingest.findings import Findings
from rustybt_ray.data.ingest.rows import EVENT_FIELDS, Rows, to_rows
from rustybt_ray.data.panel import FIELDS
from rustybt_ray.exceptions import IngestError, InputError

if TYPE_CHECKING:
    import polars as pl

TIMES = ("date", "timestamp", "datetime", "time")
SYMBOL_LIKE = ("ticker", "asset", "sid", "instrument", "tic")
UNNAMED_INDEX = "index"
"""What pandas calls an index without a name."""


def read_table(source: Any, label: str, findings: Findings, *, symbol: str) -> Rows:
    """Rows of a table; `symbol` is the one asset's name where there is no column that says it.

    Raises
    ------
    IngestError
        If a needed column is missing.
    """
    import polars as pl

    found = Table(source, label, ("source", "a csvdir folder, a Parquet file, or a polars, pandas or Arrow table"))
    names = _names(found.columns, label)
    notes = [
        f"{label}: column {column!r} is ignored; call it {MISTAKEN[low]!r} if it is meant"
        for low, column in ((column.strip().lower(), column) for column in found.columns)
        if low in MISTAKEN and MISTAKEN[low] not in names
    ]
    frame = found.read(names)
    if "symbol" not in names:
        notes.append(f"{label}: there is no column symbol; the one asset is called {symbol} (symbol= names it)")
        frame = frame.with_columns(symbol=pl.lit(symbol))
    frame = frame.with_columns(file=pl.lit(0, dtype=pl.Int64), line=pl.int_range(1, len(frame) + 1, dtype=pl.Int64))
    rows = to_rows(frame, (label,), ordered=False, findings=findings)
    rows.notes.extend(notes)
    return rows


class Table:
    """Any of the tables: its columns' names, and those columns that are wanted as a polars frame."""

    def __init__(self, source: Any, label: str, expected: tuple[str, str]) -> None:
        import polars as pl
        import pyarrow as pa

        self.label = label
        self.pandas = type(source).__module__.partition(".")[0] == "pandas" and hasattr(source, "reset_index")
        if self.pandas and type(source.index).__name__ != "RangeIndex":
            source = source.reset_index()
        if isinstance(source, Path):
            source = pl.scan_parquet(source, glob=False)
        if isinstance(source, pa.RecordBatch):
            source = pa.table(source)
        if not self.pandas and not isinstance(source, pa.Table | pl.DataFrame | pl.LazyFrame):
            raise InputError(*expected, type(source).__name__, "Convert it to one of these.")
        self.source = source
        self.columns: list[str] = self._guarded(self._list)

    def read(self, names: dict[str, str]) -> "pl.DataFrame":
        """The columns of `names` (new to old) under their new names."""
        frame: pl.DataFrame = self._guarded(lambda: self._select(names))
        return frame

    def _list(self) -> list[str]:
        import polars as pl

        if isinstance(self.source, pl.LazyFrame):
            return self.source.collect_schema().names()
        columns = getattr(self.source, "column_names", None)
        return [str(column) for column in (self.source.columns if columns is None else columns)]

    def _select(self, names: dict[str, str]) -> "pl.DataFrame":
        import polars as pl
        import pyarrow as pa

        table, old = self.source, list(names.values())
        if self.pandas:
            table = pl.from_arrow(pa.Table.from_pandas(table[old], preserve_index=False))
        elif isinstance(table, pa.Table):
            table = pl.from_arrow(table.select(old))
        frame: pl.DataFrame = table.lazy().select(pl.col(old).alias(new) for new, old in names.items()).collect()
        return frame

    def _guarded(self, action: Callable[[], Any]) -> Any:
        import polars as pl
        import pyarrow as pa

        try:
            return action()
        except (pl.exceptions.PolarsError, pa.ArrowException, OSError) as error:
            reason = " ".join(str(error).split())
            raise IngestError(f"The table cannot be read: {reason}", self.label, "Nothing was published.") from None


def _names(columns: list[str], label: str) -> dict[str, str]:
    """Which column is which, new name to old."""
    lower: dict[str, str] = {}
    for column in columns:
        low = column.strip().lower()
        if low in (*TIMES, "symbol", *FIELDS, *EVENT_FIELDS) and low in lower:
            what = f"Columns {lower[low]!r} and {column!r} have the same name but for their case"
            raise IngestError(what, label, "Rename or drop one.")
        lower.setdefault(low, column)
    times = [name for name in TIMES if name in lower] or [name for name in (UNNAMED_INDEX,) if name in lower]
    missing = [] if times else ["date"]
    missing += [name for name in FIELDS if name not in lower]
    if missing:
        what, there = f"There is no column {', '.join(missing)}", ", ".join(columns)
        raise IngestError(what, label, f"The table has {there}; rename what is meant.")
    if len(times) > 1:
        what = f"Columns {' and '.join(repr(lower[name]) for name in times)} could both be the time"
        raise IngestError(what, label, "Drop or rename all but one.")
    if "symbol" not in lower and (like := [lower[name] for name in SYMBOL_LIKE if name in lower]):
        raise IngestError("There is no column symbol", label, f"Rename {like[0]!r} to 'symbol' if it names the assets.")
    wanted = ("symbol", *FIELDS, *EVENT_FIELDS)
    return {"time": lower[times[0]]} | {name: lower[name] for name in wanted if name in lower}
