"""When a study that began in this process goes on with Ray workers, which start beside it meanwhile."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from rustybt_ray.execution.pace import Pace
from rustybt_ray.execution.ports import TrialSource, WorkerPool

if TYPE_CHECKING:
    from rustybt_ray.studies.study import Study

RAY_COSTS = 7.0  # seconds that starting and stopping a local Ray and its workers take
ENOUGH = 3  # trials in this process before their time is believed
log, driver = logging.getLogger("rustybt_ray"), logging.getLogger("rustybt_ray.driver")


def workers_pay(left: int, seconds: float, workers: int, gain: float = 1.0) -> bool:
    """Whether `workers` save more time than a Ray of their own costs, with so many trials left of so many seconds each.

    This process does `gain` times what one worker does: threads may share its trials.

    Examples
    --------
    >>> workers_pay(100, 0.1, 2), workers_pay(200, 0.1, 2), workers_pay(200, 0.1, 2, gain=1.6)
    (False, True, False)
    """
    return left * seconds * (1.0 - gain / workers) > RAY_COSTS


class PoolStart:
    """A worker pool that is opened on a thread of its own.

    Parameters
    ----------
    open_pool : callable
        Opens it and returns it.
    """

    def __init__(self, open_pool: Callable[[], WorkerPool]) -> None:
        self._open = open_pool
        self._future: Future[WorkerPool] | None = None

    @property
    def begun(self) -> bool:
        """Whether `begin` was called."""
        return self._future is not None

    @property
    def ready(self) -> bool:
        """Whether the pool is open; not if opening it failed."""
        future = self._future
        return future is not None and future.done() and future.exception() is None

    def begin(self) -> None:
        """Start to open the pool; returns at once."""
        self._future = Future()
        # not a daemon: a process that ends before its Ray has started must wait to shut it down
        threading.Thread(target=self._run, args=(self._future,), name="rustybt_ray-start").start()

    def pool(self) -> WorkerPool:
        """The pool; the caller closes it."""
        assert self._future is not None
        return self._future.result()

    def dismiss(self) -> None:
        """The pool is not needed: it is closed as soon as it is open; nobody waits for that."""
        if self._future is not None:
            self._future.add_done_callback(_close)

    def _run(self, future: "Future[WorkerPool]") -> None:
        try:
            future.set_result(self._open())
        except BaseException as error:
            log.warning("the study stays in this process: %s", error)
            future.set_exception(error)


def _close(future: "Future[WorkerPool]") -> None:
    if future.exception() is None:
        future.result().close()


class Handover:
    """Starts Ray workers when the work that is left pays for them, and says when they are ready."""

    def __init__(self, source: TrialSource, study: "Study", start: PoolStart, pace: Pace) -> None:
        self.source, self.study, self.start, self.pace = source, study, start, pace
        self.since, self.before = time.perf_counter(), study.n_runs
        self.ready = False

    def __call__(self) -> bool:
        """Whether to stop in this process: asked to, or because workers are ready."""
        if self.study.stop_requested:
            return True
        if not self.start.begun and self.pays():
            self._log("Ray workers pay and start beside this process")
            self.start.begin()
        self.ready = self.start.ready and self.source.remaining != 0
        if self.ready:
            self._log("handover to Ray workers")
        return self.ready

    @property
    def workers(self) -> int:
        """How many there would be."""
        return self.pace.count

    def pays(self) -> bool:
        """Whether workers save more time than they cost."""
        left, done = self.source.remaining, self.study.n_runs - self.before
        if not left or done < ENOUGH:
            return False
        seconds = (time.perf_counter() - self.since) / done
        if left * seconds <= RAY_COSTS:  # for no number of workers, so that nobody need count what this machine has
            return False
        return self.workers > 1 and workers_pay(left, seconds, self.workers, self.pace.gain)

    def _log(self, what: str) -> None:
        left = self.source.remaining
        driver.info(
            "%s: %s trials left, %d workers", what, left, self.workers, extra={"left": left, "workers": self.workers}
        )
