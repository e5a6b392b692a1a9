"""A strategy as the caller gave it, loaded, checked and named."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from rustybt_ray._typing import StrategyFunction
from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.settings import Settings
from rustybt_ray.exceptions import InputError
from rustybt_ray.strategies.identity import strategy_digest
from rustybt_ray.strategies.load import load_strategy
from rustybt_ray.strategies.shipping import describe
from rustybt_ray.strategies.strategy import ZIPLINE, Strategy, inspect_strategy


@dataclass(frozen=True)
class Loaded:
    """A strategy with its identity and its record for the study."""

    strategy: Strategy
    digest: str
    record: dict[str, Any]


def resolve(strategy: StrategyFunction | str, version: str | None = None) -> Loaded:
    """Load, inspect and digest a strategy.

    Raises
    ------
    StrategyError
        If it cannot be loaded or digested.
    """
    found = inspect_strategy(load_strategy(strategy))
    return Loaded(found, strategy_digest(found.function, version), describe(found.function))


def rules_of(kind: str, costs: Costs | None, settings: Settings | Mapping[str, Any] | None) -> tuple[Costs, Settings]:
    """Costs and settings as given, or what a strategy of this kind has by default: zipline's for its algorithms.

    Settings by name change these of the kind's default.

    Raises
    ------
    InputError
        If there is no such setting, or its value is not allowed.
    """
    if not isinstance(settings, Settings):
        settings = _changed(settings or {}, Settings.zipline if kind == ZIPLINE else Settings)
    if costs is None and kind == ZIPLINE:
        from rustybt_ray.zipline.defaults import ZIPLINE_COSTS

        costs = ZIPLINE_COSTS
    return costs or Costs(), settings


def _changed(changes: Mapping[str, Any], make: Callable[..., Settings]) -> Settings:
    known = [field.name for field in fields(Settings)]
    for name in changes:
        if name not in known:
            raise InputError(
                "settings", f"Settings, or named among {', '.join(known)}", name, "See rustybt_ray.Settings."
            )
    return make(**changes)
