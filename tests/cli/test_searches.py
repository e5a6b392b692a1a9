"""Searches and several objectives at the command line and in a study file."""

import json

import pytest

STRATEGY = """
import rustybt_ray as rb

def crossover(data, fast, slow):
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))
"""
SPACE = ("-p", "fast=5:15", "-p", "slow=20:60")


@pytest.fixture
def run(call, source, tmp_path):
    call("ingest", "mine", source)
    (tmp_path / "strategy.py").write_text(STRATEGY)

    def optimize(*words, **options):
        common = ("-f", tmp_path / "strategy.py", "-b", "mine", "--executor", "inline")
        return call("optimize", *common, *(() if "study" in options else SPACE), *words, code=options.get("code", 0))

    return optimize


@pytest.mark.parametrize("search", ["random", "sobol", "lhs", "tpe", "cmaes", "nsga2"])
def test_every_search_has_its_name(run, search):
    rows = json.loads(run("--sampler", search, "--n-trials", 12, "--format", "json").stdout)
    assert len(rows) == 12
    assert all(5 <= row["fast"] <= 15 and 20 <= row["slow"] <= 60 for row in rows)
    assert run("--search", search, "--n-trials", 12, "--format", "csv").stdout.count("\n") == 13


def test_the_summary_says_what_learning_costs(run):
    result = run("--sampler", "tpe", "--n-trials", 12, "--lag", 4)
    assert "Each trial was chosen from the results of those 4 and more before it, in " in result.stdout
    assert "Each trial" not in run("--sampler", "random", "--n-trials", 12).stdout


def test_several_objectives_are_shown_as_fronts(run, call, tmp_path):
    aims = (
        "--objective",
        "sharpe_ratio",
        "--objective",
        "volatility",
        "--direction",
        "maximize",
        "--direction",
        "minimize",
    )
    result = run("--sampler", "lhs", "--n-trials", 20, *aims, "-o", tmp_path / "run")
    assert "front" in result.stdout
    assert "No best of several objectives: " in result.stdout
    assert "that no other beats in sharpe_ratio and volatility." in result.stdout
    assert "best:" not in result.stdout
    shown = call("show", tmp_path / "run").stdout
    assert "maximize sharpe_ratio, minimize volatility" in shown
    assert "best:" not in shown
    found = json.loads(call("show", tmp_path / "run", "--format", "json").stdout)
    assert found["study"]["aims"] == [["volatility", "minimize"]]
    assert found["best"][0]["trial"] in found["result"]["pareto"]
    shown = call("show", tmp_path / "run", "--format", "csv").stdout
    assert shown.startswith("trial,fast,slow,")


def test_a_study_file_says_it_too(call, source, tmp_path, run):
    text = """
strategy = "strategy.py"
bundle = "mine"
executor = "inline"
search = "tpe"
lag = 4
n_trials = 10
objective = ["sharpe_ratio", "max_drawdown"]
direction = "maximize"
[space]
fast = "5:15"
slow = "20:60"
"""
    (tmp_path / "study.toml").write_text(text)
    rows = json.loads(call("optimize", tmp_path / "study.toml", "--format", "json").stdout)
    aims = ("--objective", "sharpe_ratio", "--objective", "max_drawdown")
    same = json.loads(run("--sampler", "tpe", "--lag", 4, "--n-trials", 10, *aims, "--format", "json").stdout)
    drop = ("duration", "worker")
    assert [[v for k, v in row.items() if k not in drop] for row in rows] == [
        [v for k, v in row.items() if k not in drop] for row in same
    ]


def test_says_what_is_wrong(run):
    assert "n_trials must be given with search='tpe'" in run("--sampler", "tpe", code=1).stderr
    assert "lag must be left out with a search that does not learn" in run("--lag", 5, code=1).stderr
    assert "'gird' is not one of 'grid', 'random', 'sobol'" in run("--sampler", "gird", code=2).stderr


def test_a_plan_of_a_learning_search(run):
    found = json.loads(run("--sampler", "tpe", "--n-trials", 50, "--plan", "--format", "json").stdout)
    assert found["trials"] == 50
    assert found["tried"] > 0


def test_halving_says_how_many_trials_had_how_much(run, call, tmp_path):
    words = ("--sampler", "halving", "--n-trials", 18, "--commission", "per-dollar:0.001")
    result = run(*words, "-o", tmp_path / "run")
    assert "Trials ran 18 on 34 sessions, then 6 on 100 sessions, then 2 on 300 sessions; " in result.stdout
    assert "16 of 18 were pruned and are not ranked." in result.stdout
    assert "26 finished" in call("show", tmp_path / "run").stdout
    rows = json.loads(run(*words, "--format", "json").stdout)
    assert sorted(row["state"] for row in rows) == ["complete"] * 2 + ["pruned"] * 16
    assert {row["sessions"] for row in rows} == {34, 100, 300}
