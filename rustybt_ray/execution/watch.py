"""How long the head of each worker's queue has been there, and whether that is too long."""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import field

from rustybt_ray._record import record_class
from rustybt_ray.execution.events import Late, TimedOut
from rustybt_ray.execution.messages import Chunk
from rustybt_ray.execution.policy import ChunkPolicy
from rustybt_ray.execution.stopwatch import WARMING

LATE_FACTOR, LATE_EXTRA = 3.0, 5.0  # a chunk is late after so many times its expected time, and so many seconds
MESSAGE = 0.5  # seconds that a chunk's way to its worker and back may take


@record_class
class Watch:
    """The clock of the driver.

    Parameters
    ----------
    policy : ChunkPolicy
        Knows what a trial takes.
    trial_timeout : float, optional
        Seconds that a trial may take.
    speculate : bool, default True
        Whether late chunks are told of.
    clock : callable, default time.monotonic
    """

    policy: ChunkPolicy
    trial_timeout: float | None = None
    speculate: bool = True
    clock: Callable[[], float] = time.monotonic
    _queues: dict[int, deque[Chunk]] = field(default_factory=dict)
    _since: dict[int, float] = field(default_factory=dict)
    _warm: set[int] = field(default_factory=set)

    def sent(self, worker: int, chunk: Chunk) -> None:
        """A chunk is on its way."""
        queue = self._queues.setdefault(worker, deque())
        if not queue:
            self._since[worker] = self.clock()
        queue.append(chunk)

    def answered(self, worker: int, number: int) -> None:
        """A chunk has come back; the next one in its queue begins."""
        queue = self._queues.get(worker, deque())
        self._queues[worker] = deque(chunk for chunk in queue if chunk.number != number)
        self._since[worker] = self.clock()
        self._warm.add(worker)

    def gone(self, worker: int) -> None:
        """A worker is no more."""
        self._queues.pop(worker, None)
        self._since.pop(worker, None)
        self._warm.discard(worker)

    def overdue(self) -> list[TimedOut | Late]:
        """Workers whose head has been there for too long."""
        if self.trial_timeout is None and not self.speculate:
            return []
        now, found = self.clock(), list[TimedOut | Late]()
        for worker, queue in self._queues.items():
            if not queue:
                continue
            waited, trials = now - self._since[worker], len(queue[0])
            expected = 0.0 if math.isnan(self.policy.seconds_per_trial) else self.policy.seconds_per_trial * trials
            beside = (expected if trials > 1 else 0.0) + (0.0 if worker in self._warm else WARMING)
            if self.trial_timeout is not None and waited > self.trial_timeout + MESSAGE + beside:
                found.append(TimedOut(worker, self.trial_timeout))
            elif self.speculate and expected > 0.0 and waited > LATE_FACTOR * expected + LATE_EXTRA:
                found.append(Late(worker))
        return found
