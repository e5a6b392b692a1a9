"""`show` on studies that are complete, interrupted, killed and running."""

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import polars as pl
import pytest

from rustybt_ray.studies.journal import read_journal

STRATEGY = """
import rustybt_ray as rb

def crossover(data, fast, slow=40):
    if fast == 13:
        raise ArithmeticError("thirteen")
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))
"""
DRIVER = Path(__file__).parent.parent / "support" / "resumed_driver.py"


@pytest.fixture
def optimize(call, source, tmp_path):
    call("ingest", "mine", source)
    strategy = tmp_path / "strategy.py"
    strategy.write_text(STRATEGY)

    def run(run_dir, *words, code=0):
        words = ("-p", "fast=5:20", "--executor", "inline", "-o", run_dir, *words)
        return call("optimize", "-f", strategy, "-b", "mine", *words, code=code)

    return run


@pytest.fixture
def driver():
    """Starts a slow driver of 100 trials; whatever still runs at the end is ended."""
    started = []

    def start(run_dir):
        command = [sys.executable, str(DRIVER), str(run_dir), "0.02", "inline"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def recorded(run_dir):
    path = run_dir / "journal"
    return len(read_journal(path).numbers) if path.exists() and path.stat().st_size else 0


def wait_for(condition, process):
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def untouched(run_dir):
    return {file.name: (file.stat().st_mtime_ns, file.read_bytes()) for file in run_dir.iterdir()}


def test_a_complete_study_in_words(optimize, call, tmp_path):
    run = tmp_path / "run"
    optimize(run, "--require", "turnover < 5.9", "--commission", "per-dollar:0.001", "--constraint", "fast<30")
    before = untouched(run)
    result = call("show", run, "--top", 3)
    assert untouched(run) == before
    lines = result.stdout.splitlines()
    assert lines[0].startswith("crossover on mine@")
    assert lines[0].endswith(", 2020-01-06 to 2021-02-26: complete")
    words = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines[1:7]}
    assert words["space"] == "fast=5:20:1 (grid)"
    assert words["constraint"] == "fast<30"
    assert words["objective"] == "maximize sharpe_ratio, require turnover < 5.9"
    assert words["costs"] == "PerDollar(cost=0.001), capital 1,000,000, fill next_close, seed 0"
    assert words["trials"] == "16 of 16 finished, 1 failed, 0 to come"
    frame = pl.read_parquet(run / "table.parquet")
    eligible = frame.filter((pl.col("state") == "complete") & (pl.col("turnover") < 5.9))
    assert 3 < len(eligible) < 15
    best = eligible.sort("sharpe_ratio", descending=True)["trial"][:3].to_list()
    ranked = [line.split() for line in lines if line.strip()[:1].isdigit()]
    assert [int(row[1]) for row in ranked] == best
    assert f"best: sharpe_ratio {frame['sharpe_ratio'][best[0]]:,.3f}, trial {best[0]}: fast={best[0] + 5}" in lines
    assert "causal: yes" in lines
    assert "driver" not in result.stdout


def test_as_data(optimize, call, tmp_path):
    run = tmp_path / "run"
    optimize(run, "-p", "slow=20,300")
    found = json.loads(call("show", run, "--format", "json", "--top", 40).stdout, parse_constant=pytest.fail)
    assert (found["state"], found["reason"], found["driver"]) == ("complete", None, None)
    assert found["trials"] == {"total": 32, "done": 32, "failed": 2, "left": 0}
    assert found["study"]["strategy"]["name"] == "crossover"
    assert "source" not in found["study"]["strategy"]
    assert found["study"]["search"]["parameters"]["fast"]["high"] == 20
    assert found["result"]["best"]["trial"] == found["best"][0]["trial"]
    frame = pl.read_parquet(run / "table.parquet")
    for row in found["best"]:
        expected = frame.row(row["trial"], named=True)
        assert {name: row[name] for name in ("fast", "slow", "sharpe_ratio", "n_trades", "duration")} == {
            name: expected[name] for name in ("fast", "slow", "sharpe_ratio", "n_trades", "duration")
        }
    rows = pl.read_csv(call("show", run, "--format", "csv", "--top", 2).stdout.encode())
    assert rows["trial"].to_list() == [row["trial"] for row in found["best"][:2]]
    assert rows["sharpe_ratio"].to_list() == [row["sharpe_ratio"] for row in found["best"][:2]]


def test_a_table_alone_says_the_same(optimize, call, tmp_path):
    run = tmp_path / "run"
    optimize(run)
    whole = json.loads(call("show", run, "--format", "json").stdout)
    (run / "journal").unlink()
    alone = json.loads(call("show", run, "--format", "json").stdout)
    assert alone["written"] is None
    assert alone | {"written": 0} == whole | {"written": 0}


def test_an_objective_function_in_which_all_failed(call, source, tmp_path):
    call("ingest", "mine", source)
    (tmp_path / "s.py").write_text("def bowl(trial):\n    raise ValueError(trial.params['x'])\n")
    words = ("-p", "x=0.1:0.3:0.1", "--executor", "inline", "--objective", "loss", "-o", tmp_path / "run")
    call("optimize", "-f", tmp_path / "s.py", "-b", "mine", *words, code=3)
    result = call("show", tmp_path / "run")
    assert "3 of 3 finished, 3 failed, 0 to come" in result.stdout
    assert "No trial qualifies so far." in result.stdout
    assert "space       x=0.1:0.3:0.1 (grid)" in result.stdout
    assert call("show", tmp_path / "run", "--format", "csv").stdout.strip() == ""


def test_what_is_no_run_directory(call, tmp_path):
    result = call("show", tmp_path / "none", code=1)
    assert result.stdout == ""
    assert "Error: there is no such directory" in result.stderr
    assert "Error: there is no study here" in call("show", tmp_path, code=1).stderr
    (tmp_path / "study.json").write_text('{"format": 99}')
    assert "study.json has format 99" in call("show", tmp_path, code=1).stderr
    (tmp_path / "study.json").write_text('{"format": 1}')
    assert "study.json lacks strategy, search" in call("show", tmp_path, code=1).stderr


def test_a_running_study_and_a_killed_one(driver, call, tmp_path):
    run = tmp_path / "run"
    process = driver(run)
    wait_for(lambda: recorded(run) >= 3, process)
    found = json.loads(call("show", run, "--format", "json").stdout)
    assert (found["state"], found["driver"]["pid"]) == ("running", process.pid)
    assert found["trials"]["total"] == 100
    assert 3 <= found["trials"]["done"] == 100 - found["trials"]["left"]
    assert f"process {process.pid} on " in call("show", run).stdout
    process.kill()
    process.wait()
    found = json.loads(call("show", run, "--format", "json").stdout)
    assert (found["state"], found["reason"], found["driver"]) == ("interrupted", "killed", None)
    assert found["trials"]["done"] == recorded(run)
    assert call("show", run, "--follow").stdout.splitlines()[0].endswith(": interrupted (killed)")


def test_follow_reads_what_is_new_until_the_driver_lets_go(driver, call, tmp_path, monkeypatch):
    import rustybt_ray.studies.tail as tail

    decoded, original = [], tail.from_record
    monkeypatch.setattr(tail, "from_record", lambda *words: decoded.append(1) or original(*words))
    run = tmp_path / "run"
    process = driver(run)
    wait_for(lambda: recorded(run) >= 3, process)
    ending = threading.Thread(target=lambda: (wait_for(lambda: recorded(run) >= 20, process), process.terminate()))
    ending.start()
    result = call("show", run, "--follow", "--format", "json")
    ending.join()
    found = json.loads(result.stdout)
    assert (found["state"], found["reason"]) == ("interrupted", "interrupted")
    assert found["trials"]["done"] == recorded(run) == len(pl.read_parquet(run / "table.parquet"))
    assert len(decoded) == len(read_journal(run / "journal").blocks)
    assert f"{found['trials']['done']} of 100 trials" in result.stderr.splitlines()[-1]


def test_ctrl_c_ends_following_and_nothing_else(driver, tmp_path):
    run = tmp_path / "run"
    process = driver(run)
    wait_for(lambda: recorded(run) >= 2, process)
    command = [sys.executable, "-m", "rustybt_ray", "show", str(run), "--follow"]
    follower = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert follower.stderr is not None
    assert " of 100 trials" in follower.stderr.readline()
    follower.send_signal(signal.SIGINT)
    out, err = follower.communicate(timeout=60)
    assert (follower.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "Interrupted."
    assert process.poll() is None
    now = recorded(run)
    wait_for(lambda: recorded(run) > now, process)
