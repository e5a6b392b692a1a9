"""A bundle for processes of `multiprocessing`: pickled with every task, or inherited by forked copies.

What is here runs in a process of its own that never saw Ray, for forking a process with Ray's threads may hang; its workers
import no more than this module needs.
"""

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np

from measuring.memory import mean, resident
from rustybt_ray._typing import FloatArray
from rustybt_ray.data.panel import Panel
from rustybt_ray.engine.backtest import Simulator
from rustybt_ray.engine.metrics import MOMENTS, NAMES
from rustybt_ray.workspace.workspace import Workspace
from workloads.panels import wide_panel
from workloads.strategies import hold

PATIENCE = 120.0  # seconds
WAVES = 4  # parts a worker into which forked copies get the trials
HELD: dict[str, Any] = {}
"""What a process keeps between calls: the panel, its pool, what runs its trials."""


@dataclass(frozen=True)
class Shared:
    """Seconds until every worker has the bundle and until the last trial is done, PSS of a worker in MB, and metrics."""

    init: float
    total: float
    memory: float
    metrics: FloatArray


class Trials:
    """A panel made ready for many trials of `hold`, as a loop over them would have it."""

    def __init__(self, panel: Panel) -> None:
        self.workspace = Workspace()
        self.workspace.open(panel)
        self.data = self.workspace.data(panel.version)
        self.simulator = Simulator(panel, ((0, panel.shape[0] - 1),))

    def run(self, k: int) -> FloatArray:
        """Metrics of one trial."""
        out, moments = np.empty((1, len(NAMES))), np.empty((1, MOMENTS))
        self.simulator.run(hold(self.data, k), out, moments)
        return out.ravel()


class Host:
    """A process of its own that runs functions of this module one after the other."""

    def __init__(self) -> None:
        with unknown_main():
            self._process = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
            self.ask(os.getpid)

    def ask(self, function: Any, *arguments: Any) -> Any:
        """The function's value."""
        return self._process.submit(function, *arguments).result()

    def close(self) -> None:
        """End it."""
        self._process.shutdown()


@contextmanager
def unknown_main() -> Iterator[None]:
    """Spawned processes would import the running script first, with all that it measures with."""
    main = sys.modules["__main__"]
    file = main.__dict__.pop("__file__", None)
    try:
        yield
    finally:
        if file is not None:
            main.__dict__["__file__"] = file


def make(megabytes: int) -> None:
    """Make the panel in this process."""
    HELD["panel"] = wide_panel(megabytes)


# pickled


def start_pickled(workers: int) -> None:
    """A pool of spawned workers, which have imported and loaded all they need when this returns."""
    context = get_context("spawn")
    HELD["workers"] = workers
    HELD["pool"] = context.Pool(workers, initializer=meet_at, initargs=(context.Barrier(workers),))
    small = wide_panel(0)
    HELD["pool"].map(run_pickled, [(small, k) for k in range(8 * workers)], chunksize=1)


def end_pickled() -> None:
    """End the pool."""
    HELD["pool"].terminate()
    HELD["pool"].join()


def pickled(count: int) -> Shared:
    """Trials on workers that are there, the bundle pickled with each."""
    panel, pool, workers = HELD["panel"], HELD["pool"], HELD["workers"]
    start = time.perf_counter()
    pool.map(arrive, [panel] * workers, chunksize=1)
    init = time.perf_counter() - start
    start = time.perf_counter()
    metrics = pool.map(run_pickled, [(panel, k) for k in range(count)], chunksize=1)
    total = time.perf_counter() - start
    memory = mean(pool.map(weighed, [panel] * workers, chunksize=1), "share")
    return Shared(init, total, memory, np.array(metrics))


def weighed(panel: Panel) -> dict[str, float]:
    """Memory of a worker that has run a trial and still holds its bundle, as `resident` says; all at the same time."""
    run_pickled((panel, 0))
    arrive(panel)
    return resident(os.getpid())


def run_pickled(task: tuple[Panel, int]) -> FloatArray:
    """One trial with the bundle that came with it."""
    panel, k = task
    trials = Trials(panel)
    metrics = trials.run(k)
    trials.workspace.close(panel.version)  # or the panel would wait for the collector of cycles
    return metrics


# forked


def forked(count: int, workers: int) -> Shared:
    """Trials on copies forked for them, which inherit the bundle: its pages are shared until somebody writes to them."""
    context = get_context("fork")
    start = time.perf_counter()
    HELD["trials"] = Trials(HELD["panel"])
    with context.Pool(workers, initializer=meet_at, initargs=(context.Barrier(workers),)) as pool:
        pids = pool.map(arrive, [None] * workers, chunksize=1)
        init = time.perf_counter() - start
        metrics = pool.map(run_forked, range(count), chunksize=max(1, count // (WAVES * workers)))
        total = time.perf_counter() - start
        memory = mean([resident(pid) for pid in pids], "share")
    return Shared(init, total, memory, np.array(metrics))


def run_forked(k: int) -> FloatArray:
    """One trial with the bundle that was inherited."""
    trials: Trials = HELD["trials"]
    return trials.run(k)


# both


def meet_at(barrier: Any) -> None:
    """Where the workers of a pool wait for each other."""
    HELD["barrier"] = barrier


def arrive(panel: Panel | None) -> int:
    """Get the bundle, and wait until every worker has it; the worker's process."""
    HELD["barrier"].wait(PATIENCE)
    return os.getpid()
