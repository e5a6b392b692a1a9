"""Rolling indicators of arrays [rows, assets]: each is causal and keeps its bits when rows are appended or the future changes.

Rows before an asset's first full window are NaN; so are windows with a missing value in them.
"""

import numpy as np
from numpy.typing import ArrayLike

from rustybt_ray._typing import FloatArray
from rustybt_ray._validation import check_count
from rustybt_ray.engine.native import Kernel
from rustybt_ray.exceptions import InputError

KERNELS = "rustybt_ray.engine.rolling_nb"
_sum = Kernel(KERNELS, "rolling_sum")
_deviation = Kernel(KERNELS, "rolling_deviation")
_extreme = Kernel(KERNELS, "rolling_extreme")
_exponential = Kernel(KERNELS, "exponential")
_strength = Kernel(KERNELS, "relative_strength")
_true_range = Kernel(KERNELS, "true_range")
_correlation = Kernel(KERNELS, "rolling_correlation")
_rank = Kernel(KERNELS, "rank_rows")


def rolling_mean(x: ArrayLike, n: int) -> FloatArray:
    """Mean of the last `n` rows, by a running sum from each asset's first value, begun anew after a gap.

    An infinite value counts as missing.

    Parameters
    ----------
    x : array_like, shape (rows, assets)
    n : int
        Rows in the window, at least 1.

    Returns
    -------
    ndarray of float64, shape (rows, assets)

    Raises
    ------
    InputError
        If `n` is below 1 or `x` is not two-dimensional.

    Examples
    --------
    >>> rolling_mean([[1.0], [2.0], [4.0]], 2).T
    array([[nan, 1.5, 3. ]])
    """
    return _summed(x, n, float(n))


def rolling_sum(x: ArrayLike, n: int) -> FloatArray:
    """Sum of the last `n` rows; see `rolling_mean`."""
    return _summed(x, n, 1.0)


def rolling_std(x: ArrayLike, n: int) -> FloatArray:
    """Standard deviation (ddof 1) of the last `n` rows, n at least 2; see `rolling_mean`."""
    return _deviating(x, n, score=False)


def rolling_zscore(x: ArrayLike, n: int) -> FloatArray:
    """Standard deviations (ddof 1) that the last value is from the mean of the last `n` rows; NaN where they are constant."""
    return _deviating(x, n, score=True)


def rolling_min(x: ArrayLike, n: int) -> FloatArray:
    """Smallest of the last `n` rows; see `rolling_mean`."""
    return _outermost(x, n, -1.0)


def rolling_max(x: ArrayLike, n: int) -> FloatArray:
    """Largest of the last `n` rows; see `rolling_mean`."""
    return _outermost(x, n, 1.0)


def exponential_mean(x: ArrayLike, n: int) -> FloatArray:
    """Exponential average with alpha = 2 / (n + 1), begun with the mean of the first `n` values.

    A missing row is NaN and leaves the average as it was.
    """
    return _averaged(x, n, 2.0 / (int(n) + 1.0))


def relative_strength(x: ArrayLike, n: int) -> FloatArray:
    """Wilder's relative strength index in [0, 100] (New Concepts in Technical Trading Systems, 1978); 50 without any change."""
    values, out = _prepare(x, n)
    _strength(values, int(n), out)
    return out


def average_true_range(high: ArrayLike, low: ArrayLike, close: ArrayLike, n: int) -> FloatArray:
    """Wilder's average true range: the mean of the first `n` true ranges, then 1/n of each new one."""
    highs, _ = _prepare(high, n)
    lows, _ = _prepare(low, n)
    closes, spans = _prepare(close, n)
    shapes = (highs.shape, lows.shape, closes.shape)
    if len(set(shapes)) > 1:  # the kernel checks no bounds
        raise InputError("high, low and close", "of one shape", shapes, "Pass the fields of one panel.")
    _true_range(highs, lows, closes, spans)
    return _averaged(spans, n, 1.0 / int(n))


def change(x: ArrayLike, n: int) -> FloatArray:
    """``x[t] / x[t - n] - 1``; NaN where either is missing.

    Examples
    --------
    >>> change([[1.0], [2.0], [3.0]], 1).T
    array([[nan, 1. , 0.5]])
    """
    values, out = _prepare(x, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        out[n:] = values[n:] / values[:-n] - 1.0
    return out


def rolling_correlation(x: ArrayLike, y: ArrayLike, n: int) -> FloatArray:
    """Pearson's correlation of the last `n` rows, column by column, n at least 2; NaN where one of them is constant.

    `y` has the shape of `x`, or one column for all.
    """
    first, out = _prepare(x, n, low=2)
    other = np.asarray(y, dtype=np.float64)
    if other.shape not in (first.shape, (len(first), 1)):
        raise InputError("y", f"of shape {first.shape} or one column", other.shape, "Pass a row for each row of x.")
    second, _ = _prepare(np.broadcast_to(other, first.shape), n)
    _correlation(first, second, int(n), np.empty((_blocks(first, n), 5, first.shape[1])), out)
    return out


def rank(x: ArrayLike) -> FloatArray:
    """Rank of each asset in its row, in (0, 1]: mid-rank over the number of values; NaN stays NaN.

    Examples
    --------
    >>> rank([[3.0, np.nan, 1.0, 3.0]]).round(3)
    array([[0.833,   nan, 0.333, 0.833]])
    """
    values, out = _prepare(x, 1)
    _rank(values, out)
    return out


def _summed(x: ArrayLike, n: int, divisor: float) -> FloatArray:
    values, out = _prepare(x, n, every_row=True)
    assets = values.shape[1]
    _sum(values, int(n), divisor, np.empty(assets), np.empty(assets, np.int64), out)
    return out


def _deviating(x: ArrayLike, n: int, *, score: bool) -> FloatArray:
    values, out = _prepare(x, n, low=2)
    _deviation(values, int(n), score, np.empty((2, _blocks(values, n), values.shape[1])), out)
    return out


def _outermost(x: ArrayLike, n: int, sign: float) -> FloatArray:
    values, out = _prepare(x, n)
    _extreme(values, int(n), sign, np.empty((_blocks(values, n), values.shape[1])), out)
    return out


def _averaged(x: ArrayLike, n: int, alpha: float) -> FloatArray:
    values, out = _prepare(x, n, every_row=True)
    _exponential(values, int(n), alpha, np.empty((2, values.shape[1])), out)
    return out


def _blocks(values: FloatArray, n: int) -> int:
    """Rows that a kernel which works block by block remembers."""
    return min(int(n), len(values)) + 1


def _prepare(x: ArrayLike, n: int, low: int = 1, *, every_row: bool = False) -> tuple[FloatArray, FloatArray]:
    """`x` as the kernels take it, and an array for the result.

    It is filled with NaN unless the kernel writes `every_row`.
    """
    check_count("n", n, low=low, remedy="It is the number of rows in the window.")
    values = np.ascontiguousarray(x, dtype=np.float64)
    if values.ndim != 2:
        raise InputError("x", "two-dimensional, rows x assets", values.shape, "Reshape one column to (rows, 1).")
    return values, np.empty(values.shape) if every_row else np.full(values.shape, np.nan)
