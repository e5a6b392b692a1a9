"""Studies by successive halving: the same bits as an undisturbed run, wherever they run, killed and resumed or not."""

import json
import time

import polars as pl
import pytest
from fake_pool import FakePool

import rustybt_ray as rb
from rustybt_ray.data.sample import sample_panel
from rustybt_ray.engine.metrics import METRICS
from rustybt_ray.studies.overview import Overview

SPACE = {"fast": rb.Int(5, 50), "slow": rb.Int(60, 250)}
SAME = ["duration", "worker"]
PANEL = sample_panel()


def crossover(data, fast: int, slow: int):
    if slow % 7 == 0:
        raise ValueError("seven")
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))


def halve(strategy=crossover, **options):
    defaults = {"space": SPACE, "search": "halving", "n_trials": 40, "seed": 2, "executor": "inline", "progress": False}
    return rb.optimize(strategy, bundle=PANEL, **defaults | options)


def results(study):
    return study.trials.drop(SAME)


@pytest.fixture(scope="module")
def whole():
    return halve()


def test_each_trial_has_one_row_with_what_it_ran(whole):
    table = whole.trials
    assert table["trial"].to_list() == list(range(40))
    assert whole.spec.search["sessions"] == [699, 2097, 6289]
    assert whole.spec.adaptive
    counts = dict(table.filter(pl.col("state") != "failed").group_by("rung").len().iter_rows())
    assert (counts[1], counts[2]) == (14 - 5, 5)
    assert set(table.filter(pl.col("rung") < 2)["state"]) == {"pruned", "failed"}
    assert set(table.filter(rung=2)["state"]) == {"complete"}
    assert sorted(set(table["sessions"])) == [699, 2097, 6289]
    assert whole.n_pruned + whole.n_failed == 35
    assert whole.n_trials == 40
    assert whole.n_runs == whole.runs.height == 40 + 14 + 5


def test_only_complete_trials_are_ranked(whole):
    assert whole.top(99).height == 5
    assert whole.best_trial.state == "complete"
    assert whole.best_value == whole.trials.filter(rung=2)["sharpe_ratio"].max()
    assert whole.causal is True
    pruned = whole.trial(whole.trials.filter(state="pruned")["trial"][0])
    assert pruned.state == "pruned"


def test_every_run_is_the_undisturbed_run_of_its_part_of_the_history(whole):
    ends = [699, 2097, 6289]
    dates = PANEL.time.astype("datetime64[ns]").astype("datetime64[D]")
    for rung, count in enumerate(ends):
        runs = whole.runs.filter(rung=rung)
        points = runs.select("fast", "slow").to_dicts()
        alone = rb.optimize(
            crossover, bundle=PANEL, points=points, end=str(dates[count - 1]), executor="inline", progress=False
        )
        columns = [*METRICS, "state", "error"]
        assert alone.trials.select(columns).equals(runs.select(columns))
    best = whole.best_trial
    assert whole.backtest().metrics["sharpe_ratio"] == best.value


def test_the_promoted_are_the_best_of_their_rung(whole):
    for rung, most in ((0, 14), (1, 5)):
        runs = whole.runs.filter(rung=rung, state="complete").sort("sharpe_ratio", descending=True)
        assert set(runs["trial"][:most]) == set(whole.runs.filter(rung=rung + 1)["trial"])


@pytest.mark.parametrize(("workers", "seed"), [(1, 0), (2, 1), (5, 2)])
def test_the_same_wherever_it_runs(whole, workers, seed):
    study = halve(executor="ray", pool=FakePool(seed=seed, size=workers))
    assert results(study).equals(results(whole))
    assert study.runs.drop(SAME).equals(whole.runs.drop(SAME))


@pytest.mark.slow
@pytest.mark.ray
def test_the_same_on_ray_with_a_pool_of_its_own(whole):
    assert results(halve(executor="ray", n_jobs=2)).equals(results(whole))


@pytest.mark.parametrize("after", [10, 45, 56])
def test_goes_on_in_any_rung(whole, tmp_path, after):
    def stop(study, trial):
        if study.n_runs == after:
            study.stop()

    part = halve(run_dir=tmp_path, callbacks=[stop])
    assert (part.stopped, part.n_runs) == ("stopped", after)
    assert part.best_trial is None or after > 54
    run = []
    study = halve(run_dir=tmp_path, resume=True, callbacks=[lambda study, trial: run.append(trial.number)])
    assert len(run) == 59 - after
    assert results(study).equals(results(whole))
    assert study.runs.drop(SAME).equals(whole.runs.drop(SAME))
    again = halve(run_dir=tmp_path, resume=True, callbacks=[lambda study, trial: 1 / 0])
    assert again.trials.equals(study.trials)


def test_the_files_say_it(whole, tmp_path):
    halve(run_dir=tmp_path)
    saved = json.loads((tmp_path / "study.json").read_text())
    assert saved["trials"] == 59
    assert saved["result"]["trials"] == 40
    assert saved["result"]["pruned"] == whole.n_pruned
    assert pl.read_parquet(tmp_path / "table.parquet").drop(SAME).equals(results(whole))
    for _ in range(2):
        overview = Overview(tmp_path, top=3)
        list(overview.read())
        assert [row["trial"] for row in overview.best.rows()] == whole.top(3)["trial"].to_list()
        (tmp_path / "journal").unlink(missing_ok=True)  # then from the table
    with pytest.raises(rb.RustybtRayError, match=r"search.eta: recorded 3, asked 2"):
        halve(run_dir=tmp_path, resume=True, search=rb.Halving(eta=2))


def test_listed_points_and_grids_and_sobol_points():
    points = [{"fast": fast, "slow": 100} for fast in range(5, 15)]
    study = halve(space=None, points=points, n_trials=None, search=rb.Halving(2, 2))
    assert study.runs.group_by("rung").len().sort("rung")["len"].to_list() == [10, 5]
    space = {"fast": [5, 10, 15], "slow": [60, 90]}
    assert halve(space=space, search=rb.Halving(draw="grid"), n_trials=None).trials.height == 6
    assert halve(search=rb.Halving(draw="sobol"), n_trials=16).trials.height == 16


def test_a_timeout_is_one_for_all_rungs():
    def slow(data, fast: int, slow: int):
        time.sleep(0.02)
        return crossover(data, fast, slow)

    study = halve(slow, timeout=0.3)
    assert study.stopped == "timeout"
    assert study.n_runs < 40


def test_a_plan_counts_all_runs():
    assert rb.plan(crossover, bundle=PANEL, space=SPACE, search="halving", n_trials=40, executor="inline").trials == 59


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_trials": None}, "n_trials must be given with search='random'"),
        ({"strategy": lambda trial: 1.0}, "search must be another for an objective function; received 'halving'"),
        ({"start": "2024-09-01"}, r"the first of 3 rungs has 20 sessions; received '10 of \d+'.*rb.Halving\(rungs=2\)"),
        ({"objective": ["sharpe_ratio", "volatility"]}, "objective must be one with successive halving; received 2"),
        ({"lag": 3}, "lag must be left out"),
        ({"space": SPACE | {"rung": rb.Int(1, 9)}}, "has no argument 'rung'"),
    ],
)
def test_says_what_is_wrong(options, message):
    with pytest.raises(rb.RustybtRayError, match=message):
        halve(**options)


ALGORITHM = """
from zipline.api import order_target_percent, symbol

def initialize(context):
    context.asset = symbol("{symbol}")

def handle_data(context, data):
    closes = data.history(context.asset, "price", context.params["slow"], "1d")
    above = closes[-context.params["fast"]:].mean() > closes.mean()
    order_target_percent(context.asset, 1.0 if above else 0.0)
"""


def test_zipline_algorithms_are_halved_and_learned_from_too(tmp_path):
    path = tmp_path / "algorithm.py"
    path.write_text(ALGORITHM.format(symbol=PANEL.symbols[0]))
    options = {"space": {"fast": rb.Int(3, 15), "slow": rb.Int(20, 60)}, "n_trials": 9, "start": "2023-06-01"}
    study = halve(str(path), **options)
    assert study.spec.kind == "zipline"
    assert study.runs.group_by("rung").len().sort("rung")["len"].to_list() == [9, 3, 1]
    assert study.n_failed == 0
    alone = rb.optimize(
        str(path), bundle=PANEL, points=[study.best_params], start="2023-06-01", executor="inline", progress=False
    )
    assert alone.trials.select(*METRICS).equals(study.top(1).select(*METRICS))
    learned = halve(str(path), **options | {"search": "tpe", "lag": 2})
    assert results(
        halve(str(path), executor="ray", pool=FakePool(seed=1), **options | {"search": "tpe", "lag": 2})
    ).equals(results(learned))
