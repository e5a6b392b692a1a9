"""Studies on real Ray workers: killed ones, the caller's own Ray, and what is left behind."""

import subprocess
import sys
import textwrap
from pathlib import Path

import polars as pl
import pytest

import rustybt_ray as rb

pytestmark = pytest.mark.ray
POINTS = {"fast": list(range(5, 25)), "slow": [60, 90]}


@pytest.fixture(scope="module")
def pool():
    with rb.PersistentWorkerPool(n_jobs=2) as made:
        yield made


def results(study):
    return study.trials.drop("duration", "worker")


def test_a_worker_killed_once_costs_nothing_but_time(sweep, pool, tmp_path):
    marker = tmp_path / "killed"

    def crossover(data, fast, slow):
        import os
        import signal

        if fast == 11 and slow == 90 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))

    disturbed = sweep(crossover, space=POINTS, executor="ray", pool=pool)
    assert marker.exists()
    assert disturbed.n_failed == 0
    assert results(disturbed).equals(results(sweep(crossover, space=POINTS)))


def test_a_trial_that_kills_every_worker_is_an_error_and_the_rest_goes_on(sweep, pool):
    def crossover(data, fast, slow):
        import os
        import signal

        if fast == 11 and slow == 90:
            os.kill(os.getpid(), signal.SIGKILL)
        return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))

    study = sweep(crossover, space=POINTS, executor="ray", pool=pool)
    failed = study.trials.filter(pl.col("state") == "failed")
    assert failed.select("fast", "slow").rows() == [(11, 90)]
    assert "the worker ended while it ran this trial" in failed["error"][0]
    assert study.trials.height == 40


def test_failing_trials_and_errors_are_the_same_as_inline(sweep, pool):
    def crossover(data, fast, slow):
        if slow == 90:
            raise ValueError(f"no {fast}")
        return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))

    assert results(sweep(crossover, space=POINTS, executor="ray", pool=pool)).equals(
        results(sweep(crossover, space=POINTS))
    )


def test_a_strategy_that_cannot_be_shipped_is_named(sweep, pool):
    import threading

    lock = threading.Lock()

    def locked(data, fast, slow):
        with lock:
            return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))

    with pytest.raises(rb.StrategyError, match=r"lock is a _thread.lock.*executor='inline'"):
        sweep(locked, executor="ray", pool=pool, version="1")


OWN_RAY = """
import ray
ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
import rustybt_ray as rb
study = rb.optimize({strategy}, bundle="sample-mag-7", space={{"n": [5, 10]}}, executor="ray", n_jobs=2, root={root!r})
print(study.executor, study.trials.height, ray.is_initialized(), ray.get(ray.put(7)))
"""
LEFT_BEHIND = """
import os
import rustybt_ray as rb
def children():
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{{name}}/environ", "rb") as file:
                    if b"RUSTYBT_TEST_MARK={mark}" in file.read() and int(name) != os.getpid():
                        found.append(name)
            except OSError:
                pass
    return found
study = rb.optimize({strategy}, bundle="sample-mag-7", space={{"n": [5, 10]}}, executor="ray", n_jobs=2, root={root!r})
print(study.executor, study.trials.height, len(children()))
"""
STRATEGY = 'lambda data, n: rb.equal_weight(data.sma("close", n) > data.sma("close", 60))'


def run(code, environment=None):
    import os

    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env={**os.environ, **(environment or {})}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_ray_of_the_callers_is_used_and_left_running(root):
    assert run(OWN_RAY.format(strategy=STRATEGY, root=str(root))) == ["ray", "2", "True", "7"]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_a_ray_of_our_own_leaves_no_process(root):
    code = LEFT_BEHIND.format(strategy=STRATEGY, root=str(root), mark="left")
    assert run(code, {"RUSTYBT_TEST_MARK": "left"}) == ["ray", "2", "0"]
