"""What travels between driver and workers: a job once a study, chunks of trials, blocks of results."""

from dataclasses import field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rustybt_ray._record import record_class
from rustybt_ray._typing import BoolArray, FloatArray, IntArray
from rustybt_ray.config import OptimizationConfig
from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.metrics import MOMENTS, NAMES, ORDERED
from rustybt_ray.engine.settings import Settings
from rustybt_ray.search.protocol import present

COMPLETE, FAILED, PRUNED = 0, 1, 2
"""States of trials; a pruned one ran on a part of the history alone."""
HISTORY, CUT = "history", "cut"
"""Where weight rows of a job with many segments are from."""
SAME_ROWS = "same_rows"
"""Whether a trial's rows of the whole history serve every segment: 1 or 0."""


@record_class(frozen=True)
class Job:
    """All that a worker must know to run any trial of one study.

    Attributes
    ----------
    version : str
        Bundle version; the worker has opened its panel before.
    strategy : bytes
        The strategy as `strategies.shipping.pack` made it.
    digest : str
        The strategy's digest: the key under which a worker keeps it loaded.
    kind : str
        "target" or "objective".
    segments : tuple of (int, int)
        First and last row of each segment to run.
    memory_limit : int, optional
        Bytes that a trial may allocate.
    trial_timeout : float, optional
        Seconds that a trial may take.
    keep_returns : bool, default False
        Whether blocks carry the daily returns.
    windowed : bool, default False
        Whether blocks carry the metrics of every segment.
    closing : tuple of bool
        Segments at whose end everything is closed with costs; empty: none.
    carried : tuple of str
        Metrics of each segment that blocks carry; empty: all.
    rows : {"history", "cut"} or None
        Whether a target function's rows of the whole history serve every segment, or each segment has those of the panel cut
        at its own end. None asks for that instead of running trials: blocks have one metric, `SAME_ROWS`.
    """

    version: str
    strategy: bytes
    digest: str
    kind: str
    segments: tuple[tuple[int, int], ...]
    capital: float
    costs: Costs
    fill: str
    settings: Settings
    seed: int
    ordered: bool = False
    config: OptimizationConfig = field(default_factory=OptimizationConfig)
    memory_limit: int | None = None
    trial_timeout: float | None = None
    keep_returns: bool = False
    windowed: bool = False
    closing: tuple[bool, ...] = ()
    carried: tuple[str, ...] = ()
    rows: str | None = HISTORY

    @property
    def names(self) -> tuple[str, ...]:
        """Metrics of a trial that the ledger trades."""
        return NAMES + tuple(ORDERED) if self.ordered else NAMES

    @property
    def needs_returns(self) -> bool:
        """Whether the daily returns of every trial are wanted, which the next one on the same ledger overwrites."""
        return self.ordered or self.keep_returns


@record_class(frozen=True)
class Chunk:
    """Trials to run together: their numbers and their parameters as columns.

    Attributes
    ----------
    number : int
        Identity of the chunk within a study.
    numbers : ndarray of int64, shape (k,)
        Trial numbers.
    columns : dict of str to sequence of length k
        Parameter values as plain Python or NumPy scalars; ABSENT for a parameter that a trial does not have.
    """

    number: int
    numbers: IntArray
    columns: dict[str, Any]

    def __len__(self) -> int:
        return len(self.numbers)

    def params(self, position: int) -> dict[str, Any]:
        """Parameters that the trial at `position` has."""
        return present({name: values[position] for name, values in self.columns.items()})

    def part(self, number: int, low: int, high: int) -> "Chunk":
        """The trials at [low, high) as a chunk of their own."""
        columns = {name: values[low:high] for name, values in self.columns.items()}
        return Chunk(number, self.numbers[low:high], columns)


@record_class(frozen=True)
class TrialError:
    """Why a trial has no metrics: the exception's type, its message, and the traceback as text."""

    type: str
    message: str
    traceback: str


@record_class
class Block:
    """Results of some trials, as columns.

    Attributes
    ----------
    numbers : ndarray of int64, shape (k,)
    state : ndarray of uint8, shape (k,)
        COMPLETE or FAILED.
    metrics : ndarray of float64, shape (k, M)
        Columns as `names` says; NaN for failed trials.
    moments : ndarray of float64, shape (k, 37)
        n, mean, standard deviation, skewness, kurtosis of the daily returns, then 16 block sums and 16 block sums of squares.
    duration : ndarray of float64, shape (k,)
        Seconds.
    errors : dict of int to TrialError
        By trial number.
    worker : str
        Who ran them.
    returns : ndarray of float32, shape (k, days), optional
        Daily returns of the first segment, where they are kept; NaN for failed trials.
    windows : ndarray of float64, shape (k, segments, M), optional
        Metrics of every segment of a job with many; `metrics` are those of the first.
    lookups : (int, int)
        Indicators that the worker's HistoryCache had meanwhile, and those that it had not; not kept in a journal.
    retire : bool, default False
        Whether that worker holds more memory than it should and wants to be replaced.
    """

    numbers: IntArray
    names: tuple[str, ...]
    state: np.ndarray
    metrics: FloatArray
    moments: FloatArray
    duration: FloatArray
    errors: dict[int, TrialError]
    worker: str
    returns: NDArray[np.float32] | None = None
    windows: FloatArray | None = None
    lookups: tuple[int, int] = (0, 0)
    retire: bool = False

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, which: IntArray | BoolArray, worker: str | None = None) -> "Block":
        """The trials at these places, as a block of their own; of `worker` if one is named."""
        numbers = self.numbers[which]
        return Block(
            numbers=numbers,
            names=self.names,
            state=self.state[which],
            metrics=self.metrics[which],
            moments=self.moments[which],
            duration=self.duration[which],
            errors={number: self.errors[number] for number in numbers.tolist() if number in self.errors},
            worker=self.worker if worker is None else worker,
            returns=None if self.returns is None else self.returns[which],
            windows=None if self.windows is None else self.windows[which],
        )

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays that there are, by name."""
        names = ("numbers", "state", "metrics", "moments", "duration", "returns", "windows")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    @property
    def nbytes(self) -> int:
        """Bytes of arrays and errors."""
        texts = sum(len(error.message) + len(error.traceback) for error in self.errors.values())
        return sum(array.nbytes for array in self.arrays.values()) + texts

    def copied(self) -> "Block":
        """The block on arrays of its own: those that came through a store of shared objects keep its memory."""
        own: dict[str, Any] = {name: np.array(array) for name, array in self.arrays.items()}
        return replace(self, **own)

    @classmethod
    def failed(cls, numbers: IntArray, names: tuple[str, ...], error: TrialError, worker: str) -> "Block":
        """A block in which every trial ended with the same error."""
        count = len(numbers)
        return cls(
            numbers=numbers,
            names=names,
            state=np.full(count, FAILED, np.uint8),
            metrics=np.full((count, len(names)), np.nan),
            moments=np.full((count, MOMENTS), np.nan),
            duration=np.zeros(count),
            errors={int(number): error for number in numbers},
            worker=worker,
        )
