"""The order book of rules under which open orders are kept: many orders an asset, each with its limit and its stop.

zipline calls it a blotter. Its orders are rows of a table; those of an asset that are open form a list in order of placement,
and assets are served in the order in which they entered the book.
"""

from typing import NamedTuple

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray

# columns of the table of orders; status and flags are whole numbers, a limit or stop that is not there is NaN
(
    COLUMN, AMOUNT, FILLED, COMMISSION, NOTIONAL, LIMIT, STOP, LIMIT_REACHED, STOP_REACHED, STATUS, CREATED, CHANGED,
    NEXT, TOUCHED,
) = range(14)  # fmt: skip
ORDER_COLUMNS = 14

# STATUS of an order, as zipline numbers them
OPEN, FILLED_UP, CANCELLED = 0.0, 1.0, 2.0

# columns of the intake: orders that are placed and not in the book yet
INTAKE_COLUMNS = 4

# the counts
(
    ORDERS, ENTERED, FRESH, TOUCHES, TAKEN, PURCHASES, BAR_FILLS, FREE, RECYCLE, CANCEL_POLICY, ROW, PHASE, TRANSACTIONS,
    REPORTS, HOLDINGS, OPEN_ORDERS,
) = range(16)  # fmt: skip
COUNTS = 16

# PHASE: what is done of ROW
EVENING_DONE, MORNING_DONE, BAR_DONE = 0, 1, 2

# CANCEL_POLICY: what happens to open orders at the end of a session
NEVER_CANCEL, CANCEL_OLDEST, CANCEL_ALL = 0, 1, 2

# what is asked of the ledger a step at a time
(
    BEGIN, ADVANCE, CONCLUDE, TAKE_IN, CANCEL, MARK, TRIGGER, FILL, DUE, END_BAR, CANCEL_AT_CLOSE,
) = range(11)  # fmt: skip
# words of such a request: what, row, phase or order or policy, shares, price, commission, and the answer
WHAT, AT, WHICH, QUANTITY, FILL_AT, CHARGE, ANSWER = range(7)
REQUEST = 7

# rows of the tape's daily figures
DAILY_COLUMNS = 8
# columns of its transactions: row, column, amount, price, order (-1: none), commission, price before slippage
TRANSACTION_COLUMNS = 7
# columns of its order reports: row, order, column, amount, filled, status, limit, stop, limit reached, stop reached,
# commission, row of creation, row of the last change
REPORT_COLUMNS = 13
# columns of its positions: row, column, amount, cost basis, last sale price, number of the purchase that opened it
HOLDING_COLUMNS = 6


class Blotter(NamedTuple):
    """The order book's buffers (N assets; `capacity` orders).

    Attributes
    ----------
    counts : ndarray of int64, shape (COUNTS,)
    orders : ndarray, shape (capacity, ORDER_COLUMNS)
    head, tail, length : ndarray of int64, shape (N,)
        First and last open order of each asset (-1: none), and how many there are.
    entered, in_book : ndarray of int64, shape (N,)
        Assets with open orders in the order in which they entered the book, and whether an asset is among them.
    intake : ndarray, shape (capacity, INTAKE_COLUMNS)
        Column, amount, limit and stop of orders not in the book yet.
    fresh, touched : ndarray of int64, shape (3 * capacity,)
        Orders placed or cancelled that are yet to be reported; orders that this session's report names.
    bar : ndarray, shape (capacity, 2)
        Column and commission of each fill of the bar.
    stock_claims : ndarray
        Shares owed by each dividend in shares.
    """

    counts: IntArray
    orders: FloatArray
    head: IntArray
    tail: IntArray
    length: IntArray
    entered: IntArray
    in_book: IntArray
    intake: FloatArray
    fresh: IntArray
    touched: IntArray
    bar: FloatArray
    stock_claims: FloatArray


class Tape(NamedTuple):
    """What a replay of kept orders writes down; arrays without rows write nothing.

    Attributes
    ----------
    daily : ndarray, shape (rows, DAILY_COLUMNS)
        Cash and value before the session, cash at its end, value of longs and of shorts, their numbers, and cash that has
        flowed since the beginning.
    transactions : ndarray, shape (k, TRANSACTION_COLUMNS)
    reports : ndarray, shape (k, REPORT_COLUMNS)
    holdings : ndarray, shape (k, HOLDING_COLUMNS)
    """

    daily: FloatArray
    transactions: FloatArray
    reports: FloatArray
    holdings: FloatArray


class Stocks(NamedTuple):
    """Dividends in shares as `market.stock_dividends` makes them, and when they arrive."""

    dividends: FloatArray
    payments: IntArray


NO_TAPE = Tape(*(np.zeros((0, size)) for size in (DAILY_COLUMNS, TRANSACTION_COLUMNS, REPORT_COLUMNS, HOLDING_COLUMNS)))


def make_blotter(assets: int, stock_dividends: int, capacity: int = 1024) -> Blotter:
    """An empty order book."""
    return Blotter(
        counts=np.zeros(COUNTS, np.int64),
        orders=np.zeros((capacity, ORDER_COLUMNS)),
        head=np.full(assets, -1, np.int64),
        tail=np.full(assets, -1, np.int64),
        length=np.zeros(assets, np.int64),
        entered=np.zeros(assets, np.int64),
        in_book=np.zeros(assets, np.int64),
        intake=np.zeros((capacity, INTAKE_COLUMNS)),
        fresh=np.zeros(3 * capacity, np.int64),
        touched=np.zeros(3 * capacity, np.int64),
        bar=np.zeros((capacity, 2)),
        stock_claims=np.zeros(stock_dividends),
    )


def grown(blotter: Blotter) -> Blotter:
    """The book with room for twice as many orders."""
    capacity = 2 * len(blotter.orders)
    sizes = {"orders": capacity, "intake": capacity, "fresh": 3 * capacity, "touched": 3 * capacity, "bar": capacity}
    made = {}
    for name, size in sizes.items():
        old = getattr(blotter, name)
        made[name] = np.zeros((size, *old.shape[1:]), old.dtype)
        made[name][: len(old)] = old
    return blotter._replace(**made)


def longer(tape: Tape, rows: int) -> Tape:
    """The tape with room for `rows` more lines of every kind, and half as many again."""
    made = {}
    for name in ("transactions", "reports", "holdings"):
        old = getattr(tape, name)
        made[name] = np.zeros((len(old) + len(old) // 2 + rows, old.shape[1]))
        made[name][: len(old)] = old
    return tape._replace(**made)
