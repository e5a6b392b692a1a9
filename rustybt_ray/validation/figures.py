"""What a walk-forward says about the search: efficiency, selection skill, rank correlation.

Arrays are ``[windows, trials]`` or one value a window, as in `selection`; what is undefined is NaN, and each figure says over how
many windows it was taken.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rustybt_ray._typing import FloatArray
from rustybt_ray._validation import check_choice, check_number
from rustybt_ray.exceptions import InputError
from rustybt_ray.validation.selection import DIRECTIONS, as_chosen, as_objective

HORIZON_FREE = frozenset({
    "alpha", "annual_return", "beta", "break_even_cost", "cvar", "exposure", "information_ratio", "kurtosis", "profit_factor",
    "sharpe_ratio", "skewness", "sortino_ratio", "tail_ratio", "time_in_market", "tracking_error", "turnover", "value_at_risk",
    "volatility", "win_rate",
})  # fmt: skip
"""Metrics that mean the same over three years and over six months: those that have an efficiency."""


class Efficiency(NamedTuple):
    """Out-of-sample over in-sample.

    Attributes
    ----------
    value : float
    windows : int
        How many windows had both.
    """

    value: float
    windows: int


class Mean(NamedTuple):
    """A mean over windows with its t interval.

    Attributes
    ----------
    mean, low, high : float
        Limits are NaN with fewer than two windows.
    windows : int
        How many windows had a value.
    """

    mean: float
    low: float
    high: float
    windows: int


def efficiency(in_sample: ArrayLike, out_of_sample: ArrayLike) -> Efficiency:
    """Walk-forward efficiency: mean out-of-sample objective over mean in-sample objective of the chosen trials.

    Parameters
    ----------
    in_sample, out_of_sample : array_like, shape (windows,)
        Objective of each window's choice; NaN for a gap. Only for an objective of `HORIZON_FREE` that is maximised.

    Returns
    -------
    Efficiency
        Means are over the windows that have both. NaN if the denominator is not above 0, or no window has both.

    Raises
    ------
    InputError
        If the two are not of one length.

    Notes
    -----
    After R. Pardo, The Evaluation and Optimization of Trading Strategies (2008), who compares annualised profits. Never a mean
    of ratios: a window with an in-sample objective near zero would outweigh all others.

    Examples
    --------
    >>> efficiency([2.0, 1.0, 1.5], [1.0, -0.25, 1.5])
    Efficiency(value=0.5, windows=3)
    """
    inside, outside = np.asarray(in_sample, dtype=np.float64), np.asarray(out_of_sample, dtype=np.float64)
    if inside.ndim != 1 or inside.shape != outside.shape:
        remedy = "Pass the objective of each window's choice, NaN for a gap."
        raise InputError(
            "in_sample and out_of_sample", "one value a window each", (inside.shape, outside.shape), remedy
        )
    both = ~(np.isnan(inside) | np.isnan(outside))
    count = int(both.sum())
    below = float(inside[both].mean()) if count else np.nan
    return Efficiency(float(outside[both].mean()) / below if below > 0.0 else np.nan, count)


def percentiles(test: ArrayLike, chosen: ArrayLike, *, direction: str = "maximize") -> FloatArray:
    """Where each window's choice stands among all trials out of sample: 1 the best, 0 the worst.

    ``(worse + ties / 2) / (n - 1)`` of the other n - 1 trials that have an objective, so that a choice by lot has 0.5 on average.

    Parameters
    ----------
    test : array_like, shape (windows, trials)
    chosen : array_like of int, shape (windows,)
        -1 is a gap.
    direction : {"maximize", "minimize"}

    Returns
    -------
    ndarray of float64, shape (windows,)
        NaN for a gap, a choice without an objective, or one without others to compare with.

    Raises
    ------
    InputError
        If `chosen` is not a trial or -1 a window.
    """
    check_choice("direction", direction, DIRECTIONS)
    values = as_objective("test", test)
    picks = as_chosen(chosen, values.shape)
    made = np.full(len(values), np.nan)
    for window, (row, pick) in enumerate(zip(values, picks.tolist(), strict=True)):
        others = int((~np.isnan(row)).sum()) - 1
        if pick < 0 or np.isnan(row[pick]) or others < 1:
            continue
        worse = int((row < row[pick] if direction == "maximize" else row > row[pick]).sum())
        made[window] = (worse + (int((row == row[pick]).sum()) - 1) / 2) / others
    return made


def selection_skill(
    test: ArrayLike, chosen: ArrayLike, *, direction: str = "maximize", confidence: float = 0.95
) -> Mean:
    """Mean out-of-sample percentile of the chosen among all trials of its window; 0.5: choosing was worthless.

    The t interval takes windows as independent draws and is cut at 0 and 1; tests that overlap make it too narrow.
    Parameters and errors are those of `percentiles`; `confidence` is above 0 and below 1.

    Examples
    --------
    >>> skill = selection_skill([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [3.0, 2.0, 1.0]], [2, 1, 0])
    >>> round(skill.mean, 3), round(skill.low, 3), skill.high
    (0.833, 0.116, 1.0)
    """
    found = mean_interval(percentiles(test, chosen, direction=direction), confidence)
    return found._replace(low=float(np.maximum(found.low, 0.0)), high=float(np.minimum(found.high, 1.0)))


def rank_correlations(train: ArrayLike, test: ArrayLike) -> FloatArray:
    """Spearman's correlation of trials' in-sample and out-of-sample objective in each window, ties at their mean rank.

    Parameters
    ----------
    train, test : array_like, shape (windows, trials)
        Trials without one of the two are left out.

    Returns
    -------
    ndarray of float64, shape (windows,)
        NaN with fewer than three trials, or if either objective is the same for all. See `mean_interval` for their mean.

    Raises
    ------
    InputError
        If shapes differ.

    Examples
    --------
    >>> rank_correlations([[1.0, 2.0, 3.0, 4.0]], [[0.1, 0.3, 0.2, 0.9]]).round(3).tolist()
    [0.8]
    """
    inside = as_objective("train", train)
    outside = as_objective("test", test, inside.shape)
    made = np.full(len(inside), np.nan)
    for window, (first, second) in enumerate(zip(inside, outside, strict=True)):
        both = ~(np.isnan(first) | np.isnan(second))
        x, y = (_ranks(values[both]) - (int(both.sum()) + 1) / 2 for values in (first, second))
        scale = float(x @ x) * float(y @ y)
        if len(x) >= 3 and scale > 0.0:
            made[window] = float(x @ y) / scale**0.5
    return made


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> Mean:
    """Mean of the values that are not NaN, with the limits ``mean -+ t s / sqrt(n)`` of Student's t with n - 1 degrees of freedom.

    Raises
    ------
    InputError
        If `confidence` is not above 0 and below 1.
    """
    remedy = "0.95 covers the truth in 95 of 100 cases."
    confidence = check_number("confidence", confidence, low=0.0, strict=True, high=1.0 - 1e-12, remedy=remedy)
    given = np.asarray(values, dtype=np.float64)
    given = given[~np.isnan(given)]
    if len(given) < 2:
        return Mean(float(given[0]) if len(given) else np.nan, np.nan, np.nan, len(given))
    from scipy.special import stdtrit

    mean, error = float(given.mean()), float(given.std(ddof=1)) / len(given) ** 0.5
    reach = float(stdtrit(len(given) - 1, 0.5 + confidence / 2)) * error
    return Mean(mean, mean - reach, mean + reach, len(given))


def _ranks(values: FloatArray) -> FloatArray:
    """Ranks from 1, ties at their mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: FloatArray = (np.cumsum(counts) - (counts - 1) / 2)[inverse.reshape(values.shape)]
    return ranks
