"""Whatever dies, stdout has what the program and the user print, and people read one line of ours."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import pytest

from actors import quiet

ROOT = Path(__file__).resolve().parents[2]
REPORT = "A worker died or was killed while executing a task by an unexpected system error. Lease ID: " + "0f" * 28
NODE = f"The node with node id: {'69b3161f' * 7} and address: 1.2.3.4 has been marked dead because it is gone. Advice\n\t(1) more"
DYING = """
import os, time
import rustybt_ray as rb

print("imported")

def dying(data, fast):
    time.sleep(0.1)
    if fast == 13:
        os.kill(os.getpid(), 11)
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", 40))
"""
LIBRARY = """
import os, time
import rustybt_ray as rb
from strategy import dying

print("before")
with rb.PersistentWorkerPool(2) as pool:
    study = rb.optimize(dying, bundle="mine", space={"fast": list(range(10, 20))}, pool=pool, progress=False)
    print("between", study.n_failed)
    time.sleep(1.5)
    os.write(1, b"raw\\n")
print("after")
"""


@pytest.fixture
def printer(monkeypatch):
    """Ray's function that prints, and what it was asked to print while silent."""
    from ray._private import worker

    printed = []
    monkeypatch.setattr(worker, quiet.PRINTER, lambda data, ignore_prefix: printed.append(data))
    loud = getattr(worker, quiet.PRINTER)
    quiet.silence()
    yield worker, printed, loud
    quiet.restore()


def report(worker, *lines, pid="raylet", is_err=False):
    getattr(worker, quiet.PRINTER)({"lines": list(lines), "pid": pid, "is_err": is_err}, ignore_prefix=False)


def test_a_death_that_the_pool_tells_is_for_the_log_alone(printer, caplog):
    worker, printed, _ = printer
    with caplog.at_level(logging.DEBUG, "rustybt_ray"):
        report(worker, REPORT)
    assert printed == []
    assert caplog.record_tuples == [("rustybt_ray.ray", logging.DEBUG, f"Ray reports: {REPORT}")]


def test_a_lost_node_is_one_line_and_only_once(printer, caplog):
    worker, printed, _ = printer
    with caplog.at_level(logging.WARNING, "rustybt_ray"):
        report(worker, NODE)
        report(worker, NODE)
    assert printed == []
    assert [record.getMessage() for record in caplog.records] == [
        "Ray reports: The node with node id: 69b3161f and address: 1.2.3.4 has been marked dead because it is gone"
    ]


def test_what_is_no_report_is_printed_as_before(printer):
    worker, printed, _ = printer
    report(worker, "a worker's own line", pid=17)
    report(worker, "an error", is_err=True)
    assert [data["lines"] for data in printed] == [["a worker's own line"], ["an error"]]


def test_silencing_twice_is_undone_at_once(printer):
    worker, _, loud = printer
    quiet.silence()
    quiet.restore()
    assert getattr(worker, quiet.PRINTER) is loud
    quiet.restore()
    assert getattr(worker, quiet.PRINTER) is loud


def test_the_function_that_ray_prints_with_is_still_there():
    from ray._private import worker

    assert quiet.PRINTER in worker.listen_error_messages.__code__.co_names


def environment(tmp_path):
    found = {**os.environ, "RUSTYBT_RAY_HOME": str(tmp_path / "home"), "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    found.pop("RAY_ADDRESS", None)
    return found


def descendants(pid):
    """Process ids and command lines below a process."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = stat.read_text().split(" ", 1)
        except OSError:
            continue
        parents[int(name)] = int(rest.rsplit(")", 1)[1].split()[1])
    found, before = {pid}, 0
    while len(found) != before:
        before = len(found)
        found |= {child for child, parent in parents.items() if parent in found}
    return {child: command(child) for child in found - {pid}}


def command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def alive(processes):
    """Those that still run: not zombies, nor another process that has got the number."""
    found = {}
    for pid, words in processes.items():
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if state != "Z" and (command(pid).split("::")[0] == words.split("::")[0]):
            found[pid] = words
    return found


def soon_gone(processes, limit=10.0):
    until = time.monotonic() + limit
    while (left := alive(processes)) and time.monotonic() < until:
        time.sleep(0.1)
    return left


def wait_for(process, wanted, count, limit=60.0):
    """The descendants whose command lines begin or end so, once there are so many."""
    until = time.monotonic() + limit
    while time.monotonic() < until and process.poll() is None:
        everything = descendants(process.pid)
        found = [pid for pid, words in everything.items() if wanted in words]
        if len(found) >= count:
            return found, everything
        time.sleep(0.05)
    raise AssertionError(f"no {wanted}: {process.poll()} {process.communicate(timeout=20)}")


@pytest.fixture
def launch(tmp_path):
    """Starts Python in a folder with a bundle "mine" and a strategy of which fast=13 ends its worker; ends it after."""
    (tmp_path / "strategy.py").write_text(DYING)
    prices = [(date(2020, 1, 6) + timedelta(days=day), 50 + day % 17) for day in range(300)]
    rows = [f"{day},{price},{price},{price},{price},1000000" for day, price in prices]
    (tmp_path / "bars").mkdir()
    (tmp_path / "bars" / "AAA.csv").write_text("\n".join(["date,open,high,low,close,volume", *rows]))
    program = [sys.executable, "-m", "rustybt_ray", "ingest", "mine", "bars"]
    subprocess.run(program, check=True, capture_output=True, env=environment(tmp_path), cwd=tmp_path)
    started = []

    def start(*words):
        process = subprocess.Popen(
            [sys.executable, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(tmp_path),
            cwd=tmp_path,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


SWEEP = ("-m", "rustybt_ray", "optimize", "-f", "strategy.py:dying", "-b", "mine", "--executor", "ray", "-j", "2")
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")


def rows_of(out):
    return {row["fast"]: row["state"] for row in json.loads(out)}


@needs_proc
@pytest.mark.ray
@pytest.mark.parametrize("quietly", [(), pytest.param(("--quiet",), marks=pytest.mark.slow)])
def test_the_answer_is_json_whatever_dies(launch, quietly):
    process = launch(*SWEEP, "-p", "fast=1:60:1", "--format", "json", *quietly)
    workers, _ = wait_for(process, "BacktestWorker.run", 2)
    os.kill(workers[0], signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    states = rows_of(out)
    assert len(states) == 60
    assert [fast for fast, state in states.items() if state != "complete"] == [13]
    told = [line for line in err.splitlines() if line.startswith("worker ") and line.endswith("; its trials run again")]
    assert len(told) >= 2, err
    assert "A worker died or was killed" not in err
    assert max(map(len, err.splitlines())) < 500, err


@pytest.mark.ray
def test_what_a_script_prints_reaches_stdout_and_nothing_else_does(launch, tmp_path):
    (tmp_path / "script.py").write_text(LIBRARY)
    process = launch("-u", "script.py")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert out.splitlines() == ["imported", "before", "between 1", "raw", "after"]
    assert "ActorDiedError" in err
    assert "A worker died or was killed" not in err


@needs_proc
@pytest.mark.ray
@pytest.mark.slow
def test_a_raylet_that_is_killed_leaves_json_and_one_line(launch):
    process = launch(*SWEEP, "-p", "fast=20:220:1", "--format", "json")
    wait_for(process, "BacktestWorker.run", 2)
    raylets, _ = wait_for(process, "raylet/raylet", 1)
    os.kill(raylets[0], signal.SIGKILL)
    out, err = process.communicate(timeout=200)
    if process.returncode == 0:
        assert len(rows_of(out)) == 201
    else:
        assert out == ""
    told = [line for line in err.splitlines() if "Raylet is terminated" in line]
    assert told == ["Ray reports: Raylet is terminated"], err
    assert "[state-dump]" not in err


@needs_proc
@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("end", ["normal", "SIGTERM"])
def test_no_process_is_left(launch, end):
    count = 20 if end == "normal" else 3000
    process = launch(*SWEEP, "-p", f"fast=20:{20 + count}:1", "--format", "json")
    _, everything = wait_for(process, "BacktestWorker.run", 2)
    if end == "SIGTERM":
        process.terminate()
    out, err = process.communicate(timeout=120)
    assert len(everything) >= 6
    assert soon_gone(everything) == {}
    assert "A worker died or was killed" not in out + err
