"""The cumulative risk columns of zipline's performance frame: each figure of the sessions so far, at each session.

Sums of returns are kept with the digits that rounding took (Neumaier), and squares are of distances from the running mean
(Welford) from the first value on: a column's value is that of the definition on the prefix, on a quiet start too.
"""

import math
from typing import NamedTuple

import numpy as np

from rustybt_ray._typing import BoolArray, FloatArray

PERIODS = 252.0
ROOT = math.sqrt(PERIODS)
SMALLEST_VARIANCE = 1e-30
"""Below it the benchmark is constant: empyrical's bound."""


class Risk(NamedTuple):
    """Cumulative figures, each of shape (n,); NaN is what zipline calls None: undefined.

    Attributes
    ----------
    algo_volatility, benchmark_volatility : ndarray of float64
        ``std(r, ddof=1) * sqrt(252)``; undefined on the first session, 0 while all are equal.
    benchmark_period_return : ndarray of float64
        ``product(1 + b) - 1``.
    sharpe : ndarray of float64
        ``mean(r) / std(r, ddof=1) * sqrt(252)``; undefined on the first session and while all are equal.
    sortino : ndarray of float64
        ``mean(r) * 252 / (sqrt(mean(min(r, 0)^2)) * sqrt(252))``; undefined on the first session and before a loss.
    max_drawdown : ndarray of float64
        ``min((w - peak) / peak)`` of the wealth path w, whose start is in the peak; at most 0.
    beta : ndarray of float64
        ``cov(r, b) / var(b)``; undefined on the first session and where ``var(b) < 1e-30``.
    alpha : ndarray of float64
        ``(1 + mean(r - beta * b))^252 - 1``; undefined with beta and where infinite.
    """

    algo_volatility: FloatArray
    benchmark_volatility: FloatArray
    benchmark_period_return: FloatArray
    sharpe: FloatArray
    sortino: FloatArray
    max_drawdown: FloatArray
    beta: FloatArray
    alpha: FloatArray


def cumulative_risk(returns: FloatArray, benchmark: FloatArray | None = None) -> Risk:
    """Every risk figure of the first 1, 2, ... n sessions.

    Parameters
    ----------
    returns : ndarray of float64, shape (n,)
        Daily returns, as fractions. From an undefined one on, what depends on it is undefined.
    benchmark : ndarray of float64, shape (n,), optional
        Those of the benchmark, NaN where it has none: before the first price of an asset, say. By default zeros.

    Examples
    --------
    >>> found = cumulative_risk(np.array([0.0, 0.01, -0.02, 0.005]))
    >>> found.sharpe.round(6).tolist(), found.max_drawdown.round(6).tolist()
    ([nan, 11.224972, -3.464102, -1.509009], [0.0, 0.0, -0.02, -0.02])
    """
    count = np.arange(1.0, len(returns) + 1.0)
    mean, squares, _ = _moments(returns, count)
    with np.errstate(all="ignore"):
        deviation = _deviation(squares, count)
        losses = np.cumsum(np.minimum(returns, 0.0) ** 2)
        sharpe = mean / deviation * ROOT
        sortino = mean * PERIODS / (np.sqrt(losses / count) * ROOT)
        sortino[:1] = np.nan
        against = _against_benchmark(returns, benchmark)
        volatility = deviation * ROOT
    return Risk(volatility, *against[:2], _finite(sharpe), _finite(sortino), _drawdown(returns), *against[2:])


def _against_benchmark(
    returns: FloatArray, benchmark: FloatArray | None
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Volatility and return of the benchmark, beta and alpha; all but the return pass over sessions without one of its own."""
    if benchmark is None or not benchmark.any():
        return _against_nothing(len(returns))
    known = ~np.isnan(benchmark)
    if not known.all():
        found = _against_benchmark(returns[known], benchmark[known])
        beta, alpha = (_carried(found[at], known) for at in (2, 3))
        return _volatility(benchmark), _earned(benchmark), beta, alpha
    count = np.arange(1.0, len(returns) + 1.0)
    mean, _, distance = _moments(returns, count)
    center, squares, own = _moments(benchmark, count)
    beta = _prefix_sums(own * distance * _growth(count)) / squares
    beta[squares / count < SMALLEST_VARIANCE] = np.nan
    alpha = np.power(1.0 + (mean - beta * center), PERIODS) - 1.0
    return _volatility(benchmark), _earned(benchmark), beta, _finite(alpha)


def _against_nothing(sessions: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Of a benchmark that never moves."""
    zeros = np.zeros(sessions)
    return _deviation(zeros, np.arange(1.0, sessions + 1.0)), zeros, *np.full((2, sessions), np.nan)


def _volatility(returns: FloatArray) -> FloatArray:
    """Of the returns that are known; an infinite one, of an adjusted price that rounds to 0, is not."""
    known = np.isfinite(returns)
    count = np.arange(1.0, known.sum() + 1.0)
    return _carried(_deviation(_moments(returns[known], count)[1], count) * ROOT, known)


def _earned(returns: FloatArray) -> FloatArray:
    earned: FloatArray = np.cumprod(1.0 + returns, dtype=np.float64) - 1.0
    return earned


def _carried(values: FloatArray, known: BoolArray) -> FloatArray:
    """A value of each known session on all of them: the last one so far, undefined before the first."""
    return np.concatenate([[np.nan], values])[np.cumsum(known)]


def _moments(values: FloatArray, count: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Of each prefix the mean and the sum of squared distances from it, and the new distances.

    A new distance is that of a value from the mean of those before it. It does not depend on where zero is, and is taken from
    the first value: that is exact for values near it, and exactly 0 while all are equal.
    """
    mean = _prefix_sums(values) / count
    shifted = values - values[:1]
    center = _prefix_sums(shifted) / count if values[:1].any() else mean
    distance = shifted - np.concatenate([[0.0], center[:-1]])
    squares = np.cumsum(distance * distance * _growth(count))
    return mean, squares, distance


def _growth(count: FloatArray) -> FloatArray:
    """Of the product of two new distances, the part by which the sum of products grows: what the new means leave."""
    part: FloatArray = (count - 1.0) / count
    return part


def _deviation(squares: FloatArray, count: FloatArray) -> FloatArray:
    """Standard deviation with ddof 1."""
    deviation: FloatArray = np.sqrt(squares / (count - 1.0))
    return deviation


def _prefix_sums(values: FloatArray) -> FloatArray:
    """Sums of the first 1, 2, ... n values, each rounded about once."""
    total = rest = 0.0
    sums = []
    for value in values.tolist():
        new = total + value
        there = new - total
        rest += (total - (new - there)) + (value - there)
        total = new
        sums.append(new + rest)
    return np.array(sums)


def _drawdown(returns: FloatArray) -> FloatArray:
    wealth = np.concatenate([[1.0], np.cumprod(1.0 + returns)])
    peak = np.maximum.accumulate(wealth)
    deepest: FloatArray = np.minimum.accumulate((wealth - peak) / peak)[1:]
    return deepest


def _finite(values: FloatArray) -> FloatArray:
    return np.where(np.isfinite(values), values, np.nan)
