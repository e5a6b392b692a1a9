"""Where trials run: in this process, on Ray workers, or first here and then there."""

import logging
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from actors.environment import available_cpus, initialised
from rustybt_ray._record import record_class
from rustybt_ray._validation import check_bytes, check_choice, check_count, check_number
from rustybt_ray.api.handover import Handover, PoolStart
from rustybt_ray.api.panels import workspace
from rustybt_ray.data.panel import Panel
from rustybt_ray.exceptions import InputError
from rustybt_ray.execution.chunk import ChunkRunner
from rustybt_ray.execution.driver import run
from rustybt_ray.execution.inline import InlinePool
from rustybt_ray.execution.messages import Block, Chunk, Job
from rustybt_ray.execution.pace import Pace
from rustybt_ray.execution.ports import Listener, TrialSource, WorkerPool
from rustybt_ray.strategies.shipping import pack
from rustybt_ray.strategies.strategy import TRADED

if TYPE_CHECKING:
    from actors.pool import PersistentWorkerPool
    from rustybt_ray._typing import IntArray
    from rustybt_ray.studies.journal import Journal
    from rustybt_ray.studies.study import Study

log = logging.getLogger("rustybt_ray")
EXECUTORS = ("auto", "inline", "ray")


@record_class(frozen=True)
class Place:
    """What the caller said about where and how long trials run."""

    executor: str = "auto"
    n_jobs: int | None = None
    pool: "PersistentWorkerPool | str | None" = None
    address: str | None = None
    timeout: float | None = None
    trial_timeout: float | None = None
    isolate: bool = False
    memory_limit: int | str | None = None

    def __post_init__(self) -> None:
        check_choice("executor", self.executor, EXECUTORS)
        if self.n_jobs is not None:
            check_count("n_jobs", self.n_jobs, low=1)
        if isinstance(self.pool, str):
            from actors.naming import check_pool_name

            check_pool_name(self.pool, "pool")
        if self.memory_limit is not None:
            object.__setattr__(self, "memory_limit", check_bytes("memory_limit", self.memory_limit))
        for name in ("timeout", "trial_timeout"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), low=0.0, strict=True)
        if self.executor == "inline" and self.isolated:
            named = (name for name in ("trial_timeout", "memory_limit") if getattr(self, name) is not None)
            name = next(named, "isolate")
            remedy = "Trials of this process cannot be ended alone: use executor='ray', or leave it out."
            raise InputError(name, "left out with executor='inline'", getattr(self, name), remedy)
        for name in ("pool", "address"):
            if self.executor == "inline" and getattr(self, name) is not None:
                remedy = "Leave one of the two out: executor='inline' runs everything in this process."
                raise InputError(name, "left out with executor='inline'", getattr(self, name), remedy)

    @property
    def memory_bytes(self) -> int | None:
        """Bytes that a trial may allocate."""
        return None if self.memory_limit is None else int(self.memory_limit)

    @property
    def isolated(self) -> bool:
        """Whether trials must not run in the driver's process."""
        return self.isolate or self.trial_timeout is not None or self.memory_limit is not None

    @property
    def begins_here(self) -> bool:
        """Whether the first trials run in this process: not if workers are there, or wanted in any case."""
        there = self.pool is not None or self.address is not None or initialised()
        return self.executor == "inline" or (self.executor == "auto" and not there and not self.isolated)

    def apart(self, suspects: "IntArray") -> "Place":
        """For a study whose last driver died while it ran the trials `suspects` itself: they run in workers."""
        which = ", ".join(map(str, suspects[:5].tolist())) + (", ..." if len(suspects) > 5 else "")
        if self.executor == "inline":
            log.warning("the last driver died while it ran these trials, and this one runs them too: %s", which)
            return self
        log.warning("the last driver died while it ran these trials; they run in workers now: %s", which)
        return replace(self, isolate=True)

    @property
    def workers(self) -> int:
        """Workers that a pool of our own gets."""
        return self.n_jobs or available_cpus()


class Sink:
    """What the driver writes to: the run's journal, if there is one, then the study, with the callbacks that follow a block."""

    def __init__(self, study: "Study", callbacks: tuple[Any, ...], journal: "Journal | None" = None) -> None:
        self.study, self.callbacks, self.journal = study, callbacks, journal

    def write(self, chunk: Chunk, block: Block) -> None:
        """Take in a block."""
        if self.journal is not None:
            self.journal.write(chunk, block)
        self.study.add(block, chunk.columns)
        if self.callbacks:
            for number in block.numbers.tolist():
                trial = self.study.trial_of(number)
                for callback in self.callbacks:
                    callback(self.study, trial)

    def begin(self, chunk: Chunk) -> None:
        """Note trials that run in this process."""
        if self.journal is not None:
            self.journal.begin(chunk)

    def tick(self) -> None:
        """Bring the journal to the disk when its time has come."""
        if self.journal is not None:
            self.journal.tick()


def run_trials(
    study: "Study",
    source: TrialSource,
    job: Job,
    panel: Panel,
    function: Any,
    place: Place,
    *,
    listener: Listener,
    sink: Sink,
) -> None:
    """Run a study's trials where `place` says; the study takes them in as they end."""
    started, timeout = time.monotonic(), place.timeout
    options: dict[str, Any] = {"listener": listener, "journal": sink}
    start: PoolStart | None = None
    if place.begins_here:
        pace = pace_of(place, job)
        inline = InlinePool(
            workspace=workspace(job.config), function=function, runner=partial(ChunkRunner, pace=pace),
            one_by_one=bool(sink.callbacks), undecided=pace.undecided,
        )  # fmt: skip
        start = PoolStart(lambda: open_pool(place, job, panel, study.spec.bundle))
        handover = Handover(source, study, start, pace)
        try:
            outcome = run(source, job, inline, stop=handover, timeout=timeout, **options)
            study.stopped = outcome.stopped
            study.waited += outcome.waited
        finally:
            inline.close()
            goes_on = study.stopped == "stopped" and handover.ready
            if not goes_on:
                start.dismiss()
        if not goes_on:
            return
        left = timeout - (time.monotonic() - started) if timeout is not None else None
        timeout = max(left, 0.0) if left is not None else None
    study.executor = "ray"
    pool = start.pool() if start is not None else open_pool(place, job, panel, study.spec.bundle)
    try:
        outcome = run(
            source,
            replace(job, strategy=pack(function), memory_limit=place.memory_bytes, trial_timeout=place.trial_timeout),
            pool,
            stop=lambda: study.stop_requested,
            timeout=timeout,
            trial_timeout=place.trial_timeout,
            speculate=job.kind in TRADED,
            **options,
        )
        study.stopped = outcome.stopped
        study.waited += outcome.waited
    finally:
        if pool is not place.pool:
            pool.close()


def pace_of(place: Place, job: Job) -> Pace:
    """What the job's trials took here before, and how many threads may share them: one unless the executor is "auto"."""
    if place.executor != "auto":
        return Pace()
    return Pace.of((job.digest, job.version, job.segments), lambda: place.workers)


def open_pool(place: Place, job: Job, panel: Panel, name: str) -> WorkerPool:
    """The caller's pool, or one of our own that a name may make last, with the panel of the bundle `name` open."""
    from actors.pool import PersistentWorkerPool

    if place.pool is not None and not isinstance(place.pool, str):
        pool = place.pool
    else:
        pool = PersistentWorkerPool(place.n_jobs, address=place.address, config=job.config, name=place.pool)
    try:
        pool.open(panel, name)
    except BaseException:
        if pool is not place.pool:
            pool.close()
        raise
    return pool
