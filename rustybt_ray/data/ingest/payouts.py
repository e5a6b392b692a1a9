"""Pay dates and stock dividends: what no row of bars can say, in a table of its own.

Columns, in any order and case: symbol, kind (``cash`` or ``stock``), ex_date, pay_date; ratio and payment_symbol of stock
dividends; record_date and declared_date may be there. Blank dates other than ex_date are not known.
"""

from collections.abc import Callable
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rustybt_ray.data.build import DAY
from rustybt_ray.data.ingest.columns import BLANK, read_numbers, read_times
from rustybt_ray.data.ingest.findings import Findings, some
from rustybt_ray.data.ingest.table import Table
from rustybt_ray.data.panel import UNKNOWN, Panel
from rustybt_ray.data.payouts import CashDates, StockDividend, with_payouts
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
        return f"{self.label} row {payout.line}, {payout.symbol} {_day(payout.ex)}"


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


def attach_payouts(panel: Panel, payouts: Payouts, findings: Findings) -> tuple[Panel, list[str]]:
    """The panel with these pay dates and stock dividends, and what is odd about them; what breaks a rule becomes findings."""
    known = _Known(panel, payouts, findings)
    cash, stock, seen = [], [], dict[tuple[Any, ...], int]()
    for payout in payouts.rows:
        column = known.column(payout, payout.symbol, "symbol")
        made = None if column is None else (known.cash if payout.kind == "cash" else known.stock)(payout, column)
        if made is None:
            continue
        key = (payout.kind, column, payout.ex, made.payment if isinstance(made, StockDividend) else -1)
        if key in seen:
            known.report(payout, f"the same {payout.kind} dividend as row {seen[key]}")
        seen.setdefault(key, payout.line)
        if isinstance(made, CashDates):
            cash.append(made)
        else:
            stock.append(made)
    if findings.count:
        return panel, []
    paid = with_payouts(panel, cash, stock)
    return paid, [*some(known.notes), *_left_out(panel, cash, payouts.label)]


class _Known:
    """What a row of payouts can mean on a panel."""

    def __init__(self, panel: Panel, payouts: Payouts, findings: Findings) -> None:
        self.panel, self.place, self.findings = panel, payouts.place, findings
        self.notes: list[str] = []
        self.columns = {symbol: column for column, symbol in enumerate(panel.symbols)}
        self.dividends: dict[tuple[int, int], list[int]] = {}
        cells = zip(panel.dividend_column.tolist(), panel.dates[panel.dividend_row].tolist(), strict=True)
        for position, cell in enumerate(cells):
            self.dividends.setdefault(cell, []).append(position)

    def report(self, payout: Payout, text: str) -> None:
        self.findings.add(f"{self.place(payout)}: {text}", (0, payout.line))

    def column(self, payout: Payout, symbol: str, name: str) -> int | None:
        """Column of a symbol as it is written, or in capitals as csvdir files are named."""
        found = self.columns.get(symbol, self.columns.get(symbol.upper()))
        if found is None:
            near = get_close_matches(symbol.upper(), self.columns, n=3)
            hint = f"; near it: {', '.join(near)}" if near else ""
            self.report(payout, f"{name} {symbol or '(blank)'} is not in the source{hint}")
        return found

    def cash(self, payout: Payout, column: int) -> CashDates | None:
        """The dates of the one dividend on the row's ex-date."""
        found = self.dividends.get((column, payout.ex), [])
        if len(found) != 1:
            count = "several dividends" if found else "no dividend"
            own = sorted(date for owner, date in self.dividends if owner == column)
            near = min(own, key=lambda date: abs(date - payout.ex), default=None)
            hint = "" if near is None or found else f"; the nearest one is on {_day(near)}"
            return self.report(payout, f"the source has {count} on that date{hint}")
        if not self._dates_fit(payout):
            return None
        _, *dates = payout.dates
        return CashDates(found[0], *dates)

    def stock(self, payout: Payout, column: int) -> StockDividend | None:
        """The dividend in shares that the row adds."""
        payment = self.column(payout, payout.payment, "payment_symbol")
        good = 0.0 < payout.ratio < np.inf
        if not good:
            self.report(payout, f"ratio {'(blank)' if np.isnan(payout.ratio) else repr(payout.ratio)} must be above zero")
        first, last = int(self.panel.sessions[0]), int(self.panel.sessions[-1])
        if not first <= payout.ex <= last:
            self.report(payout, f"the ex-date is outside the source's sessions, {_day(first)} to {_day(last)}")
            good = False
        if not self._dates_fit(payout) or payment is None or not good:
            return None
        if payout.ex not in self._sessions:
            self.notes.append(f"{self.place(payout)}: the ex-date is no session; zipline's rules never grant its shares")
        ex, *dates = payout.dates
        return StockDividend(column, ex, payout.ratio, payment, *dates)

    @property
    def _sessions(self) -> set[int]:
        return set(self.panel.sessions.tolist())

    def _dates_fit(self, payout: Payout) -> bool:
        """Whether the pay date is not before the ex-date; a pay date that is no session is noted."""
        if payout.pay == UNKNOWN:
            return True
        if payout.pay < payout.ex:
            self.report(payout, f"pay_date {_day(payout.pay)} is before the ex-date")
            return False
        if payout.pay <= self.panel.sessions[-1] and payout.pay not in self._sessions:
            text = f"pay_date {_day(payout.pay)} is no session; zipline's rules never pay it, ours on the next session"
            self.notes.append(f"{self.place(payout)}: {text}")
        return True


def _left_out(panel: Panel, cash: list[CashDates], label: str) -> list[str]:
    """How many dividends of the source have no pay date."""
    count = len(panel.dividend_row) - sum(each.pay != UNKNOWN for each in cash)
    return [f"{count} of {len(panel.dividend_row)} dividends have no pay date in {label}"] if count else []


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


def _day(time: int) -> str:
    return str(np.datetime64(time, "ns").astype("datetime64[D]"))
