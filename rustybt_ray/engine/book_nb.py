"""The order book where open orders are kept: placing, cancelling, triggers, fills, and what a session reports."""

import math

import numpy as np

from rustybt_ray._typing import FloatArray
from rustybt_ray.engine._jit import kernel
from rustybt_ray.engine.blotter import (
    AMOUNT,
    BAR_FILLS,
    CANCEL_ALL,
    CANCELLED,
    CHANGED,
    COLUMN,
    COMMISSION,
    CREATED,
    ENTERED,
    FILLED,
    FILLED_UP,
    FREE,
    FRESH,
    LIMIT,
    LIMIT_REACHED,
    NEXT,
    NOTIONAL,
    OPEN,
    OPEN_ORDERS,
    ORDERS,
    PURCHASES,
    RECYCLE,
    REPORTS,
    STATUS,
    STOP,
    STOP_REACHED,
    TAKEN,
    TOUCHED,
    TOUCHES,
    TRANSACTIONS,
    Blotter,
    Tape,
)
from rustybt_ray.engine.fills_nb import book_fill, fill_price, log_fill
from rustybt_ray.engine.rounding_nb import round_cents
from rustybt_ray.engine.structures import (
    BAR_SHARES,
    BASIS,
    ENTRY,
    EVENT_COLUMN,
    EVENT_VALUE,
    FILL_ORDER,
    LAST_SALE,
    PRICE,
    SALE_ROW,
    SHARES,
    Book,
    Market,
    Record,
)


@kernel
def free_row(blotter: Blotter) -> int:
    """A row of the table for a new order: one that an ended order gave back, or the next."""
    counts = blotter.counts
    i = counts[FREE] - 1
    if i >= 0:
        counts[FREE] = int(blotter.orders[i, NEXT]) + 1
        return i
    i = counts[ORDERS]
    counts[ORDERS] += 1
    return i


@kernel
def enter(blotter: Blotter, a: int, amount: float, limit: float, stop: float, row: float) -> int:
    """Put an order at the end of its asset's list; its row of the table. Half a row less is before the row's bar."""
    counts, orders = blotter.counts, blotter.orders
    i = free_row(blotter)
    orders[i] = 0.0
    orders[i, COLUMN], orders[i, AMOUNT], orders[i, LIMIT], orders[i, STOP] = a, amount, limit, stop
    orders[i, CREATED] = orders[i, CHANGED] = row
    orders[i, NEXT] = -1.0
    if blotter.length[a] == 0:
        blotter.head[a] = i
    else:
        orders[blotter.tail[a], NEXT] = i
    blotter.tail[a] = i
    blotter.length[a] += 1
    counts[OPEN_ORDERS] += 1
    if blotter.in_book[a] == 0:
        blotter.in_book[a] = 1
        blotter.entered[counts[ENTERED]] = a
        counts[ENTERED] += 1
    return i


@kernel
def leave(blotter: Blotter, i: int, before: int) -> None:
    """Take an order out of its asset's list; `before` is the one ahead of it there, or -1."""
    orders, counts = blotter.orders, blotter.counts
    a, after = int(orders[i, COLUMN]), int(orders[i, NEXT])
    if before < 0:
        blotter.head[a] = after
    else:
        orders[before, NEXT] = after
    if after < 0:
        blotter.tail[a] = before
    blotter.length[a] -= 1
    counts[OPEN_ORDERS] -= 1
    if counts[RECYCLE] != 0:
        orders[i, NEXT] = counts[FREE] - 1
        counts[FREE] = i + 1


@kernel
def touch(blotter: Blotter, tape: Tape, i: int) -> None:
    """The session's report names this order; where it was named before, it moves to the end."""
    if tape.daily.shape[0] > 0:
        blotter.touched[blotter.counts[TOUCHES]] = i
        blotter.counts[TOUCHES] += 1
        blotter.orders[i, TOUCHED] = blotter.counts[TOUCHES]


@kernel
def announce(blotter: Blotter, tape: Tape, i: int) -> None:
    """An order was placed or cancelled: the report names it after the fills."""
    if tape.daily.shape[0] > 0:
        blotter.fresh[blotter.counts[FRESH]] = i
        blotter.counts[FRESH] += 1


@kernel
def announced(blotter: Blotter, tape: Tape) -> None:
    """What was announced enters the session's report."""
    for k in range(blotter.counts[FRESH]):
        touch(blotter, tape, blotter.fresh[k])
    blotter.counts[FRESH] = 0


@kernel
def take_in(blotter: Blotter, tape: Tape, row: float) -> None:
    """Orders of the intake enter the book."""
    intake, counts = blotter.intake, blotter.counts
    for k in range(counts[TAKEN]):
        i = enter(blotter, int(intake[k, 0]), intake[k, 1], intake[k, 2], intake[k, 3], row)
        announce(blotter, tape, i)
    counts[TAKEN] = 0


@kernel
def cancel(blotter: Blotter, i: int, row: float) -> None:
    """Cancel an open order; half a row less says that it was before the row's bar."""
    orders = blotter.orders
    a = int(orders[i, COLUMN])
    before, at = -1, blotter.head[a]
    while at >= 0 and at != i:
        before, at = at, int(orders[at, NEXT])
    if at >= 0:
        orders[i, STATUS] = CANCELLED
        orders[i, CHANGED] = row
        leave(blotter, i, before)


@kernel
def cancel_asset(blotter: Blotter, tape: Tape, a: int, row: int) -> None:
    """Cancel all open orders of an asset, and report them at once."""
    while blotter.head[a] >= 0:
        i = blotter.head[a]
        cancel(blotter, i, row)
        touch(blotter, tape, i)


@kernel
def cancel_at_close(blotter: Blotter, tape: Tape, row: int, policy: int) -> None:
    """The end of a session cancels the oldest of several open orders of an asset (zipline's rule), or all open orders.

    The next session's report names them.
    """
    for k in range(blotter.counts[ENTERED]):
        a = blotter.entered[k]
        while blotter.length[a] > (0 if policy == CANCEL_ALL else 1):
            i = blotter.head[a]
            cancel(blotter, i, row)
            announce(blotter, tape, i)
            if policy != CANCEL_ALL:
                break


@kernel
def prune(blotter: Blotter) -> None:
    """Assets without an open order leave the book."""
    count = 0
    for k in range(blotter.counts[ENTERED]):
        a = blotter.entered[k]
        if blotter.length[a] > 0:
            blotter.entered[count] = a
            count += 1
        else:
            blotter.in_book[a] = 0
    blotter.counts[ENTERED] = count


@kernel
def triggered(orders: FloatArray, i: int) -> bool:
    """Whether a stop and a limit, where there is one, have been reached."""
    stopped = not math.isnan(orders[i, STOP]) and orders[i, STOP_REACHED] == 0.0
    limited = not math.isnan(orders[i, LIMIT]) and orders[i, LIMIT_REACHED] == 0.0
    return not stopped and not limited


@kernel
def check_triggers(orders: FloatArray, i: int, price: float, row: int) -> bool:
    """Hold an order's stop and limit against the close; whether it may fill now. What was reached stays reached."""
    if triggered(orders, i):
        return True
    side = 1.0 if orders[i, AMOUNT] > 0.0 else -1.0
    limit, stop = orders[i, LIMIT], orders[i, STOP]
    limit_met, stop_met = side * price <= side * limit, side * price >= side * stop
    limit_reached = stop_reached = 0.0
    if not math.isnan(stop) and not math.isnan(limit):
        limit_reached = 1.0 if stop_met and limit_met else 0.0
        if stop_met:
            orders[i, STOP] = np.nan
    elif not math.isnan(stop):
        stop_reached = 1.0 if stop_met else 0.0
    else:
        limit_reached = 1.0 if limit_met else 0.0
    if limit_reached != orders[i, LIMIT_REACHED] or stop_reached != orders[i, STOP_REACHED]:
        orders[i, CHANGED] = row
    orders[i, LIMIT_REACHED], orders[i, STOP_REACHED] = limit_reached, stop_reached
    return triggered(orders, i)


@kernel
def commission_due(rules: Record, orders: FloatArray, i: int, size: float, fill: float) -> float:
    """Commission of a fill of `size` shares, zipline's rules: a minimum and a fixed charge once an order.

    A charge by the share, or with a minimum, is what all shares filled so far cost less what was charged: a split of an order
    that is filled in part changes their number, hence what the next fill costs.
    """
    charged = orders[i, COMMISSION]
    if rules.minimum > 0.0 or (rules.per_share > 0.0 and rules.fixed == 0.0 and rules.per_dollar == 0.0):
        done = abs(orders[i, FILLED]) * rules.per_share + size * rules.per_share
        due = rules.fixed + done + (orders[i, NOTIONAL] + size * fill) * rules.per_dollar
        if charged == 0.0:
            return max(due, rules.minimum)
        return due - charged if due >= rules.minimum else 0.0
    fixed = rules.fixed if charged == 0.0 else 0.0
    return fixed + size * rules.per_share + size * (fill * rules.per_dollar)


@kernel
def take_transaction(
    rules: Record, account: Record, book: Book, blotter: Blotter, tape: Tape, fills: FloatArray, row: int, i: int,
    quantity: float, fill: float, commission: float,
) -> None:  # fmt: skip
    """Book a fill of order `i`: cash, position and round trips; its commission leaves the cash after the bar.

    A commission below zero is noted on the order and paid to nobody.
    """
    cells, held, orders, counts = book.cells, book.held, blotter.orders, blotter.counts
    a = int(orders[i, COLUMN])
    before, cash, paid = cells[SHARES, a], account.cash, max(commission, 0.0)
    after = before + quantity
    if before * after < 0.0:
        book_fill(rules, account, cells, held, a, -before, fill, paid)
        book_fill(rules, account, cells, held, a, after, fill, 0.0)
        cells[BASIS, a] = fill
    else:
        book_fill(rules, account, cells, held, a, quantity, fill, paid)
    account.cash = cash - quantity * fill  # one flow, even where the round trips are two
    if before == 0.0:
        cells[BASIS, a] = fill
        if cells[ENTRY, a] == 0.0:
            counts[PURCHASES] += 1
            cells[ENTRY, a] = counts[PURCHASES]
    if after == 0.0:
        cells[ENTRY, a] = 0.0
    cells[LAST_SALE, a], cells[SALE_ROW, a] = fill, row
    orders[i, FILLED] += quantity
    orders[i, COMMISSION] += commission
    orders[i, NOTIONAL] += abs(quantity) * fill
    orders[i, CHANGED] = row
    cells[BAR_SHARES, a] += abs(quantity)
    bar, k = blotter.bar, counts[BAR_FILLS]
    bar[k, 0], bar[k, 1] = a, paid
    counts[BAR_FILLS] += 1
    write_transaction(blotter, tape, row, a, quantity, fill, i, paid, cells[PRICE, a])
    if fills.shape[0] > 0:
        slippage = abs(fill - cells[PRICE, a]) * abs(quantity)
        log_fill(account, fills, row, a, quantity, fill, (paid, slippage), FILL_ORDER)
    touch(blotter, tape, i)


@kernel
def write_transaction(
    blotter: Blotter,
    tape: Tape,
    row: int,
    a: int,
    quantity: float,
    fill: float,
    i: int,
    commission: float,
    price: float,
) -> None:
    """Write a transaction down where a replay asked for it; count it always."""
    at, lines = blotter.counts[TRANSACTIONS], tape.transactions
    if at < lines.shape[0]:
        lines[at, 0], lines[at, 1], lines[at, 2], lines[at, 3] = row, a, quantity, fill
        lines[at, 4], lines[at, 5], lines[at, 6] = i, commission, price
    blotter.counts[TRANSACTIONS] += 1


@kernel
def close_filled(blotter: Blotter, i: int, before: int) -> bool:
    """An order that has no rest leaves the book; whether it did."""
    orders = blotter.orders
    if orders[i, FILLED] != orders[i, AMOUNT]:
        return False
    orders[i, STATUS] = FILLED_UP
    leave(blotter, i, before)
    return True


@kernel
def fill_asset(
    market: Market, rules: Record, account: Record, book: Book, blotter: Blotter, tape: Tape, fills: FloatArray, row: int,
    a: int,
) -> None:  # fmt: skip
    """Try the open orders of an asset against its bar, by placement, within the share of its volume that may be filled."""
    cells, orders, volume, price = book.cells, blotter.orders, market.volume[row, a], market.price[row, a]
    close = market.mark[a, row]
    if not volume > 0.0 or math.isnan(price):
        return
    cells[PRICE, a], cells[BAR_SHARES, a] = price, 0.0
    before, i = -1, blotter.head[a]
    while i >= 0:
        after = int(orders[i, NEXT])
        closed = False
        if row > orders[i, CREATED] + rules.delay and check_triggers(orders, i, close, row):
            asked, side = abs(orders[i, AMOUNT] - orders[i, FILLED]), 1.0 if orders[i, AMOUNT] > 0.0 else -1.0
            if rules.volume_limit > 0.0:
                free = np.floor(rules.volume_limit * volume - cells[BAR_SHARES, a])
                if free < 1.0:
                    return
                asked = min(asked, free)
            fill = fill_price(rules, price, side, asked, cells[BAR_SHARES, a], volume)
            worse = orders[i, LIMIT] > 0.0 and side * fill > side * orders[i, LIMIT]
            if not (worse and (rules.hold_limits or rules.price_impact > 0.0)):
                commission = commission_due(rules, orders, i, asked, fill)
                take_transaction(rules, account, book, blotter, tape, fills, row, i, side * asked, fill, commission)
                closed = close_filled(blotter, i, before)
        if not closed:
            before = i
        i = after


@kernel
def fill_book(
    market: Market,
    rules: Record,
    account: Record,
    book: Book,
    blotter: Blotter,
    tape: Tape,
    fills: FloatArray,
    row: int,
) -> None:
    """Try every open order against the bar."""
    for k in range(blotter.counts[ENTERED]):
        fill_asset(market, rules, account, book, blotter, tape, fills, row, blotter.entered[k])


@kernel
def settle(account: Record, book: Book, blotter: Blotter) -> None:
    """After the bar's fills: commissions leave the cash, one by one, and enter the cost basis of what is still held."""
    cells = book.cells
    account.after_bar = 0.0
    for k in range(blotter.counts[BAR_FILLS]):
        a, commission = int(blotter.bar[k, 0]), blotter.bar[k, 1]
        if not commission > 0.0:
            continue
        account.cash -= commission
        shares = cells[SHARES, a]
        if shares != 0.0:
            cells[BASIS, a] = (cells[BASIS, a] * shares + commission) / shares
    blotter.counts[BAR_FILLS] = 0
    prune(blotter)


@kernel
def split_orders(splits: FloatArray, blotter: Blotter, low: int, high: int) -> None:
    """A row's splits on open orders; those that are left with nothing drop out of the book."""
    orders = blotter.orders
    for e in range(low, high):
        a, ratio = int(splits[e, EVENT_COLUMN]), 1.0 / splits[e, EVENT_VALUE]
        before, i = -1, blotter.head[a]
        while i >= 0:
            after = int(orders[i, NEXT])
            rest = np.trunc((orders[i, AMOUNT] - orders[i, FILLED]) / ratio)
            orders[i, FILLED] = np.trunc(orders[i, FILLED] / ratio)
            orders[i, AMOUNT] = orders[i, FILLED] + rest
            orders[i, LIMIT] = round_cents(orders[i, LIMIT] * ratio)
            orders[i, STOP] = round_cents(orders[i, STOP] * ratio)
            if not close_filled(blotter, i, before):
                before = i
            i = after


@kernel
def report_orders(blotter: Blotter, tape: Tape, row: int) -> None:
    """Write down the orders that the session's report names, each once, as they are at its end."""
    counts, orders, lines = blotter.counts, blotter.orders, tape.reports
    for k in range(counts[TOUCHES]):
        i = blotter.touched[k]
        if orders[i, TOUCHED] != k + 1:
            continue
        at = counts[REPORTS]
        lines[at, 0], lines[at, 1], lines[at, 2] = row, i, orders[i, COLUMN]
        lines[at, 3], lines[at, 4], lines[at, 5] = orders[i, AMOUNT], orders[i, FILLED], orders[i, STATUS]
        if orders[i, AMOUNT] == orders[i, FILLED]:
            lines[at, 5] = FILLED_UP
        lines[at, 6], lines[at, 7] = orders[i, LIMIT], orders[i, STOP]
        lines[at, 8], lines[at, 9] = orders[i, LIMIT_REACHED], orders[i, STOP_REACHED]
        lines[at, 10], lines[at, 11], lines[at, 12] = orders[i, COMMISSION], orders[i, CREATED], orders[i, CHANGED]
        counts[REPORTS] += 1
    counts[TOUCHES] = 0


@kernel
def is_open(orders: FloatArray, i: int) -> bool:
    """Whether an order is in the book."""
    return orders[i, STATUS] == OPEN and orders[i, AMOUNT] != orders[i, FILLED]
