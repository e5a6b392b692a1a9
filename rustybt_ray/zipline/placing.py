"""Placing, sizing, finding and cancelling orders: the part of a run that `zipline.api`'s order functions ask."""

import logging
from math import nan
from typing import Any, NoReturn

import numpy as np

from rustybt_ray.engine.blotter import COLUMN, ORDERS
from rustybt_ray.engine.stepwise import VALUE, SteppedLedger
from rustybt_ray.engine.structures import SHARES
from rustybt_ray.zipline.assets import Asset, AssetFinder, Equity
from rustybt_ray.zipline.clock import Clock
from rustybt_ray.zipline.controls import TradingControl
from rustybt_ray.zipline.errors import (
    CannotOrderDelistedAsset,
    OrderInBeforeTradingStart,
    UnsupportedOrderParameters,
)
from rustybt_ray.zipline.execution import ExecutionStyle, LimitOrder, StopLimitOrder, StopOrder
from rustybt_ray.zipline.moments import text_of
from rustybt_ray.zipline.orders import Order, order_id, order_number

log = logging.getLogger("rustybt_ray.zipline")
NEAR, MOST, NOTHING = 1e-4, 1e11, 1e-6


class Placing:
    """Orders of a run.

    Parameters
    ----------
    ledger : SteppedLedger
    clock : Clock
    finder : AssetFinder
    """

    def __init__(self, ledger: SteppedLedger, clock: Clock, finder: AssetFinder) -> None:
        self.ledger, self.clock, self.finder = ledger, clock, finder
        self.trading_controls: list[TradingControl] = []
        self.initializing = True
        self._cells, self._mark, self._account = ledger.cells, ledger.mark, ledger.account

    def order(
        self,
        asset: Any,
        amount: float,
        limit_price: float | None = None,
        stop_price: float | None = None,
        style: ExecutionStyle | None = None,
    ) -> str | None:
        """Order so many shares; see `rustybt_ray.zipline.api.order`."""
        return self._place(asset, amount, limit_price, stop_price, style) if self._may_order(asset) else None

    def order_value(
        self,
        asset: Any,
        value: float,
        limit_price: float | None = None,
        stop_price: float | None = None,
        style: ExecutionStyle | None = None,
    ) -> str | None:
        """Order for so much money."""
        if not self._may_order(asset):
            return None
        return self._place(asset, self._shares_for(asset, value), limit_price, stop_price, style)

    def order_percent(
        self,
        asset: Any,
        percent: float,
        limit_price: float | None = None,
        stop_price: float | None = None,
        style: ExecutionStyle | None = None,
    ) -> str | None:
        """Order for a fraction of the portfolio's value."""
        if not self._may_order(asset):
            return None
        amount = self._shares_for(asset, self._account[VALUE] * percent)
        return self._place(asset, amount, limit_price, stop_price, style)

    def order_target(
        self,
        asset: Any,
        target: float,
        limit_price: float | None = None,
        stop_price: float | None = None,
        style: ExecutionStyle | None = None,
    ) -> str | None:
        """Order what is missing to so many shares."""
        if not self._may_order(asset):
            return None
        return self._place(asset, target - self._cells[SHARES, asset.column], limit_price, stop_price, style)

    def order_target_value(
        self,
        asset: Any,
        target: float,
        limit_price: float | None = None,
        stop_price: float | None = None,
        style: ExecutionStyle | None = None,
    ) -> str | None:
        """Order what is missing to so much money."""
        if not self._may_order(asset):
            return None
        amount = self._shares_for(asset, target) - self._cells[SHARES, asset.column]
        return self._place(asset, amount, limit_price, stop_price, style)

    def order_target_percent(
        self,
        asset: Any,
        target: float,
        limit_price: float | None = None,
        stop_price: float | None = None,
        style: ExecutionStyle | None = None,
    ) -> str | None:
        """Order what is missing to a fraction of the portfolio's value."""
        if not self._may_order(asset):
            return None
        amount = self._shares_for(asset, self._account[VALUE] * target) - self._cells[SHARES, asset.column]
        return self._place(asset, amount, limit_price, stop_price, style)

    def batch_market_order(self, share_counts: Any) -> list[str]:
        """Market orders from a Series of int64 by asset: no rounding, control or check, and before trading too."""
        if self.initializing:
            self._check_moment()
        if getattr(share_counts, "dtype", None) != np.int64:
            raise TypeError(f"batch_market_order() expected a Series of int64; received {share_counts!r}")
        place, clock = self.ledger.place, self.clock
        ids = [order_id(place(asset.column, int(n), nan, nan)) for asset, n in share_counts.items() if n]
        if clock.before_trading:
            self.ledger.take_in(clock.row - 0.5)
        return ids

    def cancel_order(self, order_param: Any) -> None:
        """Cancel an order by id or itself."""
        number = order_number(getattr(order_param, "id", order_param))
        clock = self.clock
        self.ledger.take_in(clock.row)
        if 0 <= number < self.ledger.counts[ORDERS]:
            self.ledger.cancel(number, clock.session - 0.5 * clock.before_trading)

    def get_order(self, order_id: Any) -> Order | None:
        """A copy of an order."""
        number = order_number(order_id)
        self.ledger.take_in(self.clock.row)
        return self._copy(number) if 0 <= number < self.ledger.counts[ORDERS] else None

    def get_open_orders(self, asset: Any = None) -> Any:
        """Open orders of an asset, or of all by asset."""
        ledger = self.ledger
        ledger.take_in(self.clock.row)
        if asset is not None:
            numbers = ledger.orders_of(int(asset)) if asset in self.finder.equities else []
            return [self._copy(number) for number in numbers]
        equities = self.finder.equities
        return {
            equities[column]: [self._copy(n) for n in numbers] for column, numbers in ledger.open_orders() if numbers
        }

    def _copy(self, number: int) -> Order:
        row = self.ledger.blotter.orders[number].tolist()
        return Order(number, self.finder.equities[int(row[COLUMN])], row, self.ledger.panel)

    def _may_order(self, asset: Any) -> bool:
        """Whether an order is looked at: not of an asset that has ended."""
        if self.initializing or self.clock.before_trading:
            self._check_moment()
        if type(asset) is not Equity and not isinstance(asset, Asset):
            message = "Passing non-Asset argument to 'order()' is not supported. Use 'sid()' or 'symbol()' to look up an Asset."
            raise UnsupportedOrderParameters(msg=message)
        if self.clock.row <= asset.last_row:
            return True
        log.warning(
            "Cannot place order for %s, as it has de-listed. Any existing positions will be liquidated.", asset.symbol
        )
        return False

    def _check_moment(self) -> None:
        """Orders are placed at a bar alone."""
        if self.clock.before_trading:
            raise OrderInBeforeTradingStart
        if self.initializing:
            raise AssertionError("orders cannot be placed in initialize: there is no current bar yet")

    def _shares_for(self, asset: Any, value: float) -> float:
        """Shares that so much money is worth now."""
        row = self.clock.row
        price = self._mark[asset.column, row]
        if price != price or row < asset.first_row:
            self._refuse(asset)
        return value / price if price > NOTHING or price < -NOTHING else 0

    def _refuse(self, asset: Any) -> NoReturn:
        if self.clock.row < asset.first_row:
            raise CannotOrderDelistedAsset(
                msg=f"Cannot order {asset.symbol}, as it started trading on {asset.start_date}."
            )
        message = f"Cannot order {asset.symbol} on {text_of(self.clock.dt)} as there is no last price for the security."
        raise CannotOrderDelistedAsset(msg=message)

    def _place(
        self,
        asset: Any,
        amount: float,
        limit_price: float | None,
        stop_price: float | None,
        style: ExecutionStyle | None,
    ) -> str | None:
        whole = round(amount)
        if not -NEAR <= amount - whole <= NEAR:
            whole = int(amount)
        if style and (limit_price is not None or stop_price is not None):
            which = "stop_price" if limit_price is None else "limit_price"
            raise UnsupportedOrderParameters(msg=f"Passing both {which} and style is not supported.")
        if self.trading_controls:
            self._control(asset, whole)
        limit = stop = nan
        if limit_price is not None or stop_price is not None:
            style = style_of(asset, limit_price, stop_price)
        if not whole:
            return None
        if whole > MOST:
            raise OverflowError(f"Can't order more than {MOST:.0f} shares")
        if style is not None:
            limit, stop = _price(style.get_limit_price(whole > 0)), _price(style.get_stop_price(whole > 0))
        return f"{self.ledger.place(asset.column, whole, limit, stop):032x}"

    def _control(self, asset: Any, whole: int) -> None:
        clock, column = self.clock, asset.column
        price = self._mark[column, clock.row] if clock.row <= asset.last_row else nan
        for control in self.trading_controls:
            control.validate(asset, whole, self._cells[SHARES, column], price, clock.dt)


def style_of(asset: Any, limit_price: float | None, stop_price: float | None) -> ExecutionStyle:
    """The style that prices stand for."""
    if stop_price is None:
        return LimitOrder(limit_price, asset=asset)  # type: ignore[arg-type]
    if limit_price is None:
        return StopOrder(stop_price, asset=asset)
    return StopLimitOrder(limit_price, stop_price, asset=asset)


def _price(price: float | None) -> float:
    return nan if price is None else float(price)
