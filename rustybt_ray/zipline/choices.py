"""What an algorithm sets in `initialize`: costs, controls, cancel policy, benchmark, restrictions."""

from datetime import timedelta
from typing import Any

from rustybt_ray.engine.blotter import CANCEL_ALL, CANCEL_OLDEST, NEVER_CANCEL
from rustybt_ray.engine.settings import Settings
from rustybt_ray.zipline import commission as commissions
from rustybt_ray.zipline import controls
from rustybt_ray.zipline import slippage as slippages
from rustybt_ray.zipline.assets import Equity
from rustybt_ray.zipline.bardata import BarData
from rustybt_ray.zipline.cancel_policy import SESSION_END, CancelPolicy, EODCancel, NeverCancel
from rustybt_ray.zipline.commission import CommissionModel
from rustybt_ray.zipline.dates import utc
from rustybt_ray.zipline.errors import (
    IncompatibleCommissionModel,
    IncompatibleSlippageModel,
    RegisterAccountControlPostInit,
    RegisterTradingControlPostInit,
    SetBenchmarkOutsideInitialize,
    SetCancelPolicyPostInit,
    SetCommissionPostInit,
    SetSlippagePostInit,
    UnsupportedCancelPolicy,
    UnsupportedCommissionModel,
    UnsupportedSlippageModel,
    ZiplineError,
)
from rustybt_ray.zipline.placing import Placing
from rustybt_ray.zipline.restrictions import NoRestrictions, Restrictions, StaticRestrictions


class Choices(Placing):
    """The rules of a run that its algorithm may choose."""

    data: BarData
    settings: Settings
    slippage: Any = None
    commission: Any = None
    cancel_policy: Any = None
    benchmark: Any = None

    def _begin_choices(self) -> None:
        self.account_controls: list[controls.AccountControl] = []
        self.trading_controls.clear()
        self.restrictions: Restrictions = NoRestrictions()
        self.slippage = self.commission = self.benchmark = None
        self.cancel_policy = NeverCancel()

    def set_slippage(self, us_equities: Any = None, us_futures: Any = None) -> None:
        """At what price and how much fills."""
        if not self.initializing:
            raise SetSlippagePostInit
        for model in filter(None, (us_equities, us_futures)):
            if not isinstance(model, slippages.SlippageModel):
                raise UnsupportedSlippageModel
        if us_equities is not None:
            if Equity not in us_equities.allowed_asset_types:
                raise _incompatible(IncompatibleSlippageModel, us_equities)
            self.slippage = us_equities

    def set_commission(self, us_equities: Any = None, us_futures: Any = None) -> None:
        """What trades cost."""
        if not self.initializing:
            raise SetCommissionPostInit
        for model in filter(None, (us_equities, us_futures)):
            if not isinstance(model, CommissionModel):
                raise UnsupportedCommissionModel
        if us_equities is not None:
            if Equity not in us_equities.allowed_asset_types:
                raise _incompatible(IncompatibleCommissionModel, us_equities)
            self.commission = us_equities

    def set_cancel_policy(self, cancel_policy: Any) -> None:
        """When open orders are cancelled by themselves."""
        if not isinstance(cancel_policy, CancelPolicy):
            raise UnsupportedCancelPolicy
        if not self.initializing:
            raise SetCancelPolicyPostInit
        self.cancel_policy = cancel_policy

    def set_benchmark(self, benchmark: Any) -> None:
        """What alpha and beta are measured against."""
        if not self.initializing:
            raise SetBenchmarkOutsideInitialize
        self.benchmark = benchmark

    def set_max_position_size(
        self,
        asset: Any = None,
        max_shares: float | None = None,
        max_notional: float | None = None,
        on_error: str = "fail",
    ) -> None:
        """Limit the size of a position."""
        self._control_trading(controls.MaxPositionSize(on_error, asset, max_shares, max_notional))

    def set_max_order_size(
        self,
        asset: Any = None,
        max_shares: float | None = None,
        max_notional: float | None = None,
        on_error: str = "fail",
    ) -> None:
        """Limit the size of an order."""
        self._control_trading(controls.MaxOrderSize(on_error, asset, max_shares, max_notional))

    def set_max_order_count(self, max_count: int, on_error: str = "fail") -> None:
        """Limit the order calls of a session."""
        self._control_trading(controls.MaxOrderCount(on_error, max_count))

    def set_long_only(self, on_error: str = "fail") -> None:
        """Hold no short position."""
        self._control_trading(controls.LongOnly(on_error))

    def set_do_not_order_list(self, restricted_list: Any, on_error: str = "fail") -> None:
        """Order none of these assets."""
        given = restricted_list if isinstance(restricted_list, Restrictions) else StaticRestrictions(restricted_list)
        self.set_asset_restrictions(given, on_error)

    def set_asset_restrictions(self, restrictions: Restrictions, on_error: str = "fail") -> None:
        """Order no asset while it is restricted."""
        if not isinstance(restrictions, Restrictions):
            raise TypeError(f"set_asset_restrictions() expected Restrictions; received {restrictions!r}")
        self._control_trading(controls.RestrictedListOrder(on_error, restrictions))
        self.restrictions |= restrictions
        self.data.restrict(self.restrictions)

    def set_max_leverage(self, max_leverage: float) -> None:
        """End the run where gross leverage is higher at a session's end."""
        self._control_account(controls.MaxLeverage(max_leverage))

    def set_min_leverage(self, min_leverage: float, grace_period: timedelta) -> None:
        """End the run where gross leverage is lower at a session's end after the grace period."""
        start = utc(int(self.ledger.panel.sessions[self.clock.first]))
        self._control_account(controls.MinLeverage(min_leverage, start + grace_period))

    def _control_trading(self, control: controls.TradingControl) -> None:
        if not self.initializing:
            raise RegisterTradingControlPostInit
        self.trading_controls.append(control)

    def _control_account(self, control: controls.AccountControl) -> None:
        if not self.initializing:
            raise RegisterAccountControlPostInit
        self.account_controls.append(control)

    def _apply_costs(self) -> tuple[bool, bool]:
        """Hand the models to the ledger; whether slippage and commission must be asked here at each bar."""
        impact, charges = _terms(self.slippage, slippages), _terms(self.commission, commissions)
        self.ledger.charge(impact, charges)
        return self.slippage is not None and impact is None, self.commission is not None and charges is None

    def _ending(self) -> int:
        """What the end of each session cancels; of a user's own policy, at the end of this one."""
        policy = self.cancel_policy
        if type(policy) is NeverCancel or not policy.should_cancel(SESSION_END):
            return NEVER_CANCEL
        return CANCEL_OLDEST if self.settings.end_of_day_cancel == "oldest" else CANCEL_ALL

    @property
    def _asks_policy(self) -> bool:
        return type(self.cancel_policy) not in (NeverCancel, EODCancel)


def _terms(model: Any, module: Any) -> Any:
    """A built-in model as the ledger computes it; None of a user's own, and of none."""
    own = model is not None and type(model).__module__ == module.__name__
    return model.engine_terms() if own else None


def _incompatible(error: type[ZiplineError], model: Any) -> ZiplineError:
    kinds = [kind.__name__ for kind in model.allowed_asset_types]
    return error(asset_type="equities", given_model=model, supported_asset_types=kinds)
