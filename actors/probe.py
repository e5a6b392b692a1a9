"""Ray tried out: is it there, does it start, does a worker answer."""

import os
import time
from typing import Any

from actors import runtime
from actors.thread import ray_thread
from rustybt_ray._record import record_class
from rustybt_ray.exceptions import ExecutionError

LIMIT = 60.0  # seconds for the first worker's first answer; it takes one


@record_class(frozen=True)
class Probe:
    """Seconds that Ray took: to start, to the first answer of its first worker, for one more call, to shut down."""

    start: float
    worker: float
    call: float
    shutdown: float


class Echo:
    """An actor that answers."""

    def pid(self) -> int:
        """Its process."""
        return os.getpid()


def ray_version() -> str:
    """Ray's version, after importing it.

    Raises
    ------
    ImportError
        If it is not there, or not whole.
    """
    import ray

    return str(ray.__version__)


def probe() -> Probe:
    """Start a Ray on this machine with one worker, call it twice, and shut Ray down.

    Raises
    ------
    ExecutionError
        If it does not start or the worker does not answer.
    """
    begin = time.perf_counter()
    session = runtime.attach_or_start(1)
    ready = time.perf_counter()
    try:
        worker, call = ray_thread().call(_call_twice, session.options, limit=2 * LIMIT)
        called = time.perf_counter()
    finally:
        runtime.release()
    return Probe(ready - begin, worker, call, time.perf_counter() - called)


def _call_twice(options: dict[str, Any]) -> tuple[float, float]:
    import ray

    begin = time.perf_counter()
    actor = ray.remote(Echo).options(num_cpus=1, **options).remote()
    try:
        ray.get(actor.pid.remote(), timeout=LIMIT)
        first = time.perf_counter()
        ray.get(actor.pid.remote(), timeout=LIMIT)
    except ray.exceptions.RayError as error:
        what = f"Ray starts, but its worker does not answer within {LIMIT:g} s"
        remedy = f"Look for the cause in the logs below {session_folder()}/logs."
        raise ExecutionError(what, f"{type(error).__name__}: {error}", remedy) from error
    finally:
        ray.kill(actor)
    return first - begin, time.perf_counter() - first


def session_folder() -> str:
    """The folder of the session that runs; its place is not in Ray's public interface."""
    from actors.leftovers import temp_root

    return str(temp_root(os.environ) / "session_latest")
