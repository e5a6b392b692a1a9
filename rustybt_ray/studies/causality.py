"""Does a strategy see the future? Change all bars after a cut and look whether a decision up to it moves."""

from collections.abc import Callable
from typing import Any

import numpy as np

from rustybt_ray._typing import FloatArray
from rustybt_ray.data.panel import Panel
from rustybt_ray.engine.weights import Weights
from rustybt_ray.exceptions import StrategyError
from rustybt_ray.workspace.asset_cache import Assets
from rustybt_ray.workspace.history_cache import HistoryCache
from rustybt_ray.workspace.market_data import MarketData

WAYS = 3
CACHE_BYTES = 1 << 30


class AlteredData(MarketData):
    """A panel whose bars after a cut are others; a field is altered when it is first asked for.

    Parameters
    ----------
    panel : Panel
    cut : int
        Last row that stays as it is.
    change : ndarray, shape (T - cut - 1, N), or NaN
        What prices after the cut are multiplied by; NaN makes the bars missing. Volumes are multiplied by it too.
    """

    def __init__(self, panel: Panel, cut: int, change: FloatArray | float) -> None:
        super().__init__(panel, HistoryCache(CACHE_BYTES), Assets.of(panel))
        self._cut, self._change = cut, change
        self._altered: dict[str, FloatArray] = {}

    def _field(self, name: str) -> FloatArray:
        if name not in self._altered:
            made = getattr(self._panel, name).copy()
            rows = made.T if name == "mark" else made
            rows[self._cut + 1 :] *= self._change
            made.flags.writeable = False
            self._altered[name] = made
        return self._altered[name]


def first_moved(
    strategy: Callable[..., Any], params: dict[str, Any], panel: Panel, weights: Any, first: int, last: int, seed: int
) -> int | None:
    """First row whose decision changes when all bars after one of three seeded cuts change; None if none does.

    The future is replaced three ways, one a cut: prices on a path around half of theirs, around twice theirs, and missing bars.

    Parameters
    ----------
    strategy : callable
        A target function.
    weights : Weights or array_like
        What it returns for these `params` on the panel as it is.
    first, last : int
        Rows of the study; cuts are drawn from its last three quarters.

    Raises
    ------
    StrategyError
        If the strategy fails on all three altered panels.
    """
    before = decisions(weights)
    rows, assets = panel.shape
    low = min(first + (last - first) // 4, last)
    drawn = uniform(seed, WAYS + assets + rows - low)
    cuts = np.sort(low + (drawn[:WAYS] * (max(last, low + 1) - low)).astype(np.int64)).tolist()
    tilts, steps = 0.8 + 0.45 * drawn[WAYS : WAYS + assets], (drawn[WAYS + assets :] - 0.5) * 0.1
    path = np.exp(np.cumsum(steps[cuts[0] - low :]))[:, None] * tilts  # of the rows from the first cut on
    moved, checked = [], 0
    for cut, scale in zip(cuts, (0.5, 2.0, np.nan), strict=True):
        try:
            after = decisions(strategy(AlteredData(panel, cut, path[cut + 1 - cuts[0] :] * scale), **params))
        except Exception:  # a strategy may refuse data it was never meant for; that shows nothing
            continue
        checked += 1
        if after.shape != before.shape:
            return 0
        if (row := first_difference(before[: cut + 1], after[: cut + 1])) is not None:
            moved.append(row)
    if not checked:
        what = "the strategy fails on every altered future, so that its causality cannot be checked"
        raise StrategyError(what, "causality", "Let it answer missing prices with NaN or 0.")
    return min(moved, default=None)


def uniform(seed: int, count: int) -> FloatArray:
    """Numbers in [0, 1) by SplitMix64 (Steele, Lea and Flood 2014); numpy.random takes longer to load than a check does."""
    state = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
    return ((state ^ (state >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def decisions(weights: Any) -> np.ndarray:
    """What a target function decided, row by row, as an array that can be compared."""
    if isinstance(weights, Weights):
        weights = weights.mask if weights.mask is not None else weights.values
    return np.asarray(weights)


def first_difference(before: np.ndarray, after: np.ndarray) -> int | None:
    """First row in which two arrays differ, NaN being equal to NaN."""
    if before.tobytes() == after.tobytes():
        return None
    differs = (before != after) & ~((before != before) & (after != after))
    rows = differs.reshape(len(differs), -1).any(axis=1)
    return int(rows.argmax()) if rows.any() else None
