"""Pay dates and stock dividends: what no row of bars can say, in a table of its own.

Columns, in any order and case: symbol, kind (``cash`` or ``stock``), ex_date, pay_date; ratio and payment_symbol of stock
dividends; record_date and declared_date may be there. Blank dates other than ex_date are not known.
"""

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rustybt_ray.data.build import DAY
from rustybt_ray.data.ingest.columns import BLANK, read_numbers, read_times
from rustybt_ray.data.ingest.findings import Findings
from rustybt_ray.data.ingest.table import Table
from rustybt_ray.data.panel import UNKNOWN
from rustybt_ray.exceptions import IngestError

if TYPE_CHECKING:
    import polars as pl

NEEDED = ("symbol", "kind", "ex_date", "pay_date")
DATE_COLUMNS = ("ex_date", "pay_date", "record_date", "declared_date")
WANTED = (*NEEDED, "record_date", "declared_date", "ratio", "payment_symbol")
KINDS = ("cash", "stock")


class Payout(NamedTuple):
    """One row of the table; dates as UTC nanoseconds, `UNKNOWN` where blank, the ratio NaN where blank."""

    line: int
    symbol: str
    kind: str
    dates: tuple[int, ...]
    ratio: float
    payment: str

    @property
    def ex(self) -> int:
        """The ex-date."""
        return self.dates[0]

    @property
    def pay(self) -> int:
        """The pay date."""
        return self.dates[1]


class Payouts(NamedTuple):
    """The table's name and its rows."""

    label: str
    rows: list[Payout]

    def place(self, payout: Payout) -> str:
        """Where a row stands and what it is about."""
        return f"{self.label} row {payout.line}, {payout.symbol} {day_of(payout.ex)}"


def read_payouts(source: Any, findings: Findings) -> Payouts:
    """The rows of a CSV or Parquet file, or of a polars, pandas or Arrow table; what cannot be read becomes findings.

    Raises
    ------
    IngestError
        If it is no such table, or a column is missing.
    """
    import polars as pl

    table, label, first = _open(source)
    names = {column.strip().lower(): column for column in table.columns}
    if missing := [name for name in NEEDED if name not in names]:
        what, there = f"There is no column {', '.join(missing)}", ", ".join(table.columns)
        raise IngestError(what, label, f"Payouts have the columns {', '.join(WANTED)}; there is {there}.")
    frame = table.read({name: names[name] for name in WANTED if name in names})
    frame = frame.with_columns(pl.lit(None).alias(name) for name in WANTED if name not in frame.columns)
    frame = frame.with_columns(line=pl.int_range(first, len(frame) + first, dtype=pl.Int64))
    frame = frame.filter(~pl.all_horizontal(pl.col(WANTED).is_null()))
    good = np.ones(len(frame), dtype=bool)
    lines = frame["line"].to_list()

    def report(at: int, text: str) -> None:
        good[at] = False
        findings.add(f"{label} row {lines[at]}: {text}", (0, lines[at]))

    texts = {name: _texts(frame[name]) for name in ("symbol", "kind", "payment_symbol")}
    texts["kind"] = [kind.lower() for kind in texts["kind"]]
    dates = {name: _dates(frame[name], name, report) for name in DATE_COLUMNS}
    ratio, numeric = read_numbers(frame["ratio"])
    for at in np.flatnonzero(~numeric).tolist():
        report(at, f"ratio {frame['ratio'][at]!r} is not a number")
    for at, kind in enumerate(texts["kind"]):
        if kind not in KINDS:
            report(at, f"kind {kind or '(blank)'} is neither cash nor stock")
        elif dates["ex_date"][at] == UNKNOWN and good[at]:
            report(at, "ex_date is blank")
    rows = [
        Payout(
            lines[at], texts["symbol"][at], texts["kind"][at], tuple(dates[name][at] for name in DATE_COLUMNS),
            float(ratio[at]), texts["payment_symbol"][at],
        )
        for at in np.flatnonzero(good).tolist()
    ]  # fmt: skip
    return Payouts(label, rows)


def _open(source: Any) -> tuple[Table, str, int]:
    """The table, what to call it, and the number of its first row as people count."""
    import polars as pl

    expected = ("payouts", "a CSV or Parquet file, or a polars, pandas or Arrow table")
    if not isinstance(source, str | PathLike):
        label = f"payouts ({type(source).__module__.partition('.')[0]} {type(source).__name__})"
        return Table(source, label, expected), label, 1
    path = Path(source).expanduser()
    if not path.is_file():
        raise IngestError("There is no such file", str(path), f"payouts is {expected[1]}.")
    if path.suffix.lower() != ".csv":
        return Table(path, path.name, expected), path.name, 1
    try:
        frame = pl.read_csv(path, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise IngestError(f"{path.name} cannot be read as CSV: {reason}", str(path), "Nothing was published.") from None
    return Table(frame, path.name, expected), path.name, 2


def _texts(series: "pl.Series") -> list[str]:
    import polars as pl

    return series.cast(pl.String).str.strip_chars().fill_null("").to_list()


def _dates(series: "pl.Series", name: str, report: Callable[[int, str], None]) -> list[int]:
    """The column's dates; `UNKNOWN` where it is blank or, after it was reported, no date."""
    import polars as pl

    cells = series
    if series.dtype == pl.String:
        text = series.str.strip_chars()
        cells = text.set(text.str.to_lowercase().is_in([*BLANK, "nat"]), None)
    if cells.null_count() == len(cells):
        return [UNKNOWN] * len(cells)
    times, good, _ = read_times(cells)
    good &= times % DAY == 0
    for at in np.flatnonzero(~good & cells.is_not_null().to_numpy()).tolist():
        report(at, f"{name} {cells[at]!r} is not a date such as 2020-01-31")
    found: list[int] = np.where(good, times, UNKNOWN).tolist()
    return found


def day_of(time: int) -> str:
    """A date in nanoseconds as text."""
    return str(np.datetime64(time, "ns").astype("datetime64[D]"))
