"""The ledger: one segment of one trial, from decisions to the value at every close.

Rows on which nothing happens are not visited: positions stand still between two visited rows, and those rows are valued
asset by asset along the panel's time-major marks, in one sweep.
"""

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.engine._jit import kernel
from rustybt_ray.engine.events_nb import (
    apply_splits,
    close_delisted,
    credit_dividends,
    finance,
    pay_claims,
    split_decided,
)
from rustybt_ray.engine.fills_nb import end_order, fill_part
from rustybt_ray.engine.orders_nb import (
    count_shares,
    decide_counts,
    find_value,
    mark_changes,
    mark_scheduled,
    mark_weights,
    mask_share,
    open_columns,
    ordered_columns,
    place_orders,
)
from rustybt_ray.engine.simple_nb import fill_all, find_counts, split_columns
from rustybt_ray.engine.structures import (
    ARRIVAL,
    BAR_SHARES,
    DECISION,
    DENSE,
    EQUITY,
    EVENT,
    FINE,
    GROSS,
    LANES,
    MASK_CHANGE,
    REST,
    SHARES,
    SIZED,
    STAGE,
    VOLUME,
    Book,
    ByteArray,
    Log,
    Market,
    Record,
    Target,
)


@kernel
def mark_events(
    rules: Record, active: ByteArray, event_rows: IntArray, days: FloatArray, first: int, last: int
) -> None:
    """Flag the rows of [first, last] on which something happens to positions or cash."""
    for i in range(np.searchsorted(event_rows, first), len(event_rows)):
        if event_rows[i] > last:
            break
        active[event_rows[i]] |= EVENT
    if rules.financing:
        for t in range(first + 1, last + 1):
            if days[t] > 0.0:
                active[t] |= EVENT


@kernel
def next_flagged(active: ByteArray, words: np.ndarray, row: int, last: int) -> int:
    """The first flagged row from `row` on, or last + 1."""
    while row <= last and active[row] == 0:
        row += 1
        if row % 8 == 0:
            while row <= last and words[row // 8] == 0:
                row += 8
    return min(row, last + 1)


@kernel
def value_lanes(cells: FloatArray, held: IntArray, mark: FloatArray, curves: FloatArray, cash: float, t: int) -> None:
    """Value eight rows from `t` on with long positions only; written out so that the compiler keeps them in one register."""
    v0 = v1 = v2 = v3 = v4 = v5 = v6 = v7 = 0.0
    for i in range(len(held)):
        shares, marks = cells[SHARES, held[i]], mark[held[i], t : t + LANES]
        v0 += shares * marks[0]
        v1 += shares * marks[1]
        v2 += shares * marks[2]
        v3 += shares * marks[3]
        v4 += shares * marks[4]
        v5 += shares * marks[5]
        v6 += shares * marks[6]
        v7 += shares * marks[7]
    gross, equity = curves[GROSS, t : t + LANES], curves[EQUITY, t : t + LANES]
    gross[0], gross[1], gross[2], gross[3] = v0, v1, v2, v3
    gross[4], gross[5], gross[6], gross[7] = v4, v5, v6, v7
    equity[0], equity[1], equity[2], equity[3] = cash + v0, cash + v1, cash + v2, cash + v3
    equity[4], equity[5], equity[6], equity[7] = cash + v4, cash + v5, cash + v6, cash + v7


@kernel
def value_row(cells: FloatArray, held: IntArray, mark: FloatArray, curves: FloatArray, cash: float, t: int) -> None:
    """Value one row."""
    longs = shorts = 0.0
    for i in range(len(held)):
        worth = cells[SHARES, held[i]] * mark[held[i], t]
        if worth > 0.0:
            longs += worth
        else:
            shorts += worth
    curves[GROSS, t] = longs - shorts
    curves[EQUITY, t] = cash + (longs + shorts)


@kernel
def value_rows(
    account: Record, cells: FloatArray, held: IntArray, curves: FloatArray, mark: FloatArray, low: int, high: int
) -> int:
    """Value the rows [low, high) at their marks with the positions held; the first ruined row, or `high`."""
    cash = account.cash + account.claims
    columns = held[: account.positions]
    t = low
    if account.short_positions == 0:
        # rows past `high` are valued too and overwritten when their turn comes
        while t < high and t + LANES <= mark.shape[1]:
            value_lanes(cells, columns, mark, curves, cash, t)
            t += LANES
    while t < high:
        value_row(cells, columns, mark, curves, cash, t)
        t += 1
    if cash <= 0.0 or account.short_positions > 0:
        for u in range(low, high):
            if curves[EQUITY, u] <= 0.0:
                return u
    return high


@kernel
def ruin(account: Record, cells: FloatArray, curves: FloatArray, log: Log, row: int, last: int) -> None:
    """Value zero from `row` on; nothing is held."""
    account.ruined = 1.0
    curves[:, row : last + 1] = 0.0
    cells[SHARES] = 0.0
    account.positions = account.short_positions = 0
    if log.positions.shape[0] > 0:
        log.positions[row : last + 1] = 0.0
        log.cash[row : last + 1] = 0.0


@kernel
def log_rows(account: Record, cells: FloatArray, log: Log, low: int, high: int) -> None:
    """Write positions and cash of rows [low, high) where a replay asked for them."""
    for t in range(low, high):
        log.cash[t] = account.cash
        for a in range(cells.shape[1]):
            log.positions[t, a] = cells[SHARES, a]


@kernel
def fill_orders(
    rules: Record, account: Record, cells: FloatArray, held: IntArray, columns: IntArray, fills: FloatArray, row: int
) -> None:
    """Try the open orders of `columns`: reductions first, then openings, each in column order (or both in one pass)."""
    for turn in range(2):
        for i in range(len(columns)):
            a = columns[i]
            if cells[STAGE, a] != SIZED or not cells[VOLUME, a] > 0.0:
                continue
            if turn == 0:
                cells[BAR_SHARES, a] = 0.0
                fill_part(rules, account, cells, held, fills, row, a, False)
            if turn == 1 if rules.reduce_first else turn == 0:
                fill_part(rules, account, cells, held, fills, row, a, True)
    for i in range(len(columns)):
        if cells[STAGE, columns[i]] == SIZED and cells[REST, columns[i]] == 0.0:
            end_order(account, cells, columns[i])
    account.cash -= account.after_bar
    account.after_bar = 0.0


@kernel
def morning(
    market: Market, rules: Record, account: Record, book: Book, fills: FloatArray, first: int, row: int
) -> None:
    """Financing, payments, dividends, splits and delistings before the orders of a row."""
    cells, held, mark = book.cells, book.held, market.mark
    if rules.financing and row > first and market.days[row] > 0.0:
        finance(rules, account, cells, mark, row, market.days[row])
    pay_claims(rules, account, book.claims, market.payments, row)
    credit_dividends(rules, account, cells, book.claims, market.dividends, row)
    apply_splits(rules, account, cells, held, book.decided, fills, mark, market.splits, row)
    if not rules.delist_at_end:
        close_delisted(rules, account, cells, held, fills, mark, market.delistings, row)


@kernel
def mark_decisions(target: Target, rules: Record, account: Record, book: Book, low: int, high: int, lag: int) -> None:
    """Flag the decision rows of [low, high] and the rows their orders arrive on."""
    if target.kind == DENSE:
        mark_weights(rules, account, target.weights, book.active, low, high, lag)
    elif target.kind == MASK_CHANGE:
        mark_changes(target.mask, book.active, book.change, low, high, lag)
    else:
        mark_scheduled(target.scheduled, book.active, low, high, lag)


@kernel
def run_segment(market: Market, target: Target, rules: Record, book: Book, log: Log, first: int, last: int) -> None:
    """Run rows first..last; the account and the curves of those rows are the result."""
    mark, price, volume, listing = market.mark, market.price, market.volume, market.listing
    kind, weights, mask, slots = target.kind, target.weights, target.mask, target.slots
    account, cells, decided, active, change = book.account[0], book.cells, book.decided, book.active, book.change
    curves, fills, queue, held, previous_close = book.curves, log.fills, book.queue, book.held, market.previous_close
    replay, dense, by_decision = log.positions.shape[0] > 0, kind == DENSE, rules.decision_sizing != 0
    sales, purchases = book.sales, book.purchases
    simple, traded = rules.simple != 0 and not replay, market.traded
    low, lag = max(first - 1 - rules.delay, 0), 1 + rules.delay
    active[low : last + 1] = 0
    mark_decisions(target, rules, account, book, low, last - lag, lag)
    if account.status != FINE:
        return
    mark_events(rules, active, market.event_rows, market.days, first, last)
    words = active.view(np.uint64)
    if by_decision:
        for d in range(low, first):
            split_decided(rules, decided, market.splits, d)
            if active[d] & DECISION:
                share = mask_share(rules, account, mask, slots, listing, d) if not dense else 0.0
                columns = queue[: ordered_columns(kind, weights, mask, change, d, low, queue)]
                decide_counts(rules, cells, decided, mark, columns, kind, weights, mask, share, d, rules.capital)
    valued, row = first, first - 1
    while True:
        row += 1
        if account.open_orders == 0:
            row = next_flagged(active, words, row, last)
        if row > last:
            break
        flags = active[row]
        if valued < row:
            ruined = value_rows(account, cells, held, curves, mark, valued, row)
            if replay:
                log_rows(account, cells, log, valued, row)
            if ruined < row:
                ruin(account, cells, curves, log, ruined, last)
                return
            valued = row
        if flags & EVENT:
            morning(market, rules, account, book, fills, first, row)
        count = 0
        if flags & ARRIVAL:
            d = row - lag
            share = mask_share(rules, account, mask, slots, listing, d) if not dense else 0.0
            count = ordered_columns(kind, weights, mask, change, d, low, queue)
            columns, pending, done = queue[:count], account.open_orders, False
            if simple and pending == 0 and account.short_positions == 0:
                value = find_value(account, cells, held, price, mark, row)
                done = find_counts(
                    rules, cells, columns, price, volume, traded, kind, weights, mask, share, row, d, value
                )
                if done:
                    selling, buying = split_columns(cells, columns, sales, purchases)
                    fill_all(rules, account, cells, held, sales[:selling], purchases[:buying])
            if not done:
                place_orders(rules, account, cells, decided, columns, listing, kind, weights, mask, share, row, d)
            count = 0 if pending > 0 else count
        if account.open_orders > 0:
            value = find_value(account, cells, held, price, mark, row)
            columns = queue[: count if count > 0 else open_columns(cells, queue)]
            count_shares(rules, account, cells, columns, price, mark, volume, row, value)
            fill_orders(rules, account, cells, held, columns, fills, row)
        if rules.delist_at_end and flags & EVENT:
            close_delisted(rules, account, cells, held, fills, mark, market.delistings, row)
        if account.row_notional > 0.0:
            before = previous_close[row]
            account.turnover += account.row_notional / (curves[EQUITY, before] if before >= first else rules.capital)
            account.row_notional = 0.0
        if by_decision and flags & DECISION:
            value_rows(account, cells, held, curves, mark, row, row + 1)
            share = mask_share(rules, account, mask, slots, listing, row) if not dense else 0.0
            value = curves[EQUITY, row]
            columns = queue[: ordered_columns(kind, weights, mask, change, row, low, queue)]
            decide_counts(rules, cells, decided, mark, columns, kind, weights, mask, share, row, value)
    ruined = value_rows(account, cells, held, curves, mark, valued, last + 1)
    if replay:
        log_rows(account, cells, log, valued, last + 1)
    if ruined <= last:
        ruin(account, cells, curves, log, ruined, last)
