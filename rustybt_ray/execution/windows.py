"""One parameter set over many segments: one call of the strategy and one of the ledger, where its rows allow it."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rustybt_ray._typing import FloatArray
from rustybt_ray.data.panel import Panel
from rustybt_ray.engine.backtest import Simulator
from rustybt_ray.engine.metrics import MOMENTS, NAMES, ORDERED, ordered_metrics
from rustybt_ray.execution.failures import trial_error
from rustybt_ray.execution.messages import COMPLETE, CUT, FAILED, SAME_ROWS, Block, Chunk, Job, TrialError
from rustybt_ray.execution.rows import padded, same_rows
from rustybt_ray.execution.stopwatch import TrialTimedOut
from rustybt_ray.workspace.cut_data import CutData
from rustybt_ray.workspace.workspace import Workspace

if TYPE_CHECKING:
    from rustybt_ray.zipline.runner import AlgorithmRunner

Errors = dict[int, BaseException]
"""What kept a segment from running, by its number."""


class WindowTrials:
    """Runs trials of a job with many segments.

    A segment that fails costs a trial only itself: a strategy that breaks in a year to come was not broken before.

    Parameters
    ----------
    job : Job
    strategy : callable or Algorithm
    simulator : Simulator or AlgorithmRunner
        Of the job's segments.
    workspace : Workspace
        Where its panel is open.
    limits : callable
        Makes the context that a trial is held in.
    """

    def __init__(
        self,
        job: Job,
        strategy: Any,
        simulator: "Simulator | AlgorithmRunner",
        workspace: Workspace,
        limits: Callable[[], Any],
    ) -> None:
        self.job, self.strategy, self.simulator, self.limits = job, strategy, simulator, limits
        self.names = NAMES + tuple(ORDERED) if job.ordered else NAMES
        self.carried = job.carried or self.names
        self._columns = [self.names.index(name) for name in self.carried]
        self.rows = TargetRows(job, strategy, simulator.panel, workspace)

    def run(self, chunk: Chunk, rows: Iterable[Mapping[str, Any]], worker: str) -> Block:
        """Run a chunk's trials, or say whether their weight rows are the same on every cut; `rows` are their parameters."""
        if self.job.rows is None:
            return self._compare(chunk, rows, worker)
        count, segments = len(chunk), len(self.job.segments)
        metrics, moments = np.empty((segments, len(self.names))), np.empty((segments, MOMENTS))
        windows = np.full((count, segments, len(self.carried)), np.nan)
        block = Block(
            numbers=chunk.numbers,
            names=self.carried,
            state=np.full(count, COMPLETE, np.uint8),
            metrics=windows[:, 0],
            moments=np.full((count, MOMENTS), np.nan),
            duration=np.zeros(count),
            errors={},
            worker=worker,
            windows=windows,
        )
        before = time.perf_counter()
        for i, params in enumerate(rows):
            metrics[:], moments[:] = np.nan, np.nan
            try:
                with self.limits():
                    errors = self.run_trial(params, metrics, moments)
            except (MemoryError, TrialTimedOut) as error:
                errors = dict.fromkeys(range(segments), error)
                metrics[:], moments[:] = np.nan, np.nan
                block.retire |= isinstance(error, TrialTimedOut)
            windows[i], block.moments[i] = metrics[:, self._columns], moments[0]
            if errors:
                block.errors[int(chunk.numbers[i])] = trial_error(errors[min(errors)])
                block.state[i] = FAILED if len(errors) == segments else COMPLETE
            now = time.perf_counter()
            block.duration[i] = now - before
            before = now
        self.simulator.release()
        return block

    def run_trial(self, params: Mapping[str, Any], metrics: FloatArray, moments: FloatArray) -> Errors:
        """Run one parameter set in every segment; rows of segments that fail are NaN.

        Raises
        ------
        MemoryError, TrialTimedOut
            If the trial needs more than it may have: that ends all of it.
        """
        errors: Errors = {}
        if not isinstance(self.simulator, Simulator):
            for segment in range(len(metrics)):
                try:
                    self.simulator.run_one(self.strategy, params, segment, metrics, moments)
                except MemoryError:
                    raise
                except (Exception, SystemExit) as error:
                    errors[segment] = error
        elif not self.rows.cut:
            errors = self._from_history(self.simulator, params, metrics, moments)
        else:
            errors = self._from_cuts(self.simulator, params, metrics, moments)
        for segment in errors:
            metrics[segment], moments[segment] = np.nan, np.nan
        if self.job.ordered:
            for segment in range(len(metrics)):
                if segment not in errors:
                    metrics[segment, len(NAMES) :] = ordered_metrics(self.simulator.segment_returns(segment))
        return errors

    def _compare(self, chunk: Chunk, rows: Iterable[Mapping[str, Any]], worker: str) -> Block:
        """A block of `SAME_ROWS`; a trial that fails on the whole history has none."""
        block = Block.failed(chunk.numbers, (SAME_ROWS,), TrialError("", "", ""), worker)
        block.errors.clear()
        for i, params in enumerate(rows):
            try:
                with self.limits():
                    block.metrics[i] = float(self.rows.same(params))
                block.state[i] = COMPLETE
            except (Exception, SystemExit, TrialTimedOut) as error:
                block.errors[int(chunk.numbers[i])] = trial_error(error)
                block.retire |= isinstance(error, TrialTimedOut)
        return block

    def _from_history(
        self, simulator: Simulator, params: Mapping[str, Any], metrics: FloatArray, moments: FloatArray
    ) -> Errors:
        """One call of the strategy; where it fails on the whole history, what it does on each segment's own cut counts."""
        try:
            return dict(simulator.run_each(self.rows.whole(params), metrics, moments))
        except MemoryError:
            raise
        except (Exception, SystemExit):
            return self._from_cuts(simulator, params, metrics, moments)

    def _from_cuts(
        self, simulator: Simulator, params: Mapping[str, Any], metrics: FloatArray, moments: FloatArray
    ) -> Errors:
        """A call of the strategy for each end of a segment."""
        errors: Errors = {}
        for end, segments in self.rows.ends.items():
            try:
                weights = self.rows.until(end, params)
                for segment in segments:
                    errors |= simulator.run_each(weights, metrics, moments, only=segment)
            except MemoryError:
                raise
            except (Exception, SystemExit) as error:
                errors |= dict.fromkeys(segments, error)
        return errors


class TargetRows:
    """Weight rows of a target function: made once on the whole history, or on the panel cut at a segment's end.

    Parameters
    ----------
    job : Job
    function : callable
    panel : Panel
    workspace : Workspace

    Attributes
    ----------
    ends : dict of int to list of int
        Last row of segments, and the segments that end there.
    cut : bool
        Whether rows are made on each segment's own cut.
    """

    def __init__(self, job: Job, function: Callable[..., Any], panel: Panel, workspace: Workspace) -> None:
        self.job, self.function, self.panel, self._workspace = job, function, panel, workspace
        self.ends: dict[int, list[int]] = {}
        for number, (_, last) in enumerate(job.segments):
            self.ends.setdefault(last, []).append(number)
        self._cuts: dict[int, CutData] = {}
        self.cut = job.rows == CUT

    def same(self, params: Mapping[str, Any]) -> bool:
        """Whether the rows of the whole history are bitwise those of the panel cut at each segment's end."""
        return same_rows(self.function, params, self._data(), self.panel, sorted(self.ends), self.job.settings.delay)

    def holds(self, params: Mapping[str, Any], ends: Sequence[int]) -> bool:
        """As `same`, at these ends alone; a trial that fails on the whole history has the rows of its cuts anyway."""
        try:
            return same_rows(self.function, params, self._data(), self.panel, ends, self.job.settings.delay)
        except Exception:
            return True

    def whole(self, params: Mapping[str, Any]) -> Any:
        """The rows of the whole history."""
        return self.function(self._data(), **params)

    def until(self, end: int, params: Mapping[str, Any]) -> Any:
        """The rows that are known at the end of row `end`, and more that order nothing."""
        if end not in self._cuts:
            self._cuts[end] = CutData(self.panel, end, self._workspace.history)
            self._cuts[end].scope = self.job.digest
        return padded(self.function(self._cuts[end], **params), end + 1, self.panel.shape[0])

    def release(self) -> None:
        """Let go of the cuts and of their indicators."""
        for cut in self._cuts.values():
            self._workspace.history.drop(cut.version)
        self._cuts.clear()

    def _data(self) -> Any:
        return self._workspace.data(self.job.version, scope=self.job.digest)
