"""Searches that are asked for one point at a time: rustybt's protocol, over our searches."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np

from rustybt_ray.exceptions import InputError
from rustybt_ray.optimization.parameter_space import ContinuousParameter, ParameterSpace
from rustybt_ray.search.protocol import Search

STATE = "the journal: Optimizer(checkpoint_dir=...) here, run_dir= and resume= of rb.optimize"


class SearchAlgorithm(ABC):
    """A search of your own: `suggest`, `update` and `is_complete` are all it takes.

    Attributes
    ----------
    learns : bool, default True
        Whether what it suggests depends on what it was told. If so, a point is asked for once all results up to `in_flight`
        before it are known, in the order of their numbers: the search is the same with any number of workers.
    in_flight : int, default 1
        Points that may be without a result; whoever runs the search sets it before the first one.
    """

    learns: bool = True
    in_flight: int = 1

    def __init__(self, parameter_space: ParameterSpace, **kwargs: Any) -> None:
        self.parameter_space = parameter_space
        self._iteration = 0

    @abstractmethod
    def suggest(self) -> dict[str, Any]:
        """The next point."""

    @abstractmethod
    def update(self, params: dict[str, Any], score: Decimal) -> None:
        """Learn the score of a point, more being better."""

    @abstractmethod
    def is_complete(self) -> bool:
        """Whether there is no further point."""

    @property
    def iteration(self) -> int:
        """Points whose score is known."""
        return self._iteration

    def get_state(self) -> dict[str, Any]:
        """Has no counterpart unless you write it.

        Raises
        ------
        InputError
        """
        raise InputError("a search's state", "written by the search", type(self).__name__, f"Ours is {STATE}.")

    def set_state(self, state: dict[str, Any]) -> None:
        """Has no counterpart unless you write it.

        Raises
        ------
        InputError
        """
        raise InputError("a search's state", "read by the search", type(self).__name__, f"Ours is {STATE}.")

    def validate_suggested_params(self, params: dict[str, Any]) -> None:
        """Raise InputError, a ValueError, if the space has no such point."""
        self.parameter_space.validate_params(params)


class Wrapped(SearchAlgorithm):
    """One of our searches behind that protocol, with its results.

    Classes of it say how their search is made (`_make`) and how many points it may give (`total`).
    """

    exact = False
    """Whether real numbers are suggested as Decimal, as rustybt's random and genetic searches do."""

    def __init__(self, parameter_space: ParameterSpace) -> None:
        super().__init__(parameter_space)
        self._open: list[tuple[int, dict[str, Any]]] = []
        self._results: list[tuple[dict[str, Any], Decimal]] = []
        self._ahead: tuple[int, dict[str, Any]] | None = None
        reals = (part.name for part in parameter_space.parameters if isinstance(part, ContinuousParameter))
        self.decimals: tuple[str, ...] = tuple(reals) if self.exact else ()

    @abstractmethod
    def _make(self) -> Search:
        """The search, new."""

    @property
    @abstractmethod
    def total(self) -> int:
        """Points that it gives at most."""

    @cached_property
    def _search(self) -> Search:
        return self._make()

    def describe(self) -> dict[str, Any]:
        """The specification as plain data."""
        return {**self._search.describe(), "algorithm": type(self).__name__}

    def suggest(self) -> dict[str, Any]:
        """The next point.

        Raises
        ------
        InputError
            If there is none; or, of a search that learns, before the last one's score is known.
        """
        if Wrapped.is_complete(self):  # what ends a search early may happen between its answer and this call
            raise InputError(
                "suggest", "asked before the search is complete", type(self).__name__, "See is_complete()."
            )
        number, params = self._ahead or self._next()
        self._ahead = None
        self._open.append((number, params))
        return dict(params)

    def update(self, params: dict[str, Any], score: Decimal) -> None:
        """Learn the score of a point that was suggested; not a number, or infinite, is a failure.

        Raises
        ------
        InputError
            If it was not suggested, or is known already.
        """
        place = next((i for i, (_, known) in enumerate(self._open) if known == params), None)
        if place is None:
            raise InputError("params", "a point that was suggested and has no score yet", params, "Update it once.")
        number, known = self._open.pop(place)
        value = score if isinstance(score, Decimal) else Decimal(str(score))
        told = float(value) if value.is_finite() else np.nan
        self._search.tell(np.array([number]), np.array([[told]]))
        self._results.append((known, value))
        self._iteration += 1

    def is_complete(self) -> bool:
        """Whether all points were suggested."""
        if self._ahead is None and self._search.lag is None and self._search.remaining != 0:
            points = self._search.ask(1)
            if points is not None:  # a finite space may end before its count
                self._ahead = int(points.numbers[0]), self._given(points.row(0))
        return self._ahead is None and (self._search.lag is None or self._search.remaining == 0)

    @property
    def progress(self) -> float:
        """Share of the points whose score is known."""
        return self._iteration / self.total

    def get_results(self, top_k: int | None = None) -> list[tuple[dict[str, Any], Decimal]]:
        """Points and scores, best first.

        Raises
        ------
        InputError
            If there is none.
        """
        if not self._results:
            raise InputError("results", "asked for after the first update", 0, "Update the search first.")
        ranked = sorted(self._results, key=lambda result: _rank(result[1]), reverse=True)
        return [(dict(params), score) for params, score in ranked[:top_k]]

    def get_best_result(self) -> tuple[dict[str, Any], Decimal]:
        """The best point and its score; raises as `get_results` does."""
        return self.get_results(1)[0]

    def get_best_params(self) -> dict[str, Any]:
        """The best point; raises as `get_results` does."""
        return self.get_best_result()[0]

    def get_best_score(self) -> Decimal:
        """Its score; raises as `get_results` does."""
        return self.get_best_result()[1]

    def _next(self) -> tuple[int, dict[str, Any]]:
        points = self._search.ask(1)
        if points is None:
            remedy = "Update the search first: it learns from each score before it goes on."
            raise InputError("suggest", f"asked with fewer than {self.in_flight} points open", len(self._open), remedy)
        return int(points.numbers[0]), self._given(points.row(0))

    def _given(self, row: dict[str, Any]) -> dict[str, Any]:
        return as_decimals(row, self.decimals)


def as_decimals(params: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Parameters with those of these names as the Decimal that their float looks like."""
    return {name: Decimal(repr(float(value))) if name in names else value for name, value in params.items()}


def only_default(owner: str, given: dict[str, tuple[Any, Any]], remedy: str) -> None:
    """Refuse arguments that have no counterpart, unless they are what rustybt has by default.

    Parameters
    ----------
    given : dict of str to (value, default)

    Raises
    ------
    InputError
    """
    for name, (value, default) in given.items():
        if value != default:
            raise InputError(f"{owner}.{name}", f"left at {default!r}: it has no counterpart here", value, remedy)


def _rank(score: Decimal) -> Decimal:
    return Decimal("-Infinity") if score.is_nan() else score
