"""The driver: reports of a pool go to the state machine, its instructions to the pool, the search and the journal."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, field

from rustybt_ray._record import record_class
from rustybt_ray.exceptions import ExecutionError
from rustybt_ray.execution.events import (
    CRASHED,
    Abort,
    Ask,
    Asked,
    Cancelled,
    ChunkDone,
    ChunkFailed,
    Event,
    Instruction,
    Record,
    RecordCrash,
    Replace,
    Run,
    TimedOut,
    WorkerDied,
    WorkerReady,
)
from rustybt_ray.execution.interrupt import Interruption
from rustybt_ray.execution.messages import Block, Chunk, Job, TrialError
from rustybt_ray.execution.ports import Journal, Listener, Report, Silent, TrialSource, WorkerPool
from rustybt_ray.execution.state import DriverState
from rustybt_ray.execution.watch import Watch

TURN = 0.2  # seconds between two looks at the clock and at Ctrl-C while nothing happens
DRAIN = 1.0  # seconds that chunks in flight get to end once a study is to stop
log, people = logging.getLogger("rustybt_ray.driver"), logging.getLogger("rustybt_ray.workers")


@record_class
class Outcome:
    """What a run of the driver yields.

    Attributes
    ----------
    blocks : list of Block
        Results in the order in which they arrived; every trial is in one of them at most once.
    stopped : str or None
        Why it ended before the last trial: "interrupted", "timeout" or "stopped"; else None.
    waited : float
        Seconds of workers that had nothing to do because the search waited for results, summed over workers.
    """

    blocks: list[Block] = field(default_factory=list)
    stopped: str | None = None
    waited: float = 0.0


def run(
    source: TrialSource,
    job: Job,
    pool: WorkerPool,
    *,
    listener: Listener | None = None,
    journal: Journal | None = None,
    stop: Callable[[], bool] | None = None,
    timeout: float | None = None,
    trial_timeout: float | None = None,
    speculate: bool = False,
) -> Outcome:
    """Run the trials of a search on a pool that has the job's panel open.

    Parameters
    ----------
    source : TrialSource
        The search.
    listener : Listener, optional
        Who is told how it goes.
    journal : Journal, optional
        Where each block is written before anyone is told of it.
    stop : callable, optional
        Asked between blocks; True ends the study.
    timeout : float, optional
        Seconds after which the study ends with what is done.
    trial_timeout : float, optional
        Seconds that a trial may take; one that takes longer is ended with its worker and recorded as an error. The trials
        must run in other processes.
    speculate : bool, default False
        Whether a chunk that is late runs on an idle worker too; the first answer counts.

    Returns
    -------
    Outcome

    Raises
    ------
    StrategyError, ExecutionError
        If no worker can do the job.
    KeyboardInterrupt
        At the second Ctrl-C; the first ends the study with what is done.
    """
    until = time.monotonic() + timeout if timeout is not None else None
    policy = pool.policy
    watch = Watch(policy, trial_timeout, speculate)
    state = DriverState(policy, pool.size, source.remaining, source.lag)
    driver = _Driver(source, pool, state, watch, listener or Silent(), journal, stop or (lambda: False), until)
    pool.prepare(job)
    with Interruption() as interruption:
        return driver.run(interruption)


class _Driver:
    def __init__(
        self,
        source: TrialSource,
        pool: WorkerPool,
        state: DriverState,
        watch: Watch,
        listener: Listener,
        journal: Journal | None,
        stop: Callable[[], bool],
        until: float | None,
    ) -> None:
        self.source, self.pool, self.listener, self.journal = source, pool, listener, journal
        self.stop, self.until = stop, until
        self.state, self.watch = state, watch
        self.outcome = Outcome()

    def run(self, interruption: Interruption) -> Outcome:
        """Until all is done, or until the drain of a study that was stopped is over."""
        deadline = float("inf")
        left, size = self.source.remaining, self.pool.size
        count = "an unknown number of" if left is None else f"{left:,}"
        log.info("%s trials for %d workers", count, size, extra={"trials": left, "workers": size})
        self.listener.started(left, size)
        try:
            while not self.state.finished and time.monotonic() < deadline:
                while orders := self.state.dispatch():
                    self.obey(orders, None)
                for report in self.poll():
                    self.take(report)
                self.state.workers = self.pool.size
                self.look_at_the_clock()
                if not self.state.cancelled and (reason := self.reason(interruption)):
                    self.outcome.stopped = reason
                    log.info("the driver is to end: %s", reason, extra={"stopped": reason})
                    self.state.handle(Cancelled())
                    deadline = time.monotonic() + DRAIN
        finally:
            self.listener.ended(self.outcome.stopped)
            if self.state.in_flight:
                self.pool.abandon()
        return self.outcome

    def poll(self) -> Sequence[Report]:
        """What happened; notes how long workers had nothing meanwhile."""
        starved, began = self.state.starved, time.monotonic()
        reports = self.pool.poll(TURN)
        self.outcome.waited += starved * (time.monotonic() - began)
        return reports

    def reason(self, interruption: Interruption) -> str | None:
        """Why the study must end now; None while it may go on or has nothing left to do."""
        if interruption.requested:
            return "interrupted"
        if self.state.finished:
            return None
        if self.until is not None and time.monotonic() >= self.until:
            return "timeout"
        return "stopped" if self.stop() else None

    def take(self, report: Report) -> None:
        """Hand a report to the state machine and carry out what follows."""
        event, block = report
        match event:
            case WorkerReady(worker):
                people.info("worker %d is ready", worker, extra={"worker": worker})
                self.listener.worker_ready(worker)
            case WorkerDied(worker, cause):
                self.watch.gone(worker)
                people.info("worker %d died: %s", worker, cause, extra={"worker": worker, "cause": cause})
                self.listener.worker_died(worker, cause)
            case ChunkDone(worker, chunk) | ChunkFailed(worker, chunk):
                self.watch.answered(worker, chunk)
                if log.isEnabledFor(logging.DEBUG):
                    log.debug("worker %d answered chunk %d", worker, chunk, extra=asdict(event))
        self.handle(event, block)

    def handle(self, event: Event, block: Block | None) -> None:
        """Tell the state machine, note in the log what runs again, carry out what follows."""
        orders = self.state.handle(event)
        for note in self.state.notes:
            into = ", ".join(map(str, note.into[:5])) + (", ..." if len(note.into) > 5 else "")
            text = "chunk %d (%d trials) runs again as %s: %s"
            log.info(text, note.chunk, note.trials, into, note.cause, extra=asdict(note))
        self.state.notes.clear()
        self.obey(orders, block)

    def look_at_the_clock(self) -> None:
        """Bring the journal to the disk when its time has come; end workers that take too long."""
        if self.journal is not None:
            self.journal.tick()
        for event in self.watch.overdue():
            if isinstance(event, TimedOut):
                self.watch.gone(event.worker)
                cause = f"a trial took longer than {event.limit:g} s"
                people.info(
                    "worker %d is ended: %s", event.worker, cause, extra={"worker": event.worker, "cause": cause}
                )
                self.listener.worker_died(event.worker, cause)
            self.handle(event, None)

    def obey(self, orders: Iterable[Instruction], block: Block | None) -> None:
        """Carry out instructions; `block` is what came with the event that they follow from."""
        for order in orders:
            match order:
                case Run(worker, chunk):
                    if self.journal is not None and self.pool.in_process:
                        self.journal.begin(chunk)
                    if log.isEnabledFor(logging.DEBUG):
                        fields = {"worker": worker, "chunk": chunk.number, "trials": len(chunk)}
                        log.debug("chunk %d (%d trials) to worker %d", chunk.number, len(chunk), worker, extra=fields)
                    self.watch.sent(worker, chunk)
                    self.pool.submit(worker, chunk)
                case Ask(count):
                    numbers, columns = self.source.ask(count)
                    self.state.handle(Asked(numbers, columns, self.source.remaining))
                case Record(chunk) if block is not None:
                    self.record(chunk, block)
                case RecordCrash(chunk, cause, kind):
                    why = f"the worker ended while it ran this trial: {cause}" if kind == CRASHED else cause
                    error = TrialError(kind, why, cause)
                    trial = int(chunk.numbers[0])
                    crash = {"trial": trial, "chunk": chunk.number, "cause": cause}
                    log.info("trial %d is recorded as failed: %s", trial, cause, extra=crash)
                    self.record(chunk, Block.failed(chunk.numbers, (), error, ""))
                case Replace(worker):
                    self.watch.gone(worker)
                    people.info("worker %d is replaced", worker, extra={"worker": worker})
                    self.listener.worker_replaced(worker)
                    self.pool.replace(worker)
                case Abort(cause):
                    raise ExecutionError(
                        "no worker stays alive", cause, "See the workers' logs; try executor='inline'."
                    )

    def record(self, chunk: Chunk, block: Block) -> None:
        """Keep a block, then tell the search and the listener."""
        if self.journal is not None:
            self.journal.write(chunk, block)
        self.outcome.blocks.append(block)
        self.source.tell(chunk, block)
        self.listener.finished_block(chunk, block)
