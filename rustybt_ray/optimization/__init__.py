"""rustybt's vocabulary: what was written for ``rustybt.optimization`` runs by changing the import.

Modules have rustybt's names, too: ``from rustybt.optimization.search import GridSearchAlgorithm`` becomes
``from rustybt_ray.optimization.search import GridSearchAlgorithm``. All of it is thin: each name says what it is in
`rustybt_ray` itself. Names that have no counterpart say what comes nearest.
"""

from typing import NoReturn

from rustybt_ray.config import OptimizationConfig
from rustybt_ray.exceptions import InputError
from rustybt_ray.optimization.base import SearchAlgorithm
from rustybt_ray.optimization.objective import ObjectiveFunction, ObjectiveMetric
from rustybt_ray.optimization.optimizer import Optimizer
from rustybt_ray.optimization.parallel_optimizer import ParallelOptimizer
from rustybt_ray.optimization.parameter_space import (
    CategoricalParameter,
    ContinuousParameter,
    DiscreteParameter,
    ParameterSpace,
)
from rustybt_ray.optimization.result import OptimizationResult
from rustybt_ray.optimization.search import (
    BayesianOptimizer,
    GeneticAlgorithm,
    GridSearchAlgorithm,
    RandomSearchAlgorithm,
)
from rustybt_ray.optimization.walk_forward import (
    WalkForwardOptimizer,
    WalkForwardResult,
    WindowConfig,
    WindowData,
    WindowResult,
)

__all__ = [
    "BayesianOptimizer",
    "CategoricalParameter",
    "ContinuousParameter",
    "DiscreteParameter",
    "GeneticAlgorithm",
    "GridSearchAlgorithm",
    "ObjectiveFunction",
    "ObjectiveMetric",
    "OptimizationConfig",
    "OptimizationResult",
    "Optimizer",
    "ParallelOptimizer",
    "ParameterSpace",
    "RandomSearchAlgorithm",
    "SearchAlgorithm",
    "WalkForwardOptimizer",
    "WalkForwardResult",
    "WindowConfig",
    "WindowData",
    "WindowResult",
]

_RETURNS = "Study.returns has the daily returns of every trial, and Study.backtest(trial).returns those of one"
_NOISE = "ingest an altered table with rb.ingest, and run rb.backtest on that bundle"
_NEIGHBOURS = (
    "Study.trials has every point, and rustybt_ray.validation.plateau the mean objective of each with its neighbours"
)
MISSING = {
    "MonteCarloSimulator": _RETURNS,
    "MonteCarloResult": _RETURNS,
    "NoiseInfusionSimulator": _NOISE,
    "NoiseInfusionResult": _NOISE,
    "SensitivityAnalyzer": _NEIGHBOURS,
    "SensitivityResult": _NEIGHBOURS,
    "InteractionResult": _NEIGHBOURS,
    "calculate_stability_score": _NEIGHBOURS,
}
"""rustybt's names that have no counterpart, and what comes nearest."""


def __getattr__(name: str) -> NoReturn:
    if name in MISSING:
        remedy = f"What comes nearest: {MISSING[name]}."
        raise InputError(f"rustybt.optimization.{name}", "a name that has a counterpart here", name, remedy)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
