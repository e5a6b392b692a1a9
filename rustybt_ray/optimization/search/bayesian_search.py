"""rustybt's Bayesian search."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NoReturn

from rustybt_ray._validation import check_count
from rustybt_ray.exceptions import InputError
from rustybt_ray.optimization.base import Wrapped, only_default
from rustybt_ray.optimization.parameter_space import ParameterSpace
from rustybt_ray.search.protocol import Search


class BayesianOptimizer(Wrapped):
    """Points chosen by a model of the scores: ``search="tpe"``, by Optuna's tree-structured Parzen estimator.

    It maximises the expected improvement, as rustybt's Gaussian process does by default; ``search="gp"`` of
    `rustybt_ray.optimize` is such a process, and needs torch.

    Parameters
    ----------
    parameter_space : ParameterSpace
    n_iter : int, default 50
        Points at most.
    acq_func, kappa, xi
        Have no counterpart: the defaults alone are taken.
    initial_points, initial_scores : list, optional
        Points whose scores are known before.
    convergence_threshold : float, default 1e-4
    convergence_patience : int, default 10
        The search ends once the best score rose by less than the threshold over so many points.
    random_state : int, optional
        The seed; None is 0.

    Raises
    ------
    InputError
        If an argument has no counterpart, there are more points than scores, or optuna is not installed.
    """

    def __init__(
        self,
        parameter_space: ParameterSpace,
        n_iter: int = 50,
        acq_func: str = "EI",
        kappa: float = 1.96,
        xi: float = 0.01,
        initial_points: Sequence[dict[str, Any]] | None = None,
        initial_scores: Sequence[Any] | None = None,
        convergence_threshold: float = 1e-4,
        convergence_patience: int = 10,
        random_state: int | None = None,
    ) -> None:
        super().__init__(parameter_space)
        given = {"acq_func": (acq_func, "EI"), "kappa": (kappa, 1.96), "xi": (xi, 0.01)}
        only_default("BayesianOptimizer", given, "Ours is search='tpe'; or pass rb.optimize a sampler of Optuna's.")
        self.n_iter = check_count("n_iter", n_iter, low=1)
        self.convergence_threshold = convergence_threshold
        self.convergence_patience = check_count("convergence_patience", convergence_patience, low=1)
        self.random_state = random_state
        if len(initial_points or ()) != len(initial_scores or ()):
            remedy = "Give each initial point its score."
            raise InputError("initial_scores", "as many as initial_points", len(initial_scores or ()), remedy)
        for point in initial_points or ():
            parameter_space.validate_params(point)
        self._results = [
            (dict(point), Decimal(str(score)))
            for point, score in zip(initial_points or (), initial_scores or (), strict=True)
        ]
        self._known = [(_plain(point), float(score)) for point, score in self._results]
        self._bests: list[Decimal] = []

    @property
    def total(self) -> int:
        """Points at most."""
        return self.n_iter

    def update(self, params: dict[str, Any], score: Decimal) -> None:
        """Learn the score of a point."""
        super().update(params, score)
        self._bests.append(self.get_best_score())

    def is_complete(self) -> bool:
        """Whether all points were suggested, or the best score rises no more."""
        recent = self._bests[-self.convergence_patience :]
        settled = len(self._bests) > self.convergence_patience and recent[0].is_finite()
        if settled and float(recent[-1] - recent[0]) < self.convergence_threshold:
            return True
        return super().is_complete()

    def describe(self) -> dict[str, Any]:
        """The specification as plain data."""
        return {**super().describe(), "convergence": [self.convergence_threshold, self.convergence_patience]}

    def plot_convergence(self, save_path: Any = None) -> NoReturn:
        """Has no counterpart; so do `plot_objective` and `plot_evaluations`.

        Raises
        ------
        InputError
        """
        remedy = "Draw get_results(), or the columns of Study.trials."
        raise InputError("a plot of the search", "drawn from its results", "plot", remedy)

    plot_objective = plot_evaluations = plot_convergence

    def _make(self) -> Search:
        from rustybt_ray.search.samplers import SamplerSearch

        space, seed = self.parameter_space.ours, self.random_state or 0
        return SamplerSearch(space, "tpe", self.n_iter, seed=seed, lag=self.in_flight, known=self._known)


def _plain(point: dict[str, Any]) -> dict[str, Any]:
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in point.items()}
