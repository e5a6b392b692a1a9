"""Where the trials of a chunk that a ledger trades leave their results."""

import time
from typing import TYPE_CHECKING

import numpy as np

from rustybt_ray._typing import FloatArray
from rustybt_ray.engine.metrics import MOMENTS, NAMES, ordered_metrics
from rustybt_ray.execution.failures import trial_error
from rustybt_ray.execution.messages import COMPLETE, FAILED, Block, Chunk, Job
from rustybt_ray.execution.stopwatch import TrialTimedOut

if TYPE_CHECKING:
    from rustybt_ray.engine.stack import Stack


class Results:
    """A chunk's block while its trials run."""

    block: Block

    def took(self, place: int, began: float) -> float:
        """Count the time since `began` to the trial at a place of the chunk; the time now."""
        now = time.perf_counter()
        self.block.duration[place] += now - began
        return now


class Trades(Results):
    """Metrics, moments, returns, durations and errors of trials by their place in the chunk.

    Parameters
    ----------
    job : Job
    chunk : Chunk
    worker : str
        Name that the block carries.
    days : int
        Daily returns of a trial's first segment.
    """

    def __init__(self, job: Job, chunk: Chunk, worker: str, days: int) -> None:
        count, segments = len(chunk), len(job.segments)
        self.metrics = np.full((count, segments, len(job.names)), np.nan)
        self.moments = np.full((count, segments, MOMENTS), np.nan)
        self.block = empty_block(chunk, job.names, self.metrics[:, 0], self.moments[:, 0], worker)
        if job.keep_returns:
            self.block.returns = np.full((count, days), np.nan, np.float32)
        self.ordered, self.days = job.ordered, days

    def keep(self, place: int, metrics: FloatArray, moments: FloatArray, returns: FloatArray) -> None:
        """Take metrics and moments of one trial, a row for each segment, and the first segment's returns."""
        self.metrics[place, :, : len(NAMES)], self.moments[place] = metrics, moments
        if self.block.returns is not None:
            self.block.returns[place] = returns
        if self.ordered:
            self.metrics[place, 0, len(NAMES) :] = ordered_metrics(returns)

    def keep_stack(self, stack: "Stack") -> None:
        """Take what a stack's trials gave."""
        places, count, segments = stack.places, len(stack.places), self.metrics.shape[1]
        # trials beside each other, which they are where none has failed, as a slice: a tenth of the time of a list
        rows = slice(places[0], places[-1] + 1) if places[-1] - places[0] == count - 1 else places
        if count == 1:
            self.keep(places[0], stack.out[:segments], stack.moments[:segments], stack.returns[: self.days])
        else:
            self.metrics[rows, :, : len(NAMES)] = stack.out.reshape(-1, segments, len(NAMES))[:count]
            self.moments[rows] = stack.moments.reshape(-1, segments, MOMENTS)[:count]
        self.block.duration[rows] += stack.seconds / count
        for run, error in reversed(stack.errors.items()):
            self.fail(places[run // segments], error)

    def fail(self, place: int, error: BaseException) -> None:
        """Record an error; no score is left."""
        record_failure(self.block, place, error)


def empty_block(chunk: Chunk, names: tuple[str, ...], metrics: FloatArray, moments: FloatArray, worker: str) -> Block:
    """A chunk's block before its trials have run."""
    count = len(chunk)
    state = np.full(count, COMPLETE, np.uint8)
    return Block(chunk.numbers, names, state, metrics, moments, np.zeros(count), {}, worker)


def record_failure(block: Block, place: int, error: BaseException) -> None:
    """A failed trial keeps its error with the strategy's own lines of the traceback, never a score."""
    block.retire |= isinstance(error, TrialTimedOut)  # it may have been anywhere, in the middle of an import too
    block.state[place] = FAILED
    block.metrics[place] = np.nan
    block.moments[place] = np.nan
    if block.returns is not None:
        block.returns[place] = np.nan
    block.errors[int(block.numbers[place])] = trial_error(error)
