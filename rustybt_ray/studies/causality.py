"""Does a strategy see the future? Change all bars after a cut and look whether a decision up to it moves."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from rustybt_ray._typing import FloatArray
from rustybt_ray.data.panel import Panel
from rustybt_ray.engine.weights import Weights
from rustybt_ray.workspace.market_data import MarketData

CUTS = 3
PRICES = ("open", "high", "low", "close")


def first_moved(
    strategy: Callable[..., Any], params: dict[str, Any], data: MarketData, first: int, last: int, seed: int
) -> int | None:
    """First row whose decision changes when all bars after one of three seeded cuts change; None if none does.

    The future is replaced by prices on another path, by halved volume and by missing bars, one a cut.

    Parameters
    ----------
    strategy : callable
        A target function.
    first, last : int
        Rows among which the cuts are drawn.
    """
    panel = data.panel
    before = decisions(strategy(data, **params))
    generator = np.random.default_rng([seed, 0xCA05A1])
    low, high = min(first + (last - first) // 4, last), last
    moved = []
    for way, cut in enumerate(np.sort(generator.integers(low, max(high, low + 1), CUTS))):
        after = decisions(strategy(MarketData.of(altered(panel, int(cut), way, generator)), **params))
        if before.shape != after.shape:
            return 0
        known, now = before[: cut + 1], after[: cut + 1]
        differs = ~((known == now) | ((known != known) & (now != now))).all(axis=1)
        if differs.any():
            moved.append(int(differs.argmax()))
    return min(moved, default=None)


def decisions(weights: Any) -> np.ndarray:
    """What a target function decided, row by row, as an array that can be compared."""
    if isinstance(weights, Weights):
        weights = weights.mask if weights.mask is not None else weights.values
    return np.asarray(weights)


def altered(panel: Panel, cut: int, way: int, generator: np.random.Generator) -> Panel:
    """The panel with all bars after row `cut` changed: another path (0), another path and volume (1), missing (2)."""
    rows, assets = panel.shape
    changed: dict[str, Any] = {"version": f"{panel.version}-altered-{cut}-{way}"}
    if way == 2:
        for name in (*PRICES, "volume"):
            changed[name] = _after(getattr(panel, name), cut, np.nan)
        keep = panel.split_row <= cut
        changed |= {f"split_{part}": getattr(panel, f"split_{part}")[keep] for part in ("row", "column", "ratio")}
        keep = panel.dividend_row <= cut
        names = ("row", "column", "amount", "pay")
        changed |= {f"dividend_{part}": getattr(panel, f"dividend_{part}")[keep] for part in names}
        changed |= {name: _held(getattr(panel, name), cut) for name in ("factor", "split_factor")}
        changed["mark"] = _held(panel.mark.T, cut).T.copy()
        return dataclasses.replace(panel, **changed)
    steps = generator.standard_normal((rows - cut - 1, assets)) * 0.02
    path = np.exp(np.cumsum(steps, axis=0)) * (0.5, 2.0)[way]
    for name in PRICES:
        changed[name] = _after(getattr(panel, name), cut, path)
    changed["mark"] = np.ascontiguousarray(_after(panel.mark.T, cut, path).T)
    if way == 1:
        changed["volume"] = _after(panel.volume, cut, 0.5)
    return dataclasses.replace(panel, **changed)


def _after(field: FloatArray, cut: int, factor: FloatArray | float) -> FloatArray:
    made = field.copy()
    made[cut + 1 :] *= factor
    return made


def _held(field: FloatArray, cut: int) -> FloatArray:
    made = field.copy()
    made[cut + 1 :] = made[cut]
    return made
