"""What the driver needs from others: a search, workers, somewhere to write, someone to tell."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from rustybt_ray._typing import IntArray
from rustybt_ray.data.panel import Panel
from rustybt_ray.execution.events import ChunkDone, ChunkFailed, WorkerDied, WorkerReady
from rustybt_ray.execution.messages import Block, Chunk, Job
from rustybt_ray.execution.policy import ChunkPolicy

Report: TypeAlias = tuple[WorkerReady | ChunkDone | ChunkFailed | WorkerDied, Block | None]
Columns: TypeAlias = dict[str, Any]


class TrialSource(Protocol):
    """A search, seen from the driver: trials come when workers are free, results go back."""

    @property
    def remaining(self) -> int | None:
        """Trials yet to give; 0 at the end, None if it is not known."""
        ...

    @property
    def lag(self) -> int | None:
        """Trials that may be under way at a time, where results decide what comes next; None: any number."""
        ...

    def ask(self, count: int) -> tuple[IntArray, Columns]:
        """Numbers and parameters of up to `count` trials; none if it waits for the results of trials under way."""
        ...

    def tell(self, chunk: Chunk, block: Block) -> None:
        """Take in the results of trials that it gave."""
        ...


class WorkerPool(Protocol):
    """Workers that run chunks of one job at a time. It survives from study to study.

    The calls of a study, in order: `open` its panel, `prepare` its job, then `poll`, `submit` and `replace` in any order,
    `abandon` if the study ends before its work does. Worker numbers are never used twice. `poll` reports each worker that
    is ready once a job, each chunk at most once as done or failed, and each worker at most once as dead; of what is
    reported together, answers come before deaths. Nothing of an earlier job is reported after `prepare`.
    """

    @property
    def in_process(self) -> bool:
        """Whether trials run in the driver's own process, which a trial may end."""
        ...

    @property
    def size(self) -> int:
        """Workers wanted; it may change while nodes come and go."""
        ...

    @property
    def policy(self) -> ChunkPolicy:
        """A new policy that fits these workers."""
        ...

    def open(self, panel: Panel, name: str | None = None) -> None:
        """Make a panel known to every worker, those that join later included; an older one of the bundle `name` may go."""
        ...

    def prepare(self, job: Job) -> None:
        """Give every worker a job; `poll` reports who is ready.

        Raises
        ------
        ExecutionError
            If no worker can ever do it.
        """
        ...

    def submit(self, worker: int, chunk: Chunk) -> None:
        """Put a chunk at the end of a worker's queue; returns at once."""
        ...

    def poll(self, timeout: float) -> Sequence[Report]:
        """What happened; waits up to `timeout` seconds for something to happen.

        Raises
        ------
        ExecutionError
            If no worker can ever do the job.
        """
        ...

    def replace(self, worker: int) -> None:
        """End a worker and start another in its place; `poll` reports it when it is ready."""
        ...

    def abandon(self) -> None:
        """Forget whatever is in flight, and end the workers that still run something."""
        ...

    def close(self) -> None:
        """End all workers."""
        ...


class Journal(Protocol):
    """Where finished trials are written as they arrive."""

    def write(self, chunk: Chunk, block: Block) -> None:
        """Keep some trials: their parameters and their results."""
        ...

    def begin(self, chunk: Chunk) -> None:
        """Note the trials that the driver's own process is about to run."""
        ...

    def tick(self) -> None:
        """Called several times a second: bring to the disk what has waited for long enough."""
        ...


class Listener(Protocol):
    """Someone who is told how a study goes; called in the driver's thread."""

    def started(self, trials: int | None, workers: int) -> None:
        """The study begins: how many trials if known, and how many workers are wanted."""
        ...

    def worker_ready(self, worker: int) -> None:
        """A worker joins."""
        ...

    def finished_block(self, chunk: Chunk, block: Block) -> None:
        """Some trials ended, as metrics or as errors."""
        ...

    def worker_died(self, worker: int, cause: str) -> None:
        """A worker is gone; what it had in flight runs again."""
        ...

    def worker_replaced(self, worker: int) -> None:
        """A worker is ended, if it was not dead already, and another starts in its place."""
        ...

    def ended(self, stopped: str | None) -> None:
        """The study ends; `stopped` says why, if before its last trial."""
        ...


class Silent:
    """A listener that does nothing; a base for those who want to hear of some things only."""

    def started(self, trials: int | None, workers: int) -> None:
        """Nothing."""

    def worker_ready(self, worker: int) -> None:
        """Nothing."""

    def finished_block(self, chunk: Chunk, block: Block) -> None:
        """Nothing."""

    def worker_died(self, worker: int, cause: str) -> None:
        """Nothing."""

    def worker_replaced(self, worker: int) -> None:
        """Nothing."""

    def ended(self, stopped: str | None) -> None:
        """Nothing."""
