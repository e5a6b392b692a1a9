"""The ledger of kept orders, a step at a time: what whoever decides session by session asks of it."""

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.engine._jit import kernel
from rustybt_ray.engine.batch_nb import conclude, reset
from rustybt_ray.engine.blotter import (
    ADVANCE,
    ANSWER,
    AT,
    BAR_DONE,
    BEGIN,
    CANCEL,
    CANCEL_AT_CLOSE,
    CANCEL_POLICY,
    CHARGE,
    COLUMN,
    CONCLUDE,
    CREATED,
    DUE,
    END_BAR,
    EVENING_DONE,
    FILL,
    FILL_AT,
    MARK,
    NEXT,
    PHASE,
    QUANTITY,
    ROW,
    TAKE_IN,
    TRIGGER,
    WHAT,
    WHICH,
    Blotter,
    Stocks,
    Tape,
)
from rustybt_ray.engine.book_nb import (
    announce,
    cancel,
    check_triggers,
    close_filled,
    commission_due,
    is_open,
    settle,
    take_in,
    take_transaction,
)
from rustybt_ray.engine.closing_nb import close_all
from rustybt_ray.engine.kept_nb import advance, clear_book, mark_positions
from rustybt_ray.engine.structures import CLOSES, PRICE, Book, Log, Market, Record


@kernel
def previous(blotter: Blotter, i: int) -> int:
    """The order ahead of `i` in its asset's list; -1 if it is the first."""
    before, at = -1, blotter.head[int(blotter.orders[i, COLUMN])]
    while at >= 0 and at != i:
        before, at = at, int(blotter.orders[at, NEXT])
    return before


@kernel
def begin_run(rules: Record, book: Book, blotter: Blotter, first: int) -> None:
    """Nothing but the capital; the row before the first is done."""
    reset(rules, book)
    clear_book(blotter)
    blotter.counts[ROW], blotter.counts[PHASE] = first - 1, EVENING_DONE
    book.account[0].value = rules.capital


@kernel
def ready_to_fill(market: Market, rules: Record, book: Book, blotter: Blotter, i: int, row: int) -> int:
    """Whether order `i` may fill against the row's bar: 1, or 0."""
    a = int(blotter.orders[i, COLUMN])
    book.cells[PRICE, a] = market.price[row, a]
    if not is_open(blotter.orders, i) or row <= blotter.orders[i, CREATED] + rules.delay:
        return 0
    return 1 if check_triggers(blotter.orders, i, market.mark[a, row], row) else 0


@kernel
def fill_one(
    rules: Record,
    account: Record,
    book: Book,
    blotter: Blotter,
    tape: Tape,
    log: Log,
    row: int,
    i: int,
    request: FloatArray,
) -> None:
    """Book a fill that somebody else's model has priced and charged."""
    quantity, fill, commission = request[QUANTITY], request[FILL_AT], request[CHARGE]
    take_transaction(rules, account, book, blotter, tape, log.fills, row, i, quantity, fill, commission)
    close_filled(blotter, i, previous(blotter, i))


@kernel
def step(
    market: Market, stocks: Stocks, rules: Record, book: Book, blotter: Blotter, tape: Tape, log: Log, segment: IntArray,
    request: FloatArray, out: FloatArray, moments: FloatArray,
) -> int:  # fmt: skip
    """Do what the request says; see its words."""
    account, first, last, rule = book.account[0], segment[0], segment[1], rules[0]
    what, row, which = int(request[WHAT]), int(request[AT]), int(request[WHICH])
    if what == ADVANCE:
        return advance(market, stocks, rule, account, book, blotter, tape, log, first, last, row, which)
    if what == TAKE_IN:
        take_in(blotter, tape, request[AT])
    elif what == CANCEL:
        if is_open(blotter.orders, which):
            cancel(blotter, which, request[AT])
            announce(blotter, tape, which)
    elif what == MARK:
        mark_positions(market, account, book, row)
    elif what == TRIGGER:
        return ready_to_fill(market, rule, book, blotter, which, row)
    elif what == DUE:
        request[ANSWER] = commission_due(rule, blotter.orders, which, request[QUANTITY], request[FILL_AT])
    elif what == FILL:
        fill_one(rule, account, book, blotter, tape, log, row, which, request)
    elif what == END_BAR:
        settle(account, book, blotter)
        mark_positions(market, account, book, row)
        blotter.counts[PHASE] = BAR_DONE
    elif what == CANCEL_AT_CLOSE:
        blotter.counts[CANCEL_POLICY] = which
    elif what == BEGIN:
        begin_run(rule, book, blotter, first)
    elif what == CONCLUDE:
        if segment[CLOSES] != 0:
            close_all(market, rule, account, book, log, first, last)
        conclude(market, rule, book, segment, out, moments)
    return 0
