"""What makes a source unfit: errors that stop the ingest, each with its file, row, asset and value."""

from collections.abc import Callable

import numpy as np

from rustybt_ray._typing import BoolArray, FloatArray
from rustybt_ray.data.ingest.findings import Findings
from rustybt_ray.data.ingest.rows import Rows
from rustybt_ray.data.panel import FIELDS

PRICES = FIELDS[:4]


def missing_bars(rows: Rows) -> BoolArray:
    """Rows without a bar: all prices blank or zero, and no volume."""
    empty = np.ones(len(rows), dtype=bool)
    for name in FIELDS:
        cells = rows.values[name]
        empty &= np.isnan(cells) | (cells == 0.0)
    return empty


def check_rows(rows: Rows, missing: BoolArray, findings: Findings) -> None:
    """Every rule that a row can break by itself or against its neighbours."""
    report = _reporter(rows, findings)
    _check_blank(rows, ~missing, report)
    for name in FIELDS:
        cells = rows.values[name]
        finite = np.isfinite(cells)
        report(np.isinf(cells), _value(name, cells, "must be finite"))
        if name == "volume":
            report(finite & (cells < 0.0), _value(name, cells, "must not be negative"))
        else:
            report(~missing & finite & (cells <= 0.0), _value(name, cells, "must be above zero"))
    _check_range(rows, ~missing, report)
    dividend, split = rows.values["dividend"], rows.values["split"]
    report((dividend < 0.0) | np.isinf(dividend), _value("dividend", dividend, "must be zero, or money a share"))
    rule = "must be new shares per old share, above zero; 1 or blank is none"
    report((split <= 0.0) | np.isinf(split), _value("split", split, rule))
    _check_times(rows, report)


Report = Callable[[BoolArray, Callable[[int], str]], None]


def _reporter(rows: Rows, findings: Findings) -> Report:
    def report(wrong: BoolArray, text: Callable[[int], str]) -> None:
        findings.add_where(wrong, rows.order, lambda at: f"{rows.place(at)}: {text(at)}")

    return report


def _value(name: str, cells: FloatArray, rule: str) -> Callable[[int], str]:
    return lambda at: f"{name} {number(cells[at])} {rule}"


def _check_blank(rows: Rows, bar: BoolArray, report: Report) -> None:
    """All of a bar's cells are there."""
    blank = {name: np.isnan(rows.values[name]) for name in FIELDS}

    def text(at: int) -> str:
        names = ", ".join(name for name in FIELDS if blank[name][at])
        return f"{names} blank; leave all prices and the volume blank if there was no bar"

    report(bar & np.logical_or.reduce(list(blank.values())), text)


def _check_range(rows: Rows, bar: BoolArray, report: Report) -> None:
    """The low is the lowest and the high the highest."""
    first, high, low, close = (rows.values[name] for name in PRICES)
    enclosed = (low <= first) & (low <= close) & (first <= high) & (close <= high)
    sound = bar.copy()
    for cells in (first, high, low, close):
        sound &= np.isfinite(cells) & (cells > 0.0)

    def text(at: int) -> str:
        shown = ", ".join(f"{name} {number(rows.values[name][at])}" for name in ("low", "open", "close", "high"))
        return f"{shown}: low must be the lowest and high the highest"

    report(sound & ~enclosed, text)


def _check_times(rows: Rows, report: Report) -> None:
    """One row a symbol and time; files of one symbol in the order of time."""
    time, symbol = rows.time, rows.symbol
    if rows.ordered:
        back = np.zeros(len(rows), dtype=bool)
        back[1:] = (rows.file[1:] == rows.file[:-1]) & (time[1:] < time[:-1])
        report(back, lambda at: f"the row before is later ({rows.when(int(time[at - 1]))}); sort the file by date")
    rising = (symbol[1:] > symbol[:-1]) | ((symbol[1:] == symbol[:-1]) & (time[1:] > time[:-1]))
    if rising.all():
        return
    order = np.lexsort((np.arange(len(rows)), time, symbol))
    same = (symbol[order][1:] == symbol[order][:-1]) & (time[order][1:] == time[order][:-1])
    twice = np.zeros(len(rows), dtype=bool)
    twice[order[1:][same]] = True
    first = np.zeros(len(rows), dtype=np.int64)
    first[order[1:][same]] = order[:-1][same]
    report(twice, lambda at: f"the same symbol and time as row {rows.line[first[at]]}")


def number(value: float) -> str:
    """A number as Python shows it, without its type."""
    return repr(float(value))
