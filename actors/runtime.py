"""Ray's life: start one, or use one that is there; shut down what we started when its last session closes."""

import atexit
import logging
import os
import signal
import time
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import Any

from actors import quiet
from actors.environment import DRIVER, THREAD_CAPS, available_cpus, initialised, variables
from actors.naming import NAMESPACE
from actors.thread import ray_thread
from rustybt_ray._record import record_class
from rustybt_ray.exceptions import ExecutionError

log = logging.getLogger("rustybt_ray.ray")
STORE_FLOOR = 512 << 20  # bytes; a ceiling, memory is taken as objects arrive
STORE_EXTRA = 100 << 20
PATIENCE = 30.0  # seconds that `ray.shutdown` may take; it takes 7 when the head is gone

_INIT = {"log_to_driver": False, "logging_level": "ERROR", "namespace": NAMESPACE}


@record_class(frozen=True)
class Session:
    """A Ray that is ready for workers.

    Attributes
    ----------
    workers : int or None
        Workers wanted, one CPU each; None for as many as the cluster has CPUs at any time.
    options : dict
        Options of each worker's actor.
    elastic : bool
        Whether nodes may come and go, so that workers who find no CPU now may find one later.
    """

    workers: int | None
    options: dict[str, Any] = field(default_factory=dict)
    elastic: bool = False


@record_class
class _Owned:
    """The Ray that this module started or joined: the node that this process is on, and the sessions on it."""

    node: str
    local: bool
    sessions: int = 1


_owned: _Owned | None = None


def attach_or_start(
    n_jobs: int | None = None, *, address: str | None = None, panel_bytes: int = 0, outlive: bool = False
) -> Session:
    """Use the Ray that is initialised in this process, join the one at `address`, or start one on this machine.

    Runs on the Ray thread.

    Parameters
    ----------
    n_jobs : int, optional
        Workers wanted; default one a CPU of Ray's, or of this machine if Ray is started. On a Ray that we did not start it
        may be more than there are CPUs today: nodes may join.
    address : str, optional
        A cluster's address, as `ray.init` takes it; not looked at if Ray is initialised.
    panel_bytes : int, default 0
        Bytes of the first panel; the object store of a Ray that is started holds twice as much.
    outlive : bool, default False
        Refuse a Ray that ends with this process.

    Raises
    ------
    ExecutionError
        If Ray cannot be reached, has no CPU at all, was started by us with fewer CPUs than workers are wanted, or ends with
        this process and must not.
    """
    return ray_thread().call(_attach_or_start, n_jobs, address, panel_bytes, outlive)


def release() -> None:
    """Close one session; the last one on a Ray that we started shuts it down. Runs on the Ray thread."""
    ray_thread().call(_release, limit=PATIENCE)


def cpus() -> int | None:
    """CPUs of the Ray that this process has; None if it has none."""
    from actors import census

    return census.cpus() if initialised() else None


def _attach_or_start(n_jobs: int | None, address: str | None, panel_bytes: int, outlive: bool = False) -> Session:
    global _owned
    if outlive and (_head_is_here() if initialised() else address in (None, "local")):
        what, where = "a named pool outlives this process, and the Ray that it would be on does not", "address"
        raise ExecutionError(what, where, "Run `ray start --head` and pass address='auto', or leave the name out.")
    if initialised():
        return _attach(n_jobs)
    with variables(DRIVER):
        quiet.silence()
        try:
            if address is not None:
                _join(address)
            else:
                _start(n_jobs or available_cpus(), max(STORE_FLOOR, 2 * panel_bytes + STORE_EXTRA))
        except BaseException:
            quiet.restore()
            raise
    _owned = _Owned(_node(), local=address is None)
    atexit.register(_shutdown_at_exit)
    try:
        there = f"the cluster at {address}"
        session = _fixed(n_jobs, "this machine") if address is None else _elastic(n_jobs, there, {})
    except ExecutionError:
        _release()
        raise
    where = "started on this machine" if address is None else f"joined at {address}"
    fields = {"address": address, "workers": session.workers, "node": _owned.node}
    workers = "a worker a CPU" if session.workers is None else f"{session.workers} workers"
    log.info("Ray is %s, for %s", where, workers, extra=fields)
    return session


def _attach(n_jobs: int | None) -> Session:
    """On a Ray that is there; thread caps travel with the workers if it was not started with them."""
    log.info("the Ray of this process is used")
    ours = _is_ours()
    if ours is None:
        return _elastic(n_jobs, "the Ray that is running", {"runtime_env": {"env_vars": THREAD_CAPS}})
    if ours.local:
        session = _fixed(n_jobs, "the Ray that another pool started")
        _check_free(session.workers or 1)
    else:
        session = _elastic(n_jobs, "the cluster that another pool joined", {})
    ours.sessions += 1
    return session


def _start(workers: int, store: int) -> None:
    import ray

    try:
        with variables(THREAD_CAPS):
            ray.init("local", num_cpus=workers, include_dashboard=False, object_store_memory=store, **_INIT)
    except Exception as error:
        _end_what_started(error)
        what, remedy = "Ray cannot be started on this machine", "Use executor='inline' to run in this process."
        raise ExecutionError(what, f"{type(error).__name__}: {error}", remedy) from error


def _end_what_started(error: BaseException) -> None:
    """End the processes of a start that failed: Ray leaves them until this process ends, and its agents for ever."""
    from ray._private.node import Node

    from actors.leftovers import belonging_to, processes

    frame = error.__traceback__
    while frame is not None:
        if isinstance(node := frame.tb_frame.f_locals.get("self"), Node):
            session = Path(getattr(node, "_session_dir", "")).name
            before = belonging_to(processes(Path("/proc")) or [], session)
            node.kill_all_processes(check_alive=False, allow_graceful=False, wait=True)
            # agents outlive their raylet, which may have started some since
            for process in {*before, *belonging_to(processes(Path("/proc")) or [], session)}:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
            return
        frame = frame.tb_next


def _join(address: str) -> None:
    import ray

    try:
        ray.init(address, runtime_env={"env_vars": THREAD_CAPS}, **_INIT)
    except (ConnectionError, ray.exceptions.AuthenticationError) as error:
        remedy = "Is it running, and do all machines have the same token (RAY_AUTH_MODE, RAY_AUTH_TOKEN_PATH)?"
        raise ExecutionError("the Ray cluster cannot be reached", f"{address}: {error}", remedy) from error


def _fixed(n_jobs: int | None, where: str) -> Session:
    """On a Ray that we started: its CPUs are all it will ever have."""
    from actors import census

    there = census.cpus()
    wanted = n_jobs or there
    if wanted > there:
        what = f"{wanted} worker{'s need' if wanted > 1 else ' needs'} one CPU each"
        raise ExecutionError(what, f"{where} has {there}", f"Use n_jobs={there} or fewer.")
    return Session(wanted)


def _elastic(n_jobs: int | None, where: str, options: dict[str, Any]) -> Session:
    """On a Ray of others: one CPU is enough to begin with, nodes may join and other jobs may end."""
    from actors import census

    there = census.cpus()
    if not there:
        raise ExecutionError("a worker needs a CPU", f"{where} has none", "Add a node with CPUs.")
    if n_jobs is not None and n_jobs > there:
        log.warning("%s has %d CPUs for %d workers: the others start when nodes join", where, there, n_jobs)
    return Session(n_jobs, {"scheduling_strategy": "SPREAD", **options}, elastic=True)


def _check_free(wanted: int) -> None:
    """CPUs that another open pool of this process holds never become free while it is waited for."""
    from actors import census

    until = time.monotonic() + 2.0  # those of workers that just ended do, a moment later
    while (free := census.free_cpus()) < wanted:
        if time.monotonic() > until:
            what = f"{wanted} workers need one CPU each and another open pool leaves {free:g} free"
            raise ExecutionError(what, "this process", "Pass that pool as pool=..., or close it first.")
        time.sleep(0.1)


def _node() -> str:
    import ray

    return str(ray.get_runtime_context().get_node_id())


def _head_is_here() -> bool:
    """Whether this process started the Ray that it uses, by us or by `ray.init`; not in Ray's public interface."""
    from ray._private import worker

    return bool(getattr(getattr(worker, "_global_node", None), "head", False))


def _is_ours() -> _Owned | None:
    """The Ray we started, if it is the one that runs: the caller may have shut it down and started another."""
    return _owned if _owned is not None and initialised() and _node() == _owned.node else None


def _release() -> None:
    global _owned
    ours = _is_ours()
    if ours is None:
        quiet.restore()
        return
    ours.sessions -= 1
    if not ours.sessions:
        import ray

        ray.shutdown()
        log.info("Ray is left, and ended if it was started here", extra={"local": ours.local})
        quiet.restore()
        _owned = None
        atexit.unregister(_shutdown_at_exit)


def _shutdown_at_exit() -> None:
    """A pool that nobody closed leaves no process behind."""
    if _owned is not None:
        _owned.sessions = 1
        release()
