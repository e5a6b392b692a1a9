"""Each example runs as it stands, with fewer points."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import rustybt_ray as rb

FOLDER = Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture(autouse=True, scope="module")
def home(tmp_path_factory):
    """One bundle root for all examples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUSTYBT_RAY_HOME", str(tmp_path_factory.mktemp("home")))
        yield


def load(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_is_tested_here():
    text = Path(__file__).read_text()
    for path in FOLDER.glob("*.py"):
        assert f'load("{path.stem}")' in text or f'"{path.name}"' in text, path.name


def test_sma_crossover():
    space = {"fast": rb.Int(5, 15, step=5), "slow": rb.Choice([60, 120])}
    study = load("sma_crossover").main(space, executor="inline", progress=False)
    assert study.trials.height == 6
    assert study.best_trial.params["fast"] in (5, 10, 15)
    assert study.causal is True


def test_objective_function():
    space = {"decay": rb.Choice([0.5, 0.94, 0.999])}
    study = load("objective_function").main(space, executor="inline", progress=False)
    assert study.n_failed == 0
    assert study.best_params == {"decay": 0.94}
    assert study.best_value == study.trials["loss"].min()


def test_rank_momentum():
    module = load("rank_momentum")
    study = module.main(
        {"lookback": rb.Choice([60, 120]), "share": rb.Choice([0.25])}, executor="inline", progress=False
    )
    assert study.n_failed == 0
    assert study.causal is True
    result = study.backtest()
    assert (result.positions != 0).sum(axis=1).max() == 2  # a quarter of eight
    orders = result.fills.filter(result.fills["kind"] == "order")
    months = np.unique(orders["time"].dt.strftime("%Y-%m").to_list())
    assert orders["time"].n_unique() == len(months) > 100  # all orders of a month fill on one session


def test_walk_forward(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    found = load("walk_forward").main({"fast": [5, 20], "slow": [100]}, executor="inline", progress=False)
    assert found.n_failed == found.n_gaps == 0
    assert found.out_of_sample.height == sum(window.stitched.n_sessions for window in found.layout) > 5000
    assert found.causal is True


def test_own_data(capsys):
    result = load("own_data").main()
    assert "own-data@" in capsys.readouterr().out
    assert result.metrics["n_trades"] > 10
    assert result.metrics["costs_paid"] > 0


def test_on_a_cluster():
    space = {"fast": rb.Choice([5, 150]), "slow": rb.Choice([100])}
    study = load("on_a_cluster").main(None, space, executor="inline", progress=False)
    assert study.trials["fast"].to_list() == [5]  # the constraint holds
    assert study.n_failed == 0


def test_conditional_space():
    study = load("conditional_space").main(40, executor="inline", progress=False)
    assert study.trials.height == 40
    assert study.n_failed == 0
    assert 0 < study.pareto.height < 40
    assert study.trials.filter(kind="ema")["slow"].null_count() == len(study.trials.filter(kind="ema"))


def test_from_rustybt():
    theirs, ours = load("from_rustybt").main(6)
    assert [(r.params, r.score) for r in theirs.results] == [(r.params, r.score) for r in ours.results]
    assert theirs.best_result.score == max(r.score for r in ours.results)
    assert ours.study.causal is True


def test_zipline_crossover():
    rb.ingest_sample()
    asked = {"bundle": "sample-mag-7", "start": "2022-01-03", "end": "2022-12-30"}
    file, space = FOLDER / "zipline_crossover.py", {"FAST": rb.Choice([20, 40]), "SLOW": rb.Choice([100])}
    study = rb.optimize(file, space=space, executor="inline", progress=False, **asked)
    assert study.n_failed == 0
    found = rb.backtest(file, study.best_params, **asked)
    assert found.metrics["sharpe_ratio"] == study.best_value
    assert found.perf["value"].to_list() == found.perf["portfolio_value"].to_list()
