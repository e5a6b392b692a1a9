"""`Record`: everything that a run of an algorithm leaves behind, as plain arrays. Reports are made from it alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from enum import IntEnum
from typing import Any

import numpy as np

from rustybt_ray._record import record_class
from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.data.panel import Panel
from rustybt_ray.exceptions import InputError

# columns of `Record.daily`, one row a session
(
    DAY_STARTING_CASH, DAY_STARTING_VALUE, DAY_ENDING_CASH, DAY_LONG_VALUE, DAY_SHORT_VALUE, DAY_LONGS, DAY_SHORTS,
    DAY_CASH_FLOW,
) = range(8)  # fmt: skip
DAY_COLUMNS = 8
# columns of `Record.transactions`
(TXN_ROW, TXN_COLUMN, TXN_AMOUNT, TXN_PRICE, TXN_ORDER, TXN_COMMISSION, TXN_REFERENCE) = range(7)
TXN_COLUMNS = 7
# columns of `Record.orders`
(
    ORDER_ROW, ORDER_ORDER, ORDER_COLUMN, ORDER_AMOUNT, ORDER_FILLED, ORDER_STATE, ORDER_LIMIT, ORDER_STOP,
    ORDER_LIMIT_REACHED, ORDER_STOP_REACHED, ORDER_COMMISSION, ORDER_CREATED, ORDER_CHANGED,
) = range(13)  # fmt: skip
ORDER_COLUMNS = 13
# columns of `Record.positions`
(POSITION_ROW, POSITION_COLUMN, POSITION_AMOUNT, POSITION_BASIS, POSITION_PRICE, POSITION_ENTRY) = range(6)
POSITION_COLUMNS = 6

WIDTHS = {
    "daily": DAY_COLUMNS, "transactions": TXN_COLUMNS, "orders": ORDER_COLUMNS, "positions": POSITION_COLUMNS,
}  # fmt: skip
BY_AUTO_CLOSE = -1
"""The order of a transaction that no order asked for."""
MINUTE = 60 * 10**9
BEFORE_OPEN = 45 * MINUTE
"""How long before the opening `before_trading_start` is called: at 08:45 in New York."""


class ORDER_STATUS(IntEnum):  # noqa: N801  # zipline's name of it
    """State of an order, as zipline numbers it."""

    OPEN = 0
    FILLED = 1
    CANCELLED = 2
    REJECTED = 3
    HELD = 4


@record_class(frozen=True, eq=False)
class Record:
    """What a run over the rows `first` to `last` of a panel did; n sessions, one a row.

    All tables are float64, C-contiguous or not; rows and columns in them count in the panel (so the first session is row
    `first`). Money is in the currency of the prices.

    Attributes
    ----------
    view : Panel
        The panel on zipline's price grid (`rustybt_ray.data.grid.on_grid`), daily: row and session are the same.
    first, last : int
        Rows of the simulation, both included.
    capital : float
        Cash before the first session.
    benchmark : ndarray of float64, shape (n,), or None
        Daily returns of the benchmark; None for zeros.
    daily : ndarray of float64, shape (n, 8)
        One row a session:

        - `DAY_STARTING_CASH`: cash after the dividends that are paid this morning, before its splits.
        - `DAY_STARTING_VALUE`: value of the positions at the same time: yesterday's shares and prices (and shares that a
          stock dividend brought this morning).
        - `DAY_ENDING_CASH`: cash at the session's end, after auto-closes.
        - `DAY_LONG_VALUE`, `DAY_SHORT_VALUE`: sums of ``amount * price`` of the long and of the short positions then; the
          second is at most 0.
        - `DAY_LONGS`, `DAY_SHORTS`: how many there are.
        - `DAY_CASH_FLOW`: everything that moved cash since the start: purchases and sales, commissions, dividends, split
          fractions and auto-closes.
    transactions : ndarray of float64, shape (k, 7)
        In order of time:

        - `TXN_ROW`, `TXN_COLUMN`: session and asset.
        - `TXN_AMOUNT`: shares, negative for a sale.
        - `TXN_PRICE`: fill price, slippage included.
        - `TXN_ORDER`: index of its order; `BY_AUTO_CLOSE` for the end of a delisted position.
        - `TXN_COMMISSION`: money charged for it.
        - `TXN_REFERENCE`: price before slippage.
    orders : ndarray of float64, shape (k, 13)
        The daily order reports, in their order: an order stands in the report of each session in which it was placed, filled
        or cancelled, as it was at that session's end.

        - `ORDER_ROW`: session of the report.
        - `ORDER_ORDER`: index of the order, in order of placement.
        - `ORDER_COLUMN`: asset.
        - `ORDER_AMOUNT`, `ORDER_FILLED`: shares ordered and filled so far, negative for a sale; after a split in new shares.
        - `ORDER_STATE`: number of an `ORDER_STATUS`.
        - `ORDER_LIMIT`, `ORDER_STOP`: prices, NaN for none (a stop-limit order has no stop price once that was reached).
        - `ORDER_LIMIT_REACHED`, `ORDER_STOP_REACHED`: 1 or 0.
        - `ORDER_COMMISSION`: money charged so far.
        - `ORDER_CREATED`: row of the session at whose close it was placed.
        - `ORDER_CHANGED`: row of its last change, at the close; half a row less for one in `before_trading_start` of it.
    positions : ndarray of float64, shape (k, 6)
        What is held at each session's end; rows may stand in any order, those of 0 shares are not reported.

        - `POSITION_ROW`, `POSITION_COLUMN`: session and asset.
        - `POSITION_AMOUNT`: shares, negative for a short.
        - `POSITION_BASIS`: cost basis a share, commissions included.
        - `POSITION_PRICE`: last sale price: what it is valued at.
        - `POSITION_ENTRY`: sequence number of its first purchase; positions of a session are reported in its order.
    recorded : mapping of str to sequence
        The values of `record` by name, n each: the last one so far; NaN before the first.
    order_ids : callable
        The id of an order by its index.
    metrics : mapping of str to float
        The study's metrics of the run.
    returns, equity : ndarray of float64, shape (n,)
        Daily returns and portfolio value at the sessions' ends, as the study's metrics see them.

    Raises
    ------
    InputError
        If a table has another shape.
    """

    view: Panel = field(repr=False)
    first: int
    last: int
    capital: float
    benchmark: FloatArray | None = field(repr=False)
    daily: FloatArray = field(repr=False)
    transactions: FloatArray = field(repr=False)
    orders: FloatArray = field(repr=False)
    positions: FloatArray = field(repr=False)
    recorded: Mapping[str, Sequence[Any]] = field(repr=False)
    order_ids: Callable[[int], str] = field(repr=False)
    metrics: Mapping[str, float] = field(repr=False)
    returns: FloatArray = field(repr=False)
    equity: FloatArray = field(repr=False)

    def __post_init__(self) -> None:
        sessions = len(self)
        for name, width in WIDTHS.items():
            shape = getattr(self, name).shape
            if len(shape) != 2 or shape[1] != width or (name == "daily" and shape[0] != sessions):
                rule = f"of shape ({sessions if name == 'daily' else 'k'}, {width})"
                raise InputError(f"Record.{name}", rule, shape, "The columns are those of this module.")
        series = {"returns": self.returns, "equity": self.equity, **self.recorded}
        if self.benchmark is not None:
            series["benchmark"] = self.benchmark
        for name, values in series.items():
            if len(values) != sessions:
                raise InputError(f"Record: {name}", f"of {sessions} values", len(values), "One value a session.")

    def __len__(self) -> int:
        return self.last - self.first + 1

    @property
    def rows(self) -> slice:
        """The simulation's rows of the panel."""
        return slice(self.first, self.last + 1)

    @property
    def closes(self) -> IntArray:
        """Closing of each session, UTC nanoseconds, shape (n,)."""
        return self.view.close_time[self.rows]

    @property
    def opens(self) -> IntArray:
        """Opening of each session, UTC nanoseconds, shape (n,)."""
        return self.view.open_time[self.rows]

    def times_of(self, rows: FloatArray) -> IntArray:
        """UTC nanoseconds of rows as `ORDER_CHANGED` counts them: the close, or before trading for half a row less."""
        row = np.ceil(rows).astype(np.int64)
        return np.where(row == rows, self.view.close_time[row], self.view.open_time[row] - BEFORE_OPEN)

    def sorted_positions(self) -> FloatArray:
        """The positions that are reported, in the order of the report."""
        held: FloatArray = self.positions[self.positions[:, POSITION_AMOUNT] != 0.0]
        order = np.lexsort((held[:, POSITION_ENTRY], held[:, POSITION_ROW]))
        return held.take(order, axis=0)
