"""Styles of orders, and prices on the ticks that they may have: zipline's ``finance.execution``."""

from abc import ABC, abstractmethod
from math import isfinite
from sys import float_info
from typing import TYPE_CHECKING, Any

from rustybt_ray.zipline.errors import BadOrderParameters
from rustybt_ray.zipline.math_utils import consistent_round, number_of_decimal_places, tolerant_equals

if TYPE_CHECKING:
    from rustybt_ray.zipline.assets import Equity

TICK = 0.01


class ExecutionStyle(ABC):
    """How an order is to be executed."""

    _exchange: str | None = None

    @abstractmethod
    def get_limit_price(self, is_buy: bool) -> float | None:
        """The limit on its tick; None without one."""

    @abstractmethod
    def get_stop_price(self, is_buy: bool) -> float | None:
        """The stop on its tick; None without one."""

    @property
    def exchange(self) -> str | None:
        """Where the order would go; it changes nothing."""
        return self._exchange


class MarketOrder(ExecutionStyle):
    """At the market's price."""

    def __init__(self, exchange: str | None = None) -> None:
        self._exchange = exchange

    def get_limit_price(self, is_buy: bool) -> None:
        """None."""

    def get_stop_price(self, is_buy: bool) -> None:
        """None."""


class LimitOrder(ExecutionStyle):
    """Once the close is at `limit_price` or better.

    Parameters
    ----------
    limit_price : float
        Not negative; goes to the tick in the trader's favour, see `asymmetric_round_price`.
    asset : Equity, optional
        Whose tick counts; 0.01 without one.
    exchange : str, optional

    Raises
    ------
    BadOrderParameters
        If the price is no number, not finite or negative.
    """

    def __init__(self, limit_price: float, asset: "Equity | None" = None, exchange: str | None = None) -> None:
        check_stoplimit_prices(limit_price, "limit")
        self.limit_price = limit_price
        self._exchange = exchange
        self.asset = asset

    def get_limit_price(self, is_buy: bool) -> float:
        """The limit: of a buy rather down, of a sale rather up."""
        return asymmetric_round_price(self.limit_price, is_buy, _tick(self.asset))

    def get_stop_price(self, is_buy: bool) -> None:
        """None."""


class StopOrder(ExecutionStyle):
    """At the market's price once the close is at `stop_price` or worse.

    Parameters
    ----------
    stop_price : float
        Not negative; goes to the tick in the trader's favour, see `asymmetric_round_price`.
    asset, exchange
        As of `LimitOrder`.

    Raises
    ------
    BadOrderParameters
        If the price is no number, not finite or negative.
    """

    def __init__(self, stop_price: float, asset: "Equity | None" = None, exchange: str | None = None) -> None:
        check_stoplimit_prices(stop_price, "stop")
        self.stop_price = stop_price
        self._exchange = exchange
        self.asset = asset

    def get_limit_price(self, is_buy: bool) -> None:
        """None."""

    def get_stop_price(self, is_buy: bool) -> float:
        """The stop: of a buy rather up, of a sale rather down."""
        return asymmetric_round_price(self.stop_price, not is_buy, _tick(self.asset))


class StopLimitOrder(ExecutionStyle):
    """A limit order once the close is at `stop_price` or worse.

    Parameters
    ----------
    limit_price, stop_price : float
        In this order; as of `LimitOrder` and `StopOrder`.
    asset, exchange
        As of `LimitOrder`.

    Raises
    ------
    BadOrderParameters
        If a price is no number, not finite or negative.
    """

    def __init__(
        self, limit_price: float, stop_price: float, asset: "Equity | None" = None, exchange: str | None = None
    ) -> None:
        check_stoplimit_prices(limit_price, "limit")
        check_stoplimit_prices(stop_price, "stop")
        self.limit_price, self.stop_price = limit_price, stop_price
        self._exchange = exchange
        self.asset = asset

    def get_limit_price(self, is_buy: bool) -> float:
        """The limit: of a buy rather down, of a sale rather up."""
        return asymmetric_round_price(self.limit_price, is_buy, _tick(self.asset))

    def get_stop_price(self, is_buy: bool) -> float:
        """The stop: of a buy rather up, of a sale rather down."""
        return asymmetric_round_price(self.stop_price, not is_buy, _tick(self.asset))


def asymmetric_round_price(price: float, prefer_round_down: bool, tick_size: float = TICK, diff: float = 0.95) -> float:
    """A price on a tick, in favour of the trader.

    Down, unless within 5 % of a tick below the next one; up, unless within 5 % of a tick above one.

    Parameters
    ----------
    price : float
        In units of money.
    prefer_round_down : bool
        True of a buy's limit and a sale's stop.
    tick_size : float, default 0.01
    diff : float, default 0.95
        The share of a tick that the preferred direction has.

    Returns
    -------
    float
        A multiple of the tick; 0.0 if within 1e-6 of it.

    Notes
    -----
    ``tick * R((price -+ e) / tick)`` with e = (diff - 0.5) * tick - 10 * machine epsilon and R rounding halves up.

    Examples
    --------
    >>> asymmetric_round_price(12.3455, True), asymmetric_round_price(12.3455, False)
    (12.34, 12.35)
    """
    precision = number_of_decimal_places(tick_size)
    shift = (diff - 0.5) * 10**-precision * int(tick_size * 10**precision) - float_info.epsilon * 10
    rounded = tick_size * consistent_round((price - (shift if prefer_round_down else -shift)) / tick_size)
    return 0.0 if tolerant_equals(rounded, 0.0) else rounded


def check_stoplimit_prices(price: Any, label: str) -> None:
    """A limit or stop, called by its `label`, is a finite number and not negative.

    Raises
    ------
    BadOrderParameters
        If it is not.
    """
    try:
        finite = isfinite(price)
    except TypeError:
        message = f"Attempted to place an order with a {label} price of {type(price)}."
        raise BadOrderParameters(msg=message) from None
    if not finite:
        raise BadOrderParameters(msg=f"Attempted to place an order with a {label} price of {price}.")
    if price < 0:
        raise BadOrderParameters(msg=f"Can't place a {label} order with a negative price.")


def _tick(asset: "Equity | None") -> float:
    return TICK if asset is None else asset.tick_size
