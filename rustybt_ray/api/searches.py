"""From the arguments of `optimize` to a search, and the search as the driver asks it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rustybt_ray._typing import IntArray
from rustybt_ray._validation import check_choice
from rustybt_ray.exceptions import InputError, StrategyError
from rustybt_ray.execution.messages import Block, Chunk
from rustybt_ray.execution.ports import Columns
from rustybt_ray.search.conditional import DrawnSearch, FunctionSpace
from rustybt_ray.search.halving import Halving, HalvingSearch
from rustybt_ray.search.points import PointSearch
from rustybt_ray.search.protocol import Search
from rustybt_ray.search.space import ParameterSpace
from rustybt_ray.strategies.identity import value_digest

PLAIN = {bool, int, float, str, type(None)}
QUASI = ("sobol", "lhs")
LEARNING = ("tpe", "cmaes", "nsga2", "gp")
SEARCHES = ("grid", "random", *QUASI, *LEARNING, "halving")


def make_search(
    space: ParameterSpace | Mapping[str, Any] | Callable[[Any], Any] | None,
    points: Any,
    constraint: Any,
    search: Any,
    n_trials: int | None,
    seed: int,
    lag: int | None = None,
    directions: Sequence[Any] = ("maximize",),
) -> Search:
    """The search that was asked for; `search` is a name, an Optuna sampler, or a search of the caller's own.

    Raises
    ------
    InputError
        If a search of one's own comes with a space, points, a constraint, `n_trials` or `lag`, which it has itself; if both or
        neither of `space` and `points` are given, or they cannot be searched as asked.
    """
    if _is_own(search):
        given = {"space": space, "points": points, "constraint": constraint, "n_trials": n_trials, "lag": lag}
        for name, value in given.items():
            if value is not None:
                raise InputError(name, "left out with a search of your own", value, "Give it to the search.")
        return search  # type: ignore[no-any-return]
    if (space is None) == (points is None):
        remedy = "Pass space={'fast': rb.Int(5, 50, step=5)}, or points=[{'fast': 10}, {'fast': 20}]."
        raise InputError("space or points", "given, one of the two", "both" if space is not None else "neither", remedy)
    if isinstance(search, Halving) or search == "halving":
        halving = search if isinstance(search, Halving) else Halving()
        if len(directions) > 1:
            raise InputError("objective", "one with successive halving", len(directions), "Use search='nsga2'.")
        drawn = make_search(
            space, points, constraint, "grid" if points is not None else halving.draw, n_trials, seed, lag
        )
        return HalvingSearch(drawn, halving, directions[0])
    named = isinstance(search, str)
    if named:
        check_choice("search", search, SEARCHES)
    learns = not named or search in LEARNING
    if lag is not None and (points is not None or not learns):
        raise InputError("lag", "left out with a search that does not learn", lag, "Leave it out, or use search='tpe'.")
    if points is not None:
        return PointSearch(points, constraint=constraint)
    found = _space(space, constraint)
    if search == "grid" and isinstance(found, ParameterSpace):
        from rustybt_ray.search.grid import GridSearch

        return GridSearch(found, n_trials=n_trials)
    if isinstance(found, FunctionSpace) and not learns and search != "random":
        remedy = "Use search='random' or 'tpe' with n_trials, or a mapping of names to dimensions."
        raise InputError("search", "'random' or one that learns where space is a function", search, remedy)
    if n_trials is None:
        what = f"search={search!r}" if named else "such a search"
        raise InputError("n_trials", f"given with {what}", None, "Say how many points to try: n_trials=200.")
    if learns:
        from rustybt_ray.search.samplers import SamplerSearch

        said: dict[str, Any] = {} if lag is None else {"lag": lag}
        return SamplerSearch(found, search, n_trials, seed=seed, directions=directions, **said)
    if isinstance(found, FunctionSpace):
        return DrawnSearch(found, n_trials, seed)
    return _drawn(found, search, n_trials, seed)


def _is_own(search: Any) -> bool:
    """Whether it is a search of the caller's own; what these are made of is not loaded to know that a name is none."""
    if isinstance(search, str):
        return False
    from rustybt_ray.search.lagged import LaggedSearch

    return isinstance(search, LaggedSearch)


def _space(space: Any, constraint: Any) -> ParameterSpace | FunctionSpace:
    if callable(space):
        if constraint is not None:
            remedy = "Let the function suggest only what is allowed."
            raise InputError("constraint", "left out where space is a function", constraint, remedy)
        return FunctionSpace(space)
    if not isinstance(space, ParameterSpace):
        return ParameterSpace(space, constraint=constraint)
    return space if constraint is None else ParameterSpace(space.parameters, constraint=constraint)


def _drawn(space: ParameterSpace, search: str, n_trials: int, seed: int) -> Search:
    """Modules that load numpy.random are loaded here: a grid starts sooner without."""
    if search == "random":
        from rustybt_ray.search.random import RandomSearch

        return RandomSearch(space, n_trials=n_trials, seed=seed)
    from rustybt_ray.search.quasi import QuasiSearch

    return QuasiSearch(space, n_trials, seed, method=search)


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
        if PLAIN.issuperset(map(type, value)):
            return list(value)
        return [_plain(item, path, strict) for item in value]
    name = str(getattr(value, "__qualname__", type(value).__name__))
    try:
        return f"{name} {value_digest(value, path)[:16]}"
    except StrategyError:
        if strict:
            raise
        return name


class Source:
    """A search as the driver asks it: numbers and columns in, objective values back.

    Parameters
    ----------
    search : Search
    objectives : str or sequence of str
        Metrics whose values the search is told.
    check : callable, optional
        Is shown each new set of parameter names; raises if the strategy does not take them.
    """

    def __init__(
        self, search: Search, objectives: str | Sequence[str], check: Callable[[Sequence[str]], None] | None = None
    ) -> None:
        self.search = search
        self.objectives = (objectives,) if isinstance(objectives, str) else tuple(objectives)
        self._check, self._known = check, {search.names}

    @property
    def remaining(self) -> int | None:
        """Trials yet to give; None if the search does not know."""
        return self.search.remaining

    @property
    def lag(self) -> int | None:
        """Trials that may be under way at a time; None: any number."""
        return self.search.lag

    @property
    def seconds(self) -> float:
        """Time that the search took to choose."""
        return self.search.seconds

    def ask(self, count: int) -> tuple[IntArray, Columns]:
        """Up to `count` more trials.

        Raises
        ------
        InputError, StrategyError
            If there is no valid point, or the strategy does not take its parameters.
        """
        points = self.search.ask(count)
        if points is None:
            return np.empty(0, np.int64), {}
        if self._check is not None and not self.search.names:
            for i in range(len(points)):
                self._look_at(tuple(points.row(i)))
        return points.numbers, dict(points.columns)

    def tell(self, chunk: Chunk, block: Block) -> None:
        """Hand the objectives of finished trials back to the search; those of a ruined one are undefined."""
        values = np.full((len(block), len(self.objectives)), np.nan)
        for i, objective in enumerate(self.objectives):
            if objective in block.names:
                values[:, i] = block.metrics[:, block.names.index(objective)]
        if "ruined" in block.names:
            values[block.metrics[:, block.names.index("ruined")] == 1.0] = np.nan
        self.search.tell(block.numbers, values)

    def _look_at(self, names: tuple[str, ...]) -> None:
        if self._check is not None and names not in self._known:
            self._check(names)
            self._known.add(names)
