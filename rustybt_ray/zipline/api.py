"""What algorithms import from ``zipline.api``: each function asks the run that is active.

The functions are the module's, the state is the run's; outside a run they raise RuntimeError, as zipline's do.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NoReturn

from rustybt_ray.zipline import cancel_policy, commission, execution, math_utils, slippage
from rustybt_ray.zipline.cancel_policy import EODCancel, NeverCancel
from rustybt_ray.zipline.errors import NotSupported
from rustybt_ray.zipline.restrictions import (
    RESTRICTION_STATES,
    HistoricalRestrictions,
    Restriction,
    StaticRestrictions,
)
from rustybt_ray.zipline.slippage import FixedBasisPointsSlippage, FixedSlippage, VolumeShareSlippage

FUNCTIONS = (
    "batch_market_order", "cancel_order", "get_datetime", "get_environment", "get_open_orders", "get_order", "order",
    "order_percent", "order_target", "order_target_percent", "order_target_value", "order_value", "record",
    "schedule_function", "set_asset_restrictions", "set_benchmark", "set_cancel_policy", "set_commission",
    "set_do_not_order_list", "set_long_only", "set_max_leverage", "set_max_order_count", "set_max_order_size",
    "set_max_position_size", "set_min_leverage", "set_slippage", "set_symbol_lookup_date", "sid", "symbol", "symbols",
)  # fmt: skip
"""Functions that a run has as methods of the same name and arguments."""
RULES = ("calendars", "date_rules", "events", "time_rules")
REFUSED = ("attach_pipeline", "continuous_future", "fetch_csv", "future_symbol", "pipeline_output")
__all__ = [
    *FUNCTIONS, *RULES, *REFUSED, "EODCancel", "FixedBasisPointsSlippage", "FixedSlippage", "HistoricalRestrictions",
    "NeverCancel", "RESTRICTION_STATES", "Restriction", "StaticRestrictions", "VolumeShareSlippage", "cancel_policy",
    "commission", "execution", "math_utils", "slippage",
]  # fmt: skip


class _Nobody:
    """Stands where a run is not."""

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise RuntimeError(f"zipline api method {name} must be called during a simulation.")


NOBODY = _Nobody()
_run: Any = NOBODY


def running() -> Any:
    """The run that is active.

    Raises
    ------
    RuntimeError
        If there is none.
    """
    if _run is NOBODY:
        raise RuntimeError("zipline's functions must be called during a simulation.")
    return _run


@contextmanager
def activate(run: Any) -> Iterator[None]:
    """Make `run` the one that the functions ask, meanwhile."""
    global _run
    before, _run = _run, run
    try:
        yield
    finally:
        _run = before


def __getattr__(name: str) -> Any:
    """The rules of scheduled functions, loaded when they are asked for."""
    if name not in RULES:
        raise AttributeError(f"module 'zipline.api' has no attribute {name!r}")
    events = import_module("rustybt_ray.zipline.events")
    return events if name == "events" else getattr(events, name)


def order(
    asset: Any, amount: float, limit_price: float | None = None, stop_price: float | None = None, style: Any = None
) -> Any:
    """Order so many shares, signed; an id, or None if nothing is placed."""
    return _run.order(asset, amount, limit_price, stop_price, style)


def order_value(
    asset: Any, value: float, limit_price: float | None = None, stop_price: float | None = None, style: Any = None
) -> Any:
    """Order for so much money."""
    return _run.order_value(asset, value, limit_price, stop_price, style)


def order_percent(
    asset: Any, percent: float, limit_price: float | None = None, stop_price: float | None = None, style: Any = None
) -> Any:
    """Order for a fraction of the portfolio's value."""
    return _run.order_percent(asset, percent, limit_price, stop_price, style)


def order_target(
    asset: Any, target: float, limit_price: float | None = None, stop_price: float | None = None, style: Any = None
) -> Any:
    """Order what is missing to so many shares."""
    return _run.order_target(asset, target, limit_price, stop_price, style)


def order_target_value(
    asset: Any, target: float, limit_price: float | None = None, stop_price: float | None = None, style: Any = None
) -> Any:
    """Order what is missing to so much money."""
    return _run.order_target_value(asset, target, limit_price, stop_price, style)


def order_target_percent(
    asset: Any, target: float, limit_price: float | None = None, stop_price: float | None = None, style: Any = None
) -> Any:
    """Order what is missing to a fraction of the portfolio's value."""
    return _run.order_target_percent(asset, target, limit_price, stop_price, style)


def batch_market_order(share_counts: Any) -> Any:
    """Market orders from a Series of int64 by asset, unchecked; a list of ids."""
    return _run.batch_market_order(share_counts)


def cancel_order(order_param: Any) -> None:
    """Cancel an order, by id or itself; unknown and finished ones are passed over."""
    _run.cancel_order(order_param)


def get_open_orders(asset: Any = None) -> Any:
    """Open orders of an asset as a list, or of all as a dict of lists."""
    return _run.get_open_orders(asset)


def get_order(order_id: str) -> Any:
    """A copy of an order, or None."""
    return _run.get_order(order_id)


def get_datetime(tz: Any = None) -> Any:
    """Now, as a Timestamp in UTC or `tz`."""
    return _run.get_datetime(tz)


def get_environment(field: str = "platform") -> Any:
    """A fact of the run, or all with "*"."""
    return _run.get_environment(field)


def record(*args: Any, **kwargs: Any) -> None:
    """Keep values of today by name."""
    _run.record(*args, **kwargs)


def schedule_function(
    func: Callable[..., Any], date_rule: Any = None, time_rule: Any = None, half_days: bool = True, calendar: Any = None
) -> None:
    """Call ``func(context, data)`` on the sessions of a date rule."""
    _run.schedule_function(func, date_rule, time_rule, half_days, calendar)


def symbol(symbol_str: str, country_code: str | None = None) -> Any:
    """The asset of a symbol."""
    return _run.symbol(symbol_str, country_code)


def symbols(*args: str, **kwargs: Any) -> Any:
    """The assets of several symbols, as a list."""
    return _run.symbols(*args, **kwargs)


def sid(sid: int) -> Any:
    """The asset of a number."""
    return _run.sid(sid)


def set_symbol_lookup_date(dt: Any) -> None:
    """The date as of which symbols are looked up."""
    _run.set_symbol_lookup_date(dt)


def set_benchmark(benchmark: Any) -> None:
    """The asset whose returns are the benchmark."""
    _run.set_benchmark(benchmark)


def set_slippage(us_equities: Any = None, us_futures: Any = None) -> None:
    """The slippage model."""
    _run.set_slippage(us_equities, us_futures)


def set_commission(us_equities: Any = None, us_futures: Any = None) -> None:
    """The commission model."""
    _run.set_commission(us_equities, us_futures)


def set_cancel_policy(cancel_policy: Any) -> None:
    """When open orders are cancelled."""
    _run.set_cancel_policy(cancel_policy)


def set_asset_restrictions(restrictions: Any, on_error: str = "fail") -> None:
    """Assets that may not be ordered."""
    _run.set_asset_restrictions(restrictions, on_error)


def set_do_not_order_list(restricted_list: Any, on_error: str = "fail") -> None:
    """Assets that may not be ordered, as a list."""
    _run.set_do_not_order_list(restricted_list, on_error)


def set_long_only(on_error: str = "fail") -> None:
    """No order may leave a short."""
    _run.set_long_only(on_error)


def set_max_leverage(max_leverage: float) -> None:
    """The gross leverage that ends the run when exceeded."""
    _run.set_max_leverage(max_leverage)


def set_min_leverage(min_leverage: float, grace_period: Any) -> None:
    """The gross leverage that must be kept from a period after the start on."""
    _run.set_min_leverage(min_leverage, grace_period)


def set_max_order_count(max_count: int, on_error: str = "fail") -> None:
    """At most so many order calls a day."""
    _run.set_max_order_count(max_count, on_error)


def set_max_order_size(
    asset: Any = None, max_shares: float | None = None, max_notional: float | None = None, on_error: str = "fail"
) -> None:
    """At most so many shares or so much money an order."""
    _run.set_max_order_size(asset, max_shares, max_notional, on_error)


def set_max_position_size(
    asset: Any = None, max_shares: float | None = None, max_notional: float | None = None, on_error: str = "fail"
) -> None:
    """At most so many shares or so much money a position."""
    _run.set_max_position_size(asset, max_shares, max_notional, on_error)


def attach_pipeline(*args: Any, **kwargs: Any) -> NoReturn:
    """Not supported."""
    raise NotSupported(
        what="zipline.api.attach_pipeline",
        remedy="Compute the factors in the algorithm with data.history, or in a target function.",
    )


def pipeline_output(*args: Any, **kwargs: Any) -> NoReturn:
    """Not supported."""
    raise NotSupported(
        what="zipline.api.pipeline_output",
        remedy="Compute the factors in the algorithm with data.history, or in a target function.",
    )


def fetch_csv(*args: Any, **kwargs: Any) -> NoReturn:
    """Not supported."""
    raise NotSupported(
        what="zipline.api.fetch_csv",
        remedy="Read the file when the algorithm is loaded, and look up the session's row in handle_data.",
    )


def future_symbol(*args: Any, **kwargs: Any) -> NoReturn:
    """Not supported."""
    raise NotSupported(what="zipline.api.future_symbol", remedy="Algorithms trade daily bars of equities.")


def continuous_future(*args: Any, **kwargs: Any) -> NoReturn:
    """Not supported."""
    raise NotSupported(what="zipline.api.continuous_future", remedy="Algorithms trade daily bars of equities.")
