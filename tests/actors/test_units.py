"""The parts of `actors` that need no Ray."""

import os
import threading
import time

import numpy as np
import pytest
from trials import Counting, job_on, square, wave_panel

from actors.bundle_store import SharedPanels
from actors.environment import available_cpus, variables
from actors.faults import breaks_study, cause_of, is_suspect
from actors.pool import PersistentWorkerPool
from actors.thread import RayThread, ray_thread
from actors.worker import BacktestWorker
from rustybt_ray.config import OptimizationConfig
from rustybt_ray.data.panel import FIELDS
from rustybt_ray.data.sample import sample_panel
from rustybt_ray.data.store import BundleStore
from rustybt_ray.exceptions import BundleError, ExecutionError, InputError
from rustybt_ray.execution.messages import Chunk

PANEL = wave_panel()


def test_all_calls_run_on_one_thread_that_is_not_ours():
    thread = RayThread()
    idents = {thread.call(threading.get_ident) for _ in range(3)}
    assert len(idents) == 1
    assert threading.get_ident() not in idents
    assert thread.call(lambda: thread.call(threading.get_ident)) in idents
    assert ray_thread() is ray_thread()


def test_what_a_call_raises_reaches_the_caller():
    thread = RayThread()
    with pytest.raises(KeyError, match="lost"):
        thread.call(dict[str, int]().__getitem__, "lost")
    with pytest.raises(TimeoutError, match="its own"):
        thread.call(_raise, TimeoutError("its own"), limit=5.0)
    assert thread.call(len, [1, 2]) == 2


def _raise(error):
    raise error


def test_a_call_that_never_answers_is_given_up():
    thread, gate = RayThread(), threading.Event()
    with pytest.raises(ExecutionError, match=r"Ray does not answer within 0\.05 s \(its head process may be gone\)"):
        thread.call(gate.wait, limit=0.05)
    gate.set()


def test_variables_are_set_for_a_while_and_never_override_the_users(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    monkeypatch.delenv("POLARS_MAX_THREADS", raising=False)
    with variables({"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}):
        assert (os.environ["OMP_NUM_THREADS"], os.environ["POLARS_MAX_THREADS"]) == ("4", "1")
    assert os.environ["OMP_NUM_THREADS"] == "4"
    assert "POLARS_MAX_THREADS" not in os.environ


def test_there_is_at_least_one_cpu():
    assert 1 <= available_cpus() <= (os.cpu_count() or 1)


def shared(put, limit=2, room=1e12):
    return SharedPanels(put, limit, lambda: room)


class TestSharedPanels:
    def test_a_version_is_put_once_as_contiguous_numbers(self):
        put = []
        panels = shared(lambda thing: put.append(thing) or len(put))
        first = panels.place(PANEL)
        assert panels.place(PANEL) is first
        assert len(put) == 1
        assert first.version == PANEL.version
        assert first.fields == {"arrays": 1}
        assert first.nbytes == panels.nbytes == PANEL.nbytes
        assert all(array.dtype.kind in "fi" and array.flags.c_contiguous for array in put[0].values())

    def test_adjusted_bars_are_put_beside_a_panel_with_events(self):
        panel = sample_panel()
        placed = shared(lambda thing: thing).place(panel)
        assert set(placed.fields) == {"arrays", *((field, "all") for field in FIELDS)}
        assert np.array_equal(placed.fields["close", "all"], panel.close * panel.factor, equal_nan=True)
        assert np.array_equal(placed.fields["volume", "all"], panel.volume / panel.split_factor, equal_nan=True)
        assert placed.nbytes == panel.nbytes + 5 * panel.close.nbytes
        short = shared(lambda thing: thing, room=panel.nbytes + 2 * panel.close.nbytes).place(panel)
        assert set(short.fields) == {"arrays", ("open", "all"), ("high", "all")}

    def test_the_one_unused_for_longest_is_let_go(self):
        panels = shared(lambda thing: object())
        one, two, three = wave_panel(50), wave_panel(60), wave_panel(70)
        for panel in (one, two, one, three):
            panels.place(panel)
        assert [placed.version for placed in panels] == [one.version, three.version]

    def test_a_new_version_of_a_bundle_replaces_the_old_one(self):
        panels = shared(lambda thing: object(), limit=8)
        one, two, three = wave_panel(50), wave_panel(60), wave_panel(70)
        for panel, name in ((one, "a"), (two, "b"), (three, "a")):
            panels.place(panel, name)
        assert [(placed.name, placed.version) for placed in panels] == [("b", two.version), ("a", three.version)]

    def test_panels_go_when_there_is_no_room_for_another(self):
        one, two = wave_panel(50), wave_panel(60)
        panels = shared(lambda thing: object(), limit=8, room=two.nbytes + one.nbytes / 2)
        panels.place(one)
        panels.place(two)
        assert [placed.version for placed in panels] == [two.version]

    def test_one_that_is_too_large_is_mapped_by_the_workers_or_refused_with_the_numbers(self, tmp_path, caplog):
        panel = wave_panel(50)
        panels = shared(lambda thing: pytest.fail("it was put"), room=panel.nbytes - 1)
        message = f"the panel of {panel.nbytes:,} bytes does not fit .*has room for {panel.nbytes - 1:,}.*BundleStore"
        with pytest.raises(ExecutionError, match=message):
            panels.place(panel)
        store = BundleStore(tmp_path)
        store.publish("waves", panel)
        placed = panels.place(store.open("waves"))
        assert (placed.fields, placed.nbytes) == ({}, 0)
        assert "workers map" in caplog.text
        worker = BacktestWorker()
        worker.setup("worker-1", OptimizationConfig(), 2)
        worker.open(placed.scalars, placed.fields, "waves")
        worker.prepare(job_on(panel, square))
        with pytest.raises(BundleError):
            worker.open({"folder": str(tmp_path / "elsewhere")}, {})


class TestWorker:
    def made(self):
        worker = BacktestWorker()
        worker.setup("worker-1", OptimizationConfig(), 2)
        scalars, arrays = PANEL.to_arrays()
        worker.open(scalars, {"arrays": arrays})
        return worker

    def test_runs_chunks_and_counts(self):
        worker = self.made()
        worker.prepare(job_on(PANEL, square))
        block = worker.run(Chunk(1, *Counting(5).ask(5)))
        assert block.worker == "worker-1"
        assert block.metrics[:, block.names.index("square")].tolist() == [0, 1, 4, 9, 16]
        found = worker.statistics()
        assert (found["trials"], found["chunks"], found["pid"]) == (5, 1, os.getpid())
        assert found["bundles"]["open"] == 1

    def test_its_share_of_the_cache_follows_the_workers_beside_it(self):
        worker, config = self.made(), OptimizationConfig()
        for workers in (2, 1, 4):
            assert worker.share(workers) is None
            assert worker.statistics()["history"]["limit"] == config.cache_bytes(workers)

    def test_a_job_on_a_panel_that_is_not_open_is_refused(self):
        with pytest.raises(BundleError, match="is not open here"):
            self.made().prepare(job_on(wave_panel(40), square))

    def test_it_must_be_set_up_first(self):
        with pytest.raises(ExecutionError, match="the worker was not set up"):
            BacktestWorker().run(Chunk(1, np.arange(1), {}))

    def test_the_drivers_folders_join_its_path_if_they_are_here(self, tmp_path, monkeypatch):
        import sys

        monkeypatch.setattr(sys, "path", [*sys.path])
        BacktestWorker().setup("w", OptimizationConfig(), 1, (str(tmp_path), str(tmp_path / "nowhere"), sys.path[0]))
        assert sys.path[-1] == str(tmp_path)


class TestFaults:
    """Ray's errors are made by hand here; the pool's tests meet them alive."""

    @staticmethod
    def died(text, preempted=False):
        import ray

        error = ray.exceptions.ActorDiedError()
        error.error_msg, error._preempted = text, preempted
        return error

    @pytest.mark.parametrize(
        ("text", "suspect"),
        [
            ("The actor is dead because its worker process has died.", True),
            ("The actor died because its node has died. Node Id: 12", False),
            ("the actor's node was terminated expectedly: received SIGTERM", False),
            ("The actor never ran - it was cancelled before it started running.", False),
        ],
    )
    def test_a_chunk_is_blamed_for_a_dead_process_not_for_a_lost_machine(self, text, suspect):
        assert is_suspect(self.died(text)) is suspect
        assert is_suspect(self.died(text, preempted=True)) is False

    def test_nor_for_memory_that_ran_out_or_a_silent_machine(self):
        import ray

        assert not is_suspect(ray.exceptions.OutOfMemoryError("node ran low"))
        assert not is_suspect(ray.exceptions.ActorUnavailableError("gone", None))
        assert not is_suspect(ray.exceptions.RaySystemError("lost"))

    @pytest.mark.parametrize(
        "advice",
        ["There are some potential root causes. (1) advice", "Some common causes include: (1) the process, (2) x"],
    )
    def test_a_cause_is_one_line_for_people(self, advice):
        text = (
            "The actor died unexpectedly before finishing this task.\n\tclass_name: W\n\tactor_id: 01\n"
            "The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR " + advice
        )
        assert cause_of(self.died(text)) == "ActorDiedError: Worker exit type: SYSTEM_ERROR"

    def test_a_task_error_is_told_by_its_cause(self):
        import ray

        error = ray.exceptions.RayTaskError("run", "Traceback\nValueError: x", ValueError("no trades"))
        assert cause_of(error) == "ValueError: no trades"
        assert breaks_study(error)
        assert not breaks_study(ray.exceptions.RayTaskError("run", "", MemoryError("full")))


class TestPoolBeforeRay:
    def test_says_how_many_workers_it_would_have(self):
        assert PersistentWorkerPool().size == available_cpus()
        assert PersistentWorkerPool(3).size == 3

    @pytest.mark.parametrize("n_jobs", [0, -1, 1.5, True])
    def test_refuses_an_impossible_number(self, n_jobs):
        with pytest.raises(InputError, match="n_jobs must be a whole number of at least 1"):
            PersistentWorkerPool(n_jobs)

    def test_wants_a_panel_before_a_job(self):
        with pytest.raises(ExecutionError, match="Open a panel first"):
            PersistentWorkerPool(1).prepare(job_on(PANEL, square))

    def test_closed_is_closed(self):
        with PersistentWorkerPool(1) as pool:
            pass
        with pytest.raises(ExecutionError, match="the pool is closed"):
            pool.open(PANEL)

    def test_statistics_leave_the_ray_thread_to_a_driver(self, monkeypatch):
        class Busy:
            """A crew whose only worker does not answer."""

            def admit(self, limit):
                return False

            def ask_figures(self):
                return {"call": "worker"}

            def answered(self, asked, timeout):
                time.sleep(timeout)
                return []

            def statistics(self, asked):
                return {"workers": []}

        monkeypatch.setattr("actors.pool.ANSWER", 1.0)
        pool, found, turns = PersistentWorkerPool(1), [], 0
        pool._crew = Busy()
        asking = threading.Thread(target=lambda: found.append(pool.statistics()))
        asking.start()
        while asking.is_alive():
            pool._thread.call(int)
            turns += 1
        assert found == [{"workers": []}]
        assert turns > 5
