"""Weight rows of target functions: whether those of the whole history are those of an earlier day, and rows of cut panels."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rustybt_ray.data.panel import Panel
from rustybt_ray.engine.weights import Weights
from rustybt_ray.exceptions import WeightsError
from rustybt_ray.workspace.cut_data import CutData
from rustybt_ray.workspace.history_cache import HistoryCache
from rustybt_ray.workspace.market_data import MarketData

CACHE_BYTES = 1 << 30


def same_rows(
    function: Callable[..., Any],
    params: Mapping[str, Any],
    data: MarketData,
    panel: Panel,
    ends: Sequence[int],
    delay: int,
) -> bool:
    """Whether a target function decides bitwise the same on the panel cut at each of `ends` as on the whole.

    Compared are the rows that a segment with that end uses, and all before them: up to ``end - 1 - delay``.

    Raises
    ------
    Exception
        Whatever the function raises on the whole history; what it raises on a cut says that they differ.
    """
    whole = function(data, **params)
    for end in ends:
        cut = CutData(panel, end, HistoryCache(CACHE_BYTES))
        cut.scope = data.scope
        try:
            part = function(cut, **params)
        except Exception:
            return False
        if not _same(whole, part, max(end - delay, 1)):
            return False
    return True


def padded(weights: Any, cut: int, rows: int) -> Any:
    """Weights of a panel cut to `cut` rows with more behind them that order nothing, so that they have the whole panel's `rows`.

    Raises
    ------
    WeightsError
        If they have neither number of rows: one that is filled up would be no orders in place of an error.
    """
    shape = np.shape(weights)
    if len(shape) == 2 and shape[0] not in (cut, rows):
        what = f"weights must have a row for each of the {cut} bars of the panel cut there; received {shape}"
        raise WeightsError(what, "rows x assets", "Return one row a bar and one column an asset of data.close.")
    if isinstance(weights, Weights):
        mask = None if weights.mask is None else _longer(weights.mask, rows, False)
        values = None if weights.values is None else _longer(np.asarray(weights.values), rows, np.nan)
        return Weights(mask, values, weights.slots, weights.rebalance)
    array = np.asarray(weights)
    return _longer(array, rows, np.nan) if array.ndim == 2 and array.dtype.kind in "iuf" else array


def _longer(array: np.ndarray, rows: int, value: Any) -> np.ndarray:
    kind = np.bool_ if array.dtype == np.bool_ else np.float64
    made = np.full((rows, *array.shape[1:]), value, dtype=kind)
    made[: len(array)] = array
    return made


def _same(whole: Any, part: Any, rows: int) -> bool:
    if isinstance(whole, Weights) != isinstance(part, Weights):
        return False
    pairs = [(whole, part)]
    if isinstance(whole, Weights):
        if (whole.slots, whole.rebalance) != (part.slots, part.rebalance):
            return False
        pairs = [(whole.mask, part.mask), (whole.values, part.values)]
    return all(_equal(first, second, rows) for first, second in pairs)


def _equal(first: Any, second: Any, rows: int) -> bool:
    if first is None or second is None:
        return first is second
    before, after = np.asarray(first)[:rows], np.asarray(second)[:rows]
    if before.dtype != after.dtype or before.shape != after.shape:
        return False
    return before.dtype.kind != "O" and before.tobytes() == after.tobytes()
