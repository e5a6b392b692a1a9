"""The ledger: one segment of one trial, from decisions to the value at every close.

Rows on which nothing happens are not visited: positions stand still between two visited rows, and those rows are valued
asset by asset along the panel's time-major marks, in one sweep.
"""

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.engine._jit import as_vector, kernel
from rustybt_ray.engine.arrivals_nb import list_arrivals
from rustybt_ray.engine.events_nb import (
    apply_splits,
    close_delisted,
    credit_dividends,
    event_at,
    finance,
    pay_claims,
    span,
    split_decided,
)
from rustybt_ray.engine.fills_nb import count_turnover, end_order, fill_part
from rustybt_ray.engine.orders_nb import (
    count_shares,
    decide_counts,
    find_value,
    fixed_share,
    open_columns,
    ordered_columns,
    place_orders,
    row_share,
    target_weight,
    traded_price,
)
from rustybt_ray.engine.simple_nb import fill_all, fill_single, find_counts, split_columns
from rustybt_ray.engine.structures import (
    BAR_SHARES,
    DELISTINGS,
    DIVIDENDS,
    EQUITY,
    FINE,
    GROSS,
    LANES,
    MASK_CHANGE,
    NEVER,
    PAYMENTS,
    REST,
    SHARES,
    SIZED,
    SPLITS,
    STAGE,
    VOLUME,
    Book,
    Log,
    Market,
    Record,
    Target,
)

P1, P2, P3, P4, P5, P6, P7 = (np.uint64(i) for i in range(1, 8))


@kernel
def value_lanes(
    cells: FloatArray,
    held: IntArray,
    marks: FloatArray,
    rows: int,
    gross: FloatArray,
    equity: FloatArray,
    cash: float,
    t: int,
) -> None:
    """Value eight rows from `t` on with long positions only; written out so that the compiler keeps them in one register."""
    v0 = v1 = v2 = v3 = v4 = v5 = v6 = v7 = 0.0
    for i in range(len(held)):
        a = held[i]
        shares, k = cells[SHARES, a], np.uint64(a * rows + t)
        v0 += shares * marks[k]
        v1 += shares * marks[k + P1]
        v2 += shares * marks[k + P2]
        v3 += shares * marks[k + P3]
        v4 += shares * marks[k + P4]
        v5 += shares * marks[k + P5]
        v6 += shares * marks[k + P6]
        v7 += shares * marks[k + P7]
    k = np.uint64(t)
    gross[k], gross[k + P1], gross[k + P2], gross[k + P3] = v0, v1, v2, v3
    gross[k + P4], gross[k + P5], gross[k + P6], gross[k + P7] = v4, v5, v6, v7
    equity[k], equity[k + P1], equity[k + P2], equity[k + P3] = cash + v0, cash + v1, cash + v2, cash + v3
    equity[k + P4], equity[k + P5], equity[k + P6], equity[k + P7] = cash + v4, cash + v5, cash + v6, cash + v7


@kernel
def value_single(
    shares: float,
    a: int,
    marks: FloatArray,
    rows: int,
    gross: FloatArray,
    equity: FloatArray,
    cash: float,
    t: int,
    high: int,
) -> int:
    """Value eight rows at a time with one long position."""
    while t <= high and t + LANES <= rows:
        k, m = np.uint64(t), np.uint64(a * rows + t)
        v0, v1, v2, v3 = shares * marks[m], shares * marks[m + P1], shares * marks[m + P2], shares * marks[m + P3]
        v4, v5, v6, v7 = shares * marks[m + P4], shares * marks[m + P5], shares * marks[m + P6], shares * marks[m + P7]
        gross[k], gross[k + P1], gross[k + P2], gross[k + P3] = v0, v1, v2, v3
        gross[k + P4], gross[k + P5], gross[k + P6], gross[k + P7] = v4, v5, v6, v7
        equity[k], equity[k + P1], equity[k + P2], equity[k + P3] = cash + v0, cash + v1, cash + v2, cash + v3
        equity[k + P4], equity[k + P5], equity[k + P6], equity[k + P7] = cash + v4, cash + v5, cash + v6, cash + v7
        t += LANES
    return t


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
    """Value the rows [low, high] at their marks with the positions held; the first ruined row of [low, high), or `high`.

    Row `high` gets the value before whatever happens on it.
    """
    cash = account.cash + account.claims
    columns = held[: account.positions]
    t = low
    if account.short_positions == 0:
        marks, gross, equity = as_vector(mark, np.float64), curves[GROSS], curves[EQUITY]
        if len(columns) == 1:
            t = value_single(cells[SHARES, columns[0]], columns[0], marks, mark.shape[1], gross, equity, cash, t, high)
        # rows past `high` are valued too and overwritten when their turn comes
        while t <= high and t + LANES <= mark.shape[1]:
            value_lanes(cells, columns, marks, mark.shape[1], gross, equity, cash, t)
            t += LANES
    while t < min(high + 1, mark.shape[1]):
        value_row(cells, columns, mark, curves, cash, t)
        t += 1
    return first_ruined(curves[EQUITY], low, high) if cash <= 0.0 or account.short_positions > 0 else high


@kernel
def first_ruined(equity: FloatArray, low: int, high: int) -> int:
    """The first row of [low, high) whose value is zero or below, or `high`; hardly ever one is, and counting is quicker."""
    values, count = equity[low:high], 0
    for i in range(len(values)):
        count += 1 if values[i] <= 0.0 else 0
    if count > 0:
        for t in range(low, high):
            if equity[t] <= 0.0:
                return t
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
    market: Market, rules: Record, account: Record, book: Book, fills: FloatArray, first: int, row: int, event: int
) -> None:  # fmt: skip
    """Financing, payments, dividends, splits and delistings before the orders of a row; `event` is its number or -1."""
    cells, held, mark, starts = book.cells, book.held, market.mark, market.event_starts
    if rules.financing and row > first and market.days[row] > 0.0:
        finance(rules, account, cells, mark, row, market.days[row])
    low, high = span(starts, event, PAYMENTS)
    pay_claims(rules, account, book.claims, market.payments, low, high)
    low, high = span(starts, event, DIVIDENDS)
    credit_dividends(rules, account, cells, book.claims, market.dividends, low, high, row)
    low, high = span(starts, event, SPLITS)
    apply_splits(rules, account, cells, held, book.decided, fills, mark, market.splits, low, high, row)
    if not rules.delist_at_end:
        low, high = span(starts, event, DELISTINGS)
        close_delisted(rules, account, cells, held, fills, mark, market.delistings, low, high, row)


@kernel
def decide(
    market: Market, target: Target, rules: Record, account: Record, book: Book, d: int, low: int, value: float
) -> None:
    """Set the counts of row d's orders at its own close."""
    kind, weights, mask = target.kind, target.weights, target.mask
    share = row_share(market, target, rules, account, d, fixed_share(rules, target))
    columns = book.queue[: ordered_columns(kind, weights, mask, d, low, book.queue)]
    decide_counts(rules, book.cells, book.decided, market.mark, columns, kind, weights, mask, share, d, value)


@kernel
def listed_columns(target: Target, book: Book, k: int) -> tuple[int, int]:
    """Where the columns of arrival number `k` begin and end in `changes`; (0, 0) if they are not there."""
    start, stop = book.starts[k], book.starts[k + 1]
    return (start, stop) if target.kind == MASK_CHANGE and stop <= len(book.changes) else (0, 0)


@kernel
def fill_short(
    market: Market, target: Target, rules: Record, account: Record, book: Book, columns: IntArray, row: int, d: int,
    share: float, known: bool,
) -> bool:  # fmt: skip
    """Count and fill the orders of decision row d on `row`; false, and nothing done, where the long way is needed.

    `known`: the row's equity is already the value before its first fill.
    """
    kind, weights, mask, cells = target.kind, target.weights, target.mask, book.cells
    value = book.curves[EQUITY, row]
    if not known:
        value = find_value(account, cells, book.held, market.price, market.mark, row)
    if len(columns) == 1 and (market.traded != 0 or market.volume[row, columns[0]] > 0.0):
        a = columns[0]
        weight = target_weight(kind, weights, mask, share, d, a)
        return fill_single(rules, account, cells, book.held, a, weight, traded_price(market, row, a), value)
    if not find_counts(market, rules, cells, columns, kind, weights, mask, share, row, d, value):
        return False
    selling, buying = split_columns(cells, columns, book.sales, book.purchases)
    fill_all(rules, account, cells, book.held, book.sales[:selling], book.purchases[:buying])
    return True


@kernel
def take_orders(
    market: Market, target: Target, rules: Record, account: Record, book: Book, columns: IntArray, row: int, d: int,
    fixed: float, simple: bool, known: bool,
) -> bool:  # fmt: skip
    """Orders of decision row d arrive on `row`: filled the short way, or placed; whether no others are open."""
    share, pending = row_share(market, target, rules, account, d, fixed), account.open_orders
    short = simple and pending == 0 and account.short_positions == 0
    if short and fill_short(market, target, rules, account, book, columns, row, d, share, known):
        return True
    kind, weights, mask = target.kind, target.weights, target.mask
    place_orders(rules, account, book.cells, book.decided, columns, market.listing, kind, weights, mask, share, row, d)
    return pending == 0


@kernel
def try_orders(
    market: Market, rules: Record, account: Record, book: Book, fills: FloatArray, row: int, columns: IntArray
) -> None:
    """Count and fill the open orders: those of these columns, or all if there are none."""
    cells, held = book.cells, book.held
    if len(columns) == 0:
        columns = book.queue[: open_columns(cells, book.queue)]
    value = find_value(account, cells, held, market.price, market.mark, row)
    count_shares(rules, account, cells, columns, market.price, market.mark, market.volume, row, value)
    fill_orders(rules, account, cells, held, columns, fills, row)


@kernel
def begin(
    market: Market, target: Target, rules: Record, account: Record, book: Book, first: int, last: int, low: int, lag: int
) -> int:  # fmt: skip
    """List when the segment's orders arrive, and decide the counts of the rows before it; how many of them decide."""
    arrivals, decision = book.arrivals, 0
    list_arrivals(target, rules, account, book, low, last - lag, lag)
    if rules.decision_sizing:
        for d in range(low, first):
            start, stop = span(market.event_starts, event_at(market.event_rows, d), SPLITS)
            split_decided(rules, book.decided, market.splits, start, stop)
            if arrivals[decision] - lag == d:
                decide(market, target, rules, account, book, d, low, rules.capital)
                decision += 1
    return decision


@kernel
def event_row(market: Market, event: int) -> int:
    """Row of an event row's number, or `NEVER` behind the last."""
    return market.event_rows[event] if event < len(market.event_rows) else NEVER


@kernel
def next_visit(
    market: Market, rules: Record, book: Book, lag: int, arrival: int, event: int, decision: int, session: int
) -> int:
    """The next row on which anything happens: orders arrive or are decided, an event, the financing of a session."""
    row = min(book.arrivals[arrival], event_row(market, event))
    if rules.decision_sizing:
        row = min(row, book.arrivals[decision] - lag)
    if rules.financing:
        row = min(row, market.closes[session] + 1)
    return row


@kernel
def run_segment(market: Market, target: Target, rules: Record, book: Book, log: Log, first: int, last: int) -> None:
    """Run rows first..last; the account and the curves of those rows are the result."""
    account, cells, held, curves, fills = book.account[0], book.cells, book.held, book.curves, log.fills
    mark, arrivals, replay = market.mark, book.arrivals, log.positions.shape[0] > 0
    simple, fixed = rules.simple != 0 and not replay, fixed_share(rules, target)
    low, lag = max(first - 1 - rules.delay, 0), 1 + rules.delay
    decision = begin(market, target, rules, account, book, first, last, low, lag)
    if account.status != FINE:
        return
    event, session = int(np.searchsorted(market.event_rows, first)), int(np.searchsorted(market.closes, first))
    valued, row, arrival = first, first, 0
    while True:
        if account.open_orders == 0:
            row = min(next_visit(market, rules, book, lag, arrival, event, decision, session), last + 1)
        # positions have stood still since the last row that was visited
        ruined = value_rows(account, cells, held, curves, mark, valued, row)
        if replay:
            log_rows(account, cells, log, valued, row)
        if ruined < row:
            ruin(account, cells, curves, log, ruined, last)
            return
        if row > last:
            return
        valued, happens, columns = row, event_row(market, event) == row, book.queue[:0]
        financed = rules.financing != 0 and market.closes[session] + 1 == row
        if happens or financed:
            morning(market, rules, account, book, fills, first, row, event if happens else -1)
            session += 1 if financed else 0
        if arrivals[arrival] == row:
            known = market.at_close != 0 and not happens and not financed
            start, stop = listed_columns(target, book, arrival)
            columns = book.changes[start:stop]
            if stop == 0:
                count = ordered_columns(target.kind, target.weights, target.mask, row - lag, low, book.queue)
                columns = book.queue[:count]
            if not take_orders(market, target, rules, account, book, columns, row, row - lag, fixed, simple, known):
                columns = book.queue[:0]
            arrival += 1
        if account.open_orders > 0:
            try_orders(market, rules, account, book, fills, row, columns)
        if happens:
            if rules.delist_at_end:
                start, stop = span(market.event_starts, event, DELISTINGS)
                close_delisted(rules, account, cells, held, fills, mark, market.delistings, start, stop, row)
            event += 1
        if account.row_notional > 0.0:
            count_turnover(market, rules, account, curves, first, row)
        if rules.decision_sizing and arrivals[decision] - lag == row:
            value_rows(account, cells, held, curves, mark, row, row)
            decide(market, target, rules, account, book, row, low, curves[EQUITY, row])
            decision += 1
        row += 1
