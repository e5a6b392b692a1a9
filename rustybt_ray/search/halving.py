"""Successive halving over time: all points on a first part of the history, the better ones again on longer parts."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rustybt_ray._record import record_class
from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray._validation import check_choice, check_count
from rustybt_ray.exceptions import InputError
from rustybt_ray.search.protocol import Points, Search

DRAWS = ("random", "sobol", "lhs", "grid")


@record_class(frozen=True)
class Halving:
    """Successive halving (Jamieson & Talwalkar 2016), the resource being sessions of history.

    The first rung runs all points on the first 1 / eta^(rungs - 1) of the sessions. The best 1 / eta of a rung, by the objective,
    run again from the start on a part that is eta times as long; the last rung is the whole history. `require` decides at the
    end alone.

    Parameters
    ----------
    eta : int, default 3
        One in so many goes on.
    rungs : int, default 3
    draw : {"random", "sobol", "lhs", "grid"}
        Where the points come from.

    Raises
    ------
    InputError
        If `eta` or `rungs` is below 2, or there is no such search.

    Examples
    --------
    >>> Halving().sessions(6289), Halving().counts(200)
    ((699, 2097, 6289), (200, 67, 23))
    """

    eta: int = 3
    rungs: int = 3
    draw: str = "random"

    def __post_init__(self) -> None:
        for name in ("eta", "rungs"):
            check_count(f"Halving.{name}", getattr(self, name), low=2, remedy="Halving(eta=3, rungs=3) is usual.")
        check_choice("Halving.draw", self.draw, DRAWS)

    def sessions(self, count: int) -> tuple[int, ...]:
        """The length of each rung where the history has `count` sessions."""
        return tuple(-(-count // self.eta**i) for i in reversed(range(self.rungs)))

    def counts(self, points: int) -> tuple[int, ...]:
        """The most points that each rung may have."""
        made = [points]
        for _ in range(self.rungs - 1):
            made.append(self.promoted(made[-1]))
        return tuple(made)

    def promoted(self, points: int) -> int:
        """How many of a rung's points go on at most."""
        return -(-points // self.eta)


class HalvingSearch:
    """The points of a rung, then, after `advance`, those of the next one.

    A point has one number in each rung: that of the point plus `stride` times the rung.

    Parameters
    ----------
    points : Search
        Gives the points of the first rung; it must know how many there are at most.
    halving : Halving
    direction : {"maximize", "minimize"}

    Attributes
    ----------
    rung : int
        The one whose points are given.

    Raises
    ------
    InputError
        If it is not known how many points there are.
    """

    lag: int | None = None
    seconds = 0.0

    def __init__(self, points: Search, halving: Halving, direction: str) -> None:
        if points.remaining is None:
            remedy = "Say how many of the grid are to be tried: n_trials=1000."
            raise InputError("n_trials", "given with such a search", None, remedy)
        self.halving, self.stride, self.rung = halving, points.remaining, 0
        self._points, self._sign = points, 1.0 if direction == "maximize" else -1.0
        self._columns: dict[str, list[Any]] = {name: [] for name in points.names}
        self._values: dict[int, float] = {}
        self._chosen: list[int] = []
        self._given = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return self._points.names

    @property
    def remaining(self) -> int | None:
        """Points of this rung yet to give."""
        return self._points.remaining if self.rung == 0 else len(self._chosen) - self._given

    @property
    def planned(self) -> int:
        """Points of all rungs together, at most."""
        return sum(self.halving.counts(self.stride))

    def ask(self, count: int) -> Points | None:
        """Up to `count` points of this rung."""
        if self.rung == 0:
            points = self._points.ask(count)
            for name, values in (points.columns if points is not None else {}).items():
                self._columns[name] += values
            return points
        chosen = self._chosen[self._given : self._given + count]
        if not chosen:
            return None
        self._given += len(chosen)
        columns: dict[str, Sequence[Any]] = {name: [all_[i] for i in chosen] for name, all_ in self._columns.items()}
        return Points(np.array(chosen) + self.rung * self.stride, columns)

    def tell(self, numbers: IntArray, values: FloatArray) -> None:
        """Keep the objective of points of this rung; NaN where there is none."""
        for number, value in zip(numbers.tolist(), values.reshape(len(numbers)).tolist(), strict=True):
            self._values[number % self.stride] = value

    def advance(self) -> bool:
        """Go on to the next rung, once all results of this one were told; False if there is none, or no point is left.

        The better objective goes on, of equals the lower number; a failed point or one whose objective is NaN does not.
        """
        if self.rung == self.halving.rungs - 1:
            return False
        best = sorted((-self._sign * value, number) for number, value in self._values.items() if value == value)
        self._chosen = sorted(number for _, number in best[: self.halving.promoted(len(self._values))])
        self._values, self._given = {}, 0
        self.rung += 1
        return bool(self._chosen)

    def describe(self) -> dict[str, Any]:
        """The specification as plain data; values and constraints that are objects stay as they are."""
        said = self._points.describe()
        plan = {"eta": self.halving.eta, "rungs": self.halving.rungs, "stride": self.stride}
        return {**said, "search": "halving", "draw": said["search"], **plan}
