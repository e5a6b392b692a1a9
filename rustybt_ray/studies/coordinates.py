"""Where trials lie in the space that was searched: for plateaus, and for how stable choices are."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.validation.plateau import plateau_nearby, plateau_on_grid

MIDDLE = 0.5  # the place of a parameter that a trial has not, or that has one value


class Coordinates(NamedTuple):
    """Places of trials, a column a parameter.

    Attributes
    ----------
    names : tuple of str
    units : ndarray of float64, shape (trials, d)
        Scaled to [0, 1]; of a parameter without an order the number of its value.
    positions : ndarray of int64, shape (trials, d)
        Steps from the lowest value; of a parameter without an order the number of its value.
    unordered : tuple of int
        Which parameters have no order.
    grid : bool
        Whether the trials are points of a grid.
    """

    names: tuple[str, ...]
    units: FloatArray
    positions: IntArray
    unordered: tuple[int, ...]
    grid: bool

    def plateaus(self, objective: FloatArray, direction: str) -> FloatArray:
        """Mean objective over each trial and its neighbours, shape (windows, trials).

        Raises
        ------
        InputError
            If no parameter has an order, or no trial has half of its neighbours.
        """
        ordered = [i for i in range(len(self.names)) if i not in self.unordered]
        choices = self.positions[:, list(self.unordered)]
        if self.grid:
            return plateau_on_grid(objective, self.positions[:, ordered], choices, direction=direction)
        return plateau_nearby(objective, self.units[:, ordered], choices, direction=direction)


def coordinates(search: Mapping[str, Any], columns: Mapping[str, Sequence[Any]]) -> Coordinates:
    """Places of trials by a search's record and their parameters as columns.

    Examples
    --------
    >>> space = {"fast": {"type": "Int", "low": 5, "high": 15, "step": 5}, "kind": {"type": "Choice", "options": ["a", "b"]}}
    >>> found = coordinates({"search": "grid", "parameters": space}, {"fast": [5, 10, 15], "kind": ["b", "a", "b"]})
    >>> found.units[:, 0].tolist(), found.positions.T.tolist(), found.unordered
    ([0.0, 0.5, 1.0], [[0, 1, 2], [0, 1, 0]], (1,))
    """
    said = search.get("parameters") or {}
    count = len(next(iter(columns.values()), ()))
    units, positions = np.zeros((count, len(columns))), np.zeros((count, len(columns)), np.int64)
    unordered = []
    for i, (name, values) in enumerate(columns.items()):
        low, high, step, log = _scale(said.get(name), values)
        if low is None or high is None:
            unordered.append(i)
            positions[:, i] = _numbers(values)
            units[:, i] = positions[:, i]
            continue
        numbers = np.array([_number(value) for value in values])
        units[:, i] = _scaled(numbers, low, high, log=log)
        steps = (numbers - low) / step if step else np.zeros(count)
        positions[:, i] = np.rint(np.where(np.isnan(steps), 0.0, steps)).astype(np.int64)
    return Coordinates(tuple(columns), units, positions, tuple(unordered), search.get("search") == "grid")


def _scale(said: Mapping[str, Any] | None, values: Sequence[Any]) -> tuple[float | None, float | None, float, bool]:
    """Lowest and highest value, step and whether in logarithms; None for what has no order."""
    if said is not None:
        if "low" not in said:
            return None, None, 0.0, False
        return float(said["low"]), float(said["high"]), float(said.get("step") or 0.0), bool(said.get("log"))
    numbers = [_number(value) for value in values]
    if any(math.isnan(number) for number in numbers):
        return None, None, 0.0, False
    return min(numbers, default=0.0), max(numbers, default=0.0), 0.0, False


def _scaled(numbers: FloatArray, low: float, high: float, *, log: bool) -> FloatArray:
    if not high > low:
        return np.full(len(numbers), MIDDLE)
    if log:
        numbers, low, high = np.log(numbers), math.log(low), math.log(high)
    scaled: FloatArray = (numbers - low) / (high - low)
    return np.where(np.isnan(scaled), MIDDLE, scaled)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _numbers(values: Sequence[Any]) -> IntArray:
    known: dict[str, int] = {}
    return np.array([known.setdefault(repr(value), len(known)) for value in values], np.int64)
