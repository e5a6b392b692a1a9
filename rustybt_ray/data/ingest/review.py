"""What is odd about a panel, but no error: warnings that are printed and kept in the manifest."""

import numpy as np

from rustybt_ray._typing import BoolArray, IntArray
from rustybt_ray.data.ingest.findings import some
from rustybt_ray.data.panel import Panel

SPLIT_LIKE = (2, 3, 4, 5, 7, 10, 20)
NEAR, LEAST = 0.05, 0.4
"""How near a close must be to a multiple of the one before, and the least change that is reported at all."""


def review(panel: Panel) -> tuple[str, ...]:
    """Warnings of each kind, the first ones of many."""
    kinds = (_gaps, _jumps, _early_events, _large_dividends, _idle)
    return tuple(line for kind in kinds for line in some(kind(panel)))


def _gaps(panel: Panel) -> list[str]:
    """Assets without a bar where others have one, between their own first and last."""
    present = ~np.isnan(panel.close)
    first, last = panel.listing
    traded: BoolArray = np.any(present, axis=1)
    found = []
    for column, symbol in enumerate(panel.symbols):
        own = slice(first[column], last[column] + 1)
        gaps = np.flatnonzero(traded[own] & ~present[own, column]) + first[column]
        if len(gaps):
            days = _listed([_when(panel, row) for row in gaps.tolist()], 3)
            found.append(f"{symbol}: no bar at {len(gaps)} times at which others have one ({days})")
    return found


def _jumps(panel: Panel) -> list[str]:
    """Closes near a simple multiple of the close before, recorded splits and dividends taken out."""
    found: list[tuple[int, str]] = []
    for column, symbol in enumerate(panel.symbols):
        adjusted = panel.mark[column] * panel.factor[:, column]
        before, after = adjusted[:-1], adjusted[1:]
        with np.errstate(over="ignore"):
            steps = np.flatnonzero(np.abs(after - before) > LEAST * before)
            changes = after[steps] / before[steps]
        for row, times in zip((steps + 1).tolist(), changes.tolist(), strict=True):
            if multiple := _multiple(times):
                text = f"the close is {times:.4g} of the one before, near {multiple}: is a split missing?"
                found.append((row, f"{symbol} {_when(panel, row)}: {text}"))
    return [text for _, text in sorted(found)]


def _multiple(times: float) -> str:
    """The multiple like a split's that `times` is near, as text; empty if there is none."""
    for each in SPLIT_LIKE:
        if abs(times / each - 1.0) < NEAR:
            return f"{each}"
        if abs(times * each - 1.0) < NEAR:
            return f"1/{each}"
    return ""


def _early_events(panel: Panel) -> list[str]:
    """Events on or before their asset's first bar."""
    first, _ = panel.listing
    return [
        f"{panel.symbols[column]} {_when(panel, row)}: {what} {value!r} on or before its first bar changes no factor"
        for what, rows, columns, values in _events(panel)
        for row, column, value in zip(rows.tolist(), columns.tolist(), values.tolist(), strict=True)
        if row <= first[column]
    ]


def _events(panel: Panel) -> tuple[tuple[str, IntArray, IntArray, np.ndarray], ...]:
    return (
        ("split", panel.split_row, panel.split_column, panel.split_ratio),
        ("dividend", panel.dividend_row, panel.dividend_column, panel.dividend_amount),
    )


def _large_dividends(panel: Panel) -> list[str]:
    """Dividends of at least the close before."""
    rows, columns = panel.dividend_row, panel.dividend_column
    before = np.where(rows > 0, panel.mark[columns, rows - 1], np.nan)
    found = []
    for at in np.flatnonzero(panel.dividend_amount >= before).tolist():
        paid, close = float(panel.dividend_amount[at]), float(before[at])
        text = f"dividend {paid!r} is not below the close before, {close!r}: it changes no factor"
        found.append(f"{panel.symbols[columns[at]]} {_when(panel, int(rows[at]))}: {text}")
    return found


def _idle(panel: Panel) -> list[str]:
    """How many bars have no volume."""
    counts = np.count_nonzero(panel.volume == 0.0, axis=0)
    if not counts.any():
        return []
    order = np.argsort(-counts, kind="stable").tolist()
    most = _listed([f"{panel.symbols[column]} {counts[column]}" for column in order if counts[column]], 5)
    return [f"{counts.sum()} bars have no volume, where orders wait ({most})"]


def _listed(words: list[str], count: int) -> str:
    return ", ".join([*words[:count], "..."] if len(words) > count else words)


def _when(panel: Panel, row: int) -> str:
    """The time of a row as text: the date alone at midnight."""
    text = str(np.datetime64(int(panel.time[row]), "ns").astype("datetime64[s]"))
    return text.removesuffix("T00:00:00")
