"""Programs written for rustybt.optimization run here with nothing but their imports changed."""

import re
from decimal import Decimal

import pytest

GRID = """
from decimal import Decimal

from rustybt.optimization import CategoricalParameter, DiscreteParameter, ParameterSpace
from rustybt.optimization.search import GridSearchAlgorithm

space = ParameterSpace(parameters=[
    DiscreteParameter(name="short", min_value=10, max_value=30, step=10),
    DiscreteParameter(name="long", min_value=50, max_value=150, step=50, description="sessions"),
    CategoricalParameter(name="threshold", choices=[0.01, 0.02]),
])

def run_backtest(params):
    worth = -abs(params["short"] - 20) - abs(params["long"] - 100) / 10 - 100 * abs(params["threshold"] - 0.02)
    return {"performance_metrics": {"sharpe_ratio": worth}}

grid = GridSearchAlgorithm(parameter_space=space, early_stopping_rounds=None)
asked = []
while not grid.is_complete():
    params = grid.suggest()
    asked.append(params)
    grid.update(params, Decimal(str(run_backtest(params)["performance_metrics"]["sharpe_ratio"])))
best = grid.get_best_params()
top = grid.get_results(top_k=3)
progress, total = grid.progress, grid.total_combinations
"""

OPTIMIZER = """
from decimal import Decimal

from rustybt.optimization import DiscreteParameter, ObjectiveFunction, Optimizer, ParameterSpace
from rustybt.optimization.search import GridSearchAlgorithm

space = ParameterSpace(parameters=[
    DiscreteParameter(name="fast", min_value=5, max_value=20, step=5),
    DiscreteParameter(name="slow", min_value=20, max_value=50, step=10),
])

def run_backtest(params):
    if params["fast"] == params["slow"]:
        raise ValueError("no crossover")
    sharpe = Decimal(params["slow"]) / Decimal(params["fast"])
    return {"performance_metrics": {"sharpe_ratio": sharpe, "max_drawdown": Decimal("-0.1")}, "orders": []}

optimizer = Optimizer(
    parameter_space=space,
    search_algorithm=GridSearchAlgorithm(parameter_space=space),
    objective_function=ObjectiveFunction(metric="sharpe_ratio", higher_is_better=True),
    backtest_function=run_backtest,
    max_trials=100,
)
best = optimizer.optimize()
history = optimizer.get_history()
failed = [result for result in history if not result.is_success]
"""

PARALLEL = """
from decimal import Decimal

from rustybt.optimization import ParallelOptimizer
from rustybt.optimization.parameter_space import CategoricalParameter, ContinuousParameter, ParameterSpace
from rustybt.optimization.search.random_search import RandomSearchAlgorithm

space = ParameterSpace(parameters=[
    ContinuousParameter(name="threshold", min_value=0.001, max_value=0.1, prior="log-uniform"),
    CategoricalParameter(name="average", choices=["mean", "median"]),
])

def objective(params):
    return Decimal("2.0") - abs(params["threshold"] - Decimal("0.02")) * 10 - (params["average"] == "mean")

optimizer = ParallelOptimizer(RandomSearchAlgorithm(space, n_iter=50, seed=42), n_jobs=2, verbose=False)
optimizer.run(objective)
best_params, best_score = optimizer.get_best_result()
evaluations = sum(stats.evaluations_completed for stats in optimizer.get_worker_statistics().values())
"""

FORWARD = """
import numpy as np
import polars as pl

from rustybt.optimization import DiscreteParameter, ObjectiveFunction, ParameterSpace
from rustybt.optimization.search import RandomSearchAlgorithm
from rustybt.optimization.walk_forward import WalkForwardOptimizer, WindowConfig

returns = np.random.default_rng(42).normal(0.0005, 0.01, 400)
data = pl.DataFrame({"price": 100.0 * np.cumprod(1.0 + returns), "returns": returns})

def moving_average(params, data):
    prices, earned = data["price"].to_numpy(), data["returns"].to_numpy()
    days = range(params["slow"], len(prices))
    held = [prices[i - params["fast"] : i].mean() > prices[i - params["slow"] : i].mean() for i in days]
    made = np.where(held, 1, -1) * earned[params["slow"] :]
    return {"performance_metrics": {"sharpe_ratio": made.mean() / made.std(), "total_return": (1 + made).prod() - 1}}

space = ParameterSpace(parameters=[
    DiscreteParameter(name="fast", min_value=2, max_value=8, step=2),
    DiscreteParameter(name="slow", min_value=10, max_value=30, step=10),
])
config = WindowConfig(train_period=150, validation_period=50, test_period=50, step_size=50, window_type="rolling")
result = WalkForwardOptimizer(
    parameter_space=space,
    search_algorithm_factory=lambda: RandomSearchAlgorithm(space, n_iter=8, seed=42),
    objective_function=ObjectiveFunction(metric="sharpe_ratio"),
    backtest_function=moving_average,
    config=config,
    max_trials_per_window=8,
).run(data)
phases = {phase: float(result.aggregate_metrics[phase]["sharpe_ratio_mean"]) for phase in ("train", "validation", "test")}
drift = {name: bool(stats["is_stable"]) for name, stats in result.parameter_stability.items()}
"""

OWN = """
from decimal import Decimal

from rustybt.optimization import ContinuousParameter, ObjectiveFunction, Optimizer, ParameterSpace, SearchAlgorithm

class GoldenSection(SearchAlgorithm):
    def __init__(self, parameter_space, rounds):
        super().__init__(parameter_space)
        self.low, self.high, self.rounds, self.scores = 0.0, 10.0, rounds, []

    def suggest(self):
        share = 0.382 if len(self.scores) % 2 == 0 else 0.618
        return {"x": self.low + share * (self.high - self.low)}

    def update(self, params, score):
        self.scores.append(score)
        self._iteration += 1
        if len(self.scores) % 2 == 0:
            width = self.high - self.low
            if self.scores[-2] > self.scores[-1]:
                self.high = self.low + 0.618 * width
            else:
                self.low = self.low + 0.382 * width

    def is_complete(self):
        return len(self.scores) >= 2 * self.rounds

    def get_state(self):
        return {"low": self.low, "high": self.high}

    def set_state(self, state):
        self.low, self.high = state["low"], state["high"]

space = ParameterSpace(parameters=[ContinuousParameter(name="x", min_value=0, max_value=10)])
search = GoldenSection(space, 15)
best = Optimizer(
    space,
    search,
    ObjectiveFunction("custom", custom_function=lambda result: Decimal(str(result["worth"]))),
    lambda params: {"worth": -((params["x"] - 7.25) ** 2)},
    max_trials=1000,
).optimize()
"""


def moved(program):
    """What the program defines once `rustybt` is `rustybt_ray` in its imports."""
    changed, count = re.subn(r"^from rustybt\.", "from rustybt_ray.", program, flags=re.MULTILINE)
    assert count
    names = {}
    exec(compile(changed, "moved.py", "exec"), names)
    return names


def test_a_loop_over_a_grid():
    names = moved(GRID)
    expected = [
        {"short": short, "long": long, "threshold": threshold}
        for short in (10, 20, 30) for long in (50, 100, 150) for threshold in (0.01, 0.02)
    ]  # fmt: skip
    assert names["asked"] == expected
    assert names["best"] == {"short": 20, "long": 100, "threshold": 0.02}
    ranked = sorted(expected, key=lambda p: -names["run_backtest"](p)["performance_metrics"]["sharpe_ratio"])
    assert [params for params, _ in names["top"]] == ranked[:3]
    assert (names["progress"], names["total"]) == (1.0, 18)


def test_an_optimizer():
    names = moved(OPTIMIZER)
    best, history = names["best"], names["history"]
    assert (best.params, best.score) == ({"fast": 5, "slow": 50}, Decimal("10.0"))
    assert best.backtest_metrics == {"sharpe_ratio": 10.0, "max_drawdown": -0.1}
    assert [result.trial_id for result in history] == list(range(16))
    assert [result.score for result in history[:4]] == [Decimal(slow) / 5 for slow in (20, 30, 40, 50)]
    (failed,) = names["failed"]
    assert failed.params == {"fast": 20, "slow": 20}
    assert (failed.error, failed.score) == ("no crossover", Decimal("-Infinity"))


def test_a_parallel_optimizer():
    names = moved(PARALLEL)
    assert names["best_params"]["average"] == "median"
    assert isinstance(names["best_params"]["threshold"], Decimal)
    assert float(names["best_score"]) == float(names["objective"](names["best_params"])) > 1.9
    assert names["evaluations"] == 50


def test_a_walk_forward():
    names = moved(FORWARD)
    result, data, run = names["result"], names["data"], names["moving_average"]
    assert result.num_windows == 4
    for window, start in zip(result.window_results, (0, 50, 100, 150), strict=True):
        assert (window.train_start_idx, window.train_end_idx) == (start, start + 149)
        assert (window.test_start_idx, window.test_end_idx) == (start + 200, start + 249)
        parts = {"train": data[start : start + 150], "validation": data[start + 150 : start + 200]}
        parts["test"] = data[start + 200 : start + 250]
        for name, rows in parts.items():
            expected = run(window.best_params, rows)["performance_metrics"]["sharpe_ratio"]
            assert getattr(window, f"{name}_metrics")["sharpe_ratio"] == pytest.approx(expected, rel=1e-15)
        assert window.optimization_trials == 8
    for phase, mean in names["phases"].items():
        found = [float(getattr(window, f"{phase}_metrics")["score"]) for window in result.window_results]
        assert mean == pytest.approx(sum(found) / 4)
    assert set(names["drift"]) == {"fast", "slow"}


def test_a_search_of_ones_own():
    names = moved(OWN)
    assert abs(names["best"].params["x"] - 7.25) < 0.01
    assert (names["search"].iteration, len(names["search"].scores)) == (30, 30)


def test_names_without_a_counterpart_say_what_comes_nearest():
    import rustybt_ray.optimization as optimization
    from rustybt_ray.exceptions import InputError

    with pytest.raises(InputError, match=r"MonteCarloSimulator must be a name that has a counterpart.*Study\.returns"):
        moved("from rustybt.optimization import MonteCarloSimulator")
    for name in optimization.MISSING:
        with pytest.raises(InputError, match=f"rustybt.optimization.{name} must be"):
            getattr(optimization, name)
    with pytest.raises(ImportError, match="cannot import name 'Nonsense'"):
        moved("from rustybt.optimization import Nonsense")
    assert all(getattr(optimization, name) is not None for name in optimization.__all__)
