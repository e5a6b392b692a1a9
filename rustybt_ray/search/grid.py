"""Grid search: every combination, in the order of ``itertools.product``, enumerated as it is asked for."""

from typing import Any

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray._validation import check_count
from rustybt_ray.exceptions import InputError
from rustybt_ray.search.protocol import Points
from rustybt_ray.search.space import ParameterSpace

STRIDE = 1 << 16  # combinations decoded at a time while constraints are searched


class GridSearch:
    """Every combination that meets the constraints; the first parameter varies slowest.

    Parameters
    ----------
    space : ParameterSpace
        Each Float needs a step.
    n_trials : int, optional
        Points at most.

    Raises
    ------
    InputError
        If a parameter has no grid, or no combination meets the constraints.
    """

    def __init__(self, space: ParameterSpace, n_trials: int | None = None) -> None:
        self.space = space
        self.limit = check_count("n_trials", n_trials, low=1) if n_trials is not None else None
        self._values = [parameter.values for parameter in space.parameters.values()]
        self._tables = [_table(values) for values in self._values]
        self._total = int(np.prod([len(values) for values in self._values], dtype=object))
        self._cursor = self._given = 0
        self._ready = np.empty(0, np.int64)
        self._refill(1)
        if not len(self._ready):
            remedy = "Loosen the constraint or widen the space."
            raise InputError("space", "one with a point that meets its constraints", space.describe(), remedy)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return self.space.names

    @property
    def remaining(self) -> int | None:
        """Points yet to give; None while constraints are yet to be applied to the rest of the grid."""
        found = len(self._ready)
        left = None if self.limit is None else self.limit - self._given
        if not self.space.conditions:
            found += self._total - self._cursor
        elif self._cursor < self._total:
            if self._total - self._cursor <= 16 * STRIDE:
                self._refill(self._total)
                found = len(self._ready)
            else:
                return left if left == 0 else None
        return found if left is None else min(found, left)

    def ask(self, count: int) -> Points | None:
        """The next `count` points."""
        if self.limit is not None:
            count = min(count, self.limit - self._given)
        self._refill(count)
        taken, self._ready = self._ready[:count], self._ready[count:]
        if not len(taken):
            return None
        numbers = np.arange(self._given, self._given + len(taken))
        self._given += len(taken)
        return Points(numbers, {name: _plain(column) for name, column in self._decode(taken).items()})

    def tell(self, numbers: IntArray, values: FloatArray) -> None:
        """A grid does not learn."""

    def describe(self) -> dict[str, Any]:
        """The specification as JSON takes it."""
        return {"search": "grid", "n_trials": self.limit, **self.space.describe()}

    def _refill(self, count: int) -> None:
        """Find combinations that meet the constraints until `count` are ready or the grid ends."""
        parts, found = [self._ready], len(self._ready)
        while found < count and self._cursor < self._total:
            stride = STRIDE if self.space.conditions else min(count - found, STRIDE)
            block = np.arange(self._cursor, min(self._cursor + stride, self._total))
            self._cursor = int(block[-1]) + 1
            if self.space.conditions:
                block = block[self.space.meets(self._decode(block), len(block))]
            parts.append(block)
            found += len(block)
        self._ready = np.concatenate(parts)

    def _decode(self, places: IntArray) -> dict[str, np.ndarray]:
        """Values at places of the grid, as columns."""
        columns: dict[str, np.ndarray] = {}
        for name, table in zip(reversed(self.names), reversed(self._tables), strict=True):
            places, digit = np.divmod(places, len(table))
            columns[name] = table[digit]
        return {name: columns[name] for name in self.names}


def _table(values: list[Any]) -> np.ndarray:
    """Values as an array of one type, or of objects where they have several."""
    if len({type(value) for value in values}) == 1 and isinstance(values[0], bool | int | float):
        return np.array(values)
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made


def _plain(column: np.ndarray) -> list[Any]:
    return column.tolist()  # type: ignore[no-any-return]
