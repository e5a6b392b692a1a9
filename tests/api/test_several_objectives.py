"""Several objectives: no best, but the trials that no other beats, in the table, the files and the program."""

import json

import polars as pl
import pytest

import rustybt_ray as rb
from rustybt_ray.studies.overview import Overview

BOTH = {"objective": ["sharpe_ratio", "max_drawdown"], "direction": ["maximize", "maximize"]}


def beaten(rows, row):
    return any(all(o >= r for o, r in zip(other, row, strict=True)) and other != row for other in rows)


def test_the_pareto_set_is_what_no_trial_beats(sweep):
    study = sweep(space={"fast": rb.Int(5, 50, step=5), "slow": rb.Int(60, 250, step=20)}, **BOTH)
    rows = study.trials.select("sharpe_ratio", "max_drawdown").rows()
    expected = {number for number, row in zip(study.trials["trial"], rows, strict=True) if not beaten(rows, row)}
    assert set(study.pareto["trial"]) == expected
    assert 0 < len(expected) < len(rows)
    assert study.pareto["sharpe_ratio"].is_sorted(descending=True)
    assert study.top(len(expected)).equals(study.pareto)
    assert study.fronts.tolist() == sorted(study.fronts.tolist())
    assert len(study.top(1000)) == len(rows)
    trial = study.trial(7)
    assert trial.values == (trial.metrics["sharpe_ratio"], trial.metrics["max_drawdown"])
    assert study.causal is True
    assert f"{len(expected)} that no other beats in sharpe_ratio, max_drawdown" in repr(study)


@pytest.mark.parametrize("ask", ["best_trial", "best_params", "best_value"])
def test_there_is_no_best(sweep, ask):
    study = sweep(**BOTH)
    message = r"asked of a study of one objective; received \['sharpe_ratio', 'max_drawdown'\]\. study\.pareto has"
    with pytest.raises(rb.InputError, match=message):
        getattr(study, ask)
    with pytest.raises(rb.InputError, match="the median trial must be asked of a study of one objective"):
        study.median_trial()
    with pytest.raises(rb.InputError, match="the best trial"):
        study.backtest()
    assert study.backtest(3).metrics["sharpe_ratio"] == study.trial(3).value


def test_one_objective_has_a_pareto_set_too(sweep):
    study = sweep()
    assert study.pareto["trial"].to_list() == [study.best_trial.number]
    assert study.fronts.tolist() == list(range(9))


def test_require_holds_for_the_pareto_set(sweep):
    free = sweep(**BOTH)
    bound = free.trials["sharpe_ratio"].median()
    study = sweep(require=f"sharpe_ratio < {bound}", **BOTH)
    assert study.pareto["sharpe_ratio"].max() < bound
    none = sweep(require="sharpe_ratio > 99", **BOTH)
    assert (none.pareto.height, none.first_trial) == (0, None)


def test_nsga2_spreads_along_the_front(sweep):
    def score(trial):
        x, y = trial.params["x"], trial.params["y"]
        return {"near": x**2 + y**2, "far": (x - 2) ** 2 + y**2}

    space = {"x": rb.Float(-4, 4), "y": rb.Float(-4, 4)}
    aims = {"objective": ["near", "far"], "direction": "minimize"}
    study = sweep(score, space=space, search="nsga2", n_trials=600, **aims)
    drawn = sweep(score, space=space, search="random", n_trials=600, **aims)

    def distance(found):  # the Pareto set is 0 <= x <= 2, y = 0
        away = pl.col("y").abs() + (pl.col("x") - pl.col("x").clip(0, 2)).abs()
        return found.trials.tail(200).select(away.mean()).item()

    assert distance(study) < 0.75 * distance(drawn)
    assert study.pareto.height > drawn.pareto.height


def test_the_files_say_it(sweep, tmp_path):
    study = sweep(run_dir=tmp_path, **BOTH)
    saved = json.loads((tmp_path / "study.json").read_text())
    assert (saved["objective"], saved["direction"]) == ("sharpe_ratio", "maximize")
    assert saved["aims"] == [["max_drawdown", "maximize"]]
    assert saved["result"]["best"] is None
    assert saved["result"]["pareto"] == study.pareto["trial"].to_list()
    overview = Overview(tmp_path, top=4)
    list(overview.read())
    assert [row["trial"] for row in overview.best.rows()] == study.top(4)["trial"].to_list()
    again = sweep(run_dir=tmp_path, resume=True, **BOTH)
    assert again.pareto.equals(study.pareto)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": []}, r"objective must be a metric, or a list of some; received \[\]"),
        ({"objective": ["sharpe_ratio", "sharp"]}, "objective must be one of 'total_return'"),
        ({"objective": ["sharpe_ratio"] * 2}, "a list in which each is named once"),
        ({"objective": ["sharpe_ratio"], "direction": ["maximize"] * 2}, "or one for each of the 1 objectives"),
        ({"direction": "up"}, "direction must be one of 'maximize', 'minimize'; received 'up'"),
        ({"direction": []}, "direction must be one direction, or one for each"),
    ],
)
def test_says_what_is_wrong(sweep, options, message):
    with pytest.raises(rb.InputError, match=message):
        sweep(**options)
