"""Whether weight rows of the whole history serve all windows: decided before the trials run, by the first of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from rustybt_ray._typing import IntArray
from rustybt_ray.api.executors import Place, open_pool
from rustybt_ray.api.first_trials import FirstTrials
from rustybt_ray.api.forward_job import Forward
from rustybt_ray.execution.driver import run
from rustybt_ray.execution.inline import InlinePool
from rustybt_ray.execution.messages import COMPLETE, CUT, HISTORY, Block, Chunk, Job
from rustybt_ray.execution.ports import Columns, WorkerPool
from rustybt_ray.strategies.shipping import pack
from rustybt_ray.strategies.strategy import TARGET
from rustybt_ray.workspace.workspace import Workspace

PROBES = 8
"""Trials that are looked at for a first one that does not fail; if all do, each segment has rows of its own cut."""


@contextmanager
def checked(forward: Forward, source: FirstTrials, place: Place, known: Workspace) -> Iterator[tuple[Job, Place]]:
    """The job with where its rows are from, and where its trials run.

    Trials that must not run in this process are looked at by the workers, which stay for what follows.
    """
    job, strategy = forward.job, forward.asked.loaded.strategy
    if strategy.kind != TARGET:
        yield job, place
    elif not place.isolated:
        with InlinePool(workspace=known, function=strategy.function) as pool:
            rows = _decide(job, source, pool, None)
        yield replace(job, rows=rows), place
    else:
        workers = open_pool(place, job, forward.asked.panel, forward.spec.bundle)
        try:
            shipped = replace(job, strategy=pack(strategy.function), memory_limit=place.memory_bytes)
            rows = _decide(shipped, source, workers, place.trial_timeout)
            yield replace(job, rows=rows), replace(place, pool=workers)  # type: ignore[arg-type]
        finally:
            if workers is not place.pool:
                workers.close()


def _decide(job: Job, source: FirstTrials, pool: WorkerPool, seconds: float | None) -> str:
    """What the first trial that does not fail says; each may take `seconds` for every call of its strategy."""
    calls = 1 + len({last for _, last in job.segments})
    limit = None if seconds is None else seconds * calls
    for chunk in source.first(PROBES):
        asked = replace(job, rows=None, trial_timeout=limit)
        outcome = run(_One(chunk), asked, pool, trial_timeout=limit)
        if outcome.stopped == "interrupted":
            raise KeyboardInterrupt
        block = outcome.blocks[0]
        if block.state[0] == COMPLETE:
            return HISTORY if block.metrics[0, 0] == 1.0 else CUT
    return CUT


class _One:
    """A trial source of one trial."""

    lag = None

    def __init__(self, chunk: Chunk) -> None:
        self._chunk: Chunk | None = chunk

    @property
    def remaining(self) -> int:
        """1 before it was given."""
        return 0 if self._chunk is None else 1

    def ask(self, count: int) -> tuple[IntArray, Columns]:
        """The trial, once."""
        chunk, self._chunk = self._chunk, None
        if chunk is None:
            return np.empty(0, np.int64), {}
        return chunk.numbers, chunk.columns

    def tell(self, chunk: Chunk, block: Block) -> None:
        """Nobody learns from it."""
