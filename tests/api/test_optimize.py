import json
import math

import numpy as np
import polars as pl
import pytest

import rustybt_ray as rb
from rustybt_ray.engine.metrics import METRICS


def test_the_table_has_a_row_a_trial_in_grid_order_with_every_parameter_and_metric(sweep):
    study = sweep()
    assert study.trials.height == 9
    assert study.trials["trial"].to_list() == list(range(9))
    assert study.trials.select("fast", "slow").rows()[:4] == [(5, 60), (5, 90), (5, 120), (15, 60)]
    assert set(METRICS) <= set(study.trials.columns)
    assert study.trials["state"].unique().to_list() == ["complete"]
    assert study.n_failed == 0
    assert study.causal is True


def test_the_best_trial_is_the_best_of_the_table(sweep):
    study = sweep()
    best = study.trials.sort("sharpe_ratio", descending=True).row(0, named=True)
    assert study.best_trial.number == best["trial"]
    assert study.best_params == {"fast": best["fast"], "slow": best["slow"]}
    assert study.best_value == best["sharpe_ratio"]
    assert study.top(3)["sharpe_ratio"].is_sorted(descending=True)
    low = sweep(objective="volatility", direction="minimize")
    assert low.best_value == low.trials["volatility"].min()


def test_a_replay_has_bitwise_the_metrics_of_the_table(sweep):
    study = sweep()
    for number in range(9):
        replayed = study.backtest(number).metrics
        row = study.trials.row(number, named=True)
        assert {name: replayed[name] for name in METRICS} == {name: row[name] for name in METRICS}


def test_require_keeps_trials_from_being_best_and_may_name_metrics_that_need_a_sort(sweep):
    free = sweep()
    bound = free.trials["max_drawdown"].sort(descending=True)[1]
    study = sweep(require=[f"max_drawdown >= {bound}", "value_at_risk < 0"])
    assert study.trials.height == 9
    assert study.best_trial.metrics["max_drawdown"] >= bound
    assert len(study.top(9)) == 2
    assert study.trials["value_at_risk"].null_count() == 0


def test_no_trial_qualifies(sweep):
    study = sweep(require="max_drawdown > 0.5")
    assert study.best_trial is None
    with pytest.raises(rb.InputError, match=r"meets `require`; received '9 trials, 0 failed'"):
        study.best_params  # noqa: B018


def test_failing_trials_are_recorded_with_their_traceback_and_never_scored(sweep):
    def sometimes(data, fast, slow):
        if slow == 90:
            raise ZeroDivisionError("no such average")
        return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))

    study = sweep(sometimes)
    failed = study.trials.filter(pl.col("state") == "failed")
    assert failed["slow"].to_list() == [90, 90, 90]
    assert failed["error"].to_list() == ["ZeroDivisionError: no such average"] * 3
    assert failed["sharpe_ratio"].is_nan().all()
    assert study.n_failed == 3
    error = study.trial(1).error
    assert 'raise ZeroDivisionError("no such average")' in error.traceback
    assert "rustybt_ray/execution" not in error.traceback
    assert study.best_params["slow"] != 90


def test_callbacks_see_each_trial_and_can_stop(sweep):
    seen = []

    def stop_after_three(study, trial):
        seen.append((trial.number, study.trials.height))
        if len(seen) >= 3:
            study.stop()

    study = sweep(callbacks=[stop_after_three])
    assert study.stopped == "stopped"
    assert [number for number, _ in seen] == list(range(len(seen)))
    assert 3 <= study.trials.height < 9


def test_a_timeout_returns_what_is_done(sweep):
    import time

    def slow(data, n):
        time.sleep(0.05)
        return rb.equal_weight(data.close > n)

    study = sweep(slow, space={"n": rb.Int(1, 1000)}, timeout=0.3)
    assert study.stopped == "timeout"
    assert 1 <= study.trials.height < 1000


def test_random_search_and_points_and_constraints(sweep):
    drawn = sweep(search="random", n_trials=5, seed=3)
    assert drawn.trials.height == 5
    assert (
        drawn.trials.select("fast", "slow").rows()
        == sweep(search="random", n_trials=5, seed=3).trials.select("fast", "slow").rows()
    )
    listed = sweep(space=None, points=[{"fast": 5, "slow": 60}, {"fast": 7, "slow": 61}])
    assert listed.trials.select("fast", "slow").rows() == [(5, 60), (7, 61)]
    bound = sweep(space={"fast": rb.Int(5, 100, step=5), "slow": rb.Int(50, 100, step=50)}, constraint="fast*2<slow")
    assert bound.trials.height == 4 + 9
    same = sweep(
        space={"fast": rb.Int(5, 100, step=5), "slow": rb.Int(50, 100, step=50)},
        constraint=lambda p: p["fast"] * 2 < p["slow"],
    )
    assert same.trials.select("fast", "slow").equals(bound.trials.select("fast", "slow"))


def test_objective_functions_return_numbers_or_dicts_and_have_a_seed_of_their_own(sweep):
    def score(trial):
        return {"loss": (trial.params["x"] - 3) ** 2, "seed": trial.seed, "close": float(trial.data.close[-1, 0])}

    study = sweep(score, space={"x": rb.Int(0, 6)}, objective="loss", direction="minimize", seed=5)
    assert study.best_params == {"x": 3}
    assert study.trials["seed"].n_unique() == 7
    assert study.causal is None
    single = sweep(lambda trial: trial.params["x"] * 2.0, space={"x": rb.Int(0, 6)})
    assert single.best_value == 12.0
    wrong = sweep(lambda trial: "good", space={"x": rb.Int(0, 1)})
    assert "must return a number or a dict of numbers; received 'good'" in wrong.trials["error"][0]


def test_a_strategy_that_peeks_is_named_with_the_first_session_that_moved(sweep):
    def peeking(data, n):
        ahead = np.roll(data.close, -1, axis=0)
        ahead[-1] = data.close[-1]
        return rb.equal_weight(ahead > data.close)

    study = sweep(peeking, space={"n": rb.Int(1, 2)})
    assert isinstance(study.causal, str)
    assert "2000-01-03" <= study.causal <= "2024-12-31"


def test_the_run_directory_has_the_specification_and_the_table(sweep, tmp_path):
    study = sweep(run_dir=tmp_path / "run", require="max_drawdown > -0.9")
    saved = json.loads((tmp_path / "run" / "study.json").read_text())
    assert saved["bundle"] == "sample-mag-7"
    assert saved["version"] == rb.BundleStore(sweep.__closure__[0].cell_contents).info("sample-mag-7").version
    assert saved["costs"]["commission"] == {"model": "PerDollar", "cost": 0.001, "minimum": 0.0}
    assert saved["require"] == ["max_drawdown > -0.9"]
    assert saved["result"]["best"]["params"] == study.best_params
    assert pl.read_parquet(tmp_path / "run" / "table.parquet").equals(study.trials)


def test_segments_between_dates(sweep):
    study = sweep(start="2010-01-01", end="2012-12-31")
    assert (study.spec.start, study.spec.end) == ("2010-01-04", "2012-12-31")
    assert study.backtest().curve["time"][0].year == 2010


def test_ties_go_to_the_lower_number_and_nan_is_never_best(sweep):
    study = sweep(lambda trial: [math.nan, 1.0, 1.0, 0.0][trial.params["i"]], space={"i": rb.Int(0, 3)})
    assert study.best_trial.number == 1
    assert study.top(9)["trial"].to_list() == [1, 2, 3]


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"bundle": "mag-9"}, rb.BundleError, "mag-9"),
        ({"start": "2030-01-01"}, rb.InputError, "The bundle has sessions from 2000-01-03 to 2024-12-31"),
        ({"start": "2012-01-01", "end": "2011-01-01"}, rb.InputError, "at least one session between them"),
        ({"start": "soon"}, rb.InputError, "start must be a date such as '2020-01-31'; received 'soon'"),
        (
            {"space": {"fast": rb.Int(5, 10)}},
            rb.StrategyError,
            r"the required argument 'slow' of crossover\(data, fast, slow\)",
        ),
        (
            {"space": {"fast": [5], "slwo": [60], "slow": [60]}},
            rb.StrategyError,
            "has no argument 'slwo'.*Did you mean 'slow'",
        ),
        ({"constraint": "fast > 1000"}, rb.InputError, "a point that meets its constraints"),
        ({"constraint": "fst > 10"}, rb.InputError, "'fst' is not known. Did you mean 'fast'"),
        ({"objective": "sharp_ratio"}, rb.InputError, "objective must be one of 'total_return'"),
        ({"space": None}, rb.InputError, "space or points must be given, one of the two; received 'neither'"),
        ({"capital": -1}, rb.InputError, "capital must be a number above 0; received -1"),
        ({"fill": "close"}, rb.InputError, "fill must be one of 'next_close', 'next_open'; received 'close'"),
        ({"executor": "inline", "address": "auto"}, rb.InputError, "address must be left out with executor='inline'"),
        ({"search": "random"}, rb.InputError, "n_trials must be given with search='random'"),
        ({"timeout": 0}, rb.InputError, "timeout must be a number above 0"),
        ({"space": {"sharpe_ratio": [1], "fast": [1], "slow": [2]}}, rb.InputError, "Rename the parameter"),
    ],
)
def test_says_what_is_wrong(sweep, arguments, kind, message):
    with pytest.raises(kind, match=message):
        sweep(**arguments)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (lambda data: np.ones(3), r"shape of the panel, \(6289, 8\); received \(3,\)"),
        (lambda data: data.close > 1, "a mask has no weights.*Return rb.equal_weight"),
        (lambda data: np.full(data.shape, 0.5), "at most max_leverage = 1; received 4"),
        (lambda data: np.full(data.shape, np.inf), "finite or NaN"),
        (lambda data: "all in", "weights must be numbers; received str"),
        (lambda data: data.sma("clsoe", 5), "Did you mean 'close'"),
        (lambda data: data.sma("close", 0), "n must be a whole number of at least 1; received 0"),
    ],
)
def test_wrong_weights_fail_their_trial_with_a_clear_error(sweep, weights, message):
    study = sweep(lambda data, x: weights(data), space={"x": [1]})
    assert study.n_failed == 1
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(study.trials["error"][0])


def test_a_strategy_that_exits_fails_its_trial_alone(sweep):
    def leaving(data, n):
        if n == 2:
            raise SystemExit("enough")
        return rb.equal_weight(data.close > n)

    study = sweep(leaving, space={"n": [1, 2, 3]})
    assert study.trials["error"].to_list() == [None, "SystemExit: enough", None]
