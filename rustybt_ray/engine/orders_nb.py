"""From targets to orders: which assets are ordered, how many shares."""

import math

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.engine._jit import kernel
from rustybt_ray.engine.fills_nb import end_order, whole_part
from rustybt_ray.engine.structures import (
    CHARGED,
    CUT,
    DENSE,
    DONE_NOTIONAL,
    DONE_SHARES,
    FINE,
    MASK_CHANGE,
    NONE,
    OVERWEIGHT,
    PRICE,
    REST,
    SHARES,
    SIZED,
    STAGE,
    UNSIZED,
    VOLUME,
    WEIGHT,
    ByteArray,
    Market,
    Record,
    Target,
)


@kernel
def fixed_share(rules: Record, target: Target) -> float:
    """Weight of each true cell where it is the same on every row; else 0."""
    if target.kind != DENSE and target.slots >= target.mask.shape[1] and rules.max_leverage >= 1.0:
        return 1.0 / target.slots
    return 0.0


@kernel
def mask_share(rules: Record, account: Record, mask: ByteArray, slots: int, listing: IntArray, d: int) -> float:
    """Weight of each true cell of row d: 1 / max(slots, number true); no slots: the columns listed."""
    assets, count = mask.shape[1], 0
    for a in range(assets):
        count += 1 if mask[d, a] != 0 else 0
    if slots == 0:
        for a in range(assets):
            slots += 1 if listing[0, a] <= d <= listing[1, a] else 0
    share = 1.0 / max(slots, count, 1)
    if account.status == FINE and share * count > rules.max_leverage + 1e-9:
        account.status, account.status_row = OVERWEIGHT, d
    return share


@kernel
def row_share(market: Market, target: Target, rules: Record, account: Record, d: int, fixed: float) -> float:
    """Weight of a true cell of row d, which is `fixed` unless that is 0; nothing for dense weights."""
    if target.kind == DENSE or fixed > 0.0:
        return fixed
    return mask_share(rules, account, target.mask, target.slots, market.listing, d)


@kernel
def target_weight(kind: int, weights: FloatArray, mask: ByteArray, share: float, d: int, a: int) -> float:
    """Weight that row d gives to asset `a`."""
    if kind == DENSE:
        return weights[d, a]
    return share if mask[d, a] != 0 else 0.0


@kernel
def ordered_columns(kind: int, weights: FloatArray, mask: ByteArray, d: int, low: int, columns: IntArray) -> int:
    """Columns that row d orders, in order; their number. `low` is the segment's first decision row."""
    count, assets = 0, len(columns)
    # counting without a branch: which assets change is not for the processor to guess
    if kind == MASK_CHANGE:
        row, before = mask[d], mask[max(d - 1, low)]
        for a in range(assets):
            columns[count] = a
            count += 1 if (row[a] != 0) != (before[a] != 0 and d > low) else 0
    elif kind == DENSE:
        for a in range(assets):
            columns[count] = a
            count += 0 if math.isnan(weights[d, a]) else 1
    else:
        for a in range(assets):
            columns[a] = a
        count = assets
    return count


@kernel
def decide_counts(
    rules: Record, cells: FloatArray, decided: FloatArray, mark: FloatArray, columns: IntArray, kind: int,
    weights: FloatArray, mask: ByteArray, share: float, d: int, value: float,
) -> None:  # fmt: skip
    """Counts of row d's orders at its own close: target position at `value` less the shares held (NaN: no price yet)."""
    slot = d % (rules.delay + 1)
    for i in range(len(columns)):
        a = columns[i]
        shares = target_weight(kind, weights, mask, share, d, a) * value / mark[a, d]
        if rules.whole and not math.isnan(shares):
            shares = whole_part(shares)
        decided[slot, a] = shares - cells[SHARES, a]


@kernel
def place_orders(
    rules: Record, account: Record, cells: FloatArray, decided: FloatArray, columns: IntArray, listing: IntArray, kind: int,
    weights: FloatArray, mask: ByteArray, share: float, row: int, d: int,
) -> None:  # fmt: skip
    """Decision row d's orders replace the open orders of the same assets."""
    slot = d % (rules.delay + 1)
    for i in range(len(columns)):
        a = columns[i]
        weight = target_weight(kind, weights, mask, share, d, a)
        end_order(account, cells, a)
        if row > listing[1, a] or (weight == 0.0 and cells[SHARES, a] == 0.0 and not rules.decision_sizing):
            continue
        cells[WEIGHT, a] = weight
        cells[DONE_SHARES, a] = cells[DONE_NOTIONAL, a] = cells[CHARGED, a] = cells[CUT, a] = 0.0
        sized = rules.decision_sizing and not math.isnan(decided[slot, a])
        if sized and decided[slot, a] == 0.0:
            continue
        cells[REST, a] = decided[slot, a] if sized else 0.0
        cells[STAGE, a] = SIZED if sized else UNSIZED
        account.open_orders += 1


@kernel
def traded_price(market: Market, row: int, a: int) -> float:
    """The price that orders fill at, NaN without a bar: from the marks, which are in the cache already, if it is there."""
    if market.gapless != 0 and market.listing[0, a] <= row <= market.listing[1, a]:
        return market.mark[a, row]
    return market.price[row, a]


@kernel
def row_price(price: FloatArray, mark: FloatArray, row: int, a: int) -> float:
    """The price of a valuation: the carried close where there is no bar."""
    p = price[row, a]
    return mark[a, row] if math.isnan(p) else p


@kernel
def find_value(
    account: Record, cells: FloatArray, held: IntArray, price: FloatArray, mark: FloatArray, row: int
) -> float:
    """The value before the row's first fill."""
    longs = shorts = 0.0
    for i in range(account.positions):
        a = held[i]
        worth = cells[SHARES, a] * row_price(price, mark, row, a)
        if worth > 0.0:
            longs += worth
        else:
            shorts += worth
    account.row_longs, account.row_shorts = longs, shorts
    return account.cash + account.claims + (longs + shorts)


@kernel
def open_columns(cells: FloatArray, columns: IntArray) -> int:
    """Columns with an open order, in order; their number."""
    count = 0
    for a in range(len(columns)):
        columns[count] = a
        count += 1 if cells[STAGE, a] != NONE else 0
    return count


@kernel
def count_shares(
    rules: Record, account: Record, cells: FloatArray, columns: IntArray, price: FloatArray, mark: FloatArray,
    volume: FloatArray, row: int, value: float,
) -> None:  # fmt: skip
    """Set prices and volumes of the open orders (no volume: no bar), and the counts of those without one that have a bar."""
    for i in range(len(columns)):
        a = columns[i]
        p = price[row, a]
        cells[PRICE, a] = mark[a, row] if math.isnan(p) else p
        cells[VOLUME, a] = 0.0 if math.isnan(p) else volume[row, a]
        if cells[STAGE, a] == UNSIZED and not math.isnan(p):
            shares = cells[WEIGHT, a] * value / p
            if rules.whole:
                shares = whole_part(shares)
            cells[REST, a] = shares - cells[SHARES, a]
            cells[STAGE, a] = SIZED
            if cells[REST, a] == 0.0:
                end_order(account, cells, a)
