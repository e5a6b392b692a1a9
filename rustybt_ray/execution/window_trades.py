"""Where trials with many segments leave their results: a segment that fails costs a trial only itself."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from rustybt_ray._typing import FloatArray
from rustybt_ray.engine.metrics import MOMENTS, NAMES, ordered_metrics
from rustybt_ray.engine.structures import DAYS, RETURNS
from rustybt_ray.execution.failures import trial_error
from rustybt_ray.execution.messages import COMPLETE, FAILED, Chunk, Job
from rustybt_ray.execution.stopwatch import TrialTimedOut
from rustybt_ray.execution.trades import Results, empty_block

if TYPE_CHECKING:
    from rustybt_ray.engine.stack import Stack

Errors = dict[int, BaseException]
"""What kept a segment from running, by its number."""


class WindowTrades(Results):
    """Metrics of all segments, moments of the first, durations and errors of trials by their place in the chunk.

    Parameters
    ----------
    job : Job
    chunk : Chunk
    worker : str
        Name that the block carries.
    """

    def __init__(self, job: Job, chunk: Chunk, worker: str) -> None:
        names, carried = job.names, job.carried or job.names
        self.job, self._columns = job, [names.index(name) for name in carried]
        self._row = np.empty((len(job.segments), len(names)))
        self.windows = np.full((len(chunk), len(job.segments), len(carried)), np.nan)
        moments = np.full((len(chunk), MOMENTS), np.nan)
        self.block = empty_block(chunk, carried, self.windows[:, 0], moments, worker)
        self.block.windows = self.windows

    def keep(
        self,
        place: int,
        metrics: FloatArray,
        moments: FloatArray,
        errors: Errors,
        returns_of: Callable[[int], FloatArray],
    ) -> None:
        """Take what one trial gave, a row for each segment; `returns_of` gives a segment's daily returns."""
        row = self._row
        row[:, : len(NAMES)], row[:, len(NAMES) :] = metrics, np.nan
        if self.job.ordered:
            for segment in range(len(row)):
                if segment not in errors:
                    row[segment, len(NAMES) :] = ordered_metrics(returns_of(segment))
        for segment in errors:
            row[segment] = np.nan
        self.windows[place] = row[:, self._columns]
        self.block.moments[place] = moments[0] if 0 not in errors else np.nan
        self._note(place, errors)

    def keep_stack(self, stack: "Stack") -> None:
        """Take what a stack's trials gave."""
        segments, count = len(self.job.segments), len(stack.places)

        def returns_of(segment: int) -> FloatArray:
            at, days = stack.segments[segment, [RETURNS, DAYS]]
            return stack.returns[at : at + days]

        for number, place in enumerate(stack.places):
            low = number * segments
            runs = slice(low, low + segments)
            errors = {run - low: error for run, error in stack.errors.items() if low <= run < low + segments}
            self.keep(place, stack.out[runs], stack.moments[runs], errors, returns_of)
            self.block.duration[place] += stack.seconds / count

    def fail(self, place: int, error: BaseException) -> None:
        """Record an error that ended the trial in all segments."""
        self.block.retire |= isinstance(error, TrialTimedOut)
        self._note(place, dict.fromkeys(range(len(self.job.segments)), error))

    def _note(self, place: int, errors: Errors) -> None:
        if errors:
            self.block.errors[int(self.block.numbers[place])] = trial_error(errors[min(errors)])
            self.block.state[place] = FAILED if len(errors) == len(self.job.segments) else COMPLETE
