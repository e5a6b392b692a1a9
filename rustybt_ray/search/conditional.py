"""Spaces that are functions: what a trial has may depend on what it has already (define-by-run)."""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from rustybt_ray._record import record_class
from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray._validation import check_count
from rustybt_ray.exceptions import InputError
from rustybt_ray.search.dimensions import Choice, Float, Int, Parameter, check_value
from rustybt_ray.search.protocol import Points, as_columns
from rustybt_ray.search.space import check_name

EXAMPLE = "Return a dict of all parameters: {'fast': trial.suggest_int('fast', 5, 50)}."


@record_class(frozen=True)
class LogInt:
    """Whole numbers from `low`, at least 1, to `high`, spread evenly in logarithms."""

    low: int
    high: int

    def __post_init__(self) -> None:
        check_count("suggest_int's low", self.low, low=1, remedy="Logarithms need a number above 0.")
        Int(self.low, self.high)

    def spread(self, shares: FloatArray) -> np.ndarray:
        """Values at shares of the way, 0 <= share < 1."""
        low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
        made = [round(math.exp(low + share * (high - low))) for share in shares.tolist()]
        return np.array([min(max(value, self.low), self.high) for value in made])


Suggested: TypeAlias = Parameter | LogInt
Draw: TypeAlias = Callable[[str, Suggested], Any]


class SpaceTrial:
    """What a space function is given: suggests values of parameters, as Optuna's trials do.

    Attributes
    ----------
    number : int
        Of the trial that is being made.
    params : dict
        What was suggested so far.
    """

    def __init__(self, number: int, draw: Draw) -> None:
        self.number, self.params = number, dict[str, Any]()
        self._draw, self._asked = draw, dict[str, Suggested]()

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """A whole number from `low` to `high`."""
        if log and step != 1:
            raise InputError("step", "left out with log=True", step, "Leave one of the two out.")
        return int(self._suggest(name, LogInt(low, high) if log else Int(low, high, step)))

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """A number from `low` to `high`."""
        return float(self._suggest(name, Float(low, high, step, log)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of some values."""
        return self._suggest(name, Choice(list(choices)))

    def _suggest(self, name: str, dimension: Suggested) -> Any:
        known = self._asked.setdefault(check_name(name), dimension)
        if known != dimension:
            raise InputError(f"{name!r}", "suggested from one range a trial", dimension, f"It had {known} before.")
        if name not in self.params:
            self.params[name] = self._draw(name, dimension)
        return self.params[name]


class FunctionSpace:
    """A space that is a function of a `SpaceTrial` and returns a trial's parameters.

    Parameters
    ----------
    function : callable
        Called in the driver once a trial. It returns a dict of parameters, or None for those it was suggested. It must give
        the same answer to the same suggestions.
    """

    def __init__(self, function: Callable[[SpaceTrial], Any]) -> None:
        self.function = function

    def point(self, number: int, draw: Draw) -> dict[str, Any]:
        """The parameters of a trial.

        Raises
        ------
        InputError
            If the function raises, or returns no dict of parameters.
        """
        trial = SpaceTrial(number, draw)
        try:
            made = self.function(trial)
        except Exception as error:
            received = f"{type(error).__name__}: {error}"
            remedy = f"It had {trial.params} for trial {number}."
            raise InputError("space", "a function that answers for every trial", received, remedy) from error
        made = trial.params if made is None else made
        if not isinstance(made, dict) or not made:
            raise InputError("space", "a function that returns a dict of parameters", made, EXAMPLE)
        return {check_name(name): check_value(f"space(trial)[{name!r}]", value) for name, value in made.items()}

    def describe(self) -> dict[str, Any]:
        """The space as plain data; the function stays as it is."""
        return {"space": self.function}


class DrawnSearch:
    """Random search of a space that is a function: trial i is drawn from the seed and i alone.

    Parameters
    ----------
    space : FunctionSpace
    n_trials : int
    seed : int, default 0
    """

    lag: int | None = None
    seconds = 0.0

    def __init__(self, space: FunctionSpace, n_trials: int, seed: int = 0) -> None:
        self.space, self.seed = space, check_count("seed", seed)
        self.limit = check_count("n_trials", n_trials, low=1)
        self._given = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Unknown before the function has answered."""
        return ()

    @property
    def remaining(self) -> int:
        """Points yet to give."""
        return self.limit - self._given

    def ask(self, count: int) -> Points | None:
        """The next `count` points."""
        numbers = np.arange(self._given, min(self._given + count, self.limit))
        if not len(numbers):
            return None
        rows = [self.space.point(number, self._draw(number)) for number in numbers.tolist()]
        self._given += len(numbers)
        return Points(numbers, as_columns(rows))

    def tell(self, numbers: IntArray, values: FloatArray) -> None:
        """Draws do not learn."""

    def describe(self) -> dict[str, Any]:
        """The specification as plain data; functions stay as they are."""
        return {"search": "random", "n_trials": self.limit, "seed": self.seed, **self.space.describe()}

    def _draw(self, number: int) -> Draw:
        generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([self.seed, number])))
        return lambda _, dimension: dimension.spread(generator.random(1)).tolist()[0]
