"""What every worker does with a chunk: call the strategy for each trial, trade its weights, collect columns."""

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, nullcontext
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from rustybt_ray.data.panel import Panel
from rustybt_ray.engine.backtest import Simulator
from rustybt_ray.engine.metrics import MOMENTS, NAMES
from rustybt_ray.engine.structures import DAYS
from rustybt_ray.exceptions import StrategyError
from rustybt_ray.execution.desk import Desk
from rustybt_ray.execution.messages import Block, Chunk, Job
from rustybt_ray.execution.pace import Pace
from rustybt_ray.execution.stopwatch import WARMING, TrialTimedOut, at_most
from rustybt_ray.execution.trades import Trades, empty_block, record_failure
from rustybt_ray.search.protocol import ABSENT, present
from rustybt_ray.strategies.shipping import unpack
from rustybt_ray.strategies.strategy import ZIPLINE
from rustybt_ray.workspace.workspace import Workspace

if TYPE_CHECKING:
    from rustybt_ray.execution.memory import TrialMemory
    from rustybt_ray.execution.windows import WindowTrials
    from rustybt_ray.zipline.runner import AlgorithmRunner

UNLIMITED = nullcontext()
log = logging.getLogger("rustybt_ray.driver")


class ChunkRunner:
    """Runs chunks of one job at a time on a workspace.

    Parameters
    ----------
    workspace : Workspace
        Where the job's panel is open.
    worker : str
        Name that the blocks carry.
    pace : Pace, optional
        What this process's trials take, and how many threads may share them; by default one.
    """

    def __init__(self, workspace: Workspace, worker: str = "inline", pace: Pace | None = None) -> None:
        self.workspace, self.worker, self.pace = workspace, worker, pace or Pace()
        self._strategies: dict[str, Callable[..., Any]] = {}
        self._job: Job | None = None
        self._simulator: Simulator | AlgorithmRunner | None = None
        self._memory: TrialMemory | None = None
        self._warm = False
        self._windows: WindowTrials | None = None
        self._desk: Desk | None = None

    def prepare(self, job: Job, function: Callable[..., Any] | None = None) -> None:
        """Load the job's strategy and make its ledger ready; `function` is the strategy where it needs no loading.

        Raises
        ------
        StrategyError
            If the strategy cannot be loaded here.
        BundleError
            If the job's panel is not open.
        """
        if function is not None:
            self._strategies[job.digest] = function
        elif job.digest not in self._strategies:
            self._strategies[job.digest] = unpack(job.strategy)
        panel = self.workspace.bundles.get(job.version)
        self._close_desk()
        self._simulator = self._ledger_of(job, panel)
        if job.memory_limit is None:
            self._memory = None
        elif self._memory is None or self._memory.limit != job.memory_limit:
            from rustybt_ray.execution.memory import TrialMemory

            self._memory = TrialMemory(job.memory_limit)
        self._job, self._warm = job, False
        self._release_windows()
        if job.windowed and self._simulator is not None:
            from rustybt_ray.execution.windows import WindowTrials

            strategy = self._strategies[job.digest]
            desk = partial(self._desk_of, job)
            self._windows = WindowTrials(job, strategy, self._simulator, self.workspace, self._limits, desk)

    def release(self) -> None:
        """Let go of the job and its panel; loaded strategies stay."""
        self._release_windows()
        self._close_desk()
        self._put_aside()
        self._job = None

    def _ledger_of(self, job: Job, panel: Panel) -> "Simulator | AlgorithmRunner":
        """The last job's ledger or one put aside, where it fits, else a new one."""
        make: Any = _algorithms() if job.kind == ZIPLINE else Simulator
        asked, ledger = rules(job), self._simulator
        if self._job is None or rules(self._job) != asked:
            self._put_aside()
            ledger = self.workspace.take_ledger(job.version, asked)
        return ledger if isinstance(ledger, make) and ledger.panel is panel else make(panel, **asked)  # type: ignore[no-any-return]

    def _put_aside(self) -> None:
        """Leave the ledger to who needs one of the same panel and rules next.

        One of an algorithm is not left: what runs in it may have been stopped anywhere.
        """
        if self._job is not None and isinstance(self._simulator, Simulator):
            self.workspace.put_ledger(self._job.version, rules(self._job), self._simulator)
        self._simulator = None

    def run(self, chunk: Chunk) -> Block:
        """Run a chunk's trials; what a strategy raises becomes that trial's error.

        Raises
        ------
        StrategyError
            If no job was prepared.
        """
        if self._job is None or self._simulator is None:
            raise StrategyError("no job was prepared", f"worker {self.worker}", "Call prepare(job) first.")
        hits, misses = self.workspace.history.lookups
        if self._job.kind == "objective":
            block = self._run_objective(self._job, chunk)
        elif self._windows is not None:
            block = self._windows.run(chunk, _rows(chunk), self.worker)
        else:
            block = self._run_traded(self._job, self._simulator, chunk)
        self._warm = True
        now = self.workspace.history.lookups
        block.lookups = now[0] - hits, now[1] - misses
        if self._memory is not None:
            block.retire |= self._memory.overgrown(kept=self.workspace.history.nbytes)
        return block

    def _run_traded(self, job: Job, simulator: "Simulator | AlgorithmRunner", chunk: Chunk) -> Block:
        trades = Trades(job, chunk, self.worker, int(simulator.segments[0, DAYS]))
        if isinstance(simulator, Simulator):
            self._run_targets(job, simulator, chunk, trades)
        else:
            self._run_algorithms(job, simulator, chunk, trades)
        return trades.block

    def _run_algorithms(self, job: Job, runner: "AlgorithmRunner", chunk: Chunk, trades: Trades) -> None:
        """Trials of an algorithm written for zipline."""
        strategy: Any = self._strategies[job.digest]
        segments, days = len(job.segments), int(runner.segments[0, DAYS])
        metrics, moments = np.full((segments, len(NAMES)), np.nan), np.full((segments, MOMENTS), np.nan)
        before = time.perf_counter()
        for i, params in enumerate(_rows(chunk)):
            try:
                with self._limits():
                    runner.run(strategy, params, metrics, moments)
                trades.keep(i, metrics, moments, runner.returns(days))
            except (Exception, SystemExit, TrialTimedOut) as error:
                trades.fail(i, error)
            before = trades.took(i, before)
        runner.release()

    def _run_targets(self, job: Job, simulator: Simulator, chunk: Chunk, trades: Trades) -> None:
        """Trials of a target function: it is called here, trial after trial, and its weights are traded at the desk."""
        call, desk = self._limited(self._strategies[job.digest]), self._desk_of(job, simulator, len(chunk))
        data = self.workspace.data(job.version, scope=job.digest)
        desk.trades, began = trades, time.perf_counter()
        # as numbers of Python: reading and writing an array's would be a tenth of a short trial
        spent, quickest = [0.0] * len(chunk), math.inf
        try:
            for i, params in enumerate(_rows(chunk)):
                before = time.perf_counter()
                try:
                    handed = [call(data, **params)]
                except (Exception, SystemExit, TrialTimedOut) as error:
                    trades.fail(i, error)
                    spent[i] = time.perf_counter() - before
                    continue
                spent[i] = took = time.perf_counter() - before
                if took < quickest:
                    quickest = took
                try:
                    desk.trade(i, handed)
                except (Exception, SystemExit) as error:
                    trades.fail(i, error)
        finally:
            desk.finish()
        trades.block.duration += spent
        self.pace.decided(quickest)
        desk.shared(began, len(chunk))

    def _desk_of(self, job: Job, simulator: Simulator, count: int) -> Desk:
        """Where so many trials are traded: one by one, several at a time, or with threads beside."""
        cells = simulator.panel.close.size
        helpers = self.pace.helpers(count, cells)
        if self._desk is not None and helpers <= self._desk.helpers:
            return self._desk
        self._close_desk()
        apart = job.needs_returns
        size = 1 if apart else self.pace.stack(cells, helpers)
        if size == 1 and not helpers and not job.windowed:
            self._desk = Desk(simulator, self.pace)
            return self._desk
        from rustybt_ray.execution.stacked_desk import StackedDesk

        try:
            self._desk = StackedDesk(simulator, self.pace, size, helpers, keeps=apart)
        except RuntimeError as error:
            log.info("one thread runs the trials: %s", error)
            self.pace.count = 1
            return self._desk_of(job, simulator, count)
        return self._desk

    def _close_desk(self) -> None:
        if self._desk is not None:
            self._desk.close()
        self._desk = None

    def _run_objective(self, job: Job, chunk: Chunk) -> Block:
        from rustybt_ray.strategies.trial import Trial

        strategy, data = self._strategies[job.digest], self.workspace.data(job.version, scope=job.digest)
        rows: list[dict[str, float]] = []
        none, moments = np.empty((len(chunk), 0)), np.full((len(chunk), MOMENTS), np.nan)
        block = empty_block(chunk, (), none, moments, self.worker)
        for i, params in enumerate(_rows(chunk)):
            before = time.perf_counter()
            try:
                trial = Trial(number=int(chunk.numbers[i]), params=params, data=data, study_seed=job.seed)
                with self._limits():
                    rows.append(_values(strategy(trial)))
            except (Exception, SystemExit, TrialTimedOut) as error:
                rows.append({})
                record_failure(block, i, error)
            block.duration[i] = time.perf_counter() - before
        block.names = tuple(dict.fromkeys(name for row in rows for name in row))
        block.metrics = np.array([[row.get(name, np.nan) for name in block.names] for row in rows], dtype=np.float64)
        block.metrics = block.metrics.reshape(len(chunk), len(block.names))
        return block

    def _release_windows(self) -> None:
        if self._windows is not None:
            self._windows.rows.release()
        self._windows = None

    def _limited(self, strategy: Callable[..., Any]) -> Callable[..., Any]:
        """The strategy, each call held to its limits if it has any."""
        if self._unlimited:
            return strategy

        def call(data: Any, /, **params: Any) -> Any:
            with self._limits():
                return strategy(data, **params)

        return call

    @property
    def _unlimited(self) -> bool:
        return self._memory is None and (self._job is None or self._job.trial_timeout is None)

    def _limits(self) -> Any:
        """What a strategy's call is held to."""
        if self._unlimited:
            return UNLIMITED
        seconds = self._job.trial_timeout if self._job is not None else None
        limits = ExitStack()
        if self._memory is not None:
            limits.enter_context(self._memory.trial())
        if seconds is not None:
            limits.enter_context(at_most(seconds, 0.0 if self._warm else WARMING))
        return limits


def rules(job: Job) -> dict[str, Any]:
    """What a simulator of the job's trials is made of, besides the panel."""
    made: dict[str, Any] = {"segments": job.segments, "closing": job.closing or None}
    return made | {"capital": job.capital, "costs": job.costs, "fill": job.fill, "settings": job.settings}


def _algorithms() -> "type[AlgorithmRunner]":
    # loaded here because other strategies need nothing of zipline's
    from rustybt_ray.zipline.runner import AlgorithmRunner

    return AlgorithmRunner


def _rows(chunk: Chunk) -> Any:
    """Parameters of each trial, one dict at a time."""
    if not chunk.columns:
        return ({} for _ in range(len(chunk)))
    rows = _named(tuple(chunk.columns), zip(*chunk.columns.values(), strict=True))
    holes = any(isinstance(values, list) and ABSENT in values for values in chunk.columns.values())
    return map(present, rows) if holes else rows


def _named(names: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    """Values with their names; a few written out, in a quarter of the time of `dict`, which a short trial feels."""
    match names:
        case (a, b):
            return ({a: x, b: y} for x, y in rows)
        case (a, b, c):
            return ({a: x, b: y, c: z} for x, y, z in rows)
        case (a, b, c, d):
            return ({a: w, b: x, c: y, d: z} for w, x, y, z in rows)
    return map(dict, map(zip, repeat(names), rows))


def _values(result: Any) -> dict[str, float]:
    """An objective function's result as named numbers.

    Raises
    ------
    StrategyError
        If it is neither a number nor a dict of numbers.
    """
    values = result if isinstance(result, dict) else {"value": result}
    try:
        return {str(name): float(value) for name, value in values.items()}
    except (TypeError, ValueError):
        what = f"an objective function must return a number or a dict of numbers; received {result!r}"
        raise StrategyError(what, "its return value", "Return float(...), or {'name': float(...)}.") from None
