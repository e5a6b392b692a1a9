"""`walk-forward`: options, study files, what goes to stdout, exit codes."""

import io
import json
import subprocess
import sys

import polars as pl
import pytest

import rustybt_ray as rb

STRATEGY = """
import rustybt_ray as rb

def crossover(data, fast, slow=40):
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))

def broken(data, fast):
    raise ValueError("no")
"""
WORDS = ("-b", "mine", "-p", "fast=5:15:5", "-p", "slow=20,40", "--executor", "inline", "--quiet")
WINDOWS = ("--train", 80, "--test", "30")
FILE = """
strategy = "strategy.py:crossover"
bundle = "mine"
purge = 3
positions = "carry"
executor = "inline"
[windows]
train = "4mo"
validate = "2mo"
test = "6w"
anchored = true
[space]
fast = "5:15:5"
slow = [20, 40]
[costs]
commission = "per-dollar:0.001"
"""


@pytest.fixture
def strategy(tmp_path, call, source):
    call("ingest", "mine", source)
    (tmp_path / "strategy.py").write_text(STRATEGY)
    return tmp_path / "strategy.py"


@pytest.fixture
def walk(call, strategy):
    def run(*words, name="crossover", **options):
        return call("walk-forward", "-f", f"{strategy}:{name}", *WORDS, *WINDOWS, *words, **options)

    return run


def test_a_table_with_every_window_and_all_that_must_be_said(walk):
    out = walk("--embargo", 2, "--purge", 1).stdout
    for text in (
        "Rolling(train=80, test=30), purge=1, flat: ", "hindsight best (not available to you)", "buy and hold",
        "selection skill ", " (95 %) over 7 windows: the place of the choice", "causal: yes",
        "Without costs; breaks even at", "embargo = 2 has no effect", "purge = 1: the 1",
    ):  # fmt: skip
        assert text in out


def test_data_on_stdout_is_that_of_python(walk):
    frames = {"windows": "windows", "trials": "trials", "curve": "out_of_sample", "comparisons": "comparisons"}
    space = {"fast": rb.Int(5, 15, step=5), "slow": rb.Choice(20, 40)}

    def crossover(data, fast, slow=40):
        return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))

    found = rb.walk_forward(
        crossover, bundle="mine", space=space, windows=rb.Rolling(train=80, test=30), executor="inline", progress=False
    )
    for data, name in frames.items():
        result = walk("--format", "parquet", "--data", data)
        assert pl.read_parquet(io.BytesIO(result.stdout_bytes)).equals(getattr(found, name))
        assert "selection skill" in result.stderr
    rows = json.loads(walk("--format", "json").stdout)
    assert [row["trial"] for row in rows] == found.windows["trial"].to_list()
    assert walk("--format", "csv").stdout.startswith("window,train_start,train_end,test_start")


def test_a_study_file_says_the_same_and_options_win(call, strategy, tmp_path):
    file = tmp_path / "study.toml"
    file.write_text(FILE)
    run = tmp_path / "run"
    call("walk-forward", file, "-o", run, "--quiet", "--test", "5w")
    loaded = rb.load(run)
    assert loaded.spec.walk_forward == {
        "windows": {"windows": "Expanding", "train": "4mo", "validate": "2mo", "test": "5w", "step": None, "warmup": 0},
        "purge": 3, "embargo": 0, "positions": "carry", "select": "best",
    }  # fmt: skip
    assert loaded.spec.costs == rb.Costs(rb.PerDollar(0.001))
    file.write_text(FILE.replace("anchored", "ancored"))
    error = call("walk-forward", file, code=1).stderr
    assert "a key in [windows] of" in error
    assert "Did you mean 'anchored'?" in error


def test_the_plan_draws_and_runs_nothing(walk, tmp_path):
    out = walk("--plan", "-o", tmp_path / "run").stdout
    assert "= train  # test" in out
    assert "6 trials, each in 14 segments of 770 sessions: 2.6 times the history." in out
    assert not (tmp_path / "run").exists()
    made = json.loads(walk("--plan", "--format", "json").stdout)
    assert (made["trials"], made["windows"]) == (6, 7)
    assert made["bars"][0]["part"] == "train"


def test_what_is_kept_is_shown_and_goes_on(walk, call, tmp_path):
    run = tmp_path / "run"
    first = walk("-o", run)
    assert "out_of_sample.parquet" in first.stderr
    shown = call("show", run).stdout
    assert "windows     Rolling(train=80, test=30), positions flat, select best" in shown
    assert "hindsight best (not available to you)" in shown
    assert json.loads(call("show", run, "--format", "json").stdout)["study"]["walk_forward"]["positions"] == "flat"
    assert "Pass --resume" in walk("-o", run, code=1).stderr
    again = walk("-o", run, "--resume")
    assert again.stdout.splitlines()[1:] == first.stdout.splitlines()[1:]
    assert "walk_forward.purge: recorded 0, asked 4" in walk("-o", run, "--resume", "--purge", 4, code=1).stderr


def test_what_does_not_fit(walk):
    assert "--train" in walk("--train", "soon", code=2).stderr
    assert "must be short enough" in walk("--train", "9y", "--test", "1y", code=1).stderr


def test_every_trial_fails(call, strategy):
    words = ("-f", f"{strategy}:broken", "-b", "mine", "-p", "fast=1,2", "--executor", "inline", *WINDOWS)
    result = call("walk-forward", *words, code=3)
    assert "every trial failed" in result.stderr
    assert "gap: cash" in result.stdout
    assert "selection skill undefined in every window" in result.stdout
    assert "rank correlation of train and test undefined in every window." in result.stdout
    assert "stability" not in result.stdout
    assert "nan" not in result.stdout


def test_a_search_that_learns_says_what_it_was_told_and_what_that_cost(walk, call, tmp_path):
    run = tmp_path / "run"
    out = walk("--sampler", "tpe", "--n-trials", 6, "--lag", 2, "-o", run).stdout
    assert "Each trial was chosen from the results of those 2 and more before it, in " in out
    assert "It was told the objective in the first train alone." in out
    assert "Each trial was chosen" not in walk().stdout
    result = json.loads((run / "study.json").read_text())["result"]
    assert result["choosing_seconds"] > 0.0
    assert rb.load(run).study.choosing == result["choosing_seconds"]
    assert "Each trial was chosen" in call("show", run).stdout


def test_no_export_replaces_a_file_of_the_run(walk, call, tmp_path):
    run = tmp_path / "run"
    walk("-o", run)
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    for name in (name for name in before if name.endswith(".parquet")):
        assert "belongs to the run directory" in call("export", run, run / name, code=2).stderr
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def test_several_objectives_are_refused(walk):
    error = walk("--objective", "sharpe_ratio", "--objective", "max_drawdown", code=1).stderr
    assert "Each window chooses one trial by one objective" in error


def test_ctrl_c_prints_and_saves_what_is_done(call, source, tmp_path):
    call("ingest", "mine", source)
    file, run, marker = tmp_path / "strategy.py", tmp_path / "run", tmp_path / "stopped"
    once = f"""
    import os, pathlib, signal
    if fast == 30 and not pathlib.Path({str(marker)!r}).exists():
        pathlib.Path({str(marker)!r}).touch()
        os.kill(os.getpid(), signal.SIGINT)
"""
    file.write_text(STRATEGY.replace("slow=40):\n", f"slow=40):{once}", 1))
    options = ("-b", "mine", "-p", "fast=5:2000", "--executor", "inline", "--format", "json", *WINDOWS, "-o", run)
    words = ["walk-forward", "-f", f"{file}:crossover", *map(str, options)]
    command = [sys.executable, "-c", "from rustybt_ray.cli import main; main()", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 130, done.stderr
    assert [row["window"] for row in json.loads(done.stdout)] == list(range(7))
    found = rb.load(run)
    assert 26 <= found.n_trials < 1996
    assert found.stopped == "interrupted"
    assert f"Ended early (interrupted): {found.n_trials:,} trials are finished, and the windows chose" in done.stderr
    assert "Traceback" not in done.stderr
