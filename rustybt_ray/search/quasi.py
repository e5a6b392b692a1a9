"""Sobol and Latin hypercube search: seeded points that fill a space more evenly than random ones."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from rustybt_ray._typing import BoolArray
from rustybt_ray._validation import check_choice
from rustybt_ray.exceptions import InputError
from rustybt_ray.search.random import RandomSearch
from rustybt_ray.search.space import Columns, ParameterSpace
from rustybt_ray.search.stream import Block

METHODS = ("sobol", "lhs")
STRIDE = 1 << 10  # Sobol points drawn together: a power of two, which keeps each block balanced
MOST = 21_201  # dimensions for which scipy has direction numbers
BITS = 53  # of a Sobol coordinate: what a float holds, so that a long sequence does not end


class QuasiSearch(RandomSearch):
    """Up to `n_trials` points of a quasi-random sequence or design, distinct where the space is finite.

    A coordinate in [0, 1) becomes a value as random search makes it: each value of an `Int`, a stepped `Float` or a `Choice`
    has an equal share, a `Float` is spread evenly, in logarithms with ``log``. A point that does not meet the constraints, or
    was given before, is passed over.

    Parameters
    ----------
    space : ParameterSpace
    n_trials : int
        At most the number of combinations. Fewer are given if fewer meet the constraints.
    seed : int, default 0
    method : {"sobol", "lhs"}
        "sobol": the scrambled Sobol sequence (Owen 1998; direction numbers of Joe & Kuo 2008); more trials only lengthen it, and
        it is most even where their number is a power of two. "lhs": a Latin hypercube of `n_trials` points (McKay, Beckman &
        Conover 1979), each of `n_trials` slices of every dimension hit once; further designs follow where points are passed over.

    Raises
    ------
    InputError
        If `n_trials` exceeds a finite space, there are more than 21,201 parameters, or (possibly while asking) no point that
        meets the constraints is found.
    """

    def __init__(self, space: ParameterSpace, n_trials: int, seed: int = 0, method: str = "sobol") -> None:
        self.method = check_choice("method", method, METHODS)
        if method == "sobol" and len(space.names) > MOST:
            raise InputError("space", f"one of at most {MOST:,} parameters", len(space.names), "Use search='lhs'.")
        self._seen: set[tuple[Any, ...]] = set()
        super().__init__(space, n_trials, seed)

    def describe(self) -> dict[str, Any]:
        """The specification as JSON takes it."""
        return {**super().describe(), "search": self.method}

    def _kept(self, columns: Columns, count: int) -> BoolArray:
        kept = super()._kept(columns, count)
        if self.space.size is None:
            return kept
        rows = zip(*(column[kept].tolist() for column in columns.values()), strict=True)
        for place, row in zip(np.flatnonzero(kept).tolist(), rows, strict=True):
            key = tuple(map(repr, row))  # 1, 1.0 and True are different choices
            kept[place] = key not in self._seen
            self._seen.add(key)
        return kept

    def _candidates(self) -> Iterator[Block]:
        dimensions = list(enumerate(self.space.parameters.items()))
        for shares in self._shares():
            yield len(shares), {name: dimension.spread(shares[:, i]) for i, (name, dimension) in dimensions}

    def _shares(self) -> Iterator[np.ndarray]:
        from scipy.stats import qmc  # half a second to load

        generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([self.seed])))
        if self.method == "sobol":
            engine, size = qmc.Sobol(len(self.names), scramble=True, bits=BITS, rng=generator), STRIDE
        else:
            engine, size = qmc.LatinHypercube(len(self.names), rng=generator), self.limit or 1
        while True:
            yield engine.random(size)
