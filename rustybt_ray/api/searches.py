"""From the arguments of `optimize` to a search, and the search as the driver asks it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from rustybt_ray._typing import IntArray
from rustybt_ray._validation import check_choice
from rustybt_ray.exceptions import InputError, StrategyError
from rustybt_ray.execution.messages import Block, Chunk
from rustybt_ray.execution.ports import Columns
from rustybt_ray.search.points import PointSearch
from rustybt_ray.search.protocol import Search
from rustybt_ray.search.space import ParameterSpace
from rustybt_ray.strategies.identity import value_digest

SEARCHES = ("grid", "random")


def make_search(
    space: "ParameterSpace | Mapping[str, Any] | None",
    points: Any,
    constraint: Any,
    search: str,
    n_trials: int | None,
    seed: int,
) -> Search:
    """The search that was asked for.

    Raises
    ------
    InputError
        If both or neither of `space` and `points` are given, or they cannot be searched as asked.
    """
    if (space is None) == (points is None):
        remedy = "Pass space={'fast': rb.Int(5, 50, step=5)}, or points=[{'fast': 10}, {'fast': 20}]."
        raise InputError("space or points", "given, one of the two", "both" if space is not None else "neither", remedy)
    if points is not None:
        return PointSearch(points, constraint=constraint)
    if not isinstance(space, ParameterSpace):
        space = ParameterSpace(space or {}, constraint=constraint)
    elif constraint is not None:
        space = ParameterSpace(space.parameters, constraint=constraint)
    check_choice("search", search, SEARCHES)
    if search == "grid":
        from rustybt_ray.search.grid import GridSearch

        return GridSearch(space, n_trials=n_trials)
    if n_trials is None:
        raise InputError("n_trials", "given with search='random'", None, "Say how many points to draw: n_trials=200.")
    from rustybt_ray.search.random import RandomSearch  # it loads numpy.random, which a grid starts sooner without

    return RandomSearch(space, n_trials=n_trials, seed=seed)


def search_record(search: Search, *, strict: bool) -> dict[str, Any]:
    """A search's specification as JSON takes it; functions and other objects by their name and the digest of what they do.

    Raises
    ------
    StrategyError
        If such an object cannot be digested and `strict` is true.
    """
    made: dict[str, Any] = _plain(search.describe(), "the search", strict)
    return made


def _plain(value: Any, path: str, strict: bool) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(item, f"{path}.{key}", strict) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, path, strict) for item in value]
    name = str(getattr(value, "__qualname__", type(value).__name__))
    try:
        return f"{name} {value_digest(value, path)[:16]}"
    except StrategyError:
        if strict:
            raise
        return name


class Source:
    """A search as the driver asks it: numbers and columns in, objective values back."""

    def __init__(self, search: Search, objective: str) -> None:
        self.search, self.objective = search, objective

    @property
    def remaining(self) -> int | None:
        """Trials yet to give; None if the search does not know."""
        return self.search.remaining

    def ask(self, count: int) -> tuple[IntArray, Columns]:
        """Up to `count` more trials."""
        points = self.search.ask(count)
        if points is None:
            return np.empty(0, np.int64), {}
        return points.numbers, dict(points.columns)

    def tell(self, chunk: Chunk, block: Block) -> None:
        """Hand the objective of finished trials back to the search."""
        if self.objective in block.names:
            values = block.metrics[:, block.names.index(self.objective)]
        else:
            values = np.full(len(block), np.nan)
        self.search.tell(block.numbers, values)
