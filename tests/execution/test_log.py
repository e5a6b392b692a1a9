"""What the driver writes to the log, and that it does so without a record a trial."""

import logging

import numpy as np
import pytest
from fake_pool import FakePool
from trials import Counting, job_on, square, values_of, wave_panel

from rustybt_ray.execution.driver import run
from rustybt_ray.execution.events import Asked, ChunkFailed, Late, TimedOut, WorkerDied, WorkerReady
from rustybt_ray.execution.inline import InlinePool
from rustybt_ray.execution.policy import ChunkPolicy
from rustybt_ray.execution.ports import Silent
from rustybt_ray.execution.state import DriverState

PANEL = wave_panel()


def running(trials=4, size=4):
    """A state whose worker 1 has the trials, `size` a chunk."""
    state = DriverState(ChunkPolicy(target=1e9, first=size, growth=1.0, depth=1), 1, trials)
    state.handle(WorkerReady(1))
    feed(state)
    return state


def feed(state):
    given = 0
    while orders := state.dispatch():
        ask = orders[-1]
        if not hasattr(ask, "count"):
            continue
        numbers = np.arange(given, min(given + ask.count, state.remaining + given))
        given += len(numbers)
        state.handle(Asked(numbers, {"p": numbers.tolist()}, state.remaining - len(numbers)))


def noted(state):
    found = [(note.chunk, note.into, note.trials, note.cause) for note in state.notes]
    state.notes.clear()
    return found


def test_a_chunk_that_comes_back_is_noted_whole_then_halved():
    state = running()
    state.handle(WorkerDied(1, "SIGKILL"))
    assert noted(state) == [(1, (2,), 4, "SIGKILL")]
    state.handle(WorkerReady(2))
    feed(state)
    state.handle(ChunkFailed(2, 2, "MemoryError"))
    assert noted(state) == [(2, (3, 4), 4, "MemoryError")]
    assert sorted(piece.chunk.number for piece in state.waiting) == [3, 4]


def test_a_timeout_and_a_late_chunk_are_noted():
    state = running(trials=3, size=3)
    state.handle(TimedOut(1, 2.0))
    assert noted(state) == [(1, (2, 3, 4), 3, "a trial of it takes longer than 2 s")]
    state = running(trials=3, size=3)
    state.handle(WorkerReady(2))
    state.handle(Late(1))
    assert noted(state) == [(1, (2,), 3, "it is late on worker 1")]


def test_what_happens_to_workers_and_chunks_is_told_with_fields(caplog):
    pool = FakePool(seed=3, size=3, deaths=0.2)
    pool.open(PANEL)
    died = []

    class Listening(Silent):
        def worker_died(self, worker, cause):
            died.append(worker)

    with caplog.at_level(logging.INFO, "rustybt_ray"):
        outcome = run(Counting(60), job_on(PANEL, square), pool, listener=Listening())
    assert len(values_of(outcome.blocks, "square")) == 60
    told = [(record.name, record.getMessage()) for record in caplog.records]
    assert told[0] == ("rustybt_ray.driver", "60 trials for 3 workers")
    assert (caplog.records[0].trials, caplog.records[0].workers) == (60, 3)
    deaths = [record for record in caplog.records if " died: " in record.getMessage()]
    assert [record.worker for record in deaths] == died
    assert died
    assert {record.cause for record in deaths} == {"by dice"}
    assert {record.name for record in deaths} == {"rustybt_ray.workers"}
    again = [record for record in caplog.records if "runs again as" in record.getMessage()]
    assert again
    assert all(record.trials >= 1 and record.into and record.chunk for record in again)
    replaced = [record.worker for record in caplog.records if record.getMessage().endswith("is replaced")]
    assert set(replaced) >= set(died)
    assert not [record for record in caplog.records if record.levelno < logging.INFO]


def test_a_record_a_chunk_and_none_a_trial_when_debugging(caplog):
    pool = InlinePool()
    pool.open(PANEL)
    with caplog.at_level(logging.DEBUG, "rustybt_ray"):
        outcome = run(Counting(2000), job_on(PANEL, square), pool)
    debug = [record for record in caplog.records if record.levelno == logging.DEBUG]
    assert len(debug) == 2 * len(outcome.blocks) < 200
    assert sum(record.trials for record in debug if "to worker" in record.getMessage()) == 2000


def test_quiet_unless_asked(caplog, capfd):
    pool = InlinePool()
    pool.open(PANEL)
    run(Counting(20), job_on(PANEL, square), pool)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("caching", [True, False])
def test_a_block_says_what_the_cache_had(caching):
    from rustybt_ray.config import OptimizationConfig

    pool = InlinePool(OptimizationConfig(enable_caching=caching))
    pool.open(PANEL)

    def crossover(trial):
        data, window = trial.data, 3 + trial.number % 2
        return float(np.nansum(data.sma("close", window)) + np.nansum(data.sma("close", 9)))

    blocks = run(Counting(40), job_on(PANEL, crossover), pool).blocks
    statistics = pool.workspace.history.statistics()
    hits = sum(block.lookups[0] for block in blocks)
    misses = sum(block.lookups[1] for block in blocks)
    assert (hits, misses) == pool.workspace.history.lookups
    assert hits / (hits + misses) == statistics["hit_rate"]
    assert hits + misses >= 80
    assert (hits > 60) is caching
