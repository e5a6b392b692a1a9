"""Repeated measurements of two ways to do one thing, and what statistics say of their difference."""

import gc
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from rustybt_ray._typing import FloatArray

CONFIDENCE = 0.95
RESAMPLES = 2000


@dataclass(frozen=True)
class Summary:
    """One way's repeated measurements in short.

    Attributes
    ----------
    runs : int
    median, mad : float
        Median and median absolute deviation from it.
    mean : float
    t_low, t_high : float
        95 % interval of the mean by Student's t.
    boot_low, boot_high : float
        95 % interval of the median by the percentile bootstrap, 2,000 resamples, seeded.
    """

    runs: int
    median: float
    mad: float
    mean: float
    t_low: float
    t_high: float
    boot_low: float
    boot_high: float

    @classmethod
    def of(cls, values: FloatArray) -> "Summary":
        """Summarise measurements; intervals of fewer than two, or of equal ones, are that value."""
        median, mean = float(np.median(values)), float(values.mean())
        mad = float(np.median(np.abs(values - median)))
        if len(values) < 2 or np.ptp(values) == 0.0:
            return cls(len(values), median, mad, mean, mean, mean, median, median)
        low, high = stats.t.interval(CONFIDENCE, len(values) - 1, loc=mean, scale=stats.sem(values))
        drawn = stats.bootstrap(
            (values,), np.median, n_resamples=RESAMPLES, confidence_level=CONFIDENCE, method="percentile",
            rng=np.random.default_rng(0),
        ).confidence_interval  # fmt: skip
        return cls(len(values), median, mad, mean, float(low), float(high), float(drawn.low), float(drawn.high))


@dataclass(frozen=True)
class Difference:
    """What tests say of two ways.

    Attributes
    ----------
    ratio : float
        Median of the baseline by ours: above 1, ours is the smaller one. Of interleaved pairs the median of pairwise ratios.
    ratio_low, ratio_high : float
        95 % interval of that ratio by order statistics, or by the bootstrap where runs are not paired.
    welch, mann_whitney : float
        p values, two-sided: equal means (Welch's t-test), equal distributions (Mann-Whitney U).
    effect : float
        Cliff's delta: how much likelier a run of the baseline takes longer than one of ours than the other way round; -1 to 1.
    """

    ratio: float
    ratio_low: float
    ratio_high: float
    welch: float
    mann_whitney: float
    effect: float

    @classmethod
    def of(cls, baseline: FloatArray, ours: FloatArray, paired: bool) -> "Difference":
        """Compare two sets of measurements, both of at least two."""
        if paired:
            ratios = np.sort(baseline / ours)
            low, high = median_interval(ratios)
            ratio = float(np.median(ratios))
        else:
            rng = np.random.default_rng(0)
            drawn = [np.median(rng.choice(x, (RESAMPLES, len(x))), axis=1) for x in (baseline, ours)]
            low, high = (float(x) for x in np.quantile(drawn[0] / drawn[1], [0.025, 0.975]))
            ratio = float(np.median(baseline) / np.median(ours))
        signs = np.sign(baseline[:, None] - ours[None, :])
        constant = np.ptp(baseline) == 0.0 and np.ptp(ours) == 0.0
        welch = math.nan if constant else float(stats.ttest_ind(baseline, ours, equal_var=False).pvalue)
        ranks = float(stats.mannwhitneyu(baseline, ours).pvalue)
        return cls(ratio, low, high, welch, ranks, float(signs.mean()))


def median_interval(values: FloatArray) -> tuple[float, float]:
    """95 % interval of a median by order statistics: no assumption about how a busy machine errs."""
    ordered, count = np.sort(values), len(values)
    chances = np.cumsum([math.comb(count, k) for k in range(count + 1)]) / 2.0**count
    low = max(int(np.searchsorted(chances, (1.0 - CONFIDENCE) / 2.0, side="right")), 1)
    return float(ordered[low - 1]), float(ordered[count - low])


def clock(call: Callable[[], Any]) -> float:
    """Seconds of one call, garbage collected before."""
    gc.collect()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def interleaved(
    runs: int, *calls: Callable[[], Any], timer: Callable[[Callable[[], Any]], float] = clock
) -> FloatArray:
    """Seconds of calls in turn, every second time the other way round, so that what drifts falls on all.

    Returns
    -------
    ndarray of float64, shape (runs, calls)
    """
    times = np.zeros((runs, len(calls)))
    for run in range(runs):
        for place in range(len(calls))[:: 1 - 2 * (run % 2)]:
            times[run, place] = timer(calls[place])
    return times


def repeated(call: Callable[[], Any], loops: int) -> Callable[[], Any]:
    """A call that does `loops` of `call`, for things too short to time alone."""

    def many() -> None:
        for _ in range(loops):
            call()

    return many
