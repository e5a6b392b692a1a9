"""Between rustybt's functions and protocol and `rustybt_ray.optimize`: what is run, and what is asked for it."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np

from rustybt_ray._typing import FloatArray
from rustybt_ray.data.panel import Panel
from rustybt_ray.exceptions import InputError
from rustybt_ray.optimization.base import SearchAlgorithm, Wrapped, as_decimals
from rustybt_ray.search.lagged import LaggedSearch
from rustybt_ray.strategies.trial import Trial
from rustybt_ray.studies.trials import COLUMNS

SCORE = "score"
"""The metric that is optimised where the caller's function says what a result is worth."""
ENDLESS = 2**40
"""Points of a search that does not say how many there are."""


class Scored:
    """An objective function of ours: the caller's function, and the score of what it returns.

    Parameters
    ----------
    function : callable
        Takes a dict of parameters.
    score : callable
        Takes what `function` returned; more is better.
    decimals : tuple of str
        Parameters that it gets as Decimal.
    """

    def __init__(
        self, function: Callable[..., Any], score: Callable[[Any], Any], decimals: tuple[str, ...] = ()
    ) -> None:
        if not callable(function):
            remedy = "Pass a function of a dict of parameters."
            raise InputError("backtest_function", "callable", function, remedy)
        self.function, self.score, self.decimals = function, score, decimals
        self.__name__ = str(getattr(function, "__name__", type(function).__name__))

    def __call__(self, trial: Trial) -> dict[str, float]:
        """The score, and beside it the numbers among ``performance_metrics`` that are named like no other column."""
        result = self.function(as_decimals(trial.params, self.decimals))
        metrics = result.get("performance_metrics", {}) if isinstance(result, Mapping) else {}
        taken = {*COLUMNS, *trial.params}
        kept = {str(name): float(value) for name, value in metrics.items() if name not in taken and _is_number(value)}
        return {**kept, SCORE: float(self.score(result))}


class AskedSearch(LaggedSearch):
    """A search by rustybt's protocol as one of ours: the same for any number of workers, and resumable.

    Parameters
    ----------
    algorithm : SearchAlgorithm
        Or anything that has `suggest`, `update` and `is_complete`.
    names : sequence of str
    check : callable
        Raises if a point is not in the space.
    most : int, optional
        Points at most.
    lag : int, default 1
        Point i is asked for once the results of points 0 to i - lag are known; of a search that does not learn at once.
    sign : {1.0, -1.0}
        What objective values are multiplied by: an algorithm is told scores of which more is better.
    """

    def __init__(
        self,
        algorithm: SearchAlgorithm,
        names: tuple[str, ...],
        check: Callable[[dict[str, Any]], Any],
        most: int | None = None,
        lag: int = 1,
        sign: float = 1.0,
    ) -> None:
        self._learns = bool(getattr(algorithm, "learns", True))
        total = getattr(algorithm, "total", None)
        found = [count for count in (most, total) if count is not None]
        super().__init__(min(found, default=ENDLESS), lag if self._learns else ENDLESS)
        self._known, self._names, self._check, self._sign = bool(found), names, check, sign
        self.algorithm = algorithm
        self._open: dict[int, dict[str, Any]] = {}
        if hasattr(algorithm, "in_flight"):
            algorithm.in_flight = lag

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return self._names

    @property
    def lag(self) -> int | None:
        """Point i is given once all results up to i - lag are known; None if the search does not learn."""
        return self._lag if self._learns else None

    @property
    def remaining(self) -> int | None:
        """Points yet to give; None if that is not known."""
        left = super().remaining
        return left if self._known or left == 0 else None

    def describe(self) -> dict[str, Any]:
        """The specification as plain data; an algorithm of the caller's own by its class."""
        count = {"n_trials": self.limit} if self._known else {}
        if isinstance(self.algorithm, Wrapped):
            return {**self.algorithm.describe(), **count}
        name = type(self.algorithm).__name__
        lag = {"lag": self._lag} if self._learns else {}
        return {"search": name, "algorithm": type(self.algorithm), **count, **lag, "names": list(self._names)}

    def finish(self) -> None:
        """Tell the algorithm what it was not told, as far as results are there."""
        self._learn_up_to(self._given - 1)

    def _choose(self, number: int) -> dict[str, Any] | None:
        if self.algorithm.is_complete():
            return None
        params = self.algorithm.suggest()
        self._check(params)
        self._open[number] = params
        return {name: float(value) if isinstance(value, Decimal) else value for name, value in params.items()}

    def _learn(self, number: int, values: FloatArray) -> None:
        self.algorithm.update(self._open.pop(number), as_score(self._sign * float(values[0])))


def as_score(value: float) -> Decimal:
    """A number as the Decimal that it looks like; one that is undefined is minus infinity."""
    return Decimal("-Infinity") if np.isnan(value) else Decimal(repr(value))


@cache
def no_market() -> Panel:
    """What a function that brings its own data runs on: one asset, one session, no bar."""
    from rustybt_ray.data.build import panel_from_arrays

    nothing = np.full((1, 1), np.nan)
    day = np.array(["1970-01-01"], dtype="datetime64[D]")
    return panel_from_arrays(day, ["NONE"], nothing, nothing, nothing, nothing, nothing)


def _is_number(value: Any) -> bool:
    return isinstance(value, bool | int | float | Decimal | np.number)
