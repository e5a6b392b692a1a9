"""A strategy as the caller gave it, loaded, checked and named."""

from dataclasses import dataclass
from typing import Any

from rustybt_ray._typing import StrategyFunction
from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.settings import Settings
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


def rules_of(kind: str, costs: Costs | None, settings: Settings | None) -> tuple[Costs, Settings]:
    """Costs and settings as given, or what a strategy of this kind has by default: zipline's for its algorithms."""
    if kind != ZIPLINE:
        return costs or Costs(), settings or Settings()
    from rustybt_ray.zipline.defaults import ZIPLINE_COSTS

    return costs or ZIPLINE_COSTS, settings or Settings.zipline()
