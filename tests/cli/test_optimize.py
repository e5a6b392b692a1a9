"""`optimize` and `backtest` end to end, inline, on a small bundle."""

import io
import json
import signal
import subprocess
import sys

import polars as pl
import pytest

import rustybt_ray as rb
from rustybt_ray.engine.metrics import METRICS, ORDERED

STRATEGY = """
import rustybt_ray as rb

def crossover(data, fast, slow=40):
    print("a strategy may print")
    if fast == 13:
        raise ArithmeticError("thirteen")
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))
"""
PEEKING = """
import numpy as np
import rustybt_ray as rb

def peeking(data, days):
    ahead = np.roll(np.asarray(data.close), -days, axis=0)
    return rb.equal_weight(ahead > np.asarray(data.close))
"""
OBJECTIVE = """
def bowl(trial):
    return {"loss": (trial.params["x"] - 0.3) ** 2, "other": 1.0}
"""
SWEEP = ("-p", "fast=5:15:5", "-p", "slow=20:40:20", "--executor", "inline")


@pytest.fixture
def strategy(tmp_path):
    def write(text=STRATEGY):
        path = tmp_path / "strategy.py"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def optimize(call, source, strategy):
    call("ingest", "mine", source)

    def run(*words, text=STRATEGY, code=0):
        return call("optimize", "-f", strategy(text), "-b", "mine", "--executor", "inline", *words, code=code)

    return run


def direct(strategy_function, **options):
    """The same sweep through Python."""
    space = {"fast": rb.Int(5, 15, step=5), "slow": rb.Int(20, 40, step=20)}
    return rb.optimize(strategy_function, bundle="mine", space=space, executor="inline", progress=False, **options)


def crossover(data, fast, slow=40):
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))


def test_the_table_ranks_and_says_what_it_must(optimize):
    result = optimize(*SWEEP, "--top", 3)
    study = direct(crossover)
    lines = result.stdout.splitlines()
    assert lines[0].startswith(
        f"crossover on mine@{rb.BundleStore().info('mine').version[:12]}, 2020-01-06 to 2021-02-26: "
    )
    assert "6 trials in" in lines[0]
    ranked = [line.split() for line in lines if line.strip()[:1].isdigit()]
    assert [int(row[1]) for row in ranked] == study.top(3)["trial"].to_list()
    assert [float(row[4]) for row in ranked] == pytest.approx(study.top(3)["sharpe_ratio"].to_list(), abs=1e-3)
    best, median = study.best_trial, study.median_trial()
    assert f"trial {best.number}: fast={best.params['fast']} slow={best.params['slow']}" in result.stdout
    assert f"median: sharpe_ratio {median.value:.4g}, trial {median.number}: " in result.stdout
    assert "causal: yes" in result.stdout
    assert f"Without costs; breaks even at {best.metrics['break_even_cost']:.4g} bp a side." in result.stdout
    assert "a strategy may print" not in result.stdout


def test_with_costs_the_sentence_about_costs_is_gone(optimize):
    words = ("--commission", "per-dollar:0.001", "--slippage", "basis-points:5", "--capital-base", 5000)
    result = optimize(*SWEEP, *words, "--format", "csv")
    costs = rb.Costs(commission=rb.PerDollar(0.001), slippage=rb.FixedBasisPoints(5))
    expected = direct(crossover, costs=costs, capital=5000.0).trials
    assert pl.read_csv(io.BytesIO(result.stdout_bytes))["costs_paid"].to_list() == expected["costs_paid"].to_list()
    assert "Without costs" not in result.stdout + result.stderr


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
def test_data_on_stdout_is_pure_and_whole(optimize, form):
    result = optimize(*SWEEP, "--format", form)
    read = {"json": pl.read_json, "csv": pl.read_csv, "parquet": pl.read_parquet}[form]
    frame, expected = read(io.BytesIO(result.stdout_bytes)), direct(crossover).trials
    columns = list(json.loads(result.stdout)[0]) if form == "json" else frame.columns
    assert columns == expected.columns
    for name in ("trial", "fast", "slow", "sharpe_ratio", "total_return", "n_trades"):
        assert frame[name].to_list() == pytest.approx(expected[name].to_list(), nan_ok=True, rel=1e-15)
    assert "best:   sharpe_ratio" in result.stderr
    assert "a strategy may print" in result.stderr


def test_top_of_the_data_is_ranked(optimize):
    rows = json.loads(optimize(*SWEEP, "--format", "json", "--top", 2).stdout)
    assert [row["trial"] for row in rows] == direct(crossover).top(2)["trial"].to_list()


def test_undefined_numbers_are_null_in_json(optimize):
    rows = json.loads(optimize("-p", "fast=20", "-p", "slow=20", "--format", "json").stdout)
    assert rows[0]["sharpe_ratio"] is None


def test_what_is_searched_reaches_the_study(optimize, tmp_path):
    words = (
        *("-p", "fast=5:50:5", "-p", "slow=10:60:10", "--constraint", "fast<slow"),
        *("--search", "random", "--n-trials", 7, "--seed", 3),
        *("--objective", "max_drawdown", "--direction", "minimize", "--require", "n_trades > 2"),
        *("-s", "2020-03-02", "-e", "2021-01-29", "--fill", "next_open", "--set", "delay=1"),
        *("-o", tmp_path / "run", "--format", "json"),
    )
    rows = json.loads(optimize(*words).stdout)
    assert len(rows) == 7
    assert all(row["fast"] < row["slow"] for row in rows)
    spec = json.loads((tmp_path / "run" / "study.json").read_text())
    assert (spec["objective"], spec["direction"], spec["seed"], spec["fill"]) == (
        "max_drawdown",
        "minimize",
        3,
        "next_open",
    )
    assert (spec["start"], spec["end"], spec["settings"]["delay"]) == ("2020-03-02", "2021-01-29", 1)
    saved = pl.read_parquet(tmp_path / "run" / "table.parquet")
    assert saved["trial"].to_list() == [row["trial"] for row in rows]
    eligible = saved.filter((pl.col("n_trades") > 2) & pl.col("max_drawdown").is_not_nan())
    assert spec["result"]["best"]["value"] == eligible["max_drawdown"].min()


def test_failed_trials_are_counted_with_the_first_error(optimize):
    result = optimize("-p", "fast=5,13,20")
    assert "1 of 3 trials failed (first error: ArithmeticError: thirteen)." in result.stdout
    assert "best:   sharpe_ratio" in result.stdout


def test_every_trial_failed(optimize, tmp_path):
    result = optimize("-p", "fast=13", "-o", tmp_path / "run", code=3)
    assert "No trial qualifies: none is complete." in result.stdout
    assert "1 of 1 trials failed (first error: ArithmeticError: thirteen)." in result.stdout
    assert "Error: every trial failed; the first one so:" in result.stderr
    assert 'raise ArithmeticError("thirteen")' in result.stderr
    assert (tmp_path / "run" / "table.parquet").is_file()


def test_no_trial_meets_the_requirement(optimize):
    result = optimize(*SWEEP, "--require", "max_drawdown > 0.5")
    assert "No trial qualifies: in all 6 complete ones sharpe_ratio is undefined" in result.stdout
    assert "max_drawdown" in result.stdout


def test_a_strategy_that_sees_the_future(optimize):
    result = optimize("-p", "days=1,2", text=PEEKING)
    assert "NOT CAUSAL: decisions of 20" in result.stdout


def test_an_objective_function(optimize):
    words = ("-p", "x=0.1:0.5:0.1", "--objective", "loss", "--direction", "minimize")
    result = optimize(*words, text=OBJECTIVE)
    ranked = [line.split() for line in result.stdout.splitlines() if line.strip()[:1].isdigit()]
    assert ranked[0] == ["1", "2", "0.3", "0", "1"]
    header = next(line for line in result.stdout.splitlines() if "rank" in line)
    assert header.split() == ["rank", "trial", "x", "loss", "other"]
    assert "causal: not checked (an objective function)" in result.stdout
    assert "Without costs" not in result.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-p", "fast=5,10", "-b", "yours"), "There is no bundle 'yours'"),
        (("-p", "quick=5,10"), "quick"),
        (("-p", "fast=5,10", "--objective", "sharp"), "objective must be one of"),
        (("-p", "fast=5:10", "-p", "slow=2,3", "--constraint", "fast<slow"), "fast<slow"),
        (("-p", "fast=5,10", "--constraint", "fast<<slow"), "fast<<slow"),
        (("-p", "fast=5,10", "-s", "2030-01-01"), "2030-01-01"),
        (("-p", "fast=5,10", "--search", "random"), "n_trials"),
    ],
)
def test_errors_are_one_line(optimize, words, message):
    result = optimize(*words, code=1)
    assert result.stdout == ""
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert message in line
    assert "Traceback" not in result.stderr


def test_a_run_directory_that_is_taken_says_which_option_goes_on(optimize, tmp_path):
    words = (*SWEEP, "-o", tmp_path / "run")
    first = optimize(*words)
    assert f"Saved in {tmp_path / 'run'}: study.json, journal, table.parquet, returns.parquet." in first.stderr
    assert {file.name for file in (tmp_path / "run").iterdir()} >= {"study.json", "journal", "table.parquet"}
    refused = optimize(*words, code=1)
    assert "a study is here already" in refused.stderr
    assert "Pass --resume to go on with it" in refused.stderr
    assert "resume=True" not in refused.stderr
    assert "Say which study goes on: -o runs/sma." in optimize(*SWEEP, "--resume", code=1).stderr
    optimize(*words, "--resume")


def test_the_log_is_shown_on_stderr_when_asked(optimize):
    result = optimize(*SWEEP, "-v", "--format", "json")
    assert len(json.loads(result.stdout)) == 6
    assert "INFO rustybt_ray.study: the study begins: crossover on mine" in result.stderr
    assert "INFO rustybt_ray.study: the study ends: 6 trials, 0 failed" in result.stderr
    assert "DEBUG" not in result.stderr
    assert "DEBUG rustybt_ray.driver: chunk 1 (1 trials) to worker 0" in optimize(*SWEEP, "-vv").stderr
    assert "INFO" not in optimize(*SWEEP).stderr


def test_a_strategy_file_that_is_not_there(call, source):
    call("ingest", "mine", source)
    result = call("optimize", "-f", "nowhere.py", "-b", "mine", "-p", "fast=5", code=1)
    assert "Error: " in result.stderr
    assert "nowhere.py" in result.stderr


def test_ctrl_c_prints_and_saves_what_is_done(call, source, strategy, tmp_path, home):
    call("ingest", "mine", source)
    text = STRATEGY.replace(
        "if fast == 13:",
        "if fast == 30:\n        import os, signal\n        os.kill(os.getpid(), signal.SIGINT)\n    if fast == 13:",
    )
    words = (
        "-f",
        strategy(text),
        "-b",
        "mine",
        "-p",
        "fast=5:5000",
        "-o",
        tmp_path / "run",
        "--executor",
        "inline",
        "--format",
        "json",
    )
    command = [sys.executable, "-c", "from rustybt_ray.cli import main; main()", "optimize", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 130, done.stderr
    assert signal.SIGINT + 128 == 130
    rows = json.loads(done.stdout)
    assert 26 <= len(rows) < 4996
    assert pl.read_parquet(tmp_path / "run" / "table.parquet").height == len(rows)
    assert f"Ended early (interrupted): {len(rows):,} trials are finished." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def backtest(call, source, strategy):
    call("ingest", "mine", source)

    def run(*words, code=0):
        return call("backtest", "-f", strategy(), "-b", "mine", *words, code=code)

    return run


def test_backtest_prints_every_metric_with_its_meaning(backtest):
    result = backtest("-p", "fast=5", "-p", "slow=20")
    lines = {line.split()[0]: line for line in result.stdout.splitlines() if line.strip()}
    for name, meaning in (METRICS | ORDERED).items():
        assert meaning in lines[name]
    assert "Without costs; breaks even at " in result.stdout
    assert "a strategy may print" not in result.stdout
    assert result.stdout.splitlines()[0].endswith("strategy.py: fast=5 slow=20, on mine, 2020-01-06 to 2021-02-26")


def test_backtest_as_data_and_saved(backtest, tmp_path):
    words = ("-p", "fast=5", "-p", "slow=20", "--commission", "per-trade:1", "-s", "2020-02-03", "-o", tmp_path / "out")
    rows = json.loads(backtest(*words, "--format", "json").stdout)
    expected = rb.backtest(
        crossover,
        {"fast": 5, "slow": 20},
        bundle="mine",
        start="2020-02-03",
        costs=rb.Costs(commission=rb.PerTrade(1.0)),
    )
    assert {row["metric"]: row["value"] for row in rows} == expected.metrics
    assert json.loads((tmp_path / "out" / "metrics.json").read_text()) == expected.metrics
    assert pl.read_parquet(tmp_path / "out" / "curve.parquet").equals(expected.curve)
    assert pl.read_parquet(tmp_path / "out" / "fills.parquet").equals(expected.fills)
    assert pl.read_parquet(tmp_path / "out" / "holdings.parquet").equals(expected.holdings)


def test_backtest_names_the_line_of_a_strategy_that_fails(backtest, strategy):
    result = backtest("-p", "fast=13", code=1)
    assert "thirteen" in result.stderr
    assert "Traceback" not in result.stderr
    assert str(strategy()) in result.stderr


def test_backtest_says_that_a_strategy_ends_the_program(call, source, strategy):
    call("ingest", "mine", source)
    path = strategy("def quits(data):\n    raise SystemExit(7)\n")
    result = call("backtest", "-f", path, "-b", "mine", code=1)
    assert f"Error: SystemExit: 7 ({path}:2 in quits)" in result.stderr
