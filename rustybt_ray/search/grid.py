"""Grid search: every combination, in the order of ``itertools.product``, enumerated as it is asked for."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from rustybt_ray._typing import IntArray
from rustybt_ray.search.dimensions import Float
from rustybt_ray.search.space import Condition, ParameterSpace, meets
from rustybt_ray.search.stream import Block, StreamSearch

STRIDE = 1 << 16  # combinations looked at together
COUNTED = 1 << 20  # combinations to which constraints are applied just to know how many points there are
COUNTED_ONE_BY_ONE = 1 << 16  # the same where a constraint is a function
PROBED = 64  # blocks looked at for a first point before the search begins


class GridSearch(StreamSearch):
    """Every combination that meets the constraints; the first parameter varies slowest.

    Nothing is listed: combinations are made in blocks as they are asked for, parameter by parameter, and a constraint
    is applied as soon as the parameters it names have values, so that whole branches are skipped.

    Parameters
    ----------
    space : ParameterSpace
        Each Float needs a step.
    n_trials : int, optional
        Points at most: the first ones.

    Raises
    ------
    InputError
        If a Float has no step, or no combination meets the constraints (in a large space that may show only when
        points are asked for).
    """

    def __init__(self, space: ParameterSpace, n_trials: int | None = None) -> None:
        dimensions = space.parameters.items()
        self._sizes = [d.need_size(f"space[{n!r}]") if isinstance(d, Float) else d.size for n, d in dimensions]
        super().__init__(space, n_trials)
        self._ripe = _by_depth(space.conditions, space.names)
        self._find(1, PROBED)

    @property
    def remaining(self) -> int | None:
        """Points yet to give; None while constraints are yet to be applied to the rest of a large grid."""
        left = None if self.limit is None else self.limit - self._given
        if not self.space.conditions:
            found: int | None = (self.space.size or 0) - self._given
        else:
            if not self._ended and (self.space.size or 0) <= self._countable:
                self._find(self._countable + 1)
            found = self._found if self._ended else None
        if left is None or found is None:
            return found if left != 0 else 0
        return min(found, left)

    def describe(self) -> dict[str, Any]:
        """The specification as JSON takes it."""
        return {"search": "grid", "n_trials": self.limit, **self.space.describe()}

    @property
    def _countable(self) -> int:
        lists = all(not callable(condition) for condition in self.space.conditions)
        return COUNTED if lists else COUNTED_ONE_BY_ONE

    def _stream(self) -> Iterator[Block]:
        for places in self._branches(len(self._sizes)):
            count = len(places[0])
            yield count, self._values(places)

    def _branches(self, depth: int) -> Iterator[list[IntArray]]:
        """Positions of the valid combinations of the first `depth` parameters, a block at a time; empty blocks too."""
        if depth == 0:
            yield []
            return
        size, conditions = self._sizes[depth - 1], self._ripe[depth - 1]
        for prefix in self._branches(depth - 1):
            rows = len(prefix[0]) if prefix else 1
            together = max(STRIDE // size, 1)
            for low in range(0, rows, together):
                part = [column[low : low + together] for column in prefix]
                count = min(together, rows - low)
                for first in range(0, size, STRIDE):
                    digits = np.arange(first, min(first + STRIDE, size))
                    places = [np.repeat(column, len(digits)) for column in part] + [np.tile(digits, count)]
                    if conditions:
                        kept = meets(conditions, self._values(places), len(places[0]))
                        places = [column[kept] for column in places]
                    yield places

    def _values(self, places: Sequence[IntArray]) -> dict[str, np.ndarray]:
        dimensions = list(self.space.parameters.items())[: len(places)]
        return {name: dimension.at(column) for (name, dimension), column in zip(dimensions, places, strict=True)}


def _by_depth(conditions: Sequence[Condition], names: tuple[str, ...]) -> list[list[Condition]]:
    """For each parameter the conditions that can be decided once it has a value; functions see all parameters."""
    ripe: list[list[Condition]] = [[] for _ in names]
    for condition in conditions:
        known = names if callable(condition) else condition.names
        ripe[max((names.index(name) for name in known), default=0)].append(condition)
    return ripe
