"""A strategy as the caller gave it, loaded, checked and named."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rustybt_ray._record import record_class
from rustybt_ray._typing import StrategyFunction
from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.settings import Settings
from rustybt_ray.exceptions import InputError
from rustybt_ray.strategies.identity import strategy_digest
from rustybt_ray.strategies.shipping import describe
from rustybt_ray.strategies.strategy import ZIPLINE, Strategy, inspect_strategy


@record_class(frozen=True)
class Loaded:
    """A strategy with its identity and its record for the study."""

    strategy: Strategy
    digest: str
    record: dict[str, Any]


def known_strategy(strategy: StrategyFunction | str) -> Strategy:
    """A strategy with what is known of it before it runs, loaded if its place is given.

    Raises
    ------
    StrategyError
        If it cannot be loaded or called.
    """
    if callable(strategy):
        return inspect_strategy(strategy)
    # loaded here because most strategies are functions
    from rustybt_ray.strategies.load import load_strategy

    return inspect_strategy(load_strategy(strategy))


def resolve(strategy: StrategyFunction | str, version: str | None = None) -> Loaded:
    """Load, inspect and digest a strategy.

    Raises
    ------
    StrategyError
        If it cannot be loaded or digested.
    """
    found = known_strategy(strategy)
    return Loaded(found, strategy_digest(found.function, version), describe(found.function))


def rules_of(
    kind: str, costs: Costs | Mapping[str, Any] | None, settings: Settings | Mapping[str, Any] | None
) -> tuple[Costs, Settings]:
    """Costs and settings as given, or what a strategy of this kind has by default: zipline's for its algorithms.

    Mappings change what they name of the kind's default.

    Raises
    ------
    InputError
        If there is no such name, or its value is not allowed.
    """
    if not isinstance(settings, Settings):
        settings = (Settings.zipline if kind == ZIPLINE else Settings)(**_known(settings, Settings, "settings"))
    if not isinstance(costs, Costs):
        costs = replace(_default_costs(kind), **_known(costs, Costs, "costs"))
    return costs, settings


def _default_costs(kind: str) -> Costs:
    if kind != ZIPLINE:
        return Costs()
    from rustybt_ray.zipline.defaults import ZIPLINE_COSTS

    return ZIPLINE_COSTS


def _known(changes: Mapping[str, Any] | None, owner: type, what: str) -> Mapping[str, Any]:
    names = list(owner.__annotations__)
    for name in changes or {}:
        if name not in names:
            remedy = f"See rustybt_ray.{owner.__name__}."
            raise InputError(what, f"{owner.__name__}, or named among {', '.join(names)}", name, remedy)
    return changes or {}
