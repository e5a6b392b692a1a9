import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import rustybt_ray as rb
from actors.leftovers import processes
from rustybt_ray.api.resume import ResumedSource
from rustybt_ray.api.searches import Source
from rustybt_ray.data.sample import sample_panel
from rustybt_ray.exceptions import InputError, RunError
from rustybt_ray.search.grid import GridSearch
from rustybt_ray.search.space import ParameterSpace
from rustybt_ray.studies.journal import read_journal

SPACE = {"fast": rb.Int(5, 50, step=5), "slow": rb.Int(60, 150, step=10)}
SAME = ["duration", "worker"]


@pytest.fixture(scope="module")
def panel():
    return sample_panel()


def crossover(data, fast: int, slow: int):
    time.sleep(
        float(os.environ.get("TRIAL_TAKES", "0"))
    )  # the same strategy, and so the same study, on a slower machine
    if fast == 50:
        raise ValueError("fifty")
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))


def sweep(panel, run_dir=None, **options):
    options = {"space": SPACE, "executor": "inline", "progress": False} | options
    return rb.optimize(crossover, bundle=panel, run_dir=run_dir, **options)


def test_a_study_that_was_stopped_goes_on_and_ends_as_if_it_had_not_been(panel, tmp_path):
    whole = sweep(panel)
    part = sweep(panel, tmp_path, callbacks=[lambda study, trial: study.stop() if trial.number == 33 else None])
    assert (part.stopped, part.n_trials) == ("stopped", 34)
    run = []
    study = sweep(panel, tmp_path, resume=True, callbacks=[lambda study, trial: run.append(trial.number)])
    assert run == list(range(34, 100))
    assert study.trials.drop(SAME).equals(whole.trials.drop(SAME))
    assert study.trials[:34].equals(part.trials)
    assert study.best_params == whole.best_params
    assert study.causal is True
    assert study.trial(99).error.message == "fifty"


def test_a_finished_study_runs_no_trial_again(panel, tmp_path):
    first = sweep(panel, tmp_path)
    before = (tmp_path / "journal").read_bytes()
    again = sweep(panel, tmp_path, resume=True, executor="auto", callbacks=[lambda study, trial: 1 / 0])
    assert again.trials.equals(first.trials)
    assert (tmp_path / "journal").read_bytes() == before


def test_a_second_study_is_refused_with_the_way_out(panel, tmp_path):
    sweep(panel, tmp_path)
    with pytest.raises(RunError, match="resume=True"):
        sweep(panel, tmp_path)
    with pytest.raises(RunError, match=r"search.parameters.fast"):
        sweep(panel, tmp_path, resume=True, space=SPACE | {"fast": rb.Int(5, 45, step=5)})
    with pytest.raises(InputError, match="run_dir"):
        sweep(panel, resume=True)


def test_a_constraint_that_is_a_function_counts_by_what_it_does(panel, tmp_path):
    sweep(panel, tmp_path, constraint=lambda p: p["fast"] < 20)
    with pytest.raises(RunError, match="constraint"):
        sweep(panel, tmp_path, resume=True, constraint=lambda p: p["fast"] < 25)
    sweep(panel, tmp_path, resume=True, constraint=lambda p: p["fast"] < 20)


class TestResumedSource:
    """Recorded trials are told and kept, the rest is given in the search's order."""

    def test_holes_are_filled_in_order(self, panel, tmp_path):
        sweep(panel, tmp_path)
        blocks = [block for _, block in read_journal(tmp_path / "journal").blocks]
        kept = []
        some = [self.part(block, lambda n: n % 7 != 3) for block in blocks]
        source = ResumedSource(
            Source(GridSearch(ParameterSpace(SPACE)), "sharpe_ratio"),
            some,
            lambda block, columns: kept.append((block, columns)),
        )
        missing = [n for n in range(100) if n % 7 == 3]
        assert source.remaining == len(missing)
        assert sorted(n for block, _ in kept for n in block.numbers.tolist()) == [n for n in range(100) if n % 7 != 3]
        for block, columns in kept:
            assert len(columns["fast"]) == len(block)
            assert columns["slow"] == [60 + 10 * (n % 10) for n in block.numbers.tolist()]
        given = []
        while source.remaining:
            numbers, columns = source.ask(3)
            assert 0 < len(numbers) <= 3
            assert columns["fast"] == [5 + 5 * (n // 10) for n in numbers.tolist()]
            given += numbers.tolist()
        assert given == missing
        assert len(source.ask(1)[0]) == 0

    @staticmethod
    def part(block, wanted):
        which = np.array([wanted(n) for n in block.numbers.tolist()])
        kept = {n: error for n, error in block.errors.items() if wanted(n)}
        arrays = (getattr(block, name)[which] for name in ("state", "metrics", "moments", "duration"))
        return type(block)(block.numbers[which], block.names, *arrays, kept, block.worker)


DRIVER = Path(__file__).parent.parent / "support" / "resumed_driver.py"


def start(run_dir, seconds=0.03, executor="inline"):
    words = [sys.executable, DRIVER, run_dir, seconds, executor]
    return subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def recorded(run_dir):
    path = run_dir / "journal"
    return read_journal(path).numbers.tolist() if path.exists() else []


def test_a_driver_killed_at_random_moments_loses_nothing_and_computes_nothing_twice(panel, tmp_path):
    whole, dice = sweep(panel), random.Random(int(os.environ.get("PYTEST_SEED", "7")))
    run_dir, before = tmp_path / "run", []
    for _ in range(5):
        driver = start(run_dir)
        enough = len(before) + dice.randint(1, 18)
        while driver.poll() is None and len(recorded(run_dir)) < enough:
            time.sleep(0.01)
        driver.send_signal(signal.SIGKILL)
        driver.communicate()
        now = recorded(run_dir)
        assert set(before) <= set(now)
        before = now
    assert 5 <= len(before) < 100
    study = sweep(panel, run_dir, resume=True)
    assert study.trials.drop(SAME).equals(whole.trials.drop(SAME))
    assert sorted(recorded(run_dir)) == list(range(100))


def rays_of(drivers):
    """Ray's processes, workers included, of the Rays that these drivers started: a session's name ends in its driver's id."""
    endings = tuple(f"_{driver.pid}" for driver in drivers)
    return [process for process in processes(Path("/proc")) if process.session.endswith(endings)]


def wait_until(condition, what, limit=60.0):
    until = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.02)


def has_recorded(run_dir, count, driver):
    return driver.poll() is not None or len(recorded(run_dir)) >= count


def gone(drivers):
    """Whether nothing of these drivers is left within the time after which Ray's agents end by themselves."""
    wait_until(lambda: not rays_of(drivers), "processes of Ray are left", limit=150.0)
    return True


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")


@needs_proc
@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(400)
def test_a_driver_of_ray_workers_killed_at_several_moments_loses_nothing(panel, tmp_path):
    whole, dice = sweep(panel), random.Random(int(os.environ.get("PYTEST_SEED", "7")))
    run_dir, before, drivers = tmp_path / "run", [], []
    moments = [None, *(dice.randint(1, 20) for _ in range(3))]  # while Ray starts; after some trials more
    try:
        for more in moments:
            drivers.append(driver := start(run_dir, 0.1, "ray"))
            if more is None:
                wait_until(lambda: rays_of(drivers), "Ray does not start")
            else:
                wait_until(partial(has_recorded, run_dir, len(before) + more, driver), "no trial ends")
            driver.send_signal(signal.SIGKILL)
            driver.communicate()
            now = recorded(run_dir)
            assert set(before) <= set(now)
            before = now
        assert 3 <= len(before) < 100
        drivers.append(driver := start(run_dir, 0.1, "ray"))
        out, err = driver.communicate(timeout=90)
        assert out.split() == ["None", "100", "ray"], err
        assert pl.read_parquet(run_dir / "table.parquet").drop(SAME).equals(whole.trials.drop(SAME))
        assert sorted(recorded(run_dir)) == list(range(100))
        assert gone(drivers)
    finally:
        for driver in drivers:
            driver.kill()
            driver.communicate()


@needs_proc
@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(400)
def test_the_ray_that_starts_beside_the_driver_lasts_for_minutes_and_ends_with_it(panel, tmp_path):
    driver = start(tmp_path / "run", 2.4, "auto")
    try:
        out, err = driver.communicate(timeout=300)
        assert out.split() == ["None", "100", "ray"], err
        table = pl.read_parquet(tmp_path / "run" / "table.parquet")
        assert table.drop(SAME).equals(sweep(panel).trials.drop(SAME))
        assert sorted(recorded(tmp_path / "run")) == list(range(100))
        seconds = dict(table.group_by("worker").agg(pl.col("duration").sum()).iter_rows())
        assert set(seconds) == {"inline", "worker-1", "worker-2"}
        # Ray ends a driver whose starting thread is gone after 60 s
        assert min(seconds["worker-1"], seconds["worker-2"]) > 80
        assert gone([driver])
    finally:
        driver.kill()
        driver.communicate()


def test_sigterm_ends_a_study_with_what_is_done(tmp_path):
    driver = start(tmp_path / "run")
    while driver.poll() is None and len(recorded(tmp_path / "run")) < 3:
        time.sleep(0.01)
    driver.terminate()
    out, err = driver.communicate(timeout=30)
    assert driver.returncode == 0, err
    state, count, _ = out.split()
    assert state == "interrupted"
    assert int(count) == len(recorded(tmp_path / "run"))
    assert (tmp_path / "run" / "table.parquet").exists()


def test_ctrl_c_twice_in_the_middle_of_a_trial_blames_none(panel, tmp_path, caplog):
    pressed = []

    def impatient(trial):
        if trial.params["x"] == 3 and not pressed:
            pressed.append(signal.raise_signal(signal.SIGINT))
            signal.raise_signal(signal.SIGINT)
        return float(trial.params["x"])

    options = {"bundle": panel, "space": {"x": rb.Int(0, 9)}, "progress": False, "run_dir": tmp_path, "version": "1"}
    with pytest.raises(KeyboardInterrupt):
        rb.optimize(impatient, **options)
    study = rb.optimize(impatient, resume=True, **options)
    assert "died" not in caplog.text
    assert (study.executor, study.trials["value"].to_list()) == ("inline", [float(x) for x in range(10)])


def test_two_drivers_do_not_meet_in_one_directory(panel, tmp_path):
    driver = start(tmp_path / "run")
    while driver.poll() is None and len(recorded(tmp_path / "run")) < 1:
        time.sleep(0.01)
    with pytest.raises(RunError, match=f"another driver works in this run directory: process {driver.pid} on"):
        sweep(panel, tmp_path / "run", resume=True)
    driver.kill()
    driver.communicate()
