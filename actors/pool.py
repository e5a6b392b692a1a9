"""PersistentWorkerPool: the worker pool on Ray, which keeps its workers, panels and indicators between studies."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from actors import runtime
from actors.environment import available_cpus
from actors.naming import check_pool_name
from actors.thread import ray_thread
from rustybt_ray._validation import check_count
from rustybt_ray.config import OptimizationConfig
from rustybt_ray.data.panel import Panel
from rustybt_ray.exceptions import ExecutionError
from rustybt_ray.execution.messages import Chunk, Job
from rustybt_ray.execution.policy import ChunkPolicy
from rustybt_ray.execution.ports import Report

if TYPE_CHECKING:
    from actors.crew import Crew

ANSWER = 5.0  # seconds that workers get to start, and as many to say their figures
BREATH = 0.05  # seconds for which statistics keep the Ray thread
PATIENCE = 120.0  # seconds within which the Ray thread must come back from a call that should take none


def named_pools(address: str) -> list[dict[str, Any]]:
    """The named pools of a cluster.

    Returns
    -------
    list of dict
        `name`, `workers`, and the `driver` that uses it, None if none does.

    Raises
    ------
    ExecutionError
        If the cluster cannot be reached.
    """
    runtime.attach_or_start(address=address, outlive=True)
    try:
        return ray_thread().call(_listing, limit=PATIENCE)
    finally:
        runtime.release()


def _listing() -> list[dict[str, Any]]:
    from actors import kept

    return kept.listing()


class PersistentWorkerPool:
    """Workers on Ray, started when the first panel is opened and kept until `close`.

    A Ray that the caller has initialised is used as it is and left running; otherwise one is started on this machine, or
    the cluster at `address` is joined.

    Parameters
    ----------
    n_jobs : int, optional
        Workers, one CPU each; default one for each CPU there is. On a Ray that others started it may be more than there are
        CPUs today: the others start when nodes join, and by default the workers follow the nodes that come and go.
    address : str, optional
        A cluster's address as `ray.init` takes it, "auto" for the one this machine belongs to.
    config : OptimizationConfig, optional
        Caches and their limits.
    runner : callable, optional
        Makes what runs the chunks in a worker; default `ChunkRunner`.
    name : str, optional
        Of a pool that outlives this process, on a cluster that does: workers of that name that live, from this program or
        another, are taken over with their strategies and indicators, and panels are placed again. `close` leaves them,
        as does a driver that is killed; `shutdown` ends them. Until then they hold a CPU each. One driver at a time uses a
        name.

    Raises
    ------
    InputError
        If `n_jobs` is not a positive whole number, or `name` has other than letters, digits and ``_ . -``.

    Examples
    --------
    >>> pool = PersistentWorkerPool(n_jobs=2)
    >>> pool.size
    2
    """

    def __init__(
        self,
        n_jobs: int | None = None,
        *,
        address: str | None = None,
        config: OptimizationConfig | None = None,
        runner: Any = None,
        name: str | None = None,
    ) -> None:
        if n_jobs is not None:
            check_count("n_jobs", n_jobs, low=1, remedy="Leave it out for one worker a CPU.")
        self.n_jobs, self.address, self.config = n_jobs, address, config or OptimizationConfig()
        self._runner, self.name = runner, check_pool_name(name) if name is not None else None
        self._thread = ray_thread()
        self._crew: Crew | None = None
        self._closed = False
        self._chunks: list[tuple[int, Chunk]] = []

    in_process = False

    @property
    def size(self) -> int:
        """Workers that the CPUs of today allow; before the start, what this machine would have."""
        return self._crew.size if self._crew else self.n_jobs or available_cpus()

    @property
    def policy(self) -> ChunkPolicy:
        """A new policy for workers behind messages."""
        return ChunkPolicy()

    def open(self, panel: Panel, name: str | None = None) -> None:
        """Place a panel once and open it in every worker; starts Ray and the workers' session if they are not there.

        An older version of the bundle `name` is let go everywhere, with the indicators made from it.

        Raises
        ------
        ExecutionError
            If Ray cannot be started or reached, or has no room for the workers or the panel; if the pool was closed; if it
            has a name and another driver uses it (the message says which), or its Ray would end with this process.
        """
        if self._closed:
            raise ExecutionError("the pool is closed", "PersistentWorkerPool.open", "Make a new one.")
        if self._crew is None:
            self._crew = self._hired(panel.nbytes)
        self._thread.call(self._crew.open, panel, name)

    def prepare(self, job: Job) -> None:
        """Give every worker a job; starts those that are missing."""
        self._chunks.clear()
        self._thread.call(self._started().prepare, job, limit=PATIENCE)

    def submit(self, worker: int, chunk: Chunk) -> None:
        """Keep a chunk for the next `poll`: one visit to the Ray thread a turn."""
        self._chunks.append((worker, chunk))

    def poll(self, timeout: float) -> Sequence[Report]:
        """Send what was submitted, and report what happened."""
        chunks, self._chunks = self._chunks, []
        return self._thread.call(self._turn, self._started(), chunks, timeout, limit=timeout + PATIENCE)

    def replace(self, worker: int) -> None:
        """End a worker and start another, unless the cluster has no place for it any more."""
        self._thread.call(self._started().replace, worker, limit=PATIENCE)

    def abandon(self) -> None:
        """Forget what is in flight; workers that still run it are ended, and others started for the next job."""
        self._chunks.clear()
        self._thread.call(self._started().abandon, limit=PATIENCE)

    def statistics(self) -> dict[str, Any]:
        """Trials, chunks, restarts and bytes of panels, and under "workers" the figures of each that answers within 5 seconds.

        A study that runs in another thread goes on meanwhile.
        """
        crew, call = self._started(), partial(self._thread.call, limit=PATIENCE)
        self._wait(lambda: not call(crew.admit, BREATH))
        asked = call(crew.ask_figures)
        self._wait(lambda: len(call(crew.answered, asked, BREATH)) == len(asked))
        return call(crew.statistics, asked)

    def close(self) -> None:
        """End the workers, and the Ray that was started for them; those of a named pool wait for their next driver."""
        self._end("leave")

    def shutdown(self) -> None:
        """End the workers, those of a named pool too, whoever started them and whether this pool was opened or not.

        Raises
        ------
        ExecutionError
            If the cluster cannot be reached, or another driver uses the pool of that name.
        """
        opened = self._crew is not None
        self._end("close")
        if self.name is not None and not opened:
            runtime.attach_or_start(address=self.address, outlive=True)
            try:
                self._thread.call(self._end_kept, self.name, limit=PATIENCE)
            finally:
                runtime.release()

    def __enter__(self) -> "PersistentWorkerPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hired(self, panel_bytes: int) -> "Crew":
        outlive = self.name is not None
        session = runtime.attach_or_start(self.n_jobs, address=self.address, panel_bytes=panel_bytes, outlive=outlive)
        try:
            return self._thread.call(self._hire, session, limit=PATIENCE)
        except BaseException:
            runtime.release()
            raise

    def _hire(self, session: runtime.Session) -> "Crew":
        from actors.crew import Crew

        return Crew(session, self.config, self._runner, self.name)

    def _end(self, how: str) -> None:
        self._closed = True
        if self._crew is None:
            return
        crew, self._crew = self._crew, None
        try:
            self._thread.call(getattr(crew, how), limit=PATIENCE)
        finally:
            runtime.release()

    @staticmethod
    def _wait(condition: Callable[[], bool]) -> None:
        """Until it holds, or for 5 seconds; between two looks the Ray thread is free for a driver."""
        until = time.monotonic() + ANSWER
        while not condition() and time.monotonic() < until:
            pass

    @staticmethod
    def _end_kept(name: str) -> None:
        from actors import kept

        kept.end(name)

    def _started(self) -> "Crew":
        if self._crew is None:
            raise ExecutionError("the pool has no workers", "PersistentWorkerPool", "Open a panel first.")
        return self._crew

    @staticmethod
    def _turn(crew: "Crew", chunks: list[tuple[int, Chunk]], timeout: float) -> list[Report]:
        for worker, chunk in chunks:
            crew.submit(worker, chunk)
        return crew.turn(timeout)
