"""A bar's fills where the user's own slippage or commission model says what they are."""

from typing import Any

from rustybt_ray.engine.stepwise import SteppedLedger
from rustybt_ray.zipline.assets import AssetFinder
from rustybt_ray.zipline.bardata import BarData
from rustybt_ray.zipline.clock import Clock
from rustybt_ray.zipline.orders import Order, Transaction
from rustybt_ray.zipline.slippage import LiquidityExceeded, fill_price_worse_than_limit_price


class ModelledBars:
    """Asks the models for each order that may fill, and books what they say after all of them have spoken.

    Parameters
    ----------
    ledger : SteppedLedger
    clock : Clock
    finder : AssetFinder
    data : BarData
    slippage, commission : object
        zipline's or the user's own models; None for the ledger's own commission.
    hold_limits : bool
        Whether a limit order does not fill at a price worse than its limit, whatever the model says.
    """

    def __init__(
        self,
        ledger: SteppedLedger,
        clock: Clock,
        finder: AssetFinder,
        data: BarData,
        slippage: Any,
        commission: Any,
        hold_limits: bool,
    ) -> None:
        self._ledger, self._clock, self._finder, self._data = ledger, clock, finder, data
        self._slippage, self._commission, self._hold_limits = slippage, commission, hold_limits
        self._orders: dict[int, Order] = {}

    def fill(self) -> None:
        """Fill the open orders against the clock's bar."""
        ledger, row = self._ledger, self._clock.row
        fills: list[tuple[int, int, float, float]] = []
        for column, numbers in list(ledger.open_orders()):
            close = self._data.current(self._finder.equities[column], "close")
            if close == close and self._data.current(self._finder.equities[column], "volume"):
                fills += self._fills(numbers, row)
        for number, amount, price, cost in fills:
            ledger.fill(number, row, amount, price, cost)
        ledger.end_bar(row)

    def _fills(self, numbers: list[int], row: int) -> list[tuple[int, int, float, float]]:
        """Number, shares, price and commission of each fill of one asset."""
        found, model = [], self._slippage
        model._volume_for_bar = 0
        for number in numbers:
            order = self._order(number)
            if order.open_amount == 0 or not self._ledger.triggers(number, row):
                continue
            order.read(self._row(number))
            try:
                price, volume = model.process_order(self._data, order)
            except LiquidityExceeded:
                break
            if price is None or (self._hold_limits and fill_price_worse_than_limit_price(price, order)):
                continue
            amount = int(volume)
            if not amount:
                raise Exception("Transaction magnitude must be at least 1.")
            cost = self._cost(number, order, amount, price)
            model._volume_for_bar += abs(amount)
            found.append((number, amount, float(price), cost))
        return found

    def _cost(self, number: int, order: Order, amount: int, price: float) -> float:
        if self._commission is None:
            return self._ledger.commission(number, abs(amount), price)
        transaction = Transaction(order.asset, amount, price, self._clock.dt, order.id)
        return float(self._commission.calculate(order, transaction))

    def _order(self, number: int) -> Order:
        """The live order: the same object from bar to bar."""
        found = self._orders.get(number)
        if found is not None:
            return found.read(self._row(number))
        row = self._row(number)
        made = self._orders[number] = Order(number, self._finder.equities[int(row[0])], row, self._ledger.panel)
        return made

    def _row(self, number: int) -> Any:
        return self._ledger.blotter.orders[number].tolist()
