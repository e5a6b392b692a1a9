"""How many trials travel together: enough that a message costs little, few enough that workers finish together."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from rustybt_ray._record import record_class

WINDOW = 1 << 15  # trials that are put in order at a time, unless there are so many workers that each would get a few
WEIGHED = 8  # trials at most whose parameters are weighed for those of a window
NUMBER = 9  # bytes of a number in a message
GUESSED_BYTES = (
    1_000.0  # an answer's bytes a trial before one was seen: 60 metrics, 37 moments, number, state, duration
)


@record_class
class ChunkPolicy:
    """Sizes chunks by the measured time of trials.

    Parameters
    ----------
    target : float, default 0.2
        Seconds of work in a chunk.
    least : float, default 0.02
        Seconds below which a chunk is not cut to balance the end of a study.
    first : int, default 2
        Trials in a chunk while nothing was measured.
    growth : float, default 8
        How many times larger than the largest measured chunk the next may be.
    sure : float, default 0
        Seconds of measured work that the next may have in any case.
    nbytes : int, default 1_000_000
        Bytes of a message, there or back.
    depth : int, default 2
        Chunks in flight a worker: the second hides the way of the first one's answer.
    ahead : int, default 8
        Chunks a worker that the search is asked for at a time, so that near trials can travel together; 0 asks for one.
    """

    target: float = 0.2
    least: float = 0.02
    first: int = 2
    growth: float = 8.0
    sure: float = 0.0
    nbytes: int = 1_000_000
    depth: int = 2
    ahead: int = 8
    _seconds: float = field(default=math.nan, init=False)
    _bytes: float = field(default=GUESSED_BYTES, init=False)
    _asked: float = field(default=0.0, init=False)
    _largest: int = field(default=0, init=False)

    @classmethod
    def in_process(cls) -> "ChunkPolicy":
        """For one worker in this process: no message to hide, 0.1 s between two looks at Ctrl-C.

        Where trials take a hundred times as long as the first one did, these are 2 s.
        """
        return cls(target=0.1, first=1, growth=16.0, sure=0.02, nbytes=1 << 30, depth=1, ahead=0)

    def one_by_one(self) -> "ChunkPolicy":
        """The same, but after a chunk of one trial all have one."""
        return replace(self, growth=1.0, sure=0.0)

    @property
    def seconds_per_trial(self) -> float:
        """What a trial takes, by the latest chunks; NaN while nothing was measured."""
        return self._seconds

    def observe(self, trials: int, seconds: float, nbytes: int) -> None:
        """Learn from a finished chunk.

        The time is averaged in logarithms, half of it the latest chunk's: a first chunk that compiled for a second is
        forgotten after a few chunks although it was a thousand times slower.
        """
        if trials < 1:
            return
        latest = max(seconds / trials, 1e-9)
        self._seconds = latest if math.isnan(self._seconds) else math.sqrt(self._seconds * latest)
        self._bytes = max(nbytes / trials, 1.0)
        self._largest = max(self._largest, trials)

    def weigh(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Learn what the parameters of the trials to come take, by some of them."""
        if self.depth > 1:  # else they go no way
            self._asked = sum(_mean_bytes(values) for values in columns.values() if len(values))

    def window(self, workers: int, size: int) -> int:
        """Trials to ask the search for when chunks have `size` trials."""
        return max(min(self.ahead * workers * size, max(WINDOW, 4 * workers * size)), size) if self.ahead else size

    def size(self, workers: int, remaining: int | None) -> int:
        """Trials of the next chunk when `remaining` are left for `workers`."""
        if math.isnan(self._seconds):
            size, floor = float(self.first), 1.0
        else:
            size = min(self.target / self._seconds, max(self.growth * self._largest, self.sure / self._seconds))
            floor = min(self.least / self._seconds, size)
        if remaining is not None and workers > 1:
            size = min(size, max(remaining / (self.depth * workers), floor))
        return max(1, math.ceil(min(size, self.nbytes / max(self._bytes, self._asked))))


def _mean_bytes(values: Sequence[Any]) -> float:
    some = values[:: -(-len(values) // WEIGHED)]
    return sum(map(_bytes, some)) / len(some)


def _bytes(value: Any) -> int:
    """Bytes that a parameter takes in a message, about."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, tuple | list | set | frozenset):
        return sum(map(_bytes, value))
    if isinstance(value, Mapping):
        return sum(_bytes(name) + _bytes(part) for name, part in value.items())
    return int(getattr(value, "nbytes", NUMBER))
