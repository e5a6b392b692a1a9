"""rustybt_ray: the Ray-based, cluster-scale optimizer for trading backtests.

Public names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rustybt_ray._loading import undisturbed

if TYPE_CHECKING:
    from rustybt_ray.api.backtest import backtest as backtest
    from rustybt_ray.api.load import load as load
    from rustybt_ray.api.optimize import optimize as optimize
    from rustybt_ray.api.plan import plan as plan
    from rustybt_ray.api.walk_forward import walk_forward as walk_forward
    from rustybt_ray.api.workers import PersistentWorkerPool as PersistentWorkerPool
    from rustybt_ray.config import OptimizationConfig as OptimizationConfig
    from rustybt_ray.data.bundle import Bundle as Bundle
    from rustybt_ray.data.ingest import ingest as ingest
    from rustybt_ray.data.panel import Panel as Panel
    from rustybt_ray.data.sample import ingest_sample as ingest_sample
    from rustybt_ray.data.store import BundleStore as BundleStore
    from rustybt_ray.engine.backtest import Backtest as Backtest
    from rustybt_ray.engine.costs import Costs as Costs
    from rustybt_ray.engine.costs import FixedBasisPoints as FixedBasisPoints
    from rustybt_ray.engine.costs import FixedSpread as FixedSpread
    from rustybt_ray.engine.costs import NoCommission as NoCommission
    from rustybt_ray.engine.costs import NoSlippage as NoSlippage
    from rustybt_ray.engine.costs import PerDollar as PerDollar
    from rustybt_ray.engine.costs import PerShare as PerShare
    from rustybt_ray.engine.costs import PerTrade as PerTrade
    from rustybt_ray.engine.costs import VolumeShare as VolumeShare
    from rustybt_ray.engine.settings import Settings as Settings
    from rustybt_ray.engine.weights import Weights as Weights
    from rustybt_ray.engine.weights import equal_weight as equal_weight
    from rustybt_ray.engine.weights import on_change as on_change
    from rustybt_ray.engine.weights import on_schedule as on_schedule
    from rustybt_ray.exceptions import BundleError as BundleError
    from rustybt_ray.exceptions import ExecutionError as ExecutionError
    from rustybt_ray.exceptions import IngestError as IngestError
    from rustybt_ray.exceptions import InputError as InputError
    from rustybt_ray.exceptions import RustybtRayError as RustybtRayError
    from rustybt_ray.exceptions import StrategyError as StrategyError
    from rustybt_ray.exceptions import WeightsError as WeightsError
    from rustybt_ray.search.halving import Halving as Halving
    from rustybt_ray.search.space import Choice as Choice
    from rustybt_ray.search.space import Float as Float
    from rustybt_ray.search.space import Int as Int
    from rustybt_ray.search.space import ParameterSpace as ParameterSpace
    from rustybt_ray.strategies.strategy import Objective as Objective
    from rustybt_ray.strategies.trial import Trial as Trial
    from rustybt_ray.studies.study import Study as Study
    from rustybt_ray.studies.walk_forward import WalkForward as WalkForward
    from rustybt_ray.validation.combinatorial import CombinatorialPurged as CombinatorialPurged
    from rustybt_ray.validation.forward import Expanding as Expanding
    from rustybt_ray.validation.forward import Rolling as Rolling
    from rustybt_ray.zipline.algorithm import Algorithm as Algorithm
    from rustybt_ray.zipline.result import AlgorithmBacktest as AlgorithmBacktest

_HOMES = {
    "rustybt_ray.api.backtest": ("backtest",),
    "rustybt_ray.api.load": ("load",),
    "rustybt_ray.api.optimize": ("optimize",),
    "rustybt_ray.api.plan": ("plan",),
    "rustybt_ray.api.walk_forward": ("walk_forward",),
    "rustybt_ray.api.workers": ("PersistentWorkerPool",),
    "rustybt_ray.config": ("OptimizationConfig",),
    "rustybt_ray.data.bundle": ("Bundle",),
    "rustybt_ray.data.ingest": ("ingest",),
    "rustybt_ray.data.panel": ("Panel",),
    "rustybt_ray.data.sample": ("ingest_sample",),
    "rustybt_ray.data.store": ("BundleStore",),
    "rustybt_ray.engine.backtest": ("Backtest",),
    "rustybt_ray.engine.costs": (
        "Costs", "FixedBasisPoints", "FixedSpread", "NoCommission", "NoSlippage", "PerDollar", "PerShare", "PerTrade",
        "VolumeShare",
    ),
    "rustybt_ray.engine.settings": ("Settings",),
    "rustybt_ray.engine.weights": ("Weights", "equal_weight", "on_change", "on_schedule"),
    "rustybt_ray.exceptions": (
        "BundleError", "ExecutionError", "IngestError", "InputError", "RustybtRayError", "StrategyError", "WeightsError",
    ),
    "rustybt_ray.search.halving": ("Halving",),
    "rustybt_ray.search.space": ("Choice", "Float", "Int", "ParameterSpace"),
    "rustybt_ray.strategies.strategy": ("Objective",),
    "rustybt_ray.strategies.trial": ("Trial",),
    "rustybt_ray.studies.study": ("Study",),
    "rustybt_ray.studies.walk_forward": ("WalkForward",),
    "rustybt_ray.validation.combinatorial": ("CombinatorialPurged",),
    "rustybt_ray.validation.forward": ("Expanding", "Rolling"),
    "rustybt_ray.zipline.algorithm": ("Algorithm",),
    "rustybt_ray.zipline.result": ("AlgorithmBacktest",),
}  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__version__ = "0.1.0"
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with undisturbed():
        value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
