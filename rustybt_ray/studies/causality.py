"""Does a strategy see the future? Change all bars after a cut and look whether a decision up to it moves."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from rustybt_ray._typing import FloatArray
from rustybt_ray.data.panel import Panel
from rustybt_ray.engine.weights import Weights
from rustybt_ray.exceptions import StrategyError
from rustybt_ray.workspace.asset_cache import Assets
from rustybt_ray.workspace.history_cache import HistoryCache
from rustybt_ray.workspace.market_data import MarketData

SCALES = (0.5, 2.0, np.nan)
CACHE_BYTES = 1 << 30
SMALL = 1 << 20  # bytes of a field
_kept = [HistoryCache(16 << 20, permanent=())]
"""Altered fields of small panels, and what strategies made of them, for the next study with the same panel, rows and seed.

Empty while a check uses it: others, in other threads or inside the strategy, do without.
"""


class Futures:
    """Three seeded cuts, and how all bars after each are replaced.

    Parameters
    ----------
    panel : Panel
    first, last : int
        Rows of the study; cuts are drawn from its last three quarters.
    seed : int

    Attributes
    ----------
    cuts : tuple of int
        Last rows that stay as they are, in order.
    """

    def __init__(self, panel: Panel, first: int, last: int, seed: int) -> None:
        self._panel, self._seed, self._low = panel, seed, min(first + (last - first) // 4, last)
        self.cuts = draw_cuts(seed, self._low, max(last, self._low + 1))

    def key(self, way: int) -> tuple[Hashable, ...]:
        """What tells the future after cut number `way` from all others."""
        return self._panel.version, self._seed, self._low, self.cuts[0], self.cuts[way], way

    @cached_property
    def _path(self) -> tuple[FloatArray, FloatArray]:
        """A path from the first cut on, and by how much each asset is above it."""
        rows, assets = self._panel.shape
        drawn = uniform(self._seed, len(SCALES) + assets + rows - self._low)[len(SCALES) :]
        steps = (drawn[assets + self.cuts[0] - self._low :] - 0.5) * 0.1
        return np.exp(np.cumsum(steps)), 0.8 + 0.45 * drawn[:assets]

    def field(self, way: int, name: str) -> FloatArray:
        """A field of the panel, its rows after cut number `way` replaced: prices and volumes on the path, or missing."""
        made: FloatArray = getattr(self._panel, name).copy()
        path, tilts = self._path
        after = self.cuts[way] + 1
        rows = (made.T if name == "mark" else made)[after:]
        rows *= path[after - self.cuts[0] :, None]
        rows *= tilts * SCALES[way]
        return made


class AlteredData(MarketData):
    """A panel with another future; a field is altered when it is first asked for.

    Parameters
    ----------
    panel : Panel
    futures : Futures
    way : int
        Which of them.
    scope : hashable
        What the strategy's own functions belong to, as in `MarketData`.
    history : HistoryCache
        Where altered fields and indicators are kept.
    """

    def __init__(self, panel: Panel, futures: Futures, way: int, scope: Hashable, history: HistoryCache) -> None:
        super().__init__(panel, history, Assets.of(panel))
        self._futures, self._way, self.scope = futures, way, scope
        self._version = futures.key(way)

    def _field(self, name: str) -> FloatArray:
        return self._keep(("field", name), None, lambda: self._futures.field(self._way, name))


def first_moved(
    strategy: Callable[..., Any],
    params: dict[str, Any],
    panel: Panel,
    weights: Any,
    first: int,
    last: int,
    seed: int,
    scope: Hashable,
) -> int | None:
    """First row whose decision changes when all bars after one of three seeded cuts change; None if none does.

    The future is replaced three ways, one a cut: prices on a path around half of theirs, around twice theirs, and missing bars.

    Parameters
    ----------
    strategy : callable
        A target function.
    weights : Weights or array_like
        What it returns for these `params` on the panel as it is.
    first, last, seed
        As in `Futures`.
    scope : hashable
        The strategy's digest.

    Raises
    ------
    StrategyError
        If the strategy fails on all three altered panels.
    """
    before, futures = decisions(weights), Futures(panel, first, last, seed)
    moved, checked = [], 0
    with _history(panel) as history:
        for way, cut in enumerate(futures.cuts):
            try:
                after = decisions(strategy(AlteredData(panel, futures, way, scope, history), **params))
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


@contextmanager
def _history(panel: Panel) -> Iterator[HistoryCache]:
    """The cache that is kept, for a small panel and if nobody uses it, else a new one."""
    kept = _kept.pop() if panel.close.nbytes <= SMALL and _kept else None
    try:
        yield HistoryCache(CACHE_BYTES) if kept is None else kept
    finally:
        if kept is not None:
            _kept.append(kept)


@lru_cache(64)
def draw_cuts(seed: int, low: int, high: int) -> tuple[int, ...]:
    """As many rows of [low, high) as there are futures, in order."""
    return tuple(sorted((low + (uniform(seed, len(SCALES)) * (high - low)).astype(int)).tolist()))


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
