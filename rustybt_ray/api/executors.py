"""Where trials run: in this process, on Ray workers, or first here and then there."""

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from actors.environment import available_cpus
from rustybt_ray._validation import check_choice, check_count, check_number
from rustybt_ray.api.panels import workspace
from rustybt_ray.config import OptimizationConfig
from rustybt_ray.data.panel import Panel
from rustybt_ray.exceptions import InputError
from rustybt_ray.execution.driver import run
from rustybt_ray.execution.inline import InlinePool
from rustybt_ray.execution.messages import Block, Chunk, Job
from rustybt_ray.execution.ports import Listener, TrialSource, WorkerPool
from rustybt_ray.strategies.shipping import pack

if TYPE_CHECKING:
    from actors.pool import PersistentWorkerPool
    from rustybt_ray.studies.study import Study

EXECUTORS = ("auto", "inline", "ray")
RAY_COSTS = 7.0  # seconds that starting and stopping a local Ray and its workers take
ENOUGH = 3  # trials in this process before their time is believed


@dataclass(frozen=True)
class Place:
    """What the caller said about where and how long trials run."""

    executor: str = "auto"
    n_jobs: int | None = None
    pool: "PersistentWorkerPool | None" = None
    address: str | None = None
    timeout: float | None = None

    def __post_init__(self) -> None:
        check_choice("executor", self.executor, EXECUTORS)
        if self.n_jobs is not None:
            check_count("n_jobs", self.n_jobs, low=1)
        if self.timeout is not None:
            check_number("timeout", self.timeout, low=0.0, strict=True)
        for name in ("pool", "address"):
            if self.executor == "inline" and getattr(self, name) is not None:
                remedy = "Leave one of the two out: executor='inline' runs everything in this process."
                raise InputError(name, "left out with executor='inline'", getattr(self, name), remedy)

    @property
    def workers(self) -> int:
        """Workers that a pool of our own gets."""
        return self.n_jobs or available_cpus()


class Sink:
    """The study as the driver's journal, with the callbacks that follow a block."""

    def __init__(self, study: "Study", callbacks: tuple[Any, ...]) -> None:
        self.study, self.callbacks = study, callbacks

    def write(self, chunk: Chunk, block: Block) -> None:
        """Take in a block."""
        self.study.add(block, chunk.columns)
        if self.callbacks:
            for number in block.numbers.tolist():
                trial = self.study.trial(number)
                for callback in self.callbacks:
                    callback(self.study, trial)


class Handover:
    """Says when the work that is left pays for Ray workers."""

    def __init__(self, source: TrialSource, study: "Study", workers: int) -> None:
        self.source, self.study, self.workers = source, study, workers
        self.started = time.perf_counter()
        self.pays = False

    def __call__(self) -> bool:
        """Whether to stop in this process: asked to, or because workers pay."""
        if self.study.stop_requested:
            return True
        left = self.source.remaining
        done = self.study.n_trials
        if left and self.workers > 1 and done >= ENOUGH:
            spent = (time.perf_counter() - self.started) / done
            self.pays = left * spent * (1.0 - 1.0 / self.workers) > RAY_COSTS
        return self.pays


def run_trials(
    study: "Study",
    source: TrialSource,
    job: Job,
    panel: Panel,
    function: Any,
    place: Place,
    *,
    listener: Listener,
    callbacks: tuple[Any, ...],
) -> None:
    """Run a study's trials where `place` says; the study takes them in as they end."""
    sink, start, timeout = Sink(study, callbacks), time.monotonic(), place.timeout
    options: dict[str, Any] = {"listener": listener, "journal": sink}
    if place.executor == "inline" or (place.executor == "auto" and place.pool is None and place.address is None):
        inline = InlinePool(workspace=workspace(job.config), function=function, one_by_one=bool(callbacks))
        workers = place.workers if place.executor == "auto" else 1
        handover = Handover(source, study, workers)
        study.stopped = run(source, job, inline, stop=handover, timeout=timeout, **options).stopped
        if not (study.stopped == "stopped" and handover.pays):
            return
        left = timeout - (time.monotonic() - start) if timeout is not None else None
        timeout = max(left, 0.0) if left is not None else None
    study.executor = "ray"
    job = replace(job, strategy=pack(function))
    pool, own = make_pool(place, job.config)
    try:
        pool.open(panel)
        outcome = run(source, job, pool, stop=lambda: study.stop_requested, timeout=timeout, **options)
        study.stopped = outcome.stopped
    finally:
        if own:
            pool.close()


def make_pool(place: Place, config: OptimizationConfig) -> tuple[WorkerPool, bool]:
    """The caller's pool, or one of our own that is closed after the study."""
    if place.pool is not None:
        return place.pool, False
    from actors.pool import PersistentWorkerPool

    return PersistentWorkerPool(place.n_jobs, address=place.address, config=config), True
