"""Studies of zipline algorithms: parameters, places, resuming, replaying, and trials that leave nothing to each other."""

import numpy as np
import polars as pl
import pytest

import rustybt_ray as rb
from rustybt_ray.data.grid import on_grid
from rustybt_ray.data.sample import sample_panel
from rustybt_ray.engine.metrics import MOMENTS, NAMES
from rustybt_ray.exceptions import InputError, StrategyError
from rustybt_ray.zipline import api
from rustybt_ray.zipline.algorithm import Algorithm
from rustybt_ray.zipline.record import TXN_REFERENCE
from rustybt_ray.zipline.runner import AlgorithmRunner

PANEL = sample_panel()
PERIOD = {"start": "2015-01-01", "end": "2015-12-31"}
SPACE = {"FAST": [5, 10, 20], "slow": [40, 60]}
TEXT = """
from helper import share_of
from zipline.api import order_target_percent, record, symbols

FAST = 5
SEEN = []


def initialize(context):
    SEEN.append(FAST)
    assert len(SEEN) == 1
    context.assets = symbols("ALDERO", "BIRCHA", "CEDRIX")
    context.slow = context.params["slow"]
    assert context.params["FAST"] == FAST


def handle_data(context, data):
    closes = data.history(context.assets, "price", context.slow, "1d", as_array=True)
    for i, asset in enumerate(context.assets):
        up = closes[-FAST:, i].mean() > closes[:, i].mean()
        order_target_percent(asset, share_of(context) if up else -0.05)
    record(fast=FAST, slow=context.slow, value=context.portfolio.portfolio_value)
"""
HELPER = "def share_of(context):\n    return 0.3\n"


@pytest.fixture
def file(tmp_path):
    (tmp_path / "helper.py").write_text(HELPER)
    path = tmp_path / "crossing.py"
    path.write_text(TEXT)
    return path


def sweep(strategy, **options):
    defaults = {"bundle": PANEL, "space": SPACE, "executor": "inline", "progress": False, **PERIOD}
    return rb.optimize(strategy, **{**defaults, **options})


def results(study):
    return study.trials.drop("duration", "worker")


def initialize(context):
    context.assets = api.symbols("ALDERO", "BIRCHA", "CEDRIX")


def handle_data(context, data):
    fast, slow = context.params["FAST"], context.params["slow"]
    closes = data.history(context.assets, "price", slow, "1d", as_array=True)
    for i, asset in enumerate(context.assets):
        up = closes[-fast:, i].mean() > closes[:, i].mean()
        api.order_target_percent(asset, 0.3 if up else -0.05)


def test_a_file_its_functions_and_backtests_of_it_are_one(file):
    study = sweep(str(file))
    assert study.trials["state"].to_list() == ["complete"] * 6
    assert study.trials["sharpe_ratio"].n_unique() == 6
    assert results(sweep(Algorithm(initialize, handle_data))).equals(results(study))
    assert results(sweep(Algorithm.from_file(file))).equals(results(study))
    for trial in range(6):
        params = study.trial(trial).params
        again, alone = study.backtest(trial), rb.backtest(str(file), params, bundle=PANEL, **PERIOD)
        row = study.trials.row(trial, named=True)
        for run in (again, alone):
            assert {name: row[name] for name in NAMES} == {name: run.metrics[name] for name in NAMES}
            assert run.recorded["fast"].to_list() == [params["FAST"]] * len(run.equity)
            assert run.recorded["value"].to_numpy().tobytes() == run.equity.tobytes()
        assert again.log.tobytes() == alone.log.tobytes()
    assert study.backtest().metrics["sharpe_ratio"] == study.best_value


@pytest.mark.ray
def test_workers_give_the_bits_of_this_process(file):
    study = sweep(str(file), executor="ray", n_jobs=2)
    assert (study.executor, set(study.trials["state"])) == ("ray", {"complete"})
    assert results(study).equals(results(sweep(str(file))))


def test_a_study_that_stopped_goes_on(file, tmp_path):
    whole = sweep(str(file), run_dir=tmp_path / "whole")

    def stop(study, trial):
        if trial.number == 2:
            study.stop()

    part = sweep(str(file), run_dir=tmp_path / "run", callbacks=[stop])
    assert (part.stopped, part.n_trials) == ("stopped", 3)
    done = []
    study = sweep(
        str(file), run_dir=tmp_path / "run", resume=True, callbacks=[lambda study, trial: done.append(trial.number)]
    )
    assert done == [3, 4, 5]
    assert results(study).equals(results(whole))
    assert study.returns.equals(whole.returns)


def test_the_returns_that_are_kept_are_those_of_each_trial(file, tmp_path):
    study = sweep(str(file), run_dir=tmp_path / "run")
    kept = pl.read_parquet(tmp_path / "run" / "returns.parquet")
    assert kept.equals(study.returns)
    for trial, returns in kept.iter_rows():
        exact = study.backtest(trial).returns
        assert np.array_equal(exact.astype(np.float32), np.array(returns, np.float32))


def test_metrics_that_need_order_can_be_what_is_searched_for(file):
    study = sweep(str(file), objective="value_at_risk", require="tail_ratio > 0.1")
    found = [study.backtest(trial).metrics["value_at_risk"] for trial in range(6)]
    assert study.trials["value_at_risk"].to_list() == found
    assert study.best_value == max(found)


def test_the_studys_version_is_the_bundles_and_its_trials_are_on_ziplines_grid(file):
    study = sweep(str(file), space={"FAST": [5], "slow": [40]})
    assert study.spec.version == PANEL.version
    assert study.spec.kind == "zipline"
    run = study.backtest()
    view = on_grid(PANEL)
    assert run.panel.version == view.version != PANEL.version
    asked = run.record.transactions[:, TXN_REFERENCE].tolist()
    assert set(asked) <= set(view.close.ravel().tolist())
    assert not set(asked) <= set(PANEL.close.ravel().tolist())


def test_a_parameter_that_the_algorithm_does_not_know_is_an_error(file):
    for call in (sweep, lambda strategy, space: rb.backtest(strategy, {"SLOW": 3}, bundle=PANEL)):
        with pytest.raises(StrategyError, match=r"crossing has no parameter 'SLOW': .* Did you mean 'slow'"):
            call(str(file), space={"FAST": [5], "SLOW": [40]})


LEAKY = """
from datetime import timedelta
from zipline.api import *
from zipline.finance import commission, slippage
from zipline.finance.cancel_policy import EODCancel

COUNT = [0]
HISTORY_AS_ARRAY = False
MODE = "plain"
TURN = 0


class Dear(commission.PerDollar):
    def calculate(self, order, transaction):
        return 7.0


def initialize(context):
    COUNT[0] += 1
    assert COUNT == [1] and not hasattr(context, "mark")
    context.mark = MODE
    if MODE in ("models", "raises"):
        set_slippage(slippage.VolumeShareSlippage(0.001, 0.5))
        set_commission(commission.PerTrade(50.0))
        set_cancel_policy(EODCancel())
    if MODE in ("own models", "raises"):
        set_commission(Dear())
    if MODE == "rules":
        set_do_not_order_list([symbol("ALDERO")], on_error="log")
        set_max_order_size(max_shares=1, on_error="log")
        set_max_leverage(50.0)
        set_benchmark(symbol("CEDRIX"))
    if MODE == "lookup":
        set_symbol_lookup_date("1999-01-04")
    if MODE in ("schedule", "early"):
        schedule_function(lambda context, data: order(context.asset, 1), date_rules.week_start())
    context.asset = symbol("DUNWAY" if MODE == "plain" else "ALDERO")
    context.rows = 0


def before_trading_start(context, data):
    context.portfolio.positions
    if MODE == "early":
        raise ValueError("before trading")


def handle_data(context, data):
    context.rows += 1
    assert data.can_trade(context.asset) or MODE == "rules"
    assert len(get_open_orders(context.asset)) == 0 or MODE != "plain"
    order_target_percent(context.asset, 0.5 + 0.1 * (context.rows % 2))
    order(context.asset, -3, limit_price=1e6)
    if MODE != "plain":
        order(symbol("BIRCHA"), 10)
    else:
        for one in get_open_orders(context.asset):
            cancel_order(one)
        order_target_percent(context.asset, 0.5 + 0.1 * (context.rows % 2))
        for one in get_open_orders(context.asset)[:-1]:
            cancel_order(one)
    if MODE == "raises" and context.rows == 20:
        raise ValueError("no more")
"""


def test_trials_leave_nothing_to_each_other(tmp_path):
    """Plain trials between ones that set everything, or end in the middle of it: all plain ones are one."""
    path = tmp_path / "leaky.py"
    path.write_text(LEAKY)
    modes = ("models", "raises", "own models", "rules", "lookup", "schedule", "early")
    points = [{"MODE": mode, "TURN": turn} for turn, mode in enumerate(m for mode in modes for m in ("plain", mode))]
    points.append({"MODE": "plain", "TURN": len(points)})
    alone = sweep(str(path), space=None, points=[{"MODE": "plain", "TURN": 0}]).trials
    study = sweep(str(path), space=None, points=points)
    trials = study.trials
    plain = trials.filter(pl.col("MODE") == "plain")
    assert plain["state"].to_list() == ["complete"] * 8, plain["error"].to_list()
    for row in plain.select(NAMES).rows():
        np.testing.assert_array_equal(row, alone.select(NAMES).row(0))
    others = trials.filter(pl.col("MODE") != "plain")
    states = dict(zip(others["MODE"], others["state"], strict=True))
    failed = ("raises", "early", "lookup")
    assert states == {mode: "failed" if mode in failed else "complete" for mode in modes}
    done = others.filter(pl.col("state") == "complete")
    assert done["total_return"].n_unique() == done.height
    study.backtest(0)
    again = sweep(str(path), space=None, points=points)
    assert results(again).equals(results(study))


def test_segments_of_one_runner_are_runs_of_their_own(file):
    algorithm, view = Algorithm.from_file(file), on_grid(PANEL)
    segments = tuple(view.rows_between(f"{year}-01-01", f"{year}-12-31") for year in (2012, 2014, 2012, 2013))
    params = {"FAST": 7, "slow": 30}

    def run(segments):
        out, moments = np.full((len(segments), len(NAMES)), np.nan), np.full((len(segments), MOMENTS), np.nan)
        runner = AlgorithmRunner(view, segments, capital=5e4)
        runner.run(algorithm, params, out, moments)
        return out, moments, runner.returns(5).copy()

    out, moments, returns = run(segments)
    for i, segment in enumerate(segments):
        alone = run((segment,))
        np.testing.assert_array_equal(out[i], alone[0][0])
        np.testing.assert_array_equal(moments[i], alone[1][0])
    np.testing.assert_array_equal(returns, run(segments[-1:])[2])
    np.testing.assert_array_equal(out[0], out[2])
    assert len({row[0] for row in out.tolist()}) == 3


RISK = ["benchmark_period_return", "benchmark_volatility", "alpha", "beta"]


def test_a_benchmark_that_is_given_counts_where_the_algorithm_sets_none(tmp_path):
    text = "from zipline.api import order_target_percent, set_benchmark, symbol\n\n\ndef initialize(context):\n    {}\n\n\n"
    text += "def handle_data(context, data):\n    order_target_percent(symbol('ALDERO'), 0.5)\n"
    paths = {name: tmp_path / f"{name}.py" for name in ("silent", "sets")}
    paths["silent"].write_text(text.format("pass"))
    paths["sets"].write_text(text.format("set_benchmark(symbol('BIRCHA'))"))

    def perf(name, **given):
        return rb.backtest(str(paths[name]), bundle=PANEL, **PERIOD, **given).perf

    chosen = perf("sets")
    grown = np.append(1.0, 1.0 + chosen["benchmark_period_return"].to_numpy())
    dates = chosen["period_close"].dt.date().to_list()
    returns = dict(zip(dates, grown[1:] / grown[:-1] - 1.0, strict=True))
    given = perf("silent", benchmark_returns=returns)
    for name in RISK:
        np.testing.assert_allclose(
            given[name].cast(pl.Float64).to_numpy(), chosen[name].cast(pl.Float64).to_numpy(), rtol=1e-8, atol=1e-10
        )
    assert not given["beta"].equals(perf("silent")["beta"])
    assert perf("sets", benchmark_returns={}).select(RISK).equals(chosen.select(RISK))


def test_a_target_function_has_no_benchmark():
    with pytest.raises(InputError, match="benchmark_returns must be given with a zipline algorithm alone"):
        rb.backtest(lambda data: np.zeros(data.shape), bundle=PANEL, benchmark_returns={})
