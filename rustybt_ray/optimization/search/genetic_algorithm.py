"""rustybt's genetic search."""

import time
from decimal import Decimal
from functools import cached_property
from typing import Any

from rustybt_ray._validation import check_count, check_number
from rustybt_ray.optimization.base import Wrapped, only_default
from rustybt_ray.optimization.parameter_space import ParameterSpace
from rustybt_ray.search.protocol import Search


class GeneticAlgorithm(Wrapped):
    """Points that evolve: ``search="nsga2"``, by Optuna, of one objective.

    It selects by a binary tournament and keeps the better half of parents and children together.

    Parameters
    ----------
    parameter_space : ParameterSpace
    population_size : int, default 50
    max_generations : int, default 100
        There are ``population_size * max_generations`` points at most.
    selection, tournament_size, elite_size, diversity_threshold
        Have no counterpart: the defaults alone are taken.
    crossover_prob, mutation_prob : float, default 0.8 and 0.2
    patience : int, optional
        End after so many generations without a better score.
    target_fitness : Decimal, optional
        End once a score is that good.
    max_time_seconds : float, optional
        End after so long; the points then depend on the machine.
    seed : int, optional
        None is 0.

    Raises
    ------
    InputError
        If an argument has no counterpart or is out of range, or optuna is not installed.
    """

    exact = True

    def __init__(
        self,
        parameter_space: ParameterSpace,
        population_size: int = 50,
        max_generations: int = 100,
        selection: str = "tournament",
        tournament_size: int = 3,
        crossover_prob: float = 0.8,
        mutation_prob: float = 0.2,
        elite_size: int | None = None,
        patience: int | None = None,
        target_fitness: Decimal | None = None,
        max_time_seconds: float | None = None,
        diversity_threshold: float = 0.01,
        seed: int | None = None,
    ) -> None:
        super().__init__(parameter_space)
        given = {"selection": (selection, "tournament"), "tournament_size": (tournament_size, 3)}
        given |= {"elite_size": (elite_size, None), "diversity_threshold": (diversity_threshold, 0.01)}
        remedy = "Ours is search='nsga2'; or pass rb.optimize(search=) a sampler of Optuna's."
        only_default("GeneticAlgorithm", given, remedy)
        self.population_size = check_count("population_size", population_size, low=2)
        self.max_generations = check_count("max_generations", max_generations, low=1)
        self.crossover_prob = check_number("crossover_prob", crossover_prob, low=0.0)
        self.mutation_prob = check_number("mutation_prob", mutation_prob, low=0.0)
        self.patience, self.target_fitness, self.seed = patience, target_fitness, seed
        self.max_time_seconds = max_time_seconds
        self._stale = 0

    @property
    def total(self) -> int:
        """Points at most."""
        return self.population_size * self.max_generations

    @property
    def current_generation(self) -> int:
        """Generations whose scores are all known."""
        return self._iteration // self.population_size

    def update(self, params: dict[str, Any], score: Decimal) -> None:
        """Learn the score of a point."""
        super().update(params, score)
        if self._iteration % self.population_size == 0:
            self._stale = self._count_stale()

    def is_complete(self) -> bool:
        """Whether all points were suggested, the target is reached, or nothing gets better any more."""
        began = self._began
        if self.max_time_seconds is not None and time.monotonic() - began >= self.max_time_seconds:
            return True
        if self._results and self.target_fitness is not None and self.get_best_score() >= self.target_fitness:
            return True
        if self.patience is not None and self._stale >= self.patience:
            return True
        return super().is_complete()

    def get_generation_history(self) -> dict[str, list[Any]]:
        """Number, best and mean score of each finished generation; those that failed are left out."""
        scores = [[score for _, score in generation if score.is_finite()] for generation in self._generations]
        return {
            "generation": list(range(len(scores))),
            "best_fitness": [max(found, default=Decimal("NaN")) for found in scores],
            "avg_fitness": [sum(found) / len(found) if found else Decimal("NaN") for found in scores],
        }

    def describe(self) -> dict[str, Any]:
        """The specification as plain data."""
        target = None if self.target_fitness is None else str(self.target_fitness)
        ends = {"patience": self.patience, "target_fitness": target, "max_time_seconds": self.max_time_seconds}
        return {**super().describe(), **ends}

    @property
    def _generations(self) -> list[list[tuple[dict[str, Any], Decimal]]]:
        size = self.population_size
        return [self._results[i * size : (i + 1) * size] for i in range(self.current_generation)]

    def _count_stale(self) -> int:
        """Finished generations since the last one with a better score than all before."""
        best, last, count = Decimal("-Infinity"), 0, 0
        for count, generation in enumerate(self._generations, 1):
            highest = max((score for _, score in generation if not score.is_nan()), default=best)
            if highest > best:
                best, last = highest, count
        return count - last

    @cached_property
    def _began(self) -> float:
        return time.monotonic()

    def _make(self) -> Search:
        from rustybt_ray.search.samplers import SamplerSearch

        options = {"population_size": self.population_size, "crossover_prob": self.crossover_prob}
        options["mutation_prob"] = self.mutation_prob
        space, seed = self.parameter_space.ours, self.seed or 0
        return SamplerSearch(space, "nsga2", self.total, seed=seed, lag=self.in_flight, options=options)
