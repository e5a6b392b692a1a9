"""rustybt's grid search."""

from decimal import Decimal
from typing import Any

from rustybt_ray.exceptions import InputError
from rustybt_ray.optimization.base import Wrapped
from rustybt_ray.optimization.parameter_space import ContinuousParameter, ParameterSpace
from rustybt_ray.search.grid import GridSearch
from rustybt_ray.search.protocol import Search


class GridSearchAlgorithm(Wrapped):
    """Every combination, the first parameter slowest: ``search="grid"``.

    Parameters
    ----------
    parameter_space : ParameterSpace
    early_stopping_rounds : int, optional
        End after so many points in a row without a better score; one point is then run at a time.

    Raises
    ------
    InputError
        If a parameter is continuous.
    """

    def __init__(self, parameter_space: ParameterSpace, early_stopping_rounds: int | None = None) -> None:
        super().__init__(parameter_space)
        for part in parameter_space.parameters:
            if isinstance(part, ContinuousParameter):
                remedy = "Use DiscreteParameter, or rb.optimize with rb.Float(low, high, step=...)."
                raise InputError(f"parameter {part.name!r}", "discrete in a grid search", "continuous", remedy)
        self.early_stopping_rounds = early_stopping_rounds
        self.learns = early_stopping_rounds is not None
        self._best: Decimal | None = None
        self._rounds = 0

    @property
    def total(self) -> int:
        """Combinations."""
        return self.parameter_space.cardinality()

    @property
    def total_combinations(self) -> int:
        """Combinations."""
        return self.total

    def update(self, params: dict[str, Any], score: Decimal) -> None:
        """Learn the score of a point."""
        super().update(params, score)
        value = self._results[-1][1]
        better = not value.is_nan() and (self._best is None or value > self._best)
        self._best, self._rounds = (value, 0) if better else (self._best, self._rounds + 1)

    def is_complete(self) -> bool:
        """Whether all points were suggested, or so many in a row were no better."""
        stop = self.early_stopping_rounds is not None and self._rounds >= self.early_stopping_rounds
        return stop or super().is_complete()

    def describe(self) -> dict[str, Any]:
        """The specification as plain data."""
        return {**super().describe(), "early_stopping_rounds": self.early_stopping_rounds}

    def _make(self) -> Search:
        return GridSearch(self.parameter_space.ours)
