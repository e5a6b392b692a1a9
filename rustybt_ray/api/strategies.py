"""A strategy as the caller gave it, loaded, checked and named."""

from typing import Any

from rustybt_ray._record import record_class
from rustybt_ray._typing import StrategyFunction
from rustybt_ray.strategies.identity import strategy_digest
from rustybt_ray.strategies.shipping import describe
from rustybt_ray.strategies.strategy import Strategy, inspect_strategy


@record_class(frozen=True)
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
    if not callable(strategy):
        from rustybt_ray.strategies.load import load_strategy

        strategy = load_strategy(strategy)
    found = inspect_strategy(strategy)
    return Loaded(found, strategy_digest(found.function, version), describe(found.function))
