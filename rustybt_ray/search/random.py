"""Random search: seeded points, distinct where the space is finite."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from rustybt_ray._typing import BoolArray, IntArray
from rustybt_ray._validation import check_count
from rustybt_ray.exceptions import InputError
from rustybt_ray.search.shuffle import LARGEST, shuffled
from rustybt_ray.search.space import Columns, ParameterSpace
from rustybt_ray.search.stream import Block, StreamSearch

STRIDE = 1 << 10  # candidates drawn together
COUNTED = 1 << 16  # points that are drawn just to know whether there are so many
PATIENCE = 4_000_000  # candidates in a row that may miss the constraints
PATIENCE_ONE_BY_ONE = 400_000


class RandomSearch(StreamSearch):
    """Up to `n_trials` points, each combination equally likely.

    A finite space is walked in a random order without repetition, so that its points are distinct; where a Float has no
    step, points are independent draws. Points are the first of that sequence that meet the constraints: the
    sequence depends on the seed alone, and more trials only lengthen it.

    Parameters
    ----------
    space : ParameterSpace
    n_trials : int
        At most the number of combinations. Fewer are given if fewer meet the constraints.
    seed : int, default 0

    Raises
    ------
    InputError
        If `n_trials` exceeds a finite space, or (possibly while asking) no point that meets the constraints is found.
    """

    def __init__(self, space: ParameterSpace, n_trials: int, seed: int = 0) -> None:
        self.seed = check_count("seed", seed)
        check_count("n_trials", n_trials, low=1)
        if space.size is not None and space.size < n_trials:
            remedy = "Use search='grid', which runs them all, or fewer trials."
            raise InputError("n_trials", f"at most the {space.size} combinations of the space", n_trials, remedy)
        super().__init__(space, n_trials)
        self._find(1)

    @property
    def remaining(self) -> int:
        """Points yet to give; at most so many where constraints are yet to be applied to very many draws."""
        left = (self.limit or 0) - self._given
        if self.space.conditions and left <= COUNTED:
            self._find(left)
        return min(self._found, left) if self._ended else left

    def describe(self) -> dict[str, Any]:
        """The specification as JSON takes it."""
        return {"search": "random", "n_trials": self.limit, "seed": self.seed, **self.space.describe()}

    def _stream(self) -> Iterator[Block]:
        total, missed = 0, 0
        patience = PATIENCE_ONE_BY_ONE if any(map(callable, self.space.conditions)) else PATIENCE
        for count, columns in self._candidates():
            kept = self._kept(columns, count)
            found = int(kept.sum())
            total, missed = total + found, 0 if found else missed + count
            if missed >= patience:
                if total:
                    return
                raise self._nothing(f"{missed:,} drawn in a row missed them")
            yield found, columns if found == count else {name: column[kept] for name, column in columns.items()}

    def _kept(self, columns: Columns, count: int) -> BoolArray:
        """Which candidates become points."""
        return self.space.meets(columns, count)

    def _candidates(self) -> Iterator[Block]:
        """Blocks of points before constraints, without end or until a finite space has no more."""
        generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([self.seed])))
        size = self.space.size
        if size is not None and size <= LARGEST:
            for places in shuffled(size, generator, STRIDE):
                yield len(places), self._combinations(places)
            return
        while True:
            shares = generator.random((STRIDE, len(self.names)))
            dimensions = enumerate(self.space.parameters.items())
            yield STRIDE, {name: dimension.spread(shares[:, i]) for i, (name, dimension) in dimensions}

    def _combinations(self, places: IntArray) -> Columns:
        """Values at places of the grid."""
        columns: Columns = {}
        for name, dimension in reversed(self.space.parameters.items()):
            size = dimension.size or 1  # finite, or there were no places
            columns[name], places = dimension.at(places % size), places // size
        return {name: columns[name] for name in self.names}
