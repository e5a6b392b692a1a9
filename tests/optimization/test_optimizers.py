"""Optimizers: one study of ours each, with the same numbers as ours, whoever runs it."""

from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import rustybt_ray as rb
from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.exceptions import InputError, RunError
from rustybt_ray.optimization import (
    BayesianOptimizer,
    CategoricalParameter,
    ContinuousParameter,
    DiscreteParameter,
    GridSearchAlgorithm,
    ObjectiveFunction,
    Optimizer,
    ParallelOptimizer,
    ParameterSpace,
    RandomSearchAlgorithm,
    SearchAlgorithm,
    WalkForwardOptimizer,
    WindowConfig,
)

SPACE = ParameterSpace(parameters=[DiscreteParameter("fast", 2, 8, 2), DiscreteParameter("slow", 10, 30, 10)])
MIXED = ParameterSpace(parameters=[
    DiscreteParameter("n", 0, 20), ContinuousParameter("x", 0.0, 1.0), CategoricalParameter("kind", ["a", "b"]),
])  # fmt: skip
SHARPE = ObjectiveFunction("sharpe_ratio")


def crossover(data, fast, slow):
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))


def worth(params):
    return -((params["n"] - 8) ** 2) / 10 - float(params["x"]) + (params["kind"] == "b")


def measured(params):
    others = {"n_trades": 3, "name": "x", "duration": 9.0, "trial": 1, "x": 0.0}
    return {"performance_metrics": {"sharpe_ratio": worth(params), **others}}


@pytest.fixture(scope="module")
def panel():
    rng = np.random.default_rng(7)
    close = 50.0 * np.exp(np.cumsum(rng.normal(0.0004, 0.02, (600, 2)), axis=0))
    days = np.datetime64("2020-01-01") + np.arange(600)
    return panel_from_arrays(days, ["AAA", "BBB"], close, close, close, close, np.full(close.shape, 1e6))


@pytest.mark.parametrize("metric", ["sharpe_ratio", "turnover"])
@pytest.mark.parametrize("higher", [True, False])
def test_a_strategy_of_ours_has_the_trials_of_optimize(panel, metric, higher):
    objective = ObjectiveFunction(metric, higher_is_better=higher)
    optimizer = Optimizer(SPACE, GridSearchAlgorithm(SPACE), objective, crossover, 100, bundle=panel)
    best = optimizer.optimize()
    direction = "maximize" if higher else "minimize"
    study = rb.optimize(
        crossover, bundle=panel, space=SPACE.ours, objective=metric, direction=direction, progress=False
    )
    apart = ("duration", "worker")
    assert optimizer.study.trials.drop(apart).equals(study.trials.drop(apart))
    assert best.params == study.best_params
    assert float(best.score) == (1 if higher else -1) * study.best_value
    assert optimizer.search_algorithm.get_best_params() == best.params
    assert [r.trial_id for r in optimizer.get_history()] == list(range(12)) == study.trials["trial"].to_list()
    assert best.backtest_metrics == study.best_trial.metrics
    assert optimizer.get_best_params() == best.params


def test_a_search_that_learns_sees_scores_of_which_more_is_better(panel):
    for higher in (True, False):
        search = BayesianOptimizer(SPACE, n_iter=12, random_state=1, convergence_patience=1000)
        objective = ObjectiveFunction("turnover", higher_is_better=higher)
        optimizer = Optimizer(SPACE, search, objective, crossover, 12, bundle=panel)
        best = optimizer.optimize()
        scores = [result.score for result in optimizer.results]
        assert search.get_best_score() == max(scores) == best.score
        assert (max(scores) > 0) is higher


def test_max_trials_cut_a_search_short():
    optimizer = Optimizer(MIXED, RandomSearchAlgorithm(MIXED, 50, seed=2), SHARPE, measured, max_trials=7)
    optimizer.optimize()
    assert (optimizer.current_trial, optimizer.study.spec.trials) == (7, 7)
    assert [r.params for r in optimizer.results] == [
        RandomSearchAlgorithm(MIXED, 50, seed=2).suggest() if not i else r.params
        for i, r in enumerate(optimizer.results)
    ]
    assert optimizer.results[0].backtest_metrics == {
        "sharpe_ratio": worth(optimizer.results[0].params), "n_trades": 3.0,
    }  # fmt: skip


def test_a_loop_by_hand_gives_the_same():
    optimizer = Optimizer(MIXED, BayesianOptimizer(MIXED, n_iter=15, random_state=4), SHARPE, measured, 100)
    optimizer.optimize()
    search, asked = BayesianOptimizer(MIXED, n_iter=15, random_state=4), []
    while not search.is_complete():
        asked.append(search.suggest())
        search.update(asked[-1], Decimal(str(worth(asked[-1]))))
    assert [result.params for result in optimizer.results] == asked


class Halves(SearchAlgorithm):
    """Does not learn, and has no count."""

    learns = False

    def __init__(self, space, count):
        super().__init__(space)
        self.left, self.seen = count, []

    def suggest(self):
        self.left -= 1
        return {"n": self.left, "x": 0.5, "kind": "a"}

    def update(self, params, score):
        self.seen.append((params["n"], score))

    def is_complete(self):
        return self.left == 0


def test_a_search_of_ones_own_without_a_count():
    search = Halves(MIXED, 5)
    parallel = ParallelOptimizer(search, verbose=False, executor="inline")
    parallel.run(worth)
    assert search.seen == [(n, Decimal(repr(worth({"n": n, "x": 0.5, "kind": "a"})))) for n in (4, 3, 2, 1, 0)]
    assert parallel.get_best_params()["n"] == 4
    assert parallel.get_progress() == 1.0
    with pytest.raises(InputError, match="parameter 'n' must be from 0 to 20 by 1; received 21"):
        ParallelOptimizer(Halves(MIXED, 22), verbose=False).run(worth)


def test_failures_are_recorded_and_none_is_best():
    def fails(params):
        raise RuntimeError("never")

    optimizer = Optimizer(MIXED, RandomSearchAlgorithm(MIXED, 3), SHARPE, fails, 3)
    with pytest.raises(ValueError, match=r"first error: RuntimeError: never"):
        optimizer.optimize()
    assert [(r.error, r.score) for r in optimizer.results] == [("never", Decimal("-Infinity"))] * 3
    with pytest.raises(ValueError, match="the best point must be asked for after optimize"):
        optimizer.get_best_params()


def test_a_checkpoint_is_a_run_directory(tmp_path):
    def optimizer(function=measured):
        search = BayesianOptimizer(MIXED, n_iter=12, random_state=4, convergence_patience=50)
        return Optimizer(MIXED, search, SHARPE, function, 12, checkpoint_dir=tmp_path / "run")

    whole = optimizer()
    whole.optimize()
    assert sorted(file.name for file in (tmp_path / "run").iterdir() if file.suffix) == ["study.json", "table.parquet"]
    with pytest.raises(RunError, match="a study is here already"):
        optimizer().optimize()
    journal = tmp_path / "run" / "journal"
    journal.write_bytes(journal.read_bytes()[:-9])
    again = optimizer()
    again.load_checkpoint(tmp_path / "run")
    assert again.optimize().score == whole.best_result.score
    assert [(r.params, r.score) for r in again.results] == [(r.params, r.score) for r in whole.results]
    assert again.search_algorithm.get_results() == whole.search_algorithm.get_results()
    other = optimizer(lambda params: measured({**params, "n": 0}))
    other.load_checkpoint(tmp_path / "run")
    with pytest.raises(RunError, match="holds another study"):
        other.optimize()
    with pytest.raises(InputError, match=r"checkpoint_file must be the optimizer's checkpoint_dir"):
        whole.load_checkpoint(tmp_path / "run" / "checkpoint_trial_10.json")


@pytest.mark.ray
@pytest.mark.slow
def test_workers_give_the_same_points():
    found = []
    for options in ({"executor": "inline"}, {"executor": "ray", "n_jobs": 2}):
        search = BayesianOptimizer(MIXED, n_iter=60, random_state=4, convergence_patience=100)
        parallel = ParallelOptimizer(search, batch_size=4, verbose=False, **options)
        parallel.run(worth)
        found.append(
            (parallel.get_best_result(), search.get_results(), parallel.study.trials.drop("duration", "worker"))
        )
    assert found[0][:2] == found[1][:2]
    assert found[0][2].equals(found[1][2])


def test_what_a_parallel_optimizer_refuses():
    search = RandomSearchAlgorithm(MIXED, 3)
    for arguments, message in (
        ({"backend": "threads"}, "backend must be"),
        ({"n_jobs": 0}, "n_jobs must be"),
        ({"maxtasksperchild": 7}, r"maxtasksperchild must be left at 100.*memory_limit"),
        ({"batch_size": 0}, "batch_size must be"),
    ):
        with pytest.raises(InputError, match=message):
            ParallelOptimizer(search, **arguments)
    with pytest.raises(InputError, match=r"results must be asked for after run"):
        ParallelOptimizer(search).get_best_params()


def test_a_search_of_ones_own_has_its_space_itself(panel):
    from rustybt_ray.optimization.asked import AskedSearch

    search = AskedSearch(GridSearchAlgorithm(SPACE), SPACE.ours.names, SPACE.validate_params)
    for name, value in (("space", SPACE.ours), ("points", [{"fast": 2}]), ("n_trials", 5), ("lag", 3)):
        with pytest.raises(InputError, match=f"{name} must be left out with a search of your own"):
            rb.optimize(crossover, bundle=panel, search=search, **{name: value})
    with pytest.raises(rb.StrategyError, match="no parameter for the required argument"):
        rb.optimize(lambda data, other: None, bundle=panel, search=search)


def rows(count):
    return pl.DataFrame({"value": np.sin(np.arange(count) / 7.0) + np.arange(count) / 100.0})


def near(params, data):
    """Best where the parameter is near the rows' mean."""
    if params["level"] == 9:
        raise ValueError("nine")
    distance = abs(params["level"] / 10 - data["value"].mean())
    return {"performance_metrics": {"sharpe_ratio": -distance, "total_return": float(data["value"][0])}}


LEVELS = ParameterSpace(parameters=[DiscreteParameter("level", 0, 40)])


@pytest.mark.parametrize("kind", ["rolling", "expanding"])
def test_validation_chooses_among_the_ten_best_of_train(kind):
    data, config = rows(260), WindowConfig(100, 40, 30, 20, kind)
    made = WalkForwardOptimizer(LEVELS, lambda: GridSearchAlgorithm(LEVELS), SHARPE, near, config, 100).run(data)
    starts = list(range(0, 260 - 170 + 1, 20))
    assert made.num_windows == len(starts) == len(made.window_results)

    def score(level, first, stop):
        return near({"level": level}, data[first:stop])["performance_metrics"]["sharpe_ratio"]

    moved = 0
    for window, start in zip(made.window_results, starts, strict=True):
        first, train, validation, test = start if kind == "rolling" else 0, start + 100, start + 140, start + 170
        ranked = sorted((n for n in range(41) if n != 9), key=lambda n: (-score(n, first, train), n))
        best = max(ranked[:10], key=lambda n: (score(n, train, validation), -ranked.index(n)))
        assert window.best_params == {"level": best}
        assert float(window.train_metrics["score"]) == pytest.approx(score(best, first, train), rel=1e-15)
        assert float(window.validation_metrics["score"]) == score(best, train, validation)
        assert float(window.test_metrics["score"]) == score(best, validation, test)
        assert (window.train_start_idx, window.train_end_idx) == (first, train - 1)
        assert (window.test_start_idx, window.test_end_idx, window.optimization_trials) == (validation, test - 1, 41)
        moved += best != ranked[0]
    assert moved
    chosen = [window.best_params["level"] for window in made.window_results]
    stable = made.parameter_stability["level"]
    assert float(stable["mean"]) == pytest.approx(np.mean(chosen))
    assert float(stable["std"]) == pytest.approx(np.std(chosen, ddof=1))
    assert float(stable["coefficient_of_variation"]) == pytest.approx(np.std(chosen, ddof=1) / np.mean(chosen))
    tests = [float(window.test_metrics["score"]) for window in made.window_results]
    found = made.aggregate_metrics["test"]
    assert {name: float(found[f"score_{name}"]) for name in ("mean", "median", "std", "min", "max")} == pytest.approx(
        {
            "mean": np.mean(tests),
            "median": np.median(tests),
            "std": np.std(tests, ddof=1),
            "min": min(tests),
            "max": max(tests),
        }
    )


def test_a_window_in_which_every_trial_fails_is_a_gap():
    def fails_at_first(params, data):
        if data["value"][0] < 0.5:
            raise ValueError("too low")
        return near(params, data)

    config = WindowConfig(60, 20, 20, 20)
    made = WalkForwardOptimizer(LEVELS, lambda: GridSearchAlgorithm(LEVELS), SHARPE, fails_at_first, config).run(
        rows(200)
    )
    gaps = [not window.best_params for window in made.window_results]
    assert True in gaps
    assert False in gaps
    for window, gap in zip(made.window_results, gaps, strict=True):
        assert (window.test_metrics == {}) is gap
        assert (window.train_metrics == {}) is gap


def test_what_a_walk_forward_refuses(panel):
    config = WindowConfig(60, 20, 20, 20)
    optimizer = WalkForwardOptimizer(LEVELS, lambda: GridSearchAlgorithm(LEVELS), SHARPE, near, config)
    with pytest.raises(ValueError, match="data must be at least 100 rows; received 99"):
        optimizer.run(rows(99))
    with pytest.raises(InputError, match="data or bundle must be given, one of the two; received 'neither'"):
        optimizer.run()
    with pytest.raises(InputError, match="received 'both'"):
        WalkForwardOptimizer(SPACE, None, SHARPE, crossover, config, bundle=panel).run(rows(200))
    with pytest.raises(ValueError, match="max_trials_per_window must be"):
        WalkForwardOptimizer(LEVELS, None, SHARPE, near, config, 0)
    with pytest.raises(InputError, match="search_algorithm_factory must be given without a bundle"):
        WalkForwardOptimizer(LEVELS, None, SHARPE, near, config).run(rows(200))
    assert len(optimizer.windows(rows(100))) == 1


def test_over_a_bundle_it_is_our_walk_forward(panel):
    config = WindowConfig(200, 60, 60, 60)
    made = WalkForwardOptimizer(SPACE, None, SHARPE, crossover, config, bundle=panel, progress=False).run()
    windows = rb.Rolling(train=200, validate=60, test=60, step=60)
    expected = rb.walk_forward(crossover, bundle=panel, space=SPACE.ours, windows=windows, progress=False)
    assert made.out_of_sample.equals(expected.out_of_sample)
    assert made.windows.equals(expected.windows)
    cut = WalkForwardOptimizer(SPACE, None, SHARPE, crossover, config, 5, bundle=panel, progress=False).run()
    assert cut.n_trials == 5


def test_only_the_words_are_loaded():
    import subprocess
    import sys

    code = "import sys, rustybt_ray.optimization; print(*(name.partition('.')[0] for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert not set(done.stdout.split()) & {"ray", "numba", "optuna", "pandas", "plotly", "polars", "scipy"}
