"""A few trials of a study, run in this process just to know what they take."""

import time
from dataclasses import replace
from functools import cached_property
from statistics import median

import numpy as np

from rustybt_ray.api.panels import workspace
from rustybt_ray.api.prepare import Prepared
from rustybt_ray.engine.metrics import MOMENTS
from rustybt_ray.execution.chunk import ChunkRunner
from rustybt_ray.execution.messages import FAILED, Block, Chunk
from rustybt_ray.execution.ports import TrialSource
from rustybt_ray.strategies.strategy import TARGET, TRADED
from rustybt_ray.studies.sizes import Sizes
from rustybt_ray.studies.trials import merge

MOST, SECONDS = 5, 2.0
"""Trials that are run, and seconds after which no further one is begun."""
AMONG = 4096
"""First trials of the search among which these are spread."""


class Tryout:
    """Runs up to `MOST` trials, and those of target functions a second time, when their indicators are in the cache.

    Parameters
    ----------
    asked : Prepared
    source : TrialSource
        What it gives is used up.
    run : bool
        Whether trials may run in this process; if not, only their parameters are looked at.
    """

    def __init__(self, asked: Prepared, source: TrialSource, *, run: bool) -> None:
        self._asked = asked
        left = source.remaining
        numbers, columns = source.ask(AMONG if left is None else min(left, AMONG))
        self._chunk = Chunk(0, numbers, columns)
        self._cold: list[Block] = []
        self._warm: list[Block] = []
        if run and len(numbers):
            self._run()

    @property
    def tried(self) -> int:
        """Trials that were run."""
        return len(self._cold)

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return sum(int(block.state[0] == FAILED) for block in self._cold)

    @property
    def error(self) -> str | None:
        """What the first one that failed raised."""
        errors = [error for block in self._cold for error in block.errors.values()]
        return f"{errors[0].type}: {errors[0].message}" if errors else None

    @property
    def seconds(self) -> tuple[float, float] | None:
        """Of a trial whose indicators are in the cache, and of one that computes them."""
        if not self._cold:
            return None
        high = _median(self._cold[1:] or self._cold)  # the first one also loads the compiled engine
        low = _median(self._warm) if self._warm else high
        return min(low, high), high

    @cached_property
    def sizes(self) -> Sizes:
        """What results of such trials take; without any, what those of a complete one would."""
        if self._cold:
            block = replace(merge(self._cold), worker=self._cold[0].worker)
            return Sizes.of(self._part(np.searchsorted(self._chunk.numbers, block.numbers)), block)
        spec, job = self._asked.spec, self._asked.job
        names = job.names if spec.kind in TRADED else (spec.objective,)
        metrics, moments = np.full((1, len(names)), np.nan), np.full((1, MOMENTS), np.nan)
        block = Block(
            np.zeros(1, np.int64), names, np.zeros(1, np.uint8), metrics, moments, np.zeros(1), {}, "worker-1"
        )
        if job.keep_returns:
            first, last = job.segments[0]
            days = self._asked.panel.session[last] - self._asked.panel.session[first] + 1
            block.returns = np.zeros((1, days), np.float32)
        nothing = Chunk(0, block.numbers, {name: [0] for name in self._asked.search.names})
        return Sizes.of(self._part(np.zeros(1, np.int64)) if len(self._chunk) else nothing, block)

    def _run(self) -> None:
        runner, until = ChunkRunner(workspace(self._asked.job.config)), time.monotonic() + SECONDS
        runner.prepare(self._asked.job, self._asked.loaded.strategy.function)
        count = len(self._chunk)
        places = np.unique(np.linspace(0, count - 1, min(MOST, count)).round().astype(np.int64))
        kinds = (self._cold, self._warm) if self._asked.spec.kind == TARGET else (self._cold,)
        for blocks in kinds:
            for place in places[: len(self._cold) or None].tolist():
                if time.monotonic() < until or not self._cold:
                    blocks.append(runner.run(self._part(np.array([place]))))

    def _part(self, places: np.ndarray) -> Chunk:
        columns = {name: [values[place] for place in places.tolist()] for name, values in self._chunk.columns.items()}
        return Chunk(0, self._chunk.numbers[places], columns)


def _median(blocks: list[Block]) -> float:
    return float(median(float(block.duration[0]) for block in blocks))
