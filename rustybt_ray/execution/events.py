"""What the driver is told (events) and what it says (instructions): plain data, no clock, no worker, no file."""

from typing import Any, TypeAlias

from rustybt_ray._record import record_class
from rustybt_ray._typing import IntArray
from rustybt_ray.execution.messages import Chunk

CRASHED, TIMED_OUT = "WorkerCrashed", "TrialTimedOut"
"""Types of the errors that the driver records itself."""


@record_class(frozen=True)
class WorkerReady:
    """A worker has the job and waits for chunks. Worker numbers are never used twice."""

    worker: int


@record_class(frozen=True)
class ChunkDone:
    """A worker answered: the chunk took `seconds` of work, its answer has `nbytes` bytes; `retire` if it wants to be replaced."""

    worker: int
    chunk: int
    seconds: float = 0.0
    nbytes: int = 0
    retire: bool = False


@record_class(frozen=True)
class ChunkFailed:
    """A worker lives but could not run a chunk at all (what a strategy raises is an answer, not this)."""

    worker: int
    chunk: int
    cause: str


@record_class(frozen=True)
class WorkerDied:
    """A worker is gone, and with it what it had in flight.

    Attributes
    ----------
    cause : str
        What is known, for people.
    suspect : bool
        Whether the chunk it was running may be the reason; False where the machine went away or memory ran out.
    """

    worker: int
    cause: str
    suspect: bool = True


@record_class(frozen=True)
class TimedOut:
    """A worker has been at the head of its queue for longer than its trials may take; it is to be ended."""

    worker: int
    limit: float


@record_class(frozen=True)
class Late:
    """A worker has been at the head of its queue for far longer than expected; it may be cut off."""

    worker: int


@record_class(frozen=True)
class Asked:
    """The search's answer to `Ask`.

    Attributes
    ----------
    numbers : ndarray of int64, shape (k,)
        Trial numbers; empty if the search has none to give now.
    columns : dict of str to sequence of length k
    remaining : int or None
        Trials that the search has yet to give; None if it does not know.
    """

    numbers: IntArray
    columns: dict[str, Any]
    remaining: int | None


@record_class(frozen=True)
class Cancelled:
    """Start nothing more; what is in flight may still end."""


@record_class(frozen=True)
class Run:
    """Give a worker a chunk."""

    worker: int
    chunk: Chunk


@record_class(frozen=True)
class Ask:
    """Ask the search for up to `count` trials and answer with `Asked`."""

    count: int


@record_class(frozen=True)
class Record:
    """Keep the answer that came with the event: it is the first one for this chunk."""

    chunk: Chunk


@record_class(frozen=True)
class RecordCrash:
    """Keep an error for a chunk of one trial that ended its worker again and again, or took too long."""

    chunk: Chunk
    cause: str
    type: str = CRASHED


@record_class(frozen=True)
class Again:
    """For the log: the trials of a chunk run again, or elsewhere too, as the chunks `into`."""

    chunk: int
    into: tuple[int, ...]
    trials: int
    cause: str


@record_class(frozen=True)
class Replace:
    """End a worker, if anything of it is left, and start another in its place."""

    worker: int


@record_class(frozen=True)
class Abort:
    """No worker will ever do the work: end the study with the cause."""

    cause: str


Event: TypeAlias = WorkerReady | ChunkDone | ChunkFailed | WorkerDied | TimedOut | Late | Asked | Cancelled
Instruction: TypeAlias = Run | Ask | Record | RecordCrash | Replace | Abort
