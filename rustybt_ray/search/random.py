"""Random search: points drawn independently, each from a generator of its own number."""

from typing import Any

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray._validation import check_count
from rustybt_ray.exceptions import InputError
from rustybt_ray.search.protocol import Points
from rustybt_ray.search.space import ParameterSpace

TRIES = 10_000  # draws for one point before constraints are called too tight


class RandomSearch:
    """`n_trials` points, distinct where the space is finite.

    Point i is the first draw of a generator seeded by (seed, i) that meets the constraints and has not appeared before, so that
    the sequence is the same however it is asked for.

    Parameters
    ----------
    space : ParameterSpace
    n_trials : int
        At most the number of combinations, where that is finite.
    seed : int, default 0

    Raises
    ------
    InputError
        If `n_trials` exceeds a finite space, or (while asking) no point meets the constraints.
    """

    def __init__(self, space: ParameterSpace, n_trials: int, seed: int = 0) -> None:
        self.space, self.seed = space, check_count("seed", seed)
        self.n_trials = check_count("n_trials", n_trials, low=1)
        if space.size is not None and space.size < n_trials:
            remedy = "Use search='grid', which runs them all, or fewer trials."
            raise InputError("n_trials", f"at most the {space.size} combinations of the space", n_trials, remedy)
        self._given = 0
        self._seen: set[tuple[str, ...]] = set()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return self.space.names

    @property
    def remaining(self) -> int:
        """Points yet to give."""
        return self.n_trials - self._given

    def ask(self, count: int) -> Points | None:
        """The next `count` points."""
        count = min(count, self.remaining)
        if count <= 0:
            return None
        rows = [self._draw(self._given + i) for i in range(count)]
        numbers = np.arange(self._given, self._given + count)
        self._given += count
        return Points(numbers, {name: [row[name] for row in rows] for name in self.names})

    def tell(self, numbers: IntArray, values: FloatArray) -> None:
        """Random search does not learn."""

    def describe(self) -> dict[str, Any]:
        """The specification as JSON takes it."""
        return {"search": "random", "n_trials": self.n_trials, "seed": self.seed, **self.space.describe()}

    def _draw(self, number: int) -> dict[str, Any]:
        generator = np.random.Generator(np.random.Philox([self.seed, number]))
        for _ in range(TRIES):
            shares = generator.random(len(self.names))
            point = {
                name: parameter.pick(float(share))
                for (name, parameter), share in zip(self.space.parameters.items(), shares, strict=True)
            }
            key = tuple(map(repr, point.values()))
            if self.space.meets({name: [value] for name, value in point.items()}, 1)[0] and key not in self._seen:
                if self.space.size is not None:
                    self._seen.add(key)
                return point
        remedy = "Loosen the constraint, ask for fewer trials, or use search='grid'."
        rule = f"one where a new point meets the constraints within {TRIES:,} draws"
        raise InputError("space", rule, self.space.describe(), remedy)
