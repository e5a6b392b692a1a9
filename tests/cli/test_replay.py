"""`replay`: a recorded trial again, from what the run directory says; and what it refuses."""

import gzip
import json
import math
from pathlib import Path

import polars as pl
import pytest

from rustybt_ray.exceptions import RunError
from rustybt_ray.studies.recorded import exact_params

STRATEGY = """
import rustybt_ray as rb

def crossover(data, fast, slow=40):
    if fast == 13:
        raise ArithmeticError("thirteen")
    slow = 60 if slow == "all" else slow
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))
"""
ALGORITHM = """
from zipline.api import order_target_percent, symbol
SHARE = 0.5
def initialize(context):
    context.asset = symbol("AAA")
def handle_data(context, data):
    order_target_percent(context.asset, SHARE)
"""


@pytest.fixture
def optimize(call, source, tmp_path):
    call("ingest", "mine", source)
    strategy = tmp_path / "strategy.py"
    strategy.write_text(STRATEGY)

    def run(run_dir, *words, code=0, file=strategy):
        return call("optimize", "-f", file, "-b", "mine", "--executor", "inline", "-o", run_dir, *words, code=code)

    return run


def metrics(result):
    return {row["metric"]: row["value"] for row in json.loads(result.stdout)}


def test_a_trial_is_bitwise_the_one_of_the_table(optimize, call, tmp_path):
    run = tmp_path / "run"
    costs = ("--commission", "per-dollar:0.001", "--slippage", "basis-points:5,0.1", "--borrow", "0.01")
    rules = ("--set", "delay=1", "--fill", "next_open", "-s", "2020-02-03", "-e", "2020-12-01", "--capital", "50000")
    optimize(run, "-p", "fast=5:12", *costs, *rules)
    before = {file.name: file.read_bytes() for file in run.iterdir()}
    result = call("replay", run, 3, "-o", tmp_path / "three")
    assert {file.name: file.read_bytes() for file in run.iterdir()} == before
    lines = result.stdout.splitlines()
    assert lines[0].startswith("trial 3 of crossover on mine@")
    assert lines[0].endswith(": fast=8, 2020-02-03 to 2020-12-01")
    assert "Bitwise the 26 metrics that are recorded." in lines
    row = pl.read_parquet(run / "table.parquet").row(3, named=True)
    found = metrics(call("replay", run, 3, "--format", "json"))
    assert {name: row[name] for name in found if name in row} == {name: found[name] for name in found if name in row}
    curve = pl.read_parquet(tmp_path / "three" / "curve.parquet")
    assert curve["equity"][-1] / 50_000 - 1 == pytest.approx(row["total_return"], abs=1e-12)
    assert {file.name for file in (tmp_path / "three").iterdir()} == {
        "metrics.json", "curve.parquet", "holdings.parquet", "fills.parquet",
    }  # fmt: skip


def test_another_strategy_is_refused_with_what_changed(optimize, call, tmp_path):
    run = tmp_path / "run"
    optimize(run, "-p", "fast=5:7")
    (tmp_path / "strategy.py").write_text(STRATEGY.replace("else slow", "else slow + 1"))
    text = call("replay", run, 0, code=1).stderr
    assert "the strategy is not the one that ran: digest: recorded '" in text
    assert '-    slow = 60 if slow == "all" else slow\n' in text
    assert '+    slow = 60 if slow == "all" else slow + 1\n' in text
    (tmp_path / "strategy.py").unlink()
    assert "the file of crossover is not there any more" in call("replay", run, 0, code=1).stderr
    (tmp_path / "moved.py").write_text(f"# a comment is no change\n{STRATEGY}")
    assert "Bitwise" in call("replay", run, 0, "-f", f"{tmp_path / 'moved.py'}:crossover").stdout


def test_the_bundle_is_the_version_that_ran(optimize, call, tmp_path, bars):
    run = tmp_path / "run"
    optimize(run, "-p", "fast=5:7")
    bars.with_columns(close=pl.col("close") + 0.01).write_parquet(tmp_path / "new.parquet")
    call("ingest", "mine", tmp_path / "new.parquet")
    assert "Bitwise" in call("replay", run, 1).stdout
    assert "Error: " in call("replay", run, 1, "--bundle-root", tmp_path / "empty", code=1).stderr


def test_a_metric_that_differs_is_said_and_ends_with_1(optimize, call, tmp_path):
    run = tmp_path / "run"
    optimize(run, "-p", "fast=5:7")
    (run / "journal").unlink()
    table = pl.read_parquet(run / "table.parquet")
    value = table["sharpe_ratio"][2]
    moved = math.nextafter(value, 0.0)
    table.with_columns(sharpe_ratio=pl.Series([*table["sharpe_ratio"][:2], moved])).write_parquet(run / "table.parquet")
    assert "Bitwise" in call("replay", run, 1).stdout
    text = call("replay", run, 2, code=1).stdout
    assert f"NOT bitwise what is recorded: sharpe_ratio {moved!r} then, {value!r} now." in text


def test_a_trial_that_failed_fails_again(optimize, call, tmp_path):
    run = tmp_path / "run"
    optimize(run, "-p", "fast=12:14")
    with pytest.raises(AssertionError, match=r"thirteen"):
        call("replay", run, 1)
    text = call("replay", run, 1, code=1).stderr
    assert text.startswith("Error: ArithmeticError: thirteen (")
    assert "strategy.py:6 in crossover" in text
    assert "trial must be the number of a finished trial; received 7" in call("replay", run, 7, code=1).stderr


def test_values_of_several_types_come_back(optimize, call, tmp_path):
    run = tmp_path / "run"
    optimize(run, "-p", "fast=5:6", "-p", "slow=20,all")
    for number in range(4):
        text = call("replay", run, number).stdout
        assert f"slow={(20, 'all')[number % 2]}," in text
        assert "Bitwise" in text
    (run / "journal").unlink()
    assert "Bitwise" in call("replay", run, 2).stdout
    alike = {"parameters": {"x": {"options": ["5", 5]}}}
    with pytest.raises(RunError, match=r"the values '5' and 5 of 'x' read alike in the record"):
        exact_params({"x": "5"}, alike, 0)
    assert exact_params({"x": 5}, alike, 0) == {"x": 5}
    pairs = {"parameters": {"x": {"options": [[1, 2], [3, 4]]}}}
    assert exact_params({"x": "(3, 4)"}, pairs, 0) == {"x": (3, 4)}
    assert exact_params({"x": "[5, 6]"}, {"points": {"x": [0, [5, 6]]}}, 1) == {"x": (5, 6)}
    assert exact_params({"x": True}, {"parameters": {"x": {"options": [1, True]}}}, 0) == {"x": True}


def test_a_pruned_trial_has_the_part_that_it_had(optimize, call, tmp_path):
    run = tmp_path / "run"
    optimize(run, "-p", "fast=2:9", "-p", "slow=12", "--sampler", "halving", "--n-trials", 8)
    table = pl.read_parquet(run / "table.parquet")
    pruned = table.filter(pl.col("state") == "pruned")["trial"].to_list()
    assert 3 < len(pruned) < 8
    for number in table["trial"].to_list():
        text = call("replay", run, number).stdout
        assert "Bitwise the 26 metrics" in text
        assert ("(pruned: the part" in text) == (number in pruned)


def test_an_objective_function(optimize, call, tmp_path):
    file = tmp_path / "bowl.py"
    file.write_text("def bowl(trial):\n    return {'loss': (trial.params['x'] - 2) ** 2 + trial.seed, 'twice': 2.0}\n")
    run = tmp_path / "run"
    optimize(run, "-p", "x=0:4", "--objective", "loss", "--seed", 9, file=file)
    result = call("replay", run, 3, "--format", "json", "-o", tmp_path / "out")
    assert metrics(result)["loss"] == pl.read_parquet(run / "table.parquet")["loss"][3]
    assert "Bitwise the 2 metrics that are recorded." in result.stderr
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["twice"] == 2.0
    assert "--dump is for zipline algorithms" in call("replay", run, 3, "--dump", tmp_path / "x.json", code=2).stderr
    file.write_text("def bowl(trial):\n    return 1 / 0\n")
    assert "the strategy is not the one that ran" in call("replay", run, 3, code=1).stderr


def test_a_zipline_algorithm_with_its_dump(optimize, call, tmp_path):
    file = tmp_path / "algo.py"
    file.write_text(ALGORITHM)
    run, dump = tmp_path / "run", tmp_path / "one.json.gz"
    optimize(run, "-p", "SHARE=0.25:0.75:0.25", file=file)
    assert "Bitwise" in call("replay", run, 2, "--dump", dump).stdout
    written = json.loads(gzip.decompress(dump.read_bytes()))
    assert written["meta"]["params"] == {"SHARE": 0.75}
    assert written["meta"]["algorithm"] == Path(file).name


def test_from_python(optimize, tmp_path):
    from rustybt_ray.api.replay import replay_trial

    run = tmp_path / "run"
    optimize(run, "-p", "fast=5:7")
    made = replay_trial(run, 1)
    assert made.backtest is not None
    assert made.differing == ()
    assert made.backtest.metrics["sharpe_ratio"] == made.trial.value


def test_another_engine_is_refused(optimize, call, tmp_path):
    run = tmp_path / "run"
    optimize(run, "-p", "fast=5:7")
    stored = json.loads((run / "study.json").read_text())
    (run / "study.json").write_text(json.dumps(stored | {"engine": 0}))
    assert "engine 0 ran this study" in call("replay", run, 1, code=1).stderr
    (run / "study.json").write_text(json.dumps(stored | {"walk_forward": {"purge": 0}}))
    assert "holds a walk-forward, not a study" in call("replay", run, 1, code=1).stderr
    (run / "study.json").write_text(json.dumps(stored | {"costs": {"commission": {"model": "eval"}, "slippage": {}}}))
    assert "study.json cannot be read as a study (" in call("replay", run, 1, code=1).stderr
