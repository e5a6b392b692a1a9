"""Ray's errors read: is the chunk to blame, is the whole study, and what to tell people."""

from typing import Any

import ray

from rustybt_ray.exceptions import ExecutionError

ADVICE = ("There are some potential root causes", "Some common causes include")
BOILERPLATE = ("The actor died unexpectedly", "The actor is dead because its worker process has died.")


def is_suspect(error: BaseException) -> bool:
    """Whether the chunk that a dead worker ran may have ended it: not if its machine went away or memory ran out."""
    if not isinstance(error, ray.exceptions.ActorDiedError):
        return isinstance(error, (ray.exceptions.UnserializableException, ray.exceptions.WorkerCrashedError))
    return not (error.preempted or lost_node(error) or "never ran" in str(error))


def lost_node(error: BaseException) -> bool:
    """Whether a worker went with its machine, or with the way to it."""
    text = str(error)
    gone = "its node has died" in text or "actor's node was" in text
    return gone or isinstance(error, ray.exceptions.ActorUnavailableError)


def breaks_study(error: Any) -> bool:
    """Whether an error that a worker raised outside any trial would meet every chunk: all but memory and cancelling."""
    return not isinstance(error.cause, (MemoryError, ray.exceptions.TaskCancelledError))


def store_is_full(error: Any) -> bool:
    """Whether an answer says that an object could not be placed, here or in a worker: every chunk would meet that."""
    cause = error.cause if isinstance(error, ray.exceptions.RayTaskError) else error
    return isinstance(cause, (ray.exceptions.ObjectStoreFullError, ray.exceptions.OutOfDiskError))


def no_room(error: BaseException) -> ExecutionError:
    """What people are told of a store that is full."""
    remedy = (
        "Free some of /dev/shm and of the disk with Ray's temporary folder, to which it spills, keep fewer panels "
        "(max_bundle_pool_size), or give Ray a larger object_store_memory."
    )
    return ExecutionError("Ray's object store is full", cause_of(error), remedy)


def put(value: Any) -> Any:
    """A reference to an object placed in the store.

    Raises
    ------
    ExecutionError
        If it is full.
    """
    try:
        return ray.put(value)
    except ray.exceptions.RayError as error:
        if store_is_full(error):
            raise no_room(error) from error
        raise


def cause_of(error: BaseException, limit: int = 400) -> str:
    """What happened, in one line without Ray's identifiers and advice.

    Examples
    --------
    >>> cause_of(ValueError("no trades"))
    'ValueError: no trades'
    """
    if isinstance(error, ray.exceptions.RayTaskError):
        cause = error.cause
        if isinstance(cause, BaseException) and not isinstance(cause, ray.exceptions.RayError):
            return f"{type(cause).__name__}: {cause}"[:limit]
        lines = [line for line in str(error).splitlines() if line.strip()]
        return lines[-1].strip()[:limit] if lines else type(error).__name__
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("\t")]
    text = " ".join(lines)
    for advice in ADVICE:
        text = text.split(advice)[0]
    for phrase in BOILERPLATE:
        text = text.removeprefix(phrase).removeprefix(" before finishing this task.").strip()
    return f"{type(error).__name__}: {text}"[:limit].rstrip(" :.")
