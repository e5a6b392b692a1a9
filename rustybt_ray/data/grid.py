"""A panel as zipline would have stored it: prices on a grid of 0.001, volumes as whole numbers, its adjustments.

zipline keeps prices and volumes as unsigned 32-bit integers. Its algorithms run on this view of a bundle; the bundle
itself keeps every digit.
"""

import hashlib
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from rustybt_ray._typing import BoolArray, FloatArray, IntArray
from rustybt_ray.data.calendars import hours_of
from rustybt_ray.data.panel import FIELDS, Panel
from rustybt_ray.exceptions import InputError

STEP, STEPS = 0.001, 1000.0
LARGEST = 4_294_967_295.0
"""The largest number that a stored cell holds."""
HEADER = b"rustybt_ray view on a grid of 0.001, 1\n"


class Adjustments(NamedTuple):
    """What multiplies the prices of earlier rows, by column, then row, dividends before splits on one row.

    Attributes
    ----------
    start : ndarray of int64, shape (N + 1,)
        ``row[start[i]:start[i + 1]]`` and so on are those of column i.
    row : ndarray of int64
        Rows before it are adjusted.
    ratio : ndarray of float64
        1 / split, or 1 - dividend / close of the row before.
    split : ndarray of bool
        Whether it is a split: those alone adjust volume, by 1 / ratio.
    """

    start: IntArray
    row: IntArray
    ratio: FloatArray
    split: BoolArray


def on_grid(panel: Panel) -> Panel:
    """The panel as a daily csvdir bundle of zipline holds it, under a version of its own that follows from the panel's.

    - Prices are ``round_half_even(price * 1000) * 0.001``; what rounds to 0 is missing, cell by cell.
    - Volume is cut to a whole number and 0 where there is no bar (other panels have NaN there); above 4,294,967,295 it is 0.
    - `mark` is zipline's "price": the last close times the ratios of all splits since, then of all dividends since.
    - Factors are those of `adjustments`: a dividend after a missing bar changes none.
    - Positions are whole shares. Sessions of the New York Stock Exchange have its hours.

    Events, their dates and the lives of assets are the panel's.

    Raises
    ------
    InputError
        If a price is too large to be stored.

    Examples
    --------
    >>> from rustybt_ray.data.build import panel_from_arrays
    >>> price = [[178.92], [0.0625], [0.0004]]
    >>> days = ["2020-01-02", "2020-01-03", "2020-01-06"]
    >>> panel = panel_from_arrays(days, ["A"], *[price] * 4, [[5e9], [10.9], [1.0]])
    >>> view = on_grid(panel)
    >>> view.close.ravel().tolist(), view.volume.ravel().tolist()
    ([178.92000000000002, 0.062, nan], [0.0, 10.0, 1.0])
    """
    opening, high, low, close = (_stored_price(panel, name) for name in FIELDS[:4])
    volume = _stored_volume(panel.volume)
    bars = replace(panel, open=opening, high=high, low=low, close=close, volume=volume, folder=None)
    found = adjustments(bars)
    opens, closes = hours_of(panel)
    return replace(
        bars,
        version=hashlib.sha256(HEADER + panel.version.encode()).hexdigest(),
        fractional=False,
        open_time=opens,
        close_time=closes,
        factor=_factor(panel.shape, found, np.ones(len(found.row), dtype=bool)),
        split_factor=_factor(panel.shape, found, found.split),
        mark=_mark(bars.close, found),
    )


def adjustments(view: Panel) -> Adjustments:
    """The adjustments that zipline's ingest makes of the splits and dividends of a panel on its grid.

    A dividend adjusts nothing if its asset has no close on the row before, or if it is that close or more.
    """
    before = np.where(view.dividend_row > 0, view.close[view.dividend_row - 1, view.dividend_column], np.nan)
    left = 1.0 - view.dividend_amount / before
    counts = left > 0.0
    row = np.concatenate([view.dividend_row[counts], view.split_row])
    column = np.concatenate([view.dividend_column[counts], view.split_column])
    ratio = np.concatenate([left[counts], 1.0 / view.split_ratio])
    split = np.arange(len(row)) >= np.count_nonzero(counts)
    order = np.lexsort((split, row, column))
    start = np.searchsorted(column[order], np.arange(len(view.symbols) + 1))
    return Adjustments(start, row[order], ratio[order], split[order])


def _stored_price(panel: Panel, name: str) -> FloatArray:
    values: FloatArray = getattr(panel, name)
    steps = np.rint(values * STEPS)
    if np.any(steps > LARGEST):
        row, column = (int(at[0]) for at in np.nonzero(steps > LARGEST))
        day = np.datetime64(int(panel.time[row]), "ns").astype("datetime64[D]")
        where = f"{name} of {panel.symbols[column]} on {day}"
        remedy = "zipline cannot hold such a price: leave the asset out, or state its prices in a larger unit."
        raise InputError(where, f"at most {LARGEST * STEP:,.3f}", float(values[row, column]), remedy)
    steps[steps == 0.0] = np.nan
    steps *= STEP
    return steps


def _stored_volume(volume: FloatArray) -> FloatArray:
    whole = np.floor(volume)
    whole[~(volume <= LARGEST)] = 0.0
    return whole


def _factor(shape: tuple[int, int], found: Adjustments, chosen: BoolArray) -> FloatArray:
    """``G[t] = G[t-1] / ratio[t]`` of the chosen adjustments."""
    factor = np.ones(shape)
    column = np.repeat(np.arange(shape[1]), np.diff(found.start))[chosen]
    np.multiply.at(factor, (found.row[chosen], column), found.ratio[chosen])
    changed = np.unique(column)
    factor[:, changed] = np.divide.accumulate(factor[:, changed], axis=0)
    return factor


def _mark(close: FloatArray, found: Adjustments) -> FloatArray:
    """Close by asset; over missing bars the last one, times the ratios of the splits since, then of the dividends since."""
    mark = np.array(close.T, order="C")
    rows = np.arange(mark.shape[1])
    for i in np.flatnonzero(np.isnan(mark).any(axis=1)):
        missing = np.isnan(mark[i])
        last = np.maximum.accumulate(np.where(missing, -1, rows))
        carried = np.where(last >= 0, mark[i, last], np.nan)
        own = slice(found.start[i], found.start[i + 1])
        event, ratio, split = found.row[own], found.ratio[own], found.split[own]
        for at in event[missing[event]]:
            since = (event > last[at]) & (event <= at)
            product = 1.0
            for factor in (*ratio[since & split], *ratio[since & ~split]):
                product *= factor
            gap = (rows >= at) & (last == last[at])
            carried[gap] = mark[i, last[at]] * product if last[at] >= 0 else np.nan
        mark[i] = carried
    return mark
