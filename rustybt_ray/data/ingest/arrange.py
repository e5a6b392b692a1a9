"""From checked rows to a panel: dense fields on one time axis, events by row and column."""

from typing import Any

import numpy as np

from rustybt_ray._typing import BoolArray, FloatArray, IntArray
from rustybt_ray.data.build import DAY, finish_panel, has_fraction
from rustybt_ray.data.digest import canonical
from rustybt_ray.data.ingest.findings import some_of
from rustybt_ray.data.ingest.rows import Rows
from rustybt_ray.data.ingest.sessions import session_axis
from rustybt_ray.data.panel import FIELDS, Panel, listing_of
from rustybt_ray.exceptions import IngestError

ALWAYS_OPEN, EXCHANGE = 365, 252
"""Trading days a year of a market with bars on Saturdays and Sundays, and of all others."""


def arrange(
    rows: Rows,
    missing: BoolArray,
    *,
    dividend_per: str,
    periods_per_year: int | None,
    calendar: str | None,
    session_times: Any,
) -> tuple[Panel, str, list[str]]:
    """The panel of these rows, the label of its sessions, and what is odd about the rows.

    The time axis is every time at which the source has a row, from the first bar of any asset to the last.
    """
    bars = rows.time[~missing]
    kept = (rows.time >= bars.min()) & (rows.time <= bars.max())
    time, row = np.unique(rows.time[kept], return_inverse=True)
    column, bar = rows.symbol[kept], ~missing[kept]
    axis = session_axis(time, rows.daily, calendar, session_times)
    arrays: dict[str, np.ndarray] = {
        "time": time,
        "session": axis.session,
        "sessions": axis.hours.sessions,
        "open_time": axis.hours.opens,
        "close_time": axis.hours.closes,
    }
    cell = row[bar] * len(rows.symbols) + column[bar]
    for name in FIELDS:
        dense = np.full(len(time) * len(rows.symbols), np.nan)
        dense[cell] = rows.values[name][kept][bar]
        arrays[name] = canonical(dense.reshape(len(time), len(rows.symbols)))
    arrays |= _events(rows, kept, row, column, dividend_per)
    arrays |= _lives(row, column, arrays["close"])
    if periods_per_year is None:
        periods_per_year = _periods(axis.hours.sessions)
    panel = finish_panel(rows.symbols, periods_per_year, has_fraction(arrays["volume"]), arrays)
    return panel, axis.hours.label, [*rows.notes, *_missing_notes(rows, missing, kept), *axis.notes]


def _events(rows: Rows, kept: BoolArray, row: IntArray, column: IntArray, dividend_per: str) -> dict[str, np.ndarray]:
    """Splits and dividends in row and column order."""
    amount, ratio = rows.values["dividend"][kept], rows.values["split"][kept]
    ratio = np.where(np.isnan(ratio), 1.0, ratio)
    if dividend_per == "new":
        amount = amount * ratio
    order = np.lexsort((column, row))
    paid = order[amount[order] > 0.0]
    split = order[ratio[order] != 1.0]
    return {
        "split_row": row[split],
        "split_column": column[split],
        "split_ratio": ratio[split],
        "dividend_row": row[paid],
        "dividend_column": column[paid],
        "dividend_amount": amount[paid],
        "dividend_pay": np.full(len(paid), -1, dtype=np.int64),
    }


def _lives(row: IntArray, column: IntArray, close: FloatArray) -> dict[str, IntArray]:
    """First and last row of each asset in the source; nothing if blank rows do not matter for them."""
    rows, assets = close.shape
    first, last = np.full(assets, rows), np.full(assets, -1)
    np.minimum.at(first, column, row)
    np.maximum.at(last, column, row)
    found = {"life_first": first, "life_last": last}
    listing = dict(zip(found, listing_of(close), strict=True))
    return {} if all(np.array_equal(found[name], listing[name]) for name in found) else found


def _periods(sessions: IntArray) -> int:
    """365 if the market trades on Saturdays and on Sundays, else 252."""
    weekday = (sessions // DAY + 3) % 7  # 1970-01-01 was a Thursday, Monday is 0
    return ALWAYS_OPEN if np.any(weekday == 5) and np.any(weekday == 6) else EXCHANGE


def _missing_notes(rows: Rows, missing: BoolArray, kept: BoolArray) -> list[str]:
    """Which rows have no bar, and which rows are left out because no asset has one from there on."""
    blank, lost = np.flatnonzero(missing & kept).tolist(), np.flatnonzero(~kept).tolist()
    return [
        *some_of(blank, lambda at: f"{rows.place(at)}: no prices and no volume, a missing bar"),
        *some_of(lost, lambda at: f"{rows.place(at)}: before the first bar of any asset or after the last, left out"),
    ]


def check_not_empty(rows: Rows, missing: BoolArray, label: str) -> None:
    """Raise if there is no bar at all.

    Raises
    ------
    IngestError
    """
    if missing.all():
        what = "There is no bar" if len(rows) else "There is no row"
        raise IngestError(what, label, "Nothing was published.")
