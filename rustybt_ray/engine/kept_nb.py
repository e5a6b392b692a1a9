"""A session of the ledger where open orders are kept, in the order of zipline's: morning, bar, evening."""

import math

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.engine._jit import kernel
from rustybt_ray.engine.arrivals_nb import list_arrivals
from rustybt_ray.engine.blotter import (
    BAR_DONE,
    CANCEL_POLICY,
    ENTERED,
    EVENING_DONE,
    FRESH,
    HOLDINGS,
    MORNING_DONE,
    NEVER_CANCEL,
    OPEN_ORDERS,
    ORDERS,
    PHASE,
    PURCHASES,
    RECYCLE,
    REPORTS,
    ROW,
    TAKEN,
    TOUCHES,
    TRANSACTIONS,
    Blotter,
    Stocks,
    Tape,
)
from rustybt_ray.engine.book_nb import (
    announced,
    cancel_asset,
    cancel_at_close,
    enter,
    fill_book,
    report_orders,
    settle,
    split_orders,
    take_in,
    write_transaction,
)
from rustybt_ray.engine.events_nb import apply_splits, credit_dividends, event_at, finance, pay_claims, span
from rustybt_ray.engine.fills_nb import close_trip, count_turnover, hold, log_fill
from rustybt_ray.engine.ledger_nb import log_rows
from rustybt_ray.engine.orders_nb import fixed_share, ordered_columns, row_share, target_weight
from rustybt_ray.engine.rounding_nb import round_shares
from rustybt_ray.engine.structures import (
    BASIS,
    DELISTINGS,
    DIVIDENDS,
    ENTRY,
    EQUITY,
    FILL_DELISTING,
    FINE,
    GROSS,
    LAST_SALE,
    PAYMENTS,
    SALE_ROW,
    SHARES,
    SPLITS,
    TRIP,
    Book,
    Log,
    Market,
    Record,
    Target,
)

STEP = 2.0**-52


@kernel
def earn_shares(cells: FloatArray, blotter: Blotter, stocks: Stocks, row: int) -> None:
    """Dividends in shares on the shares held over the row before: a claim in whole shares until the pay row."""
    dividends = stocks.dividends
    for e in range(np.searchsorted(dividends[:, 0], row), len(dividends)):
        if dividends[e, 0] != row:
            break
        owed = cells[SHARES, int(dividends[e, 1])] * dividends[e, 2]
        near = np.rint(owed)
        # a number within one step of floating point of a whole one is meant to be it
        blotter.stock_claims[e] = near if abs(owed - near) <= STEP * abs(near) else np.trunc(owed)


@kernel
def pay_shares(account: Record, book: Book, blotter: Blotter, stocks: Stocks, row: int) -> None:
    """Shares arrive: a new position costs nothing, another keeps its cost basis."""
    cells, payments = book.cells, stocks.payments
    for at in range(np.searchsorted(payments[:, 0], row), len(payments)):
        if payments[at, 0] != row:
            break
        e = payments[at, 1]
        shares, a = blotter.stock_claims[e], int(stocks.dividends[e, 3])
        blotter.stock_claims[e] = 0.0
        if shares == 0.0:
            continue
        if cells[ENTRY, a] == 0.0:
            blotter.counts[PURCHASES] += 1
            cells[ENTRY, a] = blotter.counts[PURCHASES]
            cells[BASIS, a] = cells[LAST_SALE, a] = 0.0
            cells[SALE_ROW, a] = -1.0
        hold(account, cells, book.held, a, cells[SHARES, a] + shares)
        if cells[SHARES, a] == 0.0:
            close_trip(account, cells, a)


@kernel
def forget_split_away(cells: FloatArray, splits: FloatArray, low: int, high: int) -> None:
    """A position that a row's split left without a share is none any more."""
    for e in range(low, high):
        a = int(splits[e, 1])
        if cells[SHARES, a] == 0.0:
            cells[ENTRY, a] = 0.0


@kernel
def has_ended(listing: IntArray, row: int, a: int) -> bool:
    """Whether the last bar of asset `a` is before the row; one that never had a bar does not end."""
    return 0 <= listing[1, a] < row


@kernel
def next_expired(market: Market, account: Record, book: Book, row: int, after: float) -> int:
    """The asset that has ended, is held and was bought first after purchase number `after`; -1 if there is none.

    A position of no shares, such as dividends in shares leave of a short, is one on the row of the delisting.
    """
    cells, held, delistings = book.cells, book.held, market.delistings
    found, best = -1, math.inf
    for k in range(account.positions):
        a = held[k]
        if has_ended(market.listing, row, a) and after < cells[ENTRY, a] < best:
            found, best = a, cells[ENTRY, a]
    low, high = span(market.event_starts, event_at(market.event_rows, row), DELISTINGS)
    for e in range(low, high):
        a = delistings[e, 1]
        if after < cells[ENTRY, a] < best:
            found, best = a, cells[ENTRY, a]
    return found


@kernel
def close_expired(
    market: Market, rules: Record, account: Record, book: Book, blotter: Blotter, tape: Tape, log: Log, row: int
) -> None:
    """Positions and open orders of assets that have ended before the row end, at the last price and free of charge."""
    cells, purchase = book.cells, 0.0
    while True:
        a = next_expired(market, account, book, row, purchase)
        if a < 0:
            break
        purchase = cells[ENTRY, a]
        shares, price = cells[SHARES, a], cells[LAST_SALE, a] * (1.0 + rules.delisting_return)
        cells[ENTRY, a] = 0.0
        if shares != 0.0:
            account.cash += shares * price
            account.notional += abs(shares) * price
            account.row_notional += abs(shares) * price
            cells[TRIP, a] += shares * price
            hold(account, cells, book.held, a, 0.0)
            close_trip(account, cells, a)
            log_fill(account, log.fills, row, a, -shares, price, (0.0, 0.0), FILL_DELISTING)
        else:
            price = market.mark[a, row]
        write_transaction(blotter, tape, row, a, -shares, price, -1, 0.0, price)
    count = 0
    for k in range(blotter.counts[ENTERED]):
        a = blotter.entered[k]
        if has_ended(market.listing, row, a):
            cancel_asset(blotter, tape, a, row)
            blotter.in_book[a] = 0
        else:
            blotter.entered[count] = a
            count += 1
    blotter.counts[ENTERED] = count


@kernel
def mark_positions(market: Market, account: Record, book: Book, row: int) -> None:
    """Mark what is held at the row's prices, where there is one, and find the value."""
    cells, held = book.cells, book.held
    longs = shorts = 0.0
    for k in range(account.positions):
        a = held[k]
        price = market.mark[a, row]
        # shares that arrived after the end of their asset have no price
        if not math.isnan(price) and (row <= market.listing[1, a] or cells[LAST_SALE, a] != 0.0):
            cells[LAST_SALE, a], cells[SALE_ROW, a] = price, row
        worth = cells[SHARES, a] * cells[LAST_SALE, a]
        if worth > 0.0:
            longs += worth
        else:
            shorts += worth
    account.longs, account.shorts = longs, shorts
    account.value = account.cash + account.claims + (longs + shorts)


@kernel
def stand(account: Record, book: Book) -> float:
    """Value of the positions at the prices they were last marked at."""
    total = 0.0
    for k in range(account.positions):
        a = book.held[k]
        total += book.cells[SHARES, a] * book.cells[LAST_SALE, a]
    return total


@kernel
def kept_morning(
    market: Market, stocks: Stocks, rules: Record, account: Record, book: Book, blotter: Blotter, tape: Tape, log: Log,
    first: int, row: int,
) -> None:  # fmt: skip
    """Financing, dividends and splits before the bar; what the session started with is noted between the two."""
    cells, mark, starts, event = book.cells, market.mark, market.event_starts, event_at(market.event_rows, row)
    if rules.financing and row > first and market.days[row] > 0.0:
        finance(rules, account, cells, mark, row, market.days[row])
    earn_shares(cells, blotter, stocks, row)
    # what a morning brings is added up first, as zipline does: the same last digits of the cash
    cash, account.cash = account.cash, 0.0
    low, high = span(starts, event, PAYMENTS)
    pay_claims(rules, account, book.claims, market.payments, low, high)
    low, high = span(starts, event, DIVIDENDS)
    credit_dividends(rules, account, cells, book.claims, market.dividends, low, high, row)
    account.cash += cash
    pay_shares(account, book, blotter, stocks, row)
    if tape.daily.shape[0] > 0:
        tape.daily[row - first, 0] = account.cash + account.claims
        tape.daily[row - first, 1] = stand(account, book)
    low, high = span(starts, event, SPLITS)
    split_orders(market.splits, blotter, low, high)
    cash, account.cash = account.cash, 0.0
    apply_splits(rules, account, cells, book.held, book.decided, log.fills, mark, market.splits, low, high, row)
    account.cash += cash
    forget_split_away(cells, market.splits, low, high)
    if not rules.delist_at_end:
        close_expired(market, rules, account, book, blotter, tape, log, row)


@kernel
def kept_bar(
    market: Market, rules: Record, account: Record, book: Book, blotter: Blotter, tape: Tape, log: Log, row: int
) -> None:
    """The bar's fills, then the value that whoever decides at this close sees."""
    fill_book(market, rules, account, book, blotter, tape, log.fills, row)
    settle(account, book, blotter)
    mark_positions(market, account, book, row)


@kernel
def write_day(rules: Record, account: Record, book: Book, blotter: Blotter, tape: Tape, first: int, row: int) -> None:
    """The session's figures, positions and orders, as they are at its end."""
    cells, day, lines = book.cells, tape.daily[row - first], tape.holdings
    day[2], day[3], day[4] = account.cash + account.claims, account.longs, account.shorts
    day[5] = day[6] = 0.0
    for k in range(account.positions):
        a = book.held[k]
        worth = cells[SHARES, a] * cells[LAST_SALE, a]
        day[5] += 1.0 if worth > 0.0 else 0.0
        day[6] += 1.0 if worth < 0.0 else 0.0
        at = blotter.counts[HOLDINGS]
        lines[at, 0], lines[at, 1], lines[at, 2], lines[at, 3] = row, a, cells[SHARES, a], cells[BASIS, a]
        lines[at, 4], lines[at, 5] = cells[LAST_SALE, a], cells[ENTRY, a]
        blotter.counts[HOLDINGS] += 1
    day[7] = account.cash + account.claims - rules.capital
    report_orders(blotter, tape, row)


@kernel
def kept_evening(
    market: Market,
    rules: Record,
    account: Record,
    book: Book,
    blotter: Blotter,
    tape: Tape,
    log: Log,
    first: int,
    row: int,
) -> None:
    """Delistings, the cancel policy, and the day's value."""
    curves, policy = book.curves, blotter.counts[CANCEL_POLICY]
    announced(blotter, tape)
    if rules.delist_at_end:
        close_expired(market, rules, account, book, blotter, tape, log, row)
    if policy != NEVER_CANCEL:
        cancel_at_close(blotter, tape, row, policy)
    mark_positions(market, account, book, row)
    curves[EQUITY, row], curves[GROSS, row] = account.value, account.longs - account.shorts
    if account.value <= 0.0:
        account.ruined = 1.0
    if account.row_notional > 0.0:
        count_turnover(market, rules, account, curves, first, row)
    if tape.daily.shape[0] > 0:
        write_day(rules, account, book, blotter, tape, first, row)


@kernel
def advance(
    market: Market, stocks: Stocks, rules: Record, account: Record, book: Book, blotter: Blotter, tape: Tape, log: Log,
    first: int, last: int, target: int, phase: int,
) -> int:  # fmt: skip
    """Go on until `phase` of row `target` is done; 0 then, 1 if the tape or the book must grow first."""
    counts = blotter.counts
    while True:
        row, done = counts[ROW], counts[PHASE]
        if row == target and done == phase:
            return 0
        if lacks_room(account, blotter, tape):
            return 1
        if done == EVENING_DONE:
            counts[ROW] = row + 1
            kept_morning(market, stocks, rules, account, book, blotter, tape, log, first, row + 1)
            counts[PHASE] = MORNING_DONE
        elif done == MORNING_DONE:
            kept_bar(market, rules, account, book, blotter, tape, log, row)
            counts[PHASE] = BAR_DONE
        else:
            take_in(blotter, tape, row)
            kept_evening(market, rules, account, book, blotter, tape, log, first, row)
            counts[PHASE] = EVENING_DONE


@kernel
def lacks_room(account: Record, blotter: Blotter, tape: Tape) -> bool:
    """Whether the next phase of a session might write more than there is room for."""
    counts = blotter.counts
    if counts[ORDERS] + counts[TAKEN] > blotter.orders.shape[0]:
        return True
    if tape.daily.shape[0] == 0:
        return False
    assets = blotter.head.shape[0]
    named = counts[OPEN_ORDERS] + counts[TAKEN] + counts[FRESH] + counts[TOUCHES]
    return (
        counts[TRANSACTIONS] + counts[OPEN_ORDERS] + assets > tape.transactions.shape[0]
        or counts[REPORTS] + named > tape.reports.shape[0]
        or counts[HOLDINGS] + assets > tape.holdings.shape[0]
    )


@kernel
def place_targets(
    market: Market, target: Target, rules: Record, account: Record, book: Book, blotter: Blotter, d: int, low: int,
    value: float,
) -> bool:  # fmt: skip
    """Orders of decision row d at its own close, in column order; false if the book has no room for them.

    An order is for the target position at `value`, less the shares held, rounded; open orders are not counted.
    """
    cells, kind, weights, mask = book.cells, target.kind, target.weights, target.mask
    share = row_share(market, target, rules, account, d, fixed_share(rules, target))
    count = ordered_columns(kind, weights, mask, d, low, book.queue)
    counts = blotter.counts
    if counts[OPEN_ORDERS] + count > blotter.orders.shape[0]:
        return False
    for k in range(count):
        a = book.queue[k]
        price = market.mark[a, d]
        if not market.listing[0, a] <= d <= market.listing[1, a] or not price > 0.0:
            continue
        weight = target_weight(kind, weights, mask, share, d, a)
        amount = round_shares(weight * value / price - cells[SHARES, a])
        if amount != 0.0:
            enter(blotter, a, amount, np.nan, np.nan, d)
    return True


@kernel
def clear_book(blotter: Blotter) -> None:
    """No orders, nothing owed."""
    blotter.counts[:] = 0
    blotter.head[:] = blotter.tail[:] = -1
    blotter.length[:] = blotter.in_book[:] = 0
    blotter.stock_claims[:] = 0.0


@kernel
def run_kept(
    market: Market, stocks: Stocks, target: Target, rules: Record, book: Book, blotter: Blotter, tape: Tape, log: Log,
    first: int, last: int,
) -> bool:  # fmt: skip
    """Run rows first..last of a target whose orders are kept; false if the book must grow first."""
    account, counts, arrivals, k = book.account[0], blotter.counts, book.arrivals, 0
    low, lag = max(first - 1 - rules.delay, 0), 1 + rules.delay
    clear_book(blotter)
    counts[RECYCLE] = 1
    list_arrivals(target, rules, account, book, low, last - lag, lag)
    if account.status != FINE:
        return True
    while arrivals[k] - lag < first:
        if not place_targets(market, target, rules, account, book, blotter, arrivals[k] - lag, low, rules.capital):
            return False
        k += 1
    for row in range(first, last + 1):
        kept_morning(market, stocks, rules, account, book, blotter, tape, log, first, row)
        kept_bar(market, rules, account, book, blotter, tape, log, row)
        if arrivals[k] - lag == row:
            if not place_targets(market, target, rules, account, book, blotter, row, low, account.value):
                return False
            k += 1
        kept_evening(market, rules, account, book, blotter, tape, log, first, row)
        if log.positions.shape[0] > 0:
            log_rows(account, book.cells, log, row, row + 1)
    return True
