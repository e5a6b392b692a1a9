"""How long deciding and trading take in this process, hence how many threads pay and how many trials go together."""

import math
from collections.abc import Callable, Hashable
from dataclasses import field
from functools import cached_property

from rustybt_ray._record import record_class

FEW, MANY = 1 << 18, 1 << 19  # bytes of masks that are traded together: on one thread, and where threads wait for them
LEAST, MOST = (
    4,
    32,
)  # trials that it takes on one thread where masks must be copied; more than the second save nothing more
SEEN = 4  # trials on one thread before their times are believed
START = 4e-3  # seconds of the ledger in a chunk that are worth the start of a thread and the import of what it needs
AGAIN = 5e-4  # the same where an earlier study has had them
LARGEST = 1 << 22  # cells of a panel whose weights are copied for another thread: 32 MB where they are numbers
KEPT = 64  # jobs whose times are remembered


def one() -> int:
    """A single thread."""
    return 1


@record_class
class Pace:
    """What trials of one job take, the strategy's part and the ledger's, by the quickest of each.

    Parameters
    ----------
    threads : callable
        How many threads this process may use; not asked before more than one would pay.
    deciding, trading : float
        Seconds a trial of the strategy and of the ledger.
    seconds : float
        Seconds a trial of the last chunk that threads shared; NaN before one.
    """

    threads: Callable[[], int] = one
    deciding: float = math.inf
    trading: float = math.inf
    seconds: float = math.nan
    _seen: int = field(default=0, init=False)
    _start: float = field(default=START, init=False)

    @classmethod
    def of(cls, job: Hashable, threads: Callable[[], int]) -> "Pace":
        """Begins with what the last one of the same job in this process has learned."""
        made, last = cls(threads), _known.pop(job, None)
        if last is not None:
            made.deciding, made.trading, made._seen = last.deciding, last.trading, last._seen
            made._start = START if math.isnan(last.seconds) else AGAIN
        _known[job] = made
        if len(_known) > KEPT:
            del _known[next(iter(_known))]
        return made

    @property
    def undecided(self) -> bool:
        """Whether more trials must be seen before threads may share them."""
        return self.threads is not one and self._seen < SEEN

    @cached_property
    def count(self) -> int:
        """How many threads there may be."""
        return self.threads()

    def decided(self, seconds: float) -> None:
        """Learn what a call of the strategy took."""
        self.deciding = min(self.deciding, seconds)

    def traded(self, trials: int, seconds: float) -> None:
        """Learn what so many trials took in the ledger."""
        self.trading = min(self.trading, seconds / trials)
        self._seen += trials

    def helpers(self, trials: int, cells: int) -> int:
        """Threads beside the strategy's own that a chunk of so many trials gets: as many as the strategy can feed.

        `cells` are rows times assets of a trial.
        """
        if cells > LARGEST or trials < 2 or self._seen < SEEN:
            return 0
        if self.trading < max(self._start / trials, self.deciding / 8.0):
            return 0
        return min(self.count - 1, math.ceil(self.trading / self.deciding))

    @staticmethod
    def stack(cells: int, helpers: int) -> int:
        """Trials, with so many cells in a mask, that are traded together; 1: not any."""
        size = min(MOST, (MANY if helpers else FEW) // cells)
        return size if size >= (1 if helpers else LEAST) else 1

    @property
    def gain(self) -> float:
        """How many times the trials of one thread all of them do together."""
        return 1.0 if math.isnan(self.seconds) else max(1.0, (self.deciding + self.trading) / self.seconds)


_known: dict[Hashable, Pace] = {}
