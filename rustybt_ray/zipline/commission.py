"""What trades cost: zipline's ``finance.commission``."""

from abc import abstractmethod
from typing import Any

from rustybt_ray.engine.costs import Charges
from rustybt_ray.zipline.assets import Equity
from rustybt_ray.zipline.errors import NotSupported
from rustybt_ray.zipline.models import REMEDY, FinancialModel, Future

DEFAULT_PER_SHARE_COST = 0.001
DEFAULT_PER_DOLLAR_COST = 0.0015
DEFAULT_MINIMUM_COST_PER_EQUITY_TRADE = 0.0


class CommissionModel(FinancialModel):
    """Base of commission models, a user's own included."""

    _formula = "calculate"

    @abstractmethod
    def calculate(self, order: Any, transaction: Any) -> float:
        """What a transaction of an order costs, in money.

        Parameters
        ----------
        order : Order
            As before the transaction: `filled` shares, and `commission` charged so far.
        transaction : Transaction
            `amount` in signed shares, `price`, `asset`, `dt`, `order_id`.
        """

    def engine_terms(self) -> Charges | None:
        """The same as the ledger computes it; None if only `calculate` can say, as of a user's class that writes its own."""
        return self._terms() if self._has_terms() else None

    def _terms(self) -> Charges | None:
        return None


class EquityCommissionModel(CommissionModel):
    """Base of commission models for equities alone."""

    allowed_asset_types = (Equity,)
    _of_its_kind = True


class FutureCommissionModel(CommissionModel):
    """Base of commission models for futures alone."""

    allowed_asset_types = (Future,)
    _of_its_kind = True


class NoCommission(CommissionModel):
    """Nothing."""

    @staticmethod
    def calculate(order: Any, transaction: Any) -> float:
        """0.0."""
        return 0.0

    def _terms(self) -> Charges:
        return Charges()


class PerShare(EquityCommissionModel):
    """So much a share, with a minimum an order; zipline's default.

    Parameters
    ----------
    cost : float, default 0.001
        Money a share.
    min_trade_cost : float, default 0.0
        Money an order: what its first fill costs at least, and what later fills must exceed in sum before they cost more.
    """

    def __init__(
        self, cost: float = DEFAULT_PER_SHARE_COST, min_trade_cost: float = DEFAULT_MINIMUM_COST_PER_EQUITY_TRADE
    ) -> None:
        self.cost_per_share = float(cost)
        self.min_trade_cost = min_trade_cost or 0

    def __repr__(self) -> str:
        terms = f"cost_per_share={self.cost_per_share}, min_trade_cost={self.min_trade_cost}"
        return f"{type(self).__name__}({terms})"

    def calculate(self, order: Any, transaction: Any) -> float:
        """Shares times cost, as far as the minimum does not cover it."""
        added: float = abs(transaction.amount * self.cost_per_share)
        if order.commission == 0:
            return max(self.min_trade_cost, added)
        total: float = abs(order.filled * self.cost_per_share) + added
        return 0.0 if total < self.min_trade_cost else total - float(order.commission)

    def _terms(self) -> Charges | None:
        if not (self.cost_per_share >= 0 and self.min_trade_cost >= 0):
            return None
        return Charges(per_share=self.cost_per_share, minimum=float(self.min_trade_cost))


class PerTrade(CommissionModel):
    """So much an order, on its first fill.

    Parameters
    ----------
    cost : float, default 0.0
        Money an order.
    """

    def __init__(self, cost: float = DEFAULT_MINIMUM_COST_PER_EQUITY_TRADE) -> None:
        self.cost = float(cost)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(cost_per_trade={self.cost})"

    def calculate(self, order: Any, transaction: Any) -> float:
        """The cost while nothing was charged on the order, then nothing."""
        return self.cost if order.commission == 0 else 0.0

    def _terms(self) -> Charges | None:
        return Charges(fixed=self.cost) if self.cost >= 0 else None


class PerDollar(EquityCommissionModel):
    """So much a unit of money traded, at the price of the fill.

    Parameters
    ----------
    cost : float, default 0.0015
        A fraction of the money traded.
    """

    def __init__(self, cost: float = DEFAULT_PER_DOLLAR_COST) -> None:
        self.cost_per_dollar = float(cost)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(cost_per_dollar={self.cost_per_dollar})"

    def calculate(self, order: Any, transaction: Any) -> float:
        """``|shares| * (price * cost)``, each fill by itself."""
        cost_per_share = transaction.price * self.cost_per_dollar
        return float(abs(transaction.amount) * cost_per_share)

    def _terms(self) -> Charges | None:
        return Charges(per_dollar=self.cost_per_dollar) if self.cost_per_dollar >= 0 else None


class PerContract(FutureCommissionModel):
    """Of futures: cannot be made."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotSupported(what=f"{type(self).__name__}, a commission of futures,", remedy=REMEDY)

    def calculate(self, order: Any, transaction: Any) -> float:
        """Never called."""
        return 0.0


class PerFutureTrade(PerContract):
    """Of futures: cannot be made."""
