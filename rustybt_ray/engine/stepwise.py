"""The ledger of kept orders for whoever decides session by session: the same kernels, a step at a time."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.data.panel import Panel
from rustybt_ray.engine.blotter import (
    ADVANCE,
    ANSWER,
    AT,
    BEGIN,
    CANCEL,
    CANCEL_AT_CLOSE,
    CHARGE,
    CONCLUDE,
    DAILY_COLUMNS,
    DUE,
    END_BAR,
    ENTERED,
    FILL,
    FILL_AT,
    HOLDING_COLUMNS,
    HOLDINGS,
    INTAKE_COLUMNS,
    MARK,
    NEXT,
    NO_TAPE,
    ORDERS,
    QUANTITY,
    REPORT_COLUMNS,
    REPORTS,
    REQUEST,
    TAKE_IN,
    TAKEN,
    TRANSACTION_COLUMNS,
    TRANSACTIONS,
    TRIGGER,
    WHAT,
    WHICH,
    Stocks,
    Tape,
    grown,
    longer,
    make_blotter,
)
from rustybt_ray.engine.costs import Charges, Costs, Impact
from rustybt_ray.engine.market import make_rules, make_segments, market_of, stock_dividends
from rustybt_ray.engine.native import Kernel, leaves
from rustybt_ray.engine.settings import Settings
from rustybt_ray.engine.structures import ACCOUNT, EQUITY, LOG_COLUMNS, Log, make_book

step = Kernel("rustybt_ray.engine.steps_nb", "step")
CASH, CLAIMS, VALUE, LONGS, SHORTS = (
    list(ACCOUNT.names or ()).index(n) for n in ("cash", "claims", "value", "longs", "shorts")
)
NO_LOG = Log(np.zeros((0, LOG_COLUMNS)), np.zeros((0, 0)), np.zeros(0))


class SteppedLedger:
    """The ledger of one segment, driven from outside.

    Its numbers are read through memory views, which give Python's own numbers: `account` by the positions CASH, VALUE and so
    on; `cells` by row of `structures` and column; `orders` by order and column of `blotter`; `mark` by column and row.

    Parameters
    ----------
    panel : Panel
        Daily bars.
    segment : tuple of (int, int)
        First and last row.
    capital : float
    costs : Costs
    settings : Settings
        With ``open_orders="kept"``.
    closing : bool, default False
        Whether `conclude` first closes every position at the last session's close, with the costs that the ledger knows.
    """

    def __init__(
        self,
        panel: Panel,
        segment: tuple[int, int],
        *,
        capital: float,
        costs: Costs,
        settings: Settings,
        closing: bool = False,
    ) -> None:
        self.panel, self.capital = panel, capital
        self.first, self.last = segment
        self.segment: IntArray = make_segments(panel, (segment,), (closing,))
        self.rules = make_rules(panel, capital, costs, settings)
        self.book = make_book(*panel.shape, len(panel.dividend_row), 0)
        self.blotter = make_blotter(panel.shape[1], len(panel.stock_row))
        self.tape: Tape = NO_TAPE
        self.market = market_of(panel, "next_close", exact=True)
        self._stocks = Stocks(*stock_dividends(panel, exact=True))
        self._request = np.zeros(REQUEST)
        self._words = cells_of(self._request)
        self.account = cells_of(self.book.account.view(np.float64))
        self.cells = cells_of(self.book.cells)
        self.mark = cells_of(self.market.mark)
        self.counts = cells_of(self.blotter.counts)
        self._bind()

    def begin(self, record: bool) -> None:
        """Start anew with nothing but the capital; with `record` everything that happens is written to the tape."""
        self.tape = _tape(self.last - self.first + 1, self.panel.shape[1]) if record else NO_TAPE
        self._bind()
        self._ask(BEGIN)

    def charge(self, impact: Impact | None = None, charges: Charges | None = None) -> None:
        """Other slippage or commission from now on."""
        for terms in (impact, charges):
            for name, value in (terms._asdict() if terms is not None else {}).items():
                self.rules[name] = value

    def advance(self, row: int, phase: int) -> None:
        """Go on until this phase of this row is done."""
        words = self._words
        while True:
            words[WHAT], words[AT], words[WHICH] = ADVANCE, row, phase
            if not self._run():
                return
            self._grow()

    def place(self, column: int, amount: float, limit: float, stop: float) -> int:
        """Put an order into the intake; the number it will have."""
        counts = self.counts
        taken = counts[TAKEN]
        number = counts[ORDERS] + taken
        if number >= self._room:
            self._grow()
        at, intake = INTAKE_COLUMNS * taken, self._intake
        intake[at], intake[at + 1], intake[at + 2], intake[at + 3] = column, amount, limit, stop
        counts[TAKEN] = taken + 1
        return int(number)

    def take_in(self, row: float) -> None:
        """Bring the intake into the book, so that it can be looked at. Half a row less is before the bar."""
        if self.counts[TAKEN]:
            self._ask(TAKE_IN, row)

    def cancel(self, order: int, row: float) -> None:
        """Cancel an order; nothing happens if it is not open. Half a row less is before the bar."""
        self._ask(CANCEL, row, order)

    def revalue(self, row: int) -> None:
        """Mark positions at the prices of a row."""
        self._ask(MARK, row)

    def empty_mark(self, column: int, row: int) -> tuple[float, int]:
        """Last price of a position of no shares and its row: the ledger marks only what has a value."""
        at = min(row, int(self.market.listing[1, column]))
        return self.mark[column, at], at

    def cancel_policy(self, policy: int) -> None:
        """What the end of each session cancels from now on."""
        self._ask(CANCEL_AT_CLOSE, 0, policy)

    def triggers(self, order: int, row: int) -> bool:
        """Whether an order may fill against the row's bar."""
        return self._ask(TRIGGER, row, order) != 0

    def commission(self, order: int, shares: float, price: float) -> float:
        """What the rules charge for a fill of an order."""
        self._words[QUANTITY], self._words[FILL_AT] = shares, price
        self._ask(DUE, 0, order)
        return float(self._words[ANSWER])

    def fill(self, order: int, row: int, shares: float, price: float, commission: float) -> None:
        """Book a fill."""
        words = self._words
        words[QUANTITY], words[FILL_AT], words[CHARGE] = shares, price, commission
        self._ask(FILL, row, order)

    def end_bar(self, row: int) -> None:
        """The bar's fills are all booked: commissions leave the cash, and the value is found."""
        self._ask(END_BAR, row)

    def open_orders(self) -> Iterator[tuple[int, list[int]]]:
        """Columns in the book in the order in which they are served, and the open orders of each by placement."""
        for column in self.blotter.entered[: self.counts[ENTERED]].tolist():
            yield column, self.orders_of(column)

    def orders_of(self, column: int) -> list[int]:
        """Open orders of a column by placement."""
        found, at = [], int(self.blotter.head[column])
        while at >= 0:
            found.append(at)
            at = int(self.orders[at, NEXT])
        return found

    def conclude(self, out: FloatArray, moments: FloatArray) -> None:
        """Fill rows with the metrics and moments of the segment, as `Simulator.run` does."""
        self._call.replace(self._out, out, moments)
        self._ask(CONCLUDE)

    def returns(self) -> FloatArray:
        """Daily returns after `conclude`, a view that the next run overwrites."""
        return self.book.returns[: int(self.segment[0, 3])]

    def equity(self) -> FloatArray:
        """Value at each close, a view that the next run overwrites."""
        return self.book.curves[EQUITY, self.first : self.last + 1]

    def written(self) -> Tape:
        """What the tape holds, without the room behind it."""
        tape, counts = self.tape, self.counts
        return Tape(
            tape.daily,
            tape.transactions[: counts[TRANSACTIONS]],
            tape.reports[: counts[REPORTS]],
            tape.holdings[: counts[HOLDINGS]],
        )

    def _ask(self, what: int, row: float = 0, which: int = 0) -> int:
        words = self._words
        words[WHAT], words[AT], words[WHICH] = what, row, which
        return self._run()

    def _bind(self) -> None:
        same = (self.market, self._stocks, self.rules, self.book, self.blotter, self.tape, NO_LOG, self.segment[0])
        nothing = np.zeros(0)
        self._call = step.bind(*same, self._request, nothing, nothing)
        self._out = len(leaves((*same, self._request)))
        self._run = self._call.__call__
        self.orders = cells_of(self.blotter.orders)
        self._intake = cells_of(self.blotter.intake.reshape(-1))
        self._room = len(self.blotter.orders)

    def _grow(self) -> None:
        """Make room: for orders, or for lines of the tape."""
        if self.counts[ORDERS] + self.counts[TAKEN] >= self._room:
            self.blotter = grown(self.blotter)
        else:
            self.tape = longer(self.tape, 4 * len(self.blotter.head) + 3 * self._room)
        self._bind()


def cells_of(array: np.ndarray) -> Any:
    """A view of an array for single values: a third of the time, and Python's own numbers."""
    return memoryview(array)  # type: ignore[arg-type]


def _tape(rows: int, assets: int) -> Tape:
    lines = 64 + 4 * assets
    widths = (TRANSACTION_COLUMNS, REPORT_COLUMNS, HOLDING_COLUMNS)
    return Tape(np.zeros((rows, DAILY_COLUMNS)), *(np.zeros((lines, width)) for width in widths))
