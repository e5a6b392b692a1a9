"""BacktestWorker: what a Ray actor is; plain Python, so that it can be tried without Ray."""

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rustybt_ray.exceptions import ExecutionError

if TYPE_CHECKING:
    from rustybt_ray.config import OptimizationConfig
    from rustybt_ray.execution.inline import Runner, RunnerFactory
    from rustybt_ray.execution.messages import Block, Chunk, Job
    from rustybt_ray.workspace.workspace import Workspace


class BacktestWorker:
    """A workspace and a runner in a process of their own.

    The constructor does nothing: what it raised would reach the driver as a dead actor. `setup` imports and makes, and what
    goes wrong there arrives as the error it is. Call `setup`, then `open` for each panel, `prepare` for a job, and `run`.

    Parameters
    ----------
    runner : callable, optional
        Makes what runs the chunks, from a workspace and the worker's name; default `ChunkRunner`.
    """

    def __init__(self, runner: "RunnerFactory | None" = None) -> None:
        self._factory = runner
        self._workspace: Workspace | None = None
        self._runner: Runner | None = None
        self._build: dict[str, str] = {}
        self._trials = self._chunks = 0

    def setup(
        self,
        name: str,
        config: "OptimizationConfig",
        workers: int,
        paths: Sequence[str] = (),
        outlive: bool = False,
    ) -> dict[str, Any]:
        """Make the workspace.

        Parameters
        ----------
        name : str
            Name that the worker's blocks carry.
        workers : int
            Workers that share this machine's cache.
        paths : sequence of str
            The driver's import path: folders that are here too join this worker's, so that a strategy next to the
            driver's script can be imported.
        outlive : bool, default False
            Note what this worker runs, for drivers to come.

        Returns
        -------
        dict
            Process and machine: `pid`, `host`.
        """
        from rustybt_ray.execution.chunk import ChunkRunner
        from rustybt_ray.workspace.workspace import Workspace

        _extend_path(paths)
        if outlive:
            from actors.build import build_of

            self._build = build_of(config, self._factory)
        self._workspace = Workspace(config, workers)
        self._runner = (self._factory or ChunkRunner)(self._workspace, name)
        return {"pid": os.getpid(), "host": socket.gethostname()}

    def adopt(self, build: Mapping[str, str], paths: Sequence[str] = ()) -> dict[str, Any]:
        """Go on with another driver, unless this worker runs something else than `build`.

        Panels of the last driver are let go, for their objects ended with it: what is mapped would stay as it is for as
        long as it is mapped, but hold room that nobody counts, and what is not yet fetched is lost. Strategies and indicators
        are kept.

        Returns
        -------
        dict
            `differs`, empty if the worker will do; `node`.
        """
        from actors.build import differences

        self._made()
        differs = differences(self._build, build)
        if not differs:
            self.release()
            _extend_path(paths)
        return {"differs": differs, "node": self.node()}

    def release(self) -> None:
        """Let go of the job and of all panels; strategies and indicators are kept."""
        workspace, runner = self._made()
        runner.release()
        workspace.unmap()

    def node(self) -> str:
        """Id of the Ray node that this worker is on: it was placed, and its node's workers can be counted."""
        import ray

        return str(ray.get_runtime_context().get_node_id())

    def share(self, workers: int) -> None:
        """Share this machine's cache with another number of workers than before."""
        self._made()[0].share(workers)

    def open(self, scalars: Mapping[str, object], fields: Mapping[Any, Any], name: str | None = None) -> None:
        """Open a panel without a copy; an older version of the bundle `name` is let go.

        Parameters
        ----------
        scalars : mapping
            What `Panel.from_arrays` needs besides the arrays, or the ``folder`` of a bundle on storage that is here too.
        fields : mapping
            Under "arrays" a dict of arrays, or its reference; by (field, adjustment) references of adjusted fields.

        Raises
        ------
        BundleError
            If the folder is not here.
        """
        from rustybt_ray.data.panel import Panel
        from rustybt_ray.data.verify import load

        workspace, _ = self._made()
        folder = scalars.get("folder")
        panel = load(Path(str(folder)))[1] if folder else Panel.from_arrays(scalars, _fetched(fields["arrays"]))

        def placed(field: str, adjust: str) -> Any:
            return _fetched(fields[field, adjust]) if (field, adjust) in fields else None

        workspace.open(panel, name, placed)

    def prepare(self, job: "Job") -> None:
        """Take a job: load its strategy unless it is loaded; raises StrategyError if it cannot be."""
        self._made()[1].prepare(job)

    def run(self, chunk: "Chunk") -> "Block":
        """Run a chunk; what a strategy raises is part of the block."""
        block = self._made()[1].run(chunk)
        self._chunks += 1
        self._trials += len(chunk)
        return block

    def statistics(self) -> dict[str, Any]:
        """Trials and chunks run so far, and the workspace's own figures."""
        workspace, _ = self._made()
        return {"pid": os.getpid(), "trials": self._trials, "chunks": self._chunks, **workspace.statistics()}

    def _made(self) -> "tuple[Workspace, Runner]":
        if self._workspace is None or self._runner is None:
            raise ExecutionError("the worker was not set up", "BacktestWorker", "Call setup first.")
        return self._workspace, self._runner


def _extend_path(paths: Sequence[str]) -> None:
    sys.path += [path for path in paths if path not in sys.path and Path(path).exists()]


def _fetched(placed: Any) -> Any:
    """What a reference stands for; itself where it is no reference."""
    if isinstance(placed, Mapping | np.ndarray):
        return placed
    import ray

    return ray.get(placed)
