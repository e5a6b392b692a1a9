"""Forward split and dividend factors: the past never changes when the future does.

Adjusted prices are ``A = raw × G`` with ``G[0] = 1`` and ``G[t] = G[t-1] / ratio[t]``, where
``ratio = (1 / split) × (1 − dividend / mark[t-1])``. A row's factor is made of that row's events and the row before
alone, one division after the other: cutting the panel or appending to it leaves every bit up to there as it was.
"""

from typing import NamedTuple

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray


class Factors(NamedTuple):
    """`factor` and `split_factor` of shape (T, N), `mark` of shape (N, T); all C-contiguous float64."""

    factor: FloatArray
    split_factor: FloatArray
    mark: FloatArray


class _Cells(NamedTuple):
    """Cells with an event, by row and then column: product of 1 / split and sum of dividends of each."""

    row: IntArray
    column: IntArray
    share: FloatArray
    cash: FloatArray


def forward_factors(
    close: FloatArray,
    split_row: IntArray,
    split_column: IntArray,
    split_ratio: FloatArray,
    dividend_row: IntArray,
    dividend_column: IntArray,
    dividend_amount: FloatArray,
) -> Factors:
    """Factors of all events and of splits alone, and the close carried over missing bars.

    Parameters
    ----------
    close : ndarray of float64, shape (T, N)
        As traded, NaN where there is no bar.
    split_row, split_column, split_ratio : ndarray, shape (number of splits,)
        New shares per old share, before the opening of that row.
    dividend_row, dividend_column, dividend_amount : ndarray, shape (number of dividends,)
        Cash per share held over the previous row (per old share on a split's day).

    Returns
    -------
    Factors
        `mark[i, t]` is the close where there is a bar, otherwise ``mark[i, t-1] × ratio``; NaN before the first bar.

    Notes
    -----
    Splits of one cell multiply, dividends of one cell add up. What has no carried close on the row before (an event on
    or before the first bar) changes no factor, nor does a dividend of that close or more.

    Examples
    --------
    A 2-for-1 split on row 1 and a dividend of 1 on row 2:

    >>> none, one = np.array([], dtype=int), np.array([0])
    >>> close = np.array([[100.0], [50.0], [49.0]])
    >>> found = forward_factors(close, np.array([1]), one, np.array([2.0]), np.array([2]), one, np.array([1.0]))
    >>> (close * found.factor).ravel()
    array([100., 100., 100.])
    >>> found.split_factor.ravel()
    array([1., 2., 2.])
    """
    cells = _merge(close.shape[1], split_row, split_column, split_ratio, dividend_row, dividend_column, dividend_amount)
    mark = _carry(close, cells)
    share, ratio = _ratios(mark, cells)
    split_factor = _accumulate(close.shape, cells, share)
    factor = split_factor if np.array_equal(share, ratio) else _accumulate(close.shape, cells, ratio)
    return Factors(factor, split_factor, mark)


def _merge(
    assets: int,
    split_row: IntArray,
    split_column: IntArray,
    split_ratio: FloatArray,
    dividend_row: IntArray,
    dividend_column: IntArray,
    dividend_amount: FloatArray,
) -> _Cells:
    """All events by cell."""
    splits = split_row * assets + split_column
    dividends = dividend_row * assets + dividend_column
    keys, place = np.unique(np.concatenate([splits, dividends]), return_inverse=True)
    share, cash = np.ones(len(keys)), np.zeros(len(keys))
    np.multiply.at(share, place[: len(splits)], 1.0 / split_ratio)
    np.add.at(cash, place[len(splits) :], dividend_amount)
    return _Cells(keys // assets, keys % assets, share, cash)


def _carry(close: FloatArray, cells: _Cells) -> FloatArray:
    """Close by asset, carried over missing bars; `mark` of the module's docstring."""
    mark = np.array(close.T, order="C")
    missing = np.isnan(mark)
    for column in np.flatnonzero(missing.any(axis=1)):
        last = np.where(missing[column], 0, np.arange(close.shape[0]))
        mark[column] = mark[column, np.maximum.accumulate(last)]
    # A gap's carried close changes on the events inside it alone, each of which needs the one before.
    for place in np.flatnonzero(missing[cells.column, cells.row]):
        row, column = cells.row[place], cells.column[place]
        only = slice(place, place + 1)
        _, ratio = _ratios(mark, _Cells(cells.row[only], cells.column[only], cells.share[only], cells.cash[only]))
        ends = np.flatnonzero(~missing[column, row:])
        end = row + ends[0] if len(ends) else close.shape[0]
        if row and not np.isnan(mark[column, row - 1]):
            mark[column, row:end] = mark[column, row - 1] * ratio[0]
    return mark


def _ratios(mark: FloatArray, cells: _Cells) -> tuple[FloatArray, FloatArray]:
    """Ratio of the splits and of all events of each cell; 1 for what changes no factor."""
    before = np.where(cells.row > 0, mark[cells.column, cells.row - 1], np.nan)
    left = 1.0 - cells.cash / before
    share = np.where(np.isnan(before), 1.0, cells.share)
    return share, share * np.where(left > 0.0, left, 1.0)


def _accumulate(shape: tuple[int, ...], cells: _Cells, ratio: FloatArray) -> FloatArray:
    """``G[t] = G[t-1] / ratio[t]`` down each column."""
    factor = np.ones(shape)
    factor[cells.row, cells.column] = ratio
    changed = np.unique(cells.column)
    factor[:, changed] = np.divide.accumulate(factor[:, changed], axis=0)
    return factor
