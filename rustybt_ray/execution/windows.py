"""One parameter set over many segments: one call of the strategy and one of the ledger, where its rows allow it."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rustybt_ray._typing import FloatArray
from rustybt_ray.engine.backtest import Simulator
from rustybt_ray.engine.metrics import MOMENTS, NAMES
from rustybt_ray.execution.desk import Desk
from rustybt_ray.execution.failures import trial_error
from rustybt_ray.execution.messages import COMPLETE, SAME_ROWS, Block, Chunk, Job, TrialError
from rustybt_ray.execution.stopwatch import TrialTimedOut
from rustybt_ray.execution.target_rows import TargetRows
from rustybt_ray.execution.window_trades import Errors, WindowTrades
from rustybt_ray.workspace.workspace import Workspace

if TYPE_CHECKING:
    from rustybt_ray.zipline.runner import AlgorithmRunner


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
    desk_of : callable
        Gives a simulator's desk for so many trials.
    """

    def __init__(
        self,
        job: Job,
        strategy: Any,
        simulator: "Simulator | AlgorithmRunner",
        workspace: Workspace,
        limits: Callable[[], Any],
        desk_of: Callable[[Simulator, int], Desk],
    ) -> None:
        self.job, self.strategy, self.simulator, self.limits = job, strategy, simulator, limits
        self.rows = TargetRows(job, strategy, simulator.panel, workspace)
        self._desk_of = desk_of

    def run(self, chunk: Chunk, rows: Iterable[Mapping[str, Any]], worker: str) -> Block:
        """Run a chunk's trials, or say whether their weight rows are the same on every cut; `rows` are their parameters."""
        if self.job.rows is None:
            return self._compare(chunk, rows, worker)
        trades = WindowTrades(self.job, chunk, worker)
        if isinstance(self.simulator, Simulator) and not self.rows.cut:
            self._run_whole(self.simulator, chunk, rows, trades)
        else:
            for i, params in enumerate(rows):
                self._run_each(i, params, trades)
            self.simulator.release()
        return trades.block

    def _run_whole(
        self, simulator: Simulator, chunk: Chunk, rows: Iterable[Mapping[str, Any]], trades: WindowTrades
    ) -> None:
        """One call of the strategy a trial; where it fails on the whole history, what it does on each segment's own cut counts."""
        desk, began = self._desk_of(simulator, len(chunk)), time.perf_counter()
        desk.trades = trades
        try:
            for i, params in enumerate(rows):
                before = time.perf_counter()
                try:
                    with self.limits():
                        handed = [self.rows.whole(params)]
                    desk.pace.decided(trades.took(i, before) - before)
                    desk.trade(i, handed)
                except (MemoryError, TrialTimedOut) as error:
                    trades.fail(i, error)
                except (Exception, SystemExit):
                    self._run_each(i, params, trades)
        finally:
            desk.finish()
        desk.shared(began, len(chunk))

    def _run_each(self, place: int, params: Mapping[str, Any], trades: WindowTrades) -> None:
        """Run one parameter set on each segment by itself."""
        before, segments = time.perf_counter(), len(self.job.segments)
        metrics, moments = np.full((segments, len(NAMES)), np.nan), np.full((segments, MOMENTS), np.nan)
        try:
            with self.limits():
                if isinstance(self.simulator, Simulator):
                    errors = self._from_cuts(self.simulator, params, metrics, moments)
                else:
                    errors = self._from_algorithm(self.simulator, params, metrics, moments)
            trades.keep(place, metrics, moments, errors, self.simulator.segment_returns)
        except (MemoryError, TrialTimedOut) as error:
            trades.fail(place, error)
        trades.took(place, before)

    def _from_algorithm(
        self, runner: "AlgorithmRunner", params: Mapping[str, Any], metrics: FloatArray, moments: FloatArray
    ) -> Errors:
        """A run of the algorithm for each segment."""
        errors: Errors = {}
        for segment in range(len(metrics)):
            try:
                runner.run_one(self.strategy, params, segment, metrics, moments)
            except MemoryError:
                raise
            except (Exception, SystemExit) as error:
                errors[segment] = error
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
