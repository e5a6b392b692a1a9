"""rustybt's random search."""

from rustybt_ray._validation import check_count
from rustybt_ray.optimization.base import Wrapped
from rustybt_ray.optimization.parameter_space import ParameterSpace
from rustybt_ray.search.protocol import Search


class RandomSearchAlgorithm(Wrapped):
    """Points by lot: ``search="random"``. In a finite space none comes twice, and they end when all were there.

    Parameters
    ----------
    parameter_space : ParameterSpace
    n_iter : int
        Points.
    seed : int, optional
        None is 0: without one, too, the points are the same each time.
    max_retries : int, default 100
        Has nothing to do: no point comes twice.

    Raises
    ------
    InputError
        If `n_iter` is below 1.
    """

    learns = False
    exact = True
    duplicate_rate = 0.0

    def __init__(
        self, parameter_space: ParameterSpace, n_iter: int, seed: int | None = None, max_retries: int = 100
    ) -> None:
        super().__init__(parameter_space)
        self.n_iter, self.seed = check_count("n_iter", n_iter, low=1), seed
        self.max_retries = check_count("max_retries", max_retries, low=1)

    @property
    def total(self) -> int:
        """Points at most."""
        size = self.parameter_space.cardinality()
        return self.n_iter if size < 0 else min(self.n_iter, size)

    def _make(self) -> Search:
        from rustybt_ray.search.random import RandomSearch

        return RandomSearch(self.parameter_space.ours, n_trials=self.total, seed=self.seed or 0)
