"""Thousands of trials while workers are killed, one trial segfaults, one hangs and one raises: the table is the undisturbed one."""

import contextlib
import ctypes
import functools
import os
import random
import signal
import threading
import time

import numpy as np
import polars as pl
import pytest

import rustybt_ray as rb
from rustybt_ray.api.workers import PersistentWorkerPool
from rustybt_ray.data.sample import sample_panel
from rustybt_ray.exceptions import InputError

pytestmark = pytest.mark.ray
SEGFAULT, HANG, RAISE = 411, 902, 1503
SPACE = {"fast": rb.Int(2, 41), "slow": rb.Int(50, 99)}  # 2,000 pairs


def disturbed(data, fast: int, slow: int, evil: bool):
    number = (fast - 2) * 50 + slow - 50
    time.sleep(0.006)  # long enough for several kills
    if evil and number == SEGFAULT:
        ctypes.string_at(0)
    while evil and number == HANG:
        pass
    if number == RAISE:
        raise ValueError("no")
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))


def sweep(evil, **options):
    panel = sample_panel()
    space = {**SPACE, "evil": [evil]}
    return rb.optimize(disturbed, bundle=panel, space=space, start="2015-01-01", progress=False, **options)


class Assassin:
    """Kills workers of a pool with SIGKILL at random moments until told to stop."""

    def __init__(self, pool, seed=1):
        self.pool, self.dice, self.killed, self.done = pool, random.Random(seed), 0, threading.Event()
        self.thread = threading.Thread(target=self.work)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()

    def work(self):
        while not self.done.wait(self.dice.uniform(0.3, 1.2)):
            pids = [worker["pid"] for worker in self.pool.statistics()["workers"]]
            if pids and not self.done.is_set():
                with contextlib.suppress(ProcessLookupError):  # it may have ended by itself meanwhile
                    os.kill(self.dice.choice(pids), signal.SIGKILL)
                    self.killed += 1


@pytest.mark.slow
def test_kills_a_segfault_a_hang_and_an_error_cost_three_trials(tmp_path):
    quiet = sweep(evil=False, executor="inline")
    with PersistentWorkerPool(n_jobs=4) as pool:
        pool.open(sample_panel())
        with Assassin(pool) as assassin:
            study = sweep(evil=True, pool=pool, trial_timeout=2.0, run_dir=tmp_path)
        assert assassin.killed >= 3
        assert pool.statistics()["restarts"] >= assassin.killed
    failed = study.trials.filter(pl.col("state") == "failed")
    assert failed["trial"].to_list() == [SEGFAULT, HANG, RAISE]
    crash, hang, raised = failed["error"].to_list()
    assert crash.startswith("WorkerCrashed: the worker ended while it ran this trial: ")
    assert hang == "TrialTimedOut: it took longer than 2 s"
    assert raised == "ValueError: no"
    apart = ["duration", "worker", "evil"]
    keep = ~pl.col("trial").is_in([SEGFAULT, HANG])
    assert study.trials.filter(keep).drop(apart).equals(quiet.trials.filter(keep).drop(apart))
    assert study.best_trial.number == quiet.best_trial.number
    assert pl.read_parquet(tmp_path / "table.parquet").equals(study.trials)


def test_a_timeout_needs_a_process_that_can_be_ended():
    with pytest.raises(InputError, match=r"trial_timeout must be left out with executor='inline'; received 2.0"):
        sweep(evil=False, executor="inline", trial_timeout=2.0)
    with pytest.raises(InputError, match="isolate must be left out"):
        sweep(evil=False, executor="inline", isolate=True)
    with pytest.raises(InputError, match="trial_timeout"):
        sweep(evil=False, trial_timeout=0)


LEFT = []


def hungry(data, size: int):
    if size % 100 == 1:
        LEFT.append(np.ones(30_000_000, np.uint8))
    return rb.equal_weight(data.sma("close", 5) > float(np.ones(size * 1_000_000, np.uint8).nbytes))


def test_a_hungry_trial_is_recorded_and_a_worker_that_leaks_is_replaced():
    space = {"size": [1, 2, 250, 101, 3, 201, 4, 301, 5]}
    with PersistentWorkerPool(n_jobs=1) as pool:
        run = functools.partial(rb.optimize, hungry, bundle=sample_panel(), space=space, progress=False)
        study = run(pool=pool, memory_limit="400MB")
        free = study.trials
        assert free["state"].to_list() == ["complete"] * 9
        assert pool.statistics()["restarts"] == 0
        limited = run(pool=pool, memory_limit="70MB").trials
        restarts = pool.statistics()["restarts"]
    failed = limited.filter(pl.col("state") == "failed")
    assert failed["size"].to_list() == [250, 101, 201, 301]
    assert all(
        text.startswith("MemoryError: it needs more than memory_limit=70,000,000 bytes") for text in failed["error"]
    )
    kept = pl.col("state") == "complete"
    same = ["trial", "size", "sharpe_ratio"]
    assert limited.filter(kept).select(same).equals(free.filter(pl.col("size") < 100).select(same))
    assert restarts >= 1
