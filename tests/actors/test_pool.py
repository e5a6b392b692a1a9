"""The pool on a real local Ray: what dies comes back, and nothing is lost."""

import os
import signal
import sys

import pytest
from trials import (
    Counting,
    errors_of,
    hangs_at_3,
    job_on,
    kills_its_worker_at_13,
    slow_square,
    square,
    values_of,
    wave_panel,
)

from actors.pool import PersistentWorkerPool
from rustybt_ray.exceptions import ExecutionError
from rustybt_ray.execution.driver import run
from rustybt_ray.execution.ports import Silent

pytestmark = pytest.mark.ray
PANEL = wave_panel()


@pytest.fixture(scope="module")
def pool():
    with PersistentWorkerPool(n_jobs=2) as made:
        made.open(PANEL)
        yield made


def pids(pool):
    return [worker["pid"] for worker in pool.statistics()["workers"]]


class Killer(Silent):
    """Kills a worker with SIGKILL when the first block arrives; notes every death that it hears of."""

    def __init__(self, victims):
        self.victims, self.died = list(victims), []

    def finished_block(self, chunk, block):
        while self.victims:
            os.kill(self.victims.pop(), signal.SIGKILL)

    def worker_died(self, worker, cause):
        self.died.append(cause)


def test_workers_are_other_processes_and_keep_one_panel(pool):
    run(Counting(8), job_on(PANEL, square), pool)
    found = pool.statistics()
    assert os.getpid() not in pids(pool)
    assert len(set(pids(pool))) == 2
    # they get as much of a CPU as a loop in this process would
    assert {os.getpriority(os.PRIO_PROCESS, pid) for pid in pids(pool)} == {os.getpriority(os.PRIO_PROCESS, 0)}
    assert found["panel_bytes"] == PANEL.nbytes
    assert all(worker["bundles"]["opened"] == 1 for worker in found["workers"])


def test_a_second_study_meets_the_same_workers_and_opens_nothing_again(pool):
    run(Counting(8), job_on(PANEL, square), pool)
    before, restarts = sorted(pids(pool)), pool.statistics()["restarts"]
    pool.open(PANEL)
    run(Counting(8), job_on(PANEL, slow_square), pool)
    assert sorted(pids(pool)) == before
    assert pool.statistics()["restarts"] == restarts
    assert all(worker["bundles"]["opened"] == 1 for worker in pool.statistics()["workers"])


@pytest.mark.parametrize("victims", [1, 2])
def test_a_worker_killed_in_mid_run_costs_no_trial(pool, victims, capfd):
    run(Counting(2), job_on(PANEL, square), pool)
    killer = Killer(pids(pool)[:victims])
    outcome = run(Counting(150), job_on(PANEL, slow_square), pool, listener=killer)
    assert values_of(outcome.blocks) == {n: n**2 for n in range(150)}
    assert not errors_of(outcome.blocks)
    assert len(killer.died) == victims
    assert all("ActorDiedError" in cause for cause in killer.died)
    assert len(pids(pool)) == 2
    assert capfd.readouterr().out == ""


def test_a_trial_that_kills_its_worker_is_an_error_and_the_others_are_results(pool):
    outcome = run(Counting(40), job_on(PANEL, kills_its_worker_at_13), pool)
    errors = errors_of(outcome.blocks)
    assert list(errors) == [13]
    assert errors[13].type == "WorkerCrashed"
    assert "the worker ended while it ran this trial" in errors[13].message
    found = values_of(outcome.blocks)
    assert {n: found[n] for n in range(40) if n != 13} == {n: n**2 for n in range(40) if n != 13}


def test_a_study_that_hangs_ends_at_its_timeout_and_leaves_the_pool_fit(pool):
    outcome = run(Counting(8), job_on(PANEL, hangs_at_3), pool, timeout=1.5)
    assert outcome.stopped == "timeout"
    assert 3 not in values_of(outcome.blocks)
    assert values_of(run(Counting(8), job_on(PANEL, square), pool).blocks, "square") == {n: n**2 for n in range(8)}
    assert len(pids(pool)) == 2


def test_ctrl_c_returns_what_is_done(pool):
    class Pressing(Silent):
        pressed = False

        def finished_block(self, chunk, block):
            if not self.pressed:
                self.pressed = True
                signal.raise_signal(signal.SIGINT)

    outcome = run(Counting(1000), job_on(PANEL, slow_square), pool, listener=Pressing())
    assert outcome.stopped == "interrupted"
    found = values_of(outcome.blocks)
    assert 0 < len(found) < 1000
    assert all(found[n] == n**2 for n in found)


def test_workers_have_one_thread_each_and_the_driver_its_own_environment(pool):
    def threads(trial):
        return {name: float(os.environ.get(name, "nan")) for name in ("NUMBA_NUM_THREADS", "POLARS_MAX_THREADS")}

    block = run(Counting(1), job_on(PANEL, threads), pool).blocks[0]
    assert block.metrics.tolist() == [[1.0, 1.0]]
    assert "POLARS_MAX_THREADS" not in os.environ


def test_the_panel_is_read_only_in_workers(pool):
    def spoils(trial):
        trial.data.close[0, 0] = 0.0
        return 1.0

    error = errors_of(run(Counting(1), job_on(PANEL, spoils), pool).blocks)[0]
    assert (error.type, error.message) == ("ValueError", "assignment destination is read-only")


def test_another_panel_is_opened_beside_the_first(pool):
    other = wave_panel(rows=80)
    pool.open(other)
    rows = run(Counting(2), job_on(other, lambda trial: trial.data.shape[0]), pool).blocks
    assert values_of(rows) == {0: 80, 1: 80}
    assert pool.statistics()["panel_bytes"] == PANEL.nbytes + other.nbytes
    for panel in (PANEL, other):
        outcome = run(Counting(60), job_on(panel, slow_square), pool, listener=Killer(pids(pool)))
        assert len(values_of(outcome.blocks)) == 60
        assert not errors_of(outcome.blocks)


def test_results_own_their_memory(pool):
    for block in run(Counting(30), job_on(PANEL, square), pool).blocks:
        assert block.metrics.flags.owndata
        assert block.moments.flags.writeable


def test_a_second_pool_says_that_the_first_has_all_cpus(pool):
    with pytest.raises(ExecutionError, match="2 workers need one CPU each and another open pool leaves 0 free"):
        PersistentWorkerPool(n_jobs=2).open(PANEL)
    with pytest.raises(
        ExecutionError, match=r"3 workers need one CPU each \(the Ray that another pool started has 2\)"
    ):
        PersistentWorkerPool(n_jobs=3).open(PANEL)


def test_what_workers_cannot_import_is_one_clear_error(pool, tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("def f(trial):\n    return 1.0\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    import cloudpickle
    import only_here

    job = job_on(PANEL, square)
    bad = type(job)(**{**vars(job), "strategy": cloudpickle.dumps(only_here.f), "digest": "only_here"})
    sys.modules.pop("only_here")
    with pytest.raises(ExecutionError, match=r"a worker cannot run this study .*No module named 'only_here'"):
        run(Counting(1000), bad, pool)
