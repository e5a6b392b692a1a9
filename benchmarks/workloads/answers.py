"""Simulated workers under the real driver: what it costs to feed them, Ray's own calls excluded."""

import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import rustybt_ray as rb
from rustybt_ray.api.executors import Sink
from rustybt_ray.api.searches import Source
from rustybt_ray.data.panel import Panel
from rustybt_ray.engine.metrics import MOMENTS, NAMES
from rustybt_ray.execution.driver import run
from rustybt_ray.execution.events import ChunkDone, WorkerReady
from rustybt_ray.execution.messages import Block, Chunk, Job
from rustybt_ray.execution.policy import ChunkPolicy
from rustybt_ray.execution.ports import Report
from rustybt_ray.search.grid import GridSearch
from rustybt_ray.search.space import ParameterSpace
from rustybt_ray.studies.journal import Journal
from rustybt_ray.studies.spec import StudySpec
from rustybt_ray.studies.study import Study


class ReadyAnswers:
    """Simulated workers: the head of each queue is answered at the next poll, with a block of the right shape.

    Parameters
    ----------
    size : int
        Workers.
    seconds : float
        What each trial claims to have taken; the driver sizes its chunks by it.
    """

    in_process = False

    def __init__(self, size: int, seconds: float) -> None:
        self.size, self.seconds, self.chunks = size, seconds, 0
        self._queues: list[deque[Chunk]] = [deque() for _ in range(size)]
        self._told = False

    @property
    def policy(self) -> ChunkPolicy:
        """As that of workers on Ray."""
        return ChunkPolicy()

    def open(self, panel: Panel, name: str | None = None) -> None:
        """Nothing to open."""

    def prepare(self, job: Job) -> None:
        """Every worker is ready at once."""
        self._told = False

    def submit(self, worker: int, chunk: Chunk) -> None:
        """Queue a chunk."""
        self._queues[worker].append(chunk)

    def poll(self, timeout: float) -> Sequence[Report]:
        """One answer of every worker that has work."""
        if not self._told:
            self._told = True
            return [(WorkerReady(worker), None) for worker in range(self.size)]
        busy = [(worker, queue.popleft()) for worker, queue in enumerate(self._queues) if queue]
        self.chunks += len(busy)
        return [self._answer(worker, chunk) for worker, chunk in busy]

    def replace(self, worker: int) -> None:
        """Workers that do nothing do not die."""
        raise AssertionError(worker)

    def abandon(self) -> None:
        """Forget all chunks."""
        for queue in self._queues:
            queue.clear()

    def close(self) -> None:
        """Nothing is left open."""

    def _answer(self, worker: int, chunk: Chunk) -> Report:
        count, seconds = len(chunk), np.full(len(chunk), self.seconds)
        metrics, moments = np.full((count, len(NAMES)), 0.5), np.full((count, MOMENTS), 0.5)
        numbers, state = chunk.numbers.copy(), np.zeros(count, np.uint8)
        block = Block(numbers, NAMES, state, metrics, moments, seconds, {}, f"worker-{worker}")
        size = sum(array.nbytes for array in (numbers, state, metrics, moments, seconds))
        return ChunkDone(worker, chunk.number, float(seconds.sum()), size), block


@dataclass(frozen=True)
class Fed:
    """One study on simulated workers: its trials and chunks, and the driver's seconds of CPU."""

    trials: int
    chunks: int
    cpu: float


def feed(workers: int, seconds: float, chunks: int, journal: bool) -> Fed:
    """A study of about `chunks` chunks of trials that claim to have taken `seconds`."""
    trials = int(chunks * ChunkPolicy().target / seconds)
    space = ParameterSpace({"a": rb.Int(1, 1000), "b": rb.Int(1, trials // 1000 + 1), "c": rb.Choice(["x"])})
    asked: dict[str, Any] = {"digest": "0" * 64, "kind": "target", "version": "0" * 64, "seed": 0}
    asked |= {"capital": 1e6, "costs": rb.Costs(), "fill": "next_close", "settings": rb.Settings()}
    job = Job(strategy=b"", segments=((0, 1),), **asked)
    study = Study(
        StudySpec(
            {}, bundle="", search={}, objective=NAMES[0], direction="maximize", require=(), start="", end="", **asked
        )
    )
    pool, source = ReadyAnswers(workers, seconds), Source(GridSearch(space, n_trials=trials), NAMES[0])
    with tempfile.TemporaryDirectory() as folder:
        written = Journal(Path(folder) / "journal") if journal else None
        before = time.process_time()
        run(source, job, pool, journal=Sink(study, (), written), speculate=True)
        cpu = time.process_time() - before
        if written is not None:
            written.close()
    assert study.n_trials == trials, "trials are missing"
    return Fed(trials, pool.chunks, cpu)
