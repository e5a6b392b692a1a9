"""The pool that is this process: one worker, which runs its chunk while it is polled."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeAlias

from rustybt_ray.config import OptimizationConfig
from rustybt_ray.data.panel import Panel
from rustybt_ray.exceptions import ExecutionError
from rustybt_ray.execution.chunk import ChunkRunner
from rustybt_ray.execution.events import ChunkDone, WorkerReady
from rustybt_ray.execution.messages import Block, Chunk, Job
from rustybt_ray.execution.policy import ChunkPolicy
from rustybt_ray.execution.ports import Report
from rustybt_ray.workspace.workspace import Workspace

NAME = "inline"
ONLY = 0


class Runner(Protocol):
    """What runs chunks of the job it was given last."""

    def prepare(self, job: Job, function: Callable[..., Any] | None = None) -> None:
        """Take a job; `function` is its strategy where it needs no loading."""
        ...

    def run(self, chunk: Chunk) -> Block:
        """Run a chunk of that job."""
        ...

    def release(self) -> None:
        """Let go of that job and its panel."""
        ...


RunnerFactory: TypeAlias = Callable[[Workspace, str], Runner]


class InlinePool:
    """A worker pool of one worker in this process, which cannot die alone.

    Parameters
    ----------
    config : OptimizationConfig, optional
        Caches and their limits; ignored if a workspace is given.
    workspace : Workspace, optional
        Where panels are opened and indicators kept.
    function : callable, optional
        The strategy of the jobs to come, so that it is not loaded from bytes.
    runner : callable, default ChunkRunner
        Makes what runs the chunks, from a workspace and the worker's name.
    one_by_one : bool, default False
        Report each trial as it ends, for callers who want to act on it.
    undecided : bool, default False
        Whether the runner decides after some trials how it goes on: these are a small chunk then.
    """

    size = 1
    in_process = True

    def __init__(
        self,
        config: OptimizationConfig | None = None,
        *,
        workspace: Workspace | None = None,
        function: Callable[..., Any] | None = None,
        runner: RunnerFactory = ChunkRunner,
        one_by_one: bool = False,
        undecided: bool = False,
    ) -> None:
        self.workspace = workspace if workspace is not None else Workspace(config or OptimizationConfig())
        self.function, self.one_by_one, self.undecided = function, one_by_one, undecided
        self._runner = runner(self.workspace, NAME)
        self._ready = False
        self._chunk: Chunk | None = None

    @property
    def policy(self) -> ChunkPolicy:
        """A new policy for one worker in this process."""
        policy = ChunkPolicy.in_process()
        if self.one_by_one:
            return policy.one_by_one()
        return replace(policy, sure=0.0) if self.undecided else policy

    def open(self, panel: Panel, name: str | None = None) -> None:
        """Open a panel in the workspace."""
        self.workspace.open(panel, name)

    def prepare(self, job: Job) -> None:
        """Take the job; raises StrategyError if its strategy cannot be loaded."""
        self._chunk = None
        self._runner.prepare(job, self.function)
        self._ready = True

    def submit(self, worker: int, chunk: Chunk) -> None:
        """Keep a chunk for the next `poll`."""
        self._chunk = chunk

    def poll(self, timeout: float) -> Sequence[Report]:
        """Run the chunk that waits, however long it takes."""
        if self._ready:
            self._ready = False
            return [(WorkerReady(ONLY), None)]
        if self._chunk is None:
            return []
        chunk, self._chunk = self._chunk, None
        block = self._runner.run(chunk)
        return [(ChunkDone(ONLY, chunk.number, float(block.duration.sum())), block)]

    def replace(self, worker: int) -> None:
        """There is no other process to be had.

        Raises
        ------
        ExecutionError
            Always.
        """
        raise ExecutionError("the only worker is this process", NAME, "Use executor='ray' to isolate trials.")

    def abandon(self) -> None:
        """Forget the chunk that waits."""
        self._chunk, self._ready = None, False

    def close(self) -> None:
        """Let go of the job, its panel and the threads that shared its trials."""
        self.abandon()
        self._runner.release()

    def __enter__(self) -> "InlinePool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
