"""Searches that learn: a point is chosen from exactly the results that its number allows, whatever has arrived."""

import time
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray._validation import check_count
from rustybt_ray.search.protocol import Points, as_columns

LAG = 32
"""Points that may be under way while the next is chosen, unless the caller says otherwise."""


class LaggedSearch(ABC):
    """Chooses point i once the results of all points up to i - lag were learned, in the order of their numbers, and none later.

    So what is chosen depends on the specification alone, not on how many workers there are nor on who is first; up to `lag`
    trials are under way at a time.

    Parameters
    ----------
    n_trials : int
    lag : int, default 32
        1 learns from every result before it chooses, and so runs one trial at a time.

    Attributes
    ----------
    seconds : float
        Time spent on choosing.

    Raises
    ------
    InputError
        If one of them is no whole number of at least 1.
    """

    def __init__(self, n_trials: int, lag: int = LAG) -> None:
        self.limit = check_count("n_trials", n_trials, low=1)
        self._lag = check_count("lag", lag, low=1, remedy="It is how many trials may be under way: lag=32.")
        self.seconds = 0.0
        self._given = self._learned = 0
        self._results: dict[int, FloatArray] = {}
        self._ended = False

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Names of the parameters; none if they differ from point to point."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """The specification as plain data; values that are objects stay as they are."""

    @property
    def lag(self) -> int | None:
        """Point i is given once all results up to i - lag are known."""
        return self._lag

    @property
    def remaining(self) -> int | None:
        """Points yet to give."""
        return 0 if self._ended else self.limit - self._given

    def ask(self, count: int) -> Points | None:
        """Up to `count` points; None while it waits for results, and at the end."""
        began, first, rows = time.perf_counter(), self._given, list[dict[str, Any]]()
        while len(rows) < count and self._goes_on and self._learn_up_to(self._given - self._lag):
            row = self._choose(self._given)
            if row is None:
                self._ended = True
                break
            rows.append(row)
            self._given += 1
        self.seconds += time.perf_counter() - began
        return Points(np.arange(first, self._given), as_columns(rows)) if rows else None

    @property
    def _goes_on(self) -> bool:
        return not self._ended and self._given < self.limit

    def tell(self, numbers: IntArray, values: FloatArray) -> None:
        """Keep results until their turn has come."""
        for number, value in zip(numbers.tolist(), values, strict=True):
            self._results[number] = np.atleast_1d(value)

    @abstractmethod
    def _choose(self, number: int) -> dict[str, Any] | None:
        """The next point, which gets this number; None if there is none."""

    @abstractmethod
    def _learn(self, number: int, values: FloatArray) -> None:
        """Learn the result of a point, shape (objectives,); NaN where there is none."""

    def _learn_up_to(self, last: int) -> bool:
        """Learn the results up to `last` in order; False if one is missing."""
        while self._learned <= last:
            if self._learned not in self._results:
                return False
            self._learn(self._learned, self._results.pop(self._learned))
            self._learned += 1
        return True
