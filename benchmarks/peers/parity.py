"""Whether a peer found what ours did."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TOLERANCE = 1e-6


@dataclass(frozen=True)
class Parity:
    """Total returns of both, held against each other.

    Attributes
    ----------
    trials, equal, missing : int
        All, those apart by no more than 1e-6, those that the peer has not run.
    largest, median : float
        Differences by 1 + the return, of those that it has run.
    """

    trials: int
    equal: int
    missing: int
    largest: float
    median: float

    @classmethod
    def of(cls, ours: Sequence[float], theirs: Sequence[float]) -> "Parity":
        """Compare; different numbers of trials are an error."""
        mine, other = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
        if mine.shape != other.shape:
            raise ValueError(f"{len(mine)} trials of ours, {len(other)} of theirs")
        ran = ~np.isnan(other)
        apart = np.abs(mine - other)[ran] / (1.0 + np.abs(mine[ran]))
        equal = int((apart <= TOLERANCE).sum())
        return cls(
            len(mine),
            equal,
            int((~ran).sum()),
            float(apart.max(initial=0.0)),
            float(np.median(apart)) if len(apart) else 0.0,
        )

    def holds(self, within: float = TOLERANCE) -> bool:
        """Whether all that it has run are no further apart than that, and most have been run."""
        return self.largest <= within and self.missing < self.trials / 10

    def __str__(self) -> str:
        text = f"{self.equal} of {self.trials} returns equal to {TOLERANCE:g}"
        if self.missing:
            text += f", {self.missing} not run"
        return text + f", largest difference {self.largest:.1g}"
