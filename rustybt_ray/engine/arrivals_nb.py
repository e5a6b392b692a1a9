"""When a target orders: the rows on which orders arrive, and the columns that a mask's changes order."""

import math

import numpy as np

from rustybt_ray._typing import BoolArray, FloatArray, IntArray
from rustybt_ray.engine._jit import as_vector, kernel
from rustybt_ray.engine.structures import (
    CHANGE_CELLS,
    DENSE,
    FINE,
    INFINITE,
    MASK_CHANGE,
    NEVER,
    OVERWEIGHT,
    Book,
    ByteArray,
    Record,
    Target,
)

ONE, SEVEN_BYTES = np.uint64(1), np.uint64(56)
BYTE_NUMBERS = np.uint64(0x0001020304050607)


@kernel
def list_arrivals(target: Target, rules: Record, account: Record, book: Book, low: int, high: int, lag: int) -> None:
    """The rows on which orders of the decision rows [low, high] arrive, `lag` rows after them, and `NEVER` behind them."""
    if target.kind == DENSE:
        count = list_weights(rules, account, target.weights, book.arrivals, low, high, lag)
    elif target.kind == MASK_CHANGE:
        count = list_changes(
            target.mask, book.arrivals, book.starts, book.changes, book.change, book.found, low, high, lag
        )
    else:
        count = list_scheduled(target.scheduled, book.arrivals, low, high, lag)
    book.arrivals[count] = NEVER


@kernel
def find_changes(flat: ByteArray, assets: int, start: int, change: ByteArray, found: IntArray) -> int:
    """Words of the block of cells from `start` on where a mask differs from its row before (before the first: false).

    The difference is taken over the flat mask, so that it vectorises whatever the number of assets, and searched by words; a
    block at a time, so that `change` stays in the processor's first cache and no worker keeps a byte for each cell.
    """
    cells = min(len(flat) - start, CHANGE_CELLS)
    first = min(max(assets - start, 0), cells)  # cells of the first row
    for i in range(first):
        change[i] = flat[start + i] != 0
    later, before = flat[start + first : start + cells], flat[start + first - assets : start + cells - assets]
    differs = change[first:cells]
    for i in range(len(later)):
        differs[i] = (later[i] != 0) != (before[i] != 0)
    words = -(-cells // 8)
    for i in range(cells, 8 * words):
        change[i] = 0
    changed, count = as_vector(change, np.uint64)[:words], 0
    for w in range(words):
        found[count] = w
        count += 1 if changed[w] != 0 else 0
    return count


@kernel
def list_changes(
    mask: ByteArray, arrivals: IntArray, starts: IntArray, changes: IntArray, change: ByteArray, found: IntArray, low: int,
    high: int, lag: int,
) -> int:  # fmt: skip
    """Rows of [low, high] where a mask differs from its row before, as they arrive, and the columns; how many rows.

    Columns beyond the last place of `changes` are not kept.
    """
    assets, room = mask.shape[1], len(changes) - 1
    flat, changed = as_vector(mask, np.uint8)[low * assets : (high + 1) * assets], as_vector(change, np.uint64)
    rows, cells, last, inverse = 0, 0, -1, 1.0 / assets
    starts[0] = 0
    for start in range(0, len(flat), CHANGE_CELLS):
        for k in range(find_changes(flat, assets, start, change, found)):
            word = changed[found[k]]
            while word != 0:
                # the byte of the lowest one, found by a product: bytes are zero or one
                byte = (word & (~word + ONE)) * BYTE_NUMBERS >> SEVEN_BYTES
                cell = start + 8 * found[k] + np.int64(byte)
                # what `cell // assets` is, by a product: half a cell is far more than it rounds
                d = int((cell + 0.5) * inverse)
                rows += 1 if d != last else 0
                last = d
                arrivals[rows - 1] = low + d + lag
                changes[min(cells, room)] = cell - d * assets
                cells += 1
                starts[rows] = cells
                word &= word - ONE
    return rows


@kernel
def list_weights(
    rules: Record, account: Record, weights: FloatArray, arrivals: IntArray, low: int, high: int, lag: int
) -> int:
    """Rows of [low, high] that order anything, as they arrive, and how many; notes the first row that orders too much."""
    count = 0
    for d in range(low, high + 1):
        gross, ordered = 0.0, 0
        for a in range(weights.shape[1]):
            if not math.isnan(weights[d, a]):
                ordered += 1
                gross += abs(weights[d, a])
        arrivals[count] = d + lag
        count += 1 if ordered > 0 else 0
        if account.status == FINE and gross == math.inf:
            account.status, account.status_row = INFINITE, d
        if account.status == FINE and ordered == weights.shape[1] and gross > rules.max_leverage + 1e-9:
            account.status, account.status_row = OVERWEIGHT, d
    return count


@kernel
def list_scheduled(scheduled: BoolArray, arrivals: IntArray, low: int, high: int, lag: int) -> int:
    """The scheduled rows of [low, high], as they arrive, and how many."""
    count = 0
    for d in range(low, high + 1):
        arrivals[count] = d + lag
        count += 1 if scheduled[d] else 0
    return count
