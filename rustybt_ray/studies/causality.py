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
    generator = np.random.default_rng([seed, 0xCA05A1])
    rows, assets = panel.shape
    low = min(first + (last - first) // 4, last)
    cuts = generator.integers(low, max(last, low + 1), WAYS)
    steps, tilts = generator.standard_normal((rows, 1)) * 0.03, generator.uniform(0.8, 1.25, (1, assets))
    path = np.exp(np.cumsum(steps, axis=0)) * tilts
    moved, checked = [], 0
    for cut, scale in zip(np.sort(cuts).tolist(), (0.5, 2.0, np.nan), strict=True):
        try:
            after = decisions(strategy(AlteredData(panel, cut, path[cut + 1 :] * scale), **params))
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
