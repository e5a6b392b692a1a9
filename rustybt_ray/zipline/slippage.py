"""At what price and how much of an order fills in a bar: zipline's ``finance.slippage``.

The formulas are written as zipline evaluates them, product by product: their last digits are compared with its results.
"""

import math
from abc import abstractmethod
from typing import Any

import numpy as np

from rustybt_ray.engine.costs import Impact
from rustybt_ray.zipline.assets import Equity
from rustybt_ray.zipline.errors import HistoryWindowStartsBeforeData, NotSupported
from rustybt_ray.zipline.models import REMEDY, FinancialModel, Future

SQRT_252 = math.sqrt(252)
DEFAULT_EQUITY_VOLUME_SLIPPAGE_BAR_LIMIT = 0.025
Fill = tuple[float, float] | tuple[None, None]


class LiquidityExceeded(Exception):  # noqa: N818
    """Raised by a model when an asset trades no more in this bar."""


def fill_price_worse_than_limit_price(fill_price: float, order: Any) -> bool:
    """Whether a price is above the limit of a buy, or below that of a sale; a limit of 0 or None is none."""
    if not order.limit:
        return False
    return bool(fill_price > order.limit if order.direction > 0 else fill_price < order.limit)


class SlippageModel(FinancialModel):
    """Base of slippage models, a user's own included.

    Attributes
    ----------
    volume_for_bar : int
        Shares of this asset that this bar's orders have filled already, without sign; the run keeps it.
    """

    _formula = "process_order"
    _volume_for_bar: float = 0

    def __init__(self) -> None:
        self._volume_for_bar = 0

    @property
    def volume_for_bar(self) -> float:
        """Shares of this asset filled in this bar so far, without sign."""
        return self._volume_for_bar

    @abstractmethod
    def process_order(self, data: Any, order: Any) -> Fill:
        """Price and signed number of shares at which a triggered order fills in this bar.

        Parameters
        ----------
        data : BarData
        order : Order
            The order itself: `asset`, `amount`, `filled`, `open_amount`, `direction` (1.0 or -1.0), `limit`, `stop`.

        Returns
        -------
        tuple of float, or (None, None)
            Nothing fills with (None, None); the asset's next order is tried.

        Raises
        ------
        LiquidityExceeded
            If no further order of the asset is to be tried in this bar.
        """

    def engine_terms(self) -> Impact | None:
        """The same as the ledger computes it; None if only `process_order` can say, as of a user's class that writes its own."""
        return self._terms() if self._has_terms() else None

    def _terms(self) -> Impact | None:
        return None


class EquitySlippageModel(SlippageModel):
    """Base of slippage models for equities alone."""

    allowed_asset_types = (Equity,)
    _of_its_kind = True


class FutureSlippageModel(SlippageModel):
    """Base of slippage models for futures alone."""

    allowed_asset_types = (Future,)
    _of_its_kind = True


class NoSlippage(SlippageModel):
    """The whole order at the close."""

    @staticmethod
    def process_order(data: Any, order: Any) -> Fill:
        """The close and the order's amount."""
        return data.current(order.asset, "close"), order.amount

    def _terms(self) -> Impact:
        return Impact()


class FixedSlippage(SlippageModel):
    """The whole order at half a spread from the close.

    Parameters
    ----------
    spread : float, default 0.0
        Money a share between what buyers pay and sellers get.
    """

    def __init__(self, spread: float = 0.0) -> None:
        super().__init__()
        self.spread = spread

    def __repr__(self) -> str:
        return f"{type(self).__name__}(spread={self.spread})"

    def process_order(self, data: Any, order: Any) -> Fill:
        """``close + spread / 2 * direction`` and the order's amount."""
        price = data.current(order.asset, "close")
        return price + (self.spread / 2.0 * order.direction), order.amount

    def _terms(self) -> Impact | None:
        return Impact(spread=float(self.spread)) if self.spread >= 0 else None


class FixedBasisPointsSlippage(SlippageModel):
    """Basis points from the close, for a share of the bar's volume at most; zipline's default.

    Parameters
    ----------
    basis_points : float, default 5.0
        At least 0.
    volume_limit : float, default 0.1
        Above 0; a fraction of the bar's volume, of all orders together.

    Raises
    ------
    ValueError
        If one of them is out of its range.
    """

    def __init__(self, basis_points: float = 5.0, volume_limit: float = 0.1) -> None:
        name = "FixedBasisPointsSlippage()"
        if not basis_points >= 0:
            raise ValueError(f"{name} expected a basis_points of at least 0; received {basis_points!r}")
        if not volume_limit > 0:
            raise ValueError(f"{name} expected a volume_limit above 0; received {volume_limit!r}")
        super().__init__()
        self.basis_points = basis_points
        self.percentage = basis_points / 10000.0
        self.volume_limit = volume_limit

    def __repr__(self) -> str:
        terms = f"    basis_points={self.basis_points},\n    volume_limit={self.volume_limit},\n"
        return f"{type(self).__name__}(\n{terms})"

    def process_order(self, data: Any, order: Any) -> Fill:
        """``close + close * (percentage * direction)`` for what is left of the bar's volume."""
        most = int(self.volume_limit * data.current(order.asset, "volume"))
        price = data.current(order.asset, "close")
        shares = min(abs(order.open_amount), most - self.volume_for_bar)
        if shares == 0:
            raise LiquidityExceeded
        return price + price * (self.percentage * order.direction), shares * order.direction

    def _terms(self) -> Impact | None:
        if self.percentage != self.basis_points / 10000.0 or not self.volume_limit > 0:
            return None
        return Impact(slippage=float(self.percentage), volume_limit=float(self.volume_limit))


class VolumeShareSlippage(SlippageModel):
    """Impact by the square of the share of the bar's volume, for a share of it at most; limits are kept.

    Parameters
    ----------
    volume_limit : float, default 0.025
        A fraction of the bar's volume, of all orders together.
    price_impact : float, default 0.1
        The impact, as a fraction of the price, of taking the whole volume.
    """

    def __init__(
        self, volume_limit: float = DEFAULT_EQUITY_VOLUME_SLIPPAGE_BAR_LIMIT, price_impact: float = 0.1
    ) -> None:
        super().__init__()
        self.volume_limit = volume_limit
        self.price_impact = price_impact

    def __repr__(self) -> str:
        terms = f"    volume_limit={self.volume_limit},\n    price_impact={self.price_impact}"
        return f"{type(self).__name__}(\n{terms})"

    def process_order(self, data: Any, order: Any) -> Fill:
        """``close + share ** 2 * (impact * direction) * close`` for what is left; nothing if worse than the limit."""
        volume = data.current(order.asset, "volume")
        rest = self.volume_limit * volume - self.volume_for_bar
        if rest < 1:
            raise LiquidityExceeded
        shares = int(min(rest, abs(order.open_amount)))
        if shares < 1:
            return None, None
        share = min((self.volume_for_bar + shares) / volume, self.volume_limit)
        price = data.current(order.asset, "close")
        impacted = price + share**2 * math.copysign(self.price_impact, order.direction) * price
        if fill_price_worse_than_limit_price(impacted, order):
            return None, None
        return impacted, math.copysign(shares, order.direction)

    def _terms(self) -> Impact | None:
        if not (self.volume_limit > 0 and abs(self.price_impact) > 0):
            return None
        return Impact(price_impact=abs(float(self.price_impact)), volume_limit=float(self.volume_limit))


class MarketImpactBase(SlippageModel):
    """Base of models whose impact follows from 20 sessions of volume and volatility, from the middle of high and low."""

    NO_DATA_VOLATILITY_SLIPPAGE_IMPACT = 10.0 / 10000

    @abstractmethod
    def get_txn_volume(self, data: Any, order: Any) -> float:
        """How many shares to trade in this bar, without sign."""

    @abstractmethod
    def get_simulated_impact(
        self,
        order: Any,
        current_price: float,
        current_volume: float,
        txn_volume: int,
        mean_volume: float,
        volatility: float,
    ) -> float:
        """The impact in money a share; its sign does not matter."""

    def process_order(self, data: Any, order: Any) -> Fill:
        """The middle of high and low, moved by the impact; nothing if worse than the limit."""
        if order.open_amount == 0:
            return None, None
        volume, high, low = (data.current(order.asset, field) for field in ("volume", "high", "low"))
        mean_volume, volatility = self._get_window_data(data, order.asset, 20)
        price = (high + low) / 2
        if not volume:
            return None, None
        shares = int(min(self.get_txn_volume(data, order), abs(order.open_amount)))
        if shares == 0:
            return None, None
        if mean_volume == 0 or np.isnan(volatility):
            impact = price * self.NO_DATA_VOLATILITY_SLIPPAGE_IMPACT
        else:
            impact = self.get_simulated_impact(
                order=order,
                current_price=price,
                current_volume=volume,
                txn_volume=shares,
                mean_volume=mean_volume,
                volatility=volatility,
            )
        impacted = price + math.copysign(impact, order.direction)
        if fill_price_worse_than_limit_price(impacted, order):
            return None, None
        return impacted, math.copysign(shares, order.direction)

    def _get_window_data(self, data: Any, asset: Any, window_length: int) -> tuple[float, float]:
        """Mean volume and annual volatility of the sessions before this one, once a session of a run."""
        cache: dict[Any, Any] = self.__dict__.setdefault("_window_data_cache", {})
        session = data.current_session
        known = cache.get(asset)
        # a model may outlive its run, and the next one may be of another bundle
        if known is not None and known[0] is data and known[1] == session:
            return known[2], known[3]
        try:
            volumes = data.history(asset, "volume", window_length + 1, "1d", as_array=True)[:-1]
            closes = data.history(asset, "close", window_length + 1, "1d", as_array=True)[:-1]
        except HistoryWindowStartsBeforeData:
            return 0, np.nan
        filled = _forward_filled(closes)
        changes = filled[1:] / filled[:-1] - 1.0
        values = float(volumes.mean()), float(changes.std(ddof=1)) * SQRT_252
        cache[asset] = (data, session, *values)
        return values


class VolatilityVolumeShare(FutureSlippageModel):
    """Of futures: cannot be made."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotSupported(what="VolatilityVolumeShare, a slippage of futures,", remedy=REMEDY)

    def process_order(self, data: Any, order: Any) -> Fill:
        """Never called."""
        return None, None


def _forward_filled(values: Any) -> Any:
    """Blank closes as the last one before: zipline's percent changes are pandas', which were padded."""
    known = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(values))))
    return values[known]
