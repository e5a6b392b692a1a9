"""How long a crew waits: for workers to be ready, for a CPU, before it starts another worker in vain."""

import time
from collections.abc import Iterable

from actors.roster import Member

START_LIMIT = 60.0  # seconds for a worker to start, fetch a small panel and load a strategy
SLOWEST_FETCH = 50e6  # bytes a second of a panel that comes over the network
SLOWEST_RETRY = 10.0  # seconds between two attempts to start a worker
NEVER = float("inf")


class Patience:
    """Clocks of one crew: workers to be started later, workers that must be ready, a crew in which nobody has a CPU.

    Attributes
    ----------
    failures : int
        Workers that died before they were ready since one was.
    births : list of float
        When to start each of those that are to be started later.
    """

    def __init__(self) -> None:
        self.failures = 0
        self.births: list[float] = []
        self._alone = NEVER

    @property
    def limit(self) -> float:
        """Seconds for a worker to be ready, and for a crew to have a CPU."""
        return START_LIMIT

    def begin(self) -> None:
        """A job begins."""
        self.failures, self.births, self._alone = 0, [], time.monotonic() + START_LIMIT

    def postpone(self) -> None:
        """One more worker is to be started, later and later while none gets ready."""
        wait = min(0.25 * 2.0 ** min(self.failures, 16), SLOWEST_RETRY) if self.failures else 0.0
        self.births.append(time.monotonic() + wait)

    def due_births(self, timeout: float) -> float:
        """Strike out the workers whose time has come; seconds until that of the next, `timeout` at most."""
        now = time.monotonic()
        self.births = [when for when in self.births if when > now]
        return max(0.0, min([timeout, *(when - now for when in self.births)]))

    def furnish(self, member: Member, nbytes: int) -> None:
        """A worker has got its CPU and fetches panels of so many bytes."""
        member.due = time.monotonic() + START_LIMIT + nbytes / SLOWEST_FETCH

    def instruct(self, member: Member) -> None:
        """A worker takes a job, maybe while it still fetches."""
        member.due = max(time.monotonic() + START_LIMIT, member.due if member.due < NEVER else 0.0)

    def ready(self, member: Member) -> None:
        """A worker has the job."""
        member.due, self.failures = NEVER, 0

    @staticmethod
    def late(members: Iterable[Member]) -> list[int]:
        """Numbers of those that are not ready in time."""
        now = time.monotonic()
        return [member.number for member in members if member.due <= now]

    def is_out(self, somebody: bool) -> bool:
        """Whether nobody has had a CPU for too long; `somebody` says that one has now."""
        now = time.monotonic()
        if somebody:
            self._alone = now + START_LIMIT
        return now >= self._alone

    def renew(self) -> None:
        """Wait as long again for a CPU."""
        self._alone = time.monotonic() + START_LIMIT
