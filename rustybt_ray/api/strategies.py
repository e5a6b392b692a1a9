"""A strategy as the caller gave it, loaded, checked and named."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rustybt_ray._typing import StrategyFunction
from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.settings import Settings
from rustybt_ray.exceptions import InputError
from rustybt_ray.strategies.identity import strategy_digest
from rustybt_ray.strategies.load import load_strategy
from rustybt_ray.strategies.shipping import describe
from rustybt_ray.strategies.strategy import ZIPLINE, Strategy, inspect_strategy

if TYPE_CHECKING:
    from rustybt_ray.zipline.algorithm import Algorithm


@dataclass(frozen=True)
class Loaded:
    """A strategy with its identity and its record for the study."""

    strategy: Strategy
    digest: str
    record: dict[str, Any]


def resolve(strategy: "StrategyFunction | Algorithm | str", version: str | None = None) -> Loaded:
    """Load, inspect and digest a strategy.

    Raises
    ------
    StrategyError
        If it cannot be loaded or digested.
    """
    found = inspect_strategy(load_strategy(strategy))
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
