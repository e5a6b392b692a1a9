"""Studies whose search learns: the same table, bit for bit, whoever runs the trials, killed and resumed or not."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from fake_pool import FakePool

import rustybt_ray as rb
from rustybt_ray.data.sample import sample_panel
from rustybt_ray.exceptions import InputError, RunError, StrategyError
from rustybt_ray.studies.journal import read_journal

SPACE = {"fast": rb.Int(5, 50), "slow": rb.Int(60, 250, step=10), "band": rb.Float(0.0, 0.05)}
SAME = ["duration", "worker"]
PANEL = sample_panel()
DRIVER = Path(__file__).parent.parent / "support" / "learning_driver.py"


def crossover(data, fast: int, slow: int, band: float):
    time.sleep(float(os.environ.get("TRIAL_TAKES", "0")))  # the same study on a slower machine
    if fast == 50:
        raise ValueError("fifty")
    return rb.equal_weight(data.sma("close", fast) > (1.0 + band) * data.sma("close", slow))


def learn(strategy=crossover, **options):
    defaults = {
        "space": SPACE,
        "search": "tpe",
        "n_trials": 60,
        "lag": 8,
        "seed": 5,
        "executor": "inline",
        "progress": False,
    }
    return rb.optimize(strategy, bundle=PANEL, **defaults | options)


def results(study):
    return study.trials.drop(SAME)


def bits(frame):
    return {name: frame[name].to_numpy().tobytes() for name, kind in frame.schema.items() if kind.is_numeric()}


@pytest.fixture(scope="module")
def whole():
    return learn()


def test_a_learning_search_finds_more_than_it_began_with(whole):
    assert whole.n_trials == 60
    assert whole.spec.adaptive
    values = whole.trials.filter(state="complete")["sharpe_ratio"]
    assert values[30:].mean() > values[:8].mean()
    assert whole.waited == 0.0  # one worker is never without a trial
    assert whole.choosing > 0.0
    assert not learn(search="random", lag=None).spec.adaptive


@pytest.mark.parametrize(("workers", "seed"), [(1, 0), (2, 1), (5, 2), (5, 3)])
def test_the_table_is_the_same_for_any_number_of_workers_that_fail_and_come_late(whole, workers, seed):
    study = learn(executor="ray", pool=FakePool(seed=seed, size=workers))
    assert results(study).equals(results(whole))
    assert bits(results(study)) == bits(results(whole))
    assert study.best_params == whole.best_params


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_table_is_the_same_for_any_number_of_ray_workers(whole, workers):
    with rb.PersistentWorkerPool(n_jobs=workers) as pool:
        study = learn(executor="ray", pool=pool)
    assert bits(results(study)) == bits(results(whole))
    assert results(study).equals(results(whole))


def test_the_time_that_workers_wait_for_results_is_reported(tmp_path):
    study = learn(executor="ray", pool=FakePool(seed=1, size=5), lag=1, n_trials=12, run_dir=tmp_path)
    assert study.waited > 0.0
    saved = json.loads((tmp_path / "study.json").read_text())
    assert saved["adaptive"] is True
    assert saved["search"]["lag"] == 1
    assert saved["result"]["waited_seconds"] == study.waited
    assert saved["result"]["choosing_seconds"] == study.choosing


def test_a_study_that_was_stopped_goes_on_and_ends_as_if_it_had_not_been(whole, tmp_path):
    part = learn(run_dir=tmp_path, callbacks=[lambda study, trial: study.stop() if trial.number == 33 else None])
    assert (part.stopped, part.n_trials) == ("stopped", 34)
    run = []
    study = learn(run_dir=tmp_path, resume=True, callbacks=[lambda study, trial: run.append(trial.number)])
    assert run == list(range(34, 60))
    assert results(study).equals(results(whole))
    again = learn(run_dir=tmp_path, resume=True, callbacks=[lambda study, trial: 1 / 0])
    assert again.trials.equals(study.trials)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_study_of_unreliable_workers_goes_on_with_holes(whole, tmp_path, seed):
    def stop(study, trial):
        if study.n_trials > 25:
            study.stop()

    learn(executor="ray", pool=FakePool(seed=seed, size=4), run_dir=tmp_path, callbacks=[stop])
    assert 25 < len(read_journal(tmp_path / "journal").numbers) < 60
    study = learn(run_dir=tmp_path, resume=True)
    assert results(study).equals(results(whole))


def kill_after(run_dir, executor, seconds, more):
    """A driver that is killed when it has recorded so many more trials; how many there are then."""
    path, words = run_dir / "journal", [sys.executable, DRIVER, run_dir, seconds, executor]
    enough = more + (len(read_journal(path).numbers) if path.exists() else 0)
    driver = subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while driver.poll() is None and (not path.exists() or len(read_journal(path).numbers) < enough):
        time.sleep(0.01)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    return len(read_journal(path).numbers)


def test_a_driver_killed_at_random_moments_goes_on_to_the_same_table(whole, tmp_path):
    dice = random.Random(int(os.environ.get("PYTEST_SEED", "3")))
    counts = [kill_after(tmp_path, "inline", 0.03, dice.randint(5, 20)) for _ in range(2)]
    assert 5 <= counts[0] < counts[1] < 60
    assert results(learn(run_dir=tmp_path, resume=True)).equals(results(whole))


@pytest.mark.slow
@pytest.mark.ray
def test_a_driver_of_ray_workers_that_is_killed_goes_on_to_the_same_table(whole, tmp_path):
    dice = random.Random(int(os.environ.get("PYTEST_SEED", "3")))
    counts = [kill_after(tmp_path, "ray", 0.1, dice.randint(3, 18)) for _ in range(2)]
    assert 3 <= counts[0] < counts[1] < 60
    study = learn(run_dir=tmp_path, resume=True)
    assert bits(results(study)) == bits(results(whole))
    assert results(study).equals(results(whole))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lag": 9}, "search.lag: recorded 8, asked 9"),
        ({"search": "nsga2"}, "search.search: recorded 'tpe', asked 'nsga2'"),
        ({"objective": ["sharpe_ratio", "max_drawdown"]}, "aims: recorded"),
    ],
)
def test_another_search_is_refused(tmp_path, options, message):
    learn(n_trials=10, run_dir=tmp_path)
    with pytest.raises(RunError, match=message):
        learn(n_trials=10, run_dir=tmp_path, resume=True, **options)


def test_a_search_that_would_choose_otherwise_is_refused(tmp_path, monkeypatch):
    from rustybt_ray.search.samplers import SamplerSearch

    learn(n_trials=10, run_dir=tmp_path)
    choose = SamplerSearch._choose

    def other(self, number):
        row = choose(self, number)
        return {**row, "band": row["band"] + 1e-9} if number == 9 else row

    monkeypatch.setattr(SamplerSearch, "_choose", other)
    with pytest.raises(RunError, match=r"for trial 9, which was recorded with.*packages and the processor"):
        learn(n_trials=10, run_dir=tmp_path, resume=True)


def branching(trial):
    kind = trial.suggest_categorical("kind", ["sma", "ema"])
    if kind == "sma":
        return {"kind": kind, "fast": trial.suggest_int("fast", 5, 50), "slow": trial.suggest_int("slow", 60, 250)}
    return {"kind": kind, "span": trial.suggest_int("span", 5, 200, log=True)}


def either(data, kind: str, fast: int = 0, slow: int = 0, span: int = 0):
    if kind == "sma":
        return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))
    assert fast == slow == 0
    return rb.equal_weight(data.close > data.ema("close", span))


def test_conditional_spaces_run_in_workers_that_know_no_sampler(tmp_path):
    whole = learn(either, space=branching, run_dir=tmp_path / "whole")
    table = whole.trials
    assert table.filter(kind="sma")["span"].null_count() == len(table.filter(kind="sma")) > 0
    assert table.filter(kind="ema")["fast"].null_count() == len(table.filter(kind="ema")) > 0
    assert set(whole.best_params) in ({"kind", "fast", "slow"}, {"kind", "span"})
    assert whole.backtest().metrics["sharpe_ratio"] == whole.best_value
    assert whole.causal is True
    for seed in (1, 2):
        assert results(learn(either, space=branching, executor="ray", pool=FakePool(seed=seed, size=4))).equals(
            results(whole)
        )
    learn(
        either,
        space=branching,
        run_dir=tmp_path / "part",
        callbacks=[lambda s, t: s.stop() if t.number == 20 else None],
    )
    assert results(learn(either, space=branching, run_dir=tmp_path / "part", resume=True)).equals(results(whole))
    assert pl.read_parquet(tmp_path / "part" / "table.parquet").drop(SAME).equals(results(whole))
    drawn = learn(either, space=branching, search="random", lag=None)
    assert drawn.trials["kind"].n_unique() == 2


@pytest.mark.slow
@pytest.mark.ray
def test_absent_parameters_travel_to_ray_workers():
    whole = learn(either, space=branching)
    with rb.PersistentWorkerPool(n_jobs=2) as pool:
        assert results(learn(either, space=branching, executor="ray", pool=pool)).equals(results(whole))
    assert whole.n_failed == 0


def test_objective_functions_see_the_parameters_that_they_have():
    def score(trial):
        return (
            -abs(trial.params.get("fast", 100) - 20)
            if trial.params["kind"] == "sma"
            else -60.0 + ("fast" in trial.params)
        )

    study = learn(score, space=branching, n_trials=80)
    assert study.n_failed == 0
    assert study.best_params["kind"] == "sma"
    assert abs(study.best_params["fast"] - 20) <= 2
    assert study.trials.filter(kind="ema")["value"].unique().to_list() in ([-60.0], [])


def test_trials_that_fail_are_not_the_end_of_learning():
    def score(trial):
        if trial.params["n"] > 80:
            raise ValueError("too large")
        return float("nan") if trial.params["n"] > 60 else trial.params["n"]

    study = learn(score, space={"n": rb.Int(1, 100), "m": rb.Int(1, 5)}, n_trials=100)
    assert 50 <= study.best_params["n"] <= 60
    assert study.n_failed > 0


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"n_trials": None}, InputError, "n_trials must be given with search='tpe'; received None"),
        ({"search": "tpee"}, InputError, "search must be one of 'grid', 'random', 'sobol', 'lhs', 'tpe'"),
        ({"search": "grid"}, InputError, "lag must be left out with a search that does not learn; received 8"),
        (
            {"search": "sobol", "lag": None, "space": branching},
            InputError,
            "'random' or one that learns where space is a function",
        ),
        (
            {"space": branching, "constraint": "fast<slow"},
            InputError,
            "constraint must be left out where space is a function",
        ),
        ({"space": branching}, StrategyError, "the required argument"),
        ({"space": lambda trial: {"sharpe_ratio": 1.0}}, InputError, "Rename the parameter"),
        (
            {"space": lambda trial: 1 / 0},
            InputError,
            "a function that answers for every trial; received 'ZeroDivisionError",
        ),
        ({"space": None, "points": [{"fast": 1}]}, InputError, "lag must be left out"),
    ],
)
def test_says_what_is_wrong(options, kind, message):
    with pytest.raises(kind, match=message):
        learn(**options)
