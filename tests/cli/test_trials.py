"""`trials` and `export` on studies that are complete, interrupted and running, with and without their journal."""

import importlib.util
import json

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import rustybt_ray as rb

STRATEGY = """
import rustybt_ray as rb

def crossover(data, fast, slow=40):
    if fast == 13:
        raise ArithmeticError("thirteen")
    slow = 60 if slow == "all" else slow
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))
"""


@pytest.fixture
def optimize(call, source, tmp_path):
    call("ingest", "mine", source)
    strategy = tmp_path / "strategy.py"
    strategy.write_text(STRATEGY)

    def run(run_dir, *words, code=0):
        words = ("-p", "fast=5:20", "--executor", "inline", "-o", run_dir, *words)
        return call("optimize", "-f", strategy, "-b", "mine", *words, code=code)

    return run


def untouched(run_dir):
    return {file.name: (file.stat().st_mtime_ns, file.read_bytes()) for file in run_dir.iterdir()}


def ranked(text):
    rows = [line.split() for line in text.splitlines() if line.startswith("   ")]
    return [row for row in rows if row[0].isdigit()]


def test_the_table_is_the_one_of_optimize(optimize, call, tmp_path):
    run = tmp_path / "run"
    told = optimize(run, "--require", "turnover < 5.9", "--top", 4).stdout.splitlines()
    before = untouched(run)
    shown = call("trials", run, "--top", 4).stdout.splitlines()
    assert untouched(run) == before
    assert shown[0].endswith(": 16 of 16 trials finished")
    assert shown[1:] == told[1:]
    assert len(ranked("\n".join(shown))) == 4


def test_data_are_ranked_and_exact(optimize, call, tmp_path):
    run = tmp_path / "run"
    optimize(run)
    frame = pl.read_parquet(run / "table.parquet")
    expected = frame.filter(pl.col("state") == "complete").sort("sharpe_ratio", descending=True, maintain_order=True)
    made = pl.read_parquet(call("trials", run, "--format", "parquet").stdout_bytes)
    assert_frame_equal(made, expected, check_exact=True)
    rows = json.loads(call("trials", run, "--format", "json", "--top", 2).stdout)
    assert [row["trial"] for row in rows] == expected["trial"][:2].to_list()
    result = call("trials", run, "--format", "csv", "--top", 1)
    assert pl.read_csv(result.stdout_bytes)["sharpe_ratio"].to_list() == expected["sharpe_ratio"][:1].to_list()
    assert "1 of 16 trials failed (first error: ArithmeticError: thirteen)." in result.stderr


@pytest.mark.parametrize("ending", ["csv", "parquet", "json", "arrow"])
def test_export_writes_all_trials(optimize, call, tmp_path, ending):
    run, file = tmp_path / "run", tmp_path / f"trials.{ending}"
    optimize(run)
    before = untouched(run)
    assert "16 rows" in call("export", run, file).stderr
    assert untouched(run) == before
    read = {"csv": pl.read_csv, "parquet": pl.read_parquet, "arrow": pl.read_ipc}
    table = pl.read_parquet(run / "table.parquet")
    if ending == "json":
        rows = json.loads(file.read_text(), parse_constant=pytest.fail)
        assert [row["sharpe_ratio"] for row in rows] == table["sharpe_ratio"].fill_nan(None).to_list()
        return
    made = read[ending](file)
    assert made.columns == table.columns
    for name in ("trial", "fast", "state", "error"):
        assert made[name].to_list() == table[name].to_list()
    assert made["sharpe_ratio"].to_numpy().tobytes() == table["sharpe_ratio"].to_numpy().tobytes()


def test_export_of_the_best_and_what_it_refuses(optimize, call, tmp_path):
    run = tmp_path / "run"
    optimize(run)
    call("export", run, tmp_path / "best.csv", "--top", 3)
    ranks = pl.read_parquet(call("trials", run, "--format", "parquet").stdout_bytes)["trial"][:3].to_list()
    assert pl.read_csv(tmp_path / "best.csv")["trial"].to_list() == ranks
    text = " ".join(call("export", run, tmp_path / "best.xlsx", code=2).stderr.split())
    assert "the file must be named with one of .csv, .parquet, .json, .arrow at its end" in text
    assert "A spreadsheet opens CSV files." in text
    assert "belongs to the run directory" in call("export", run, run / "table.parquet", code=2).stderr
    assert "there is no such directory" in call("trials", tmp_path / "none", code=1).stderr
    assert "there is no such directory" in call("export", tmp_path / "none", tmp_path / "x.csv", code=1).stderr
    assert not (tmp_path / "x.csv").exists()
    assert "cannot write x.csv" in call("export", run, tmp_path / "none" / "x.csv", code=1).stderr


@pytest.mark.parametrize(
    "words", [(), ("-p", "slow=20,all"), ("-p", "slow=22", "--sampler", "halving", "--n-trials", "12")]
)
def test_a_table_alone_says_what_its_journal_said(optimize, call, tmp_path, words):
    run = tmp_path / "run"
    optimize(run, *words, code=0)
    whole = call("trials", run).stdout
    call("export", run, tmp_path / "whole.parquet")
    (run / "journal").unlink()
    assert ranked(call("trials", run).stdout) == ranked(whole)
    call("export", run, tmp_path / "alone.parquet")
    made, expected = (pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("alone", "whole"))
    assert_frame_equal(made, expected, check_exact=True)
    assert_frame_equal(made, pl.read_parquet(run / "table.parquet"), check_exact=True)


def test_all_runs_of_successive_halving(optimize, call, tmp_path):
    run = tmp_path / "run"
    optimize(run, "-p", "slow=22", "--sampler", "halving", "--n-trials", 12)
    call("export", run, tmp_path / "runs.parquet", "--runs")
    runs = pl.read_parquet(tmp_path / "runs.parquet")
    assert (runs["rung"].to_list().count(0), len(runs) > 12) == (12, True)
    assert "exclude each other" in call("export", run, tmp_path / "x.csv", "--runs", "--top", 1, code=2).stderr


def test_a_journal_that_is_not_finished(optimize, call, tmp_path):
    """What a driver leaves that was killed: the journal with a torn end, no table, no result."""
    run = tmp_path / "run"
    optimize(run)
    journal = (run / "journal").read_bytes()
    (run / "journal").write_bytes(journal[:-7])
    (run / "table.parquet").unlink()
    stored = json.loads((run / "study.json").read_text())
    del stored["result"]
    (run / "study.json").write_text(json.dumps(stored))
    before = untouched(run)
    shown = call("trials", run).stdout
    assert untouched(run) == before
    finished = int(shown.splitlines()[0].split(": ")[1].split()[0])
    assert f"{finished} of 16 trials finished" in shown.splitlines()[0]
    assert finished < 16


def test_export_of_a_walk_forward(optimize, call, tmp_path):
    optimize(tmp_path / "ingested")
    run = tmp_path / "walk"
    space, windows = {"fast": rb.Int(5, 8)}, rb.Rolling(train=120, test=60)
    spec = importlib.util.spec_from_file_location("walked", tmp_path / "strategy.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = rb.walk_forward(module.crossover, bundle="mine", space=space, windows=windows, run_dir=run, progress=False)
    call("export", run, tmp_path / "trials.parquet")
    assert_frame_equal(pl.read_parquet(tmp_path / "trials.parquet"), made.trials, check_exact=True)
    assert "--runs and --top are for studies" in call("export", run, tmp_path / "x.csv", "--top", 3, code=2).stderr
    assert "holds a walk-forward, not a study" in call("trials", run, code=1).stderr
