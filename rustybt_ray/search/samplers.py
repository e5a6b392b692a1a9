"""Searches by Optuna's samplers. The one module that loads optuna, and not before such a search is asked for."""

import copy
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from rustybt_ray._typing import FloatArray
from rustybt_ray._validation import check_count
from rustybt_ray.exceptions import InputError
from rustybt_ray.search.conditional import Draw, FunctionSpace, LogInt, Suggested
from rustybt_ray.search.dimensions import MOST, Choice, Float, Int, as_column
from rustybt_ray.search.lagged import LAG, LaggedSearch
from rustybt_ray.search.space import ParameterSpace, describe_conditions

if TYPE_CHECKING:
    import optuna

Direction: TypeAlias = Literal["maximize", "minimize"]
SAMPLERS = {"tpe": "TPESampler", "cmaes": "CmaEsSampler", "nsga2": "NSGAIISampler", "gp": "GPSampler"}
SINGLE = ("cmaes",)
NEEDS = {"cmaes": "cmaes", "gp": "torch"}
QUIET = {"cmaes": {"warn_independent_sampling": False}}
ENUMERATING = ("GridSampler", "BruteForceSampler")
PATIENCE = 5_000  # points in a row that may miss the constraints


class SamplerSearch(LaggedSearch):
    """Points chosen by an Optuna sampler from the results of earlier ones.

    A trial that failed, was ruined, or whose objective is NaN is told as failed: the samplers go on as if it had not
    been. A point that misses the constraints is told as failed at once, and the sampler is asked again. A point may come
    twice, and is then run twice.

    Parameters
    ----------
    space : ParameterSpace or FunctionSpace
    sampler : str or optuna.samplers.BaseSampler
        "tpe", "cmaes", "nsga2", "gp", with Optuna's defaults; or a sampler, which is copied. One without a seed gets `seed`.
    n_trials : int
    seed : int, default 0
    lag : int, default 32
    directions : sequence of {"maximize", "minimize"}
        One an objective.
    options : mapping, optional
        Further arguments of a named sampler, as Optuna calls them.
    known : sequence of (dict, float)
        Points whose results are known before: the sampler learns from them, and they are no trials.

    Raises
    ------
    InputError
        If optuna or what the sampler needs is not installed; the sampler is none, or not for such a space or so many
        objectives; or no point that meets the constraints is found.
    """

    def __init__(
        self,
        space: "ParameterSpace | FunctionSpace",
        sampler: Any,
        n_trials: int,
        *,
        seed: int = 0,
        lag: int = LAG,
        directions: "Sequence[Direction]" = ("maximize",),
        options: Mapping[str, Any] | None = None,
        known: Sequence[tuple[dict[str, Any], float]] = (),
    ) -> None:
        super().__init__(n_trials, lag)
        self.space, self.seed, self._sampler = space, check_count("seed", seed), sampler
        self._options, self._known = dict(options or {}), list(known)
        if sampler in SINGLE and len(directions) > 1:
            raise InputError("objective", f"one with search={sampler!r}", len(directions), "Use search='nsga2'.")
        if sampler == "cmaes" and isinstance(space, ParameterSpace):
            _check_numbers(space)
        self._study = _study(_seeded(sampler, seed, self._options), directions)
        self._open: dict[int, optuna.Trial] = {}
        for point, value in self._known:
            self._learn_known(point, value)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters; of a space that is a function, none."""
        return self.space.names if isinstance(self.space, ParameterSpace) else ()

    def describe(self) -> dict[str, Any]:
        """The specification as plain data; functions and the caller's sampler stay as they are."""
        named = isinstance(self._sampler, str)
        made = {"search": self._sampler if named else type(self._sampler).__name__}
        made |= {} if named else {"sampler": self._sampler}
        made |= {"options": self._options} if self._options else {}
        made |= {"known": [[point, value] for point, value in self._known]} if self._known else {}
        made |= {"n_trials": self.limit, "seed": self.seed, "lag": self._lag, "versions": _versions()}
        return {**made, **self.space.describe()}

    def _choose(self, number: int) -> dict[str, Any] | None:
        for _ in range(PATIENCE):
            try:
                trial = self._study.ask()
                row = self._row(number, trial)
            except InputError:
                raise
            except Exception as error:
                received = f"{type(error).__name__}: {error}"
                rule = "a sampler that fits the space and the objectives"
                raise InputError("search", rule, received, "Choose another, such as search='tpe'.") from error
            if self._allows(row):
                self._open[number] = trial
                return row
            self._tell(trial, None)
        if number:
            return None
        assert isinstance(self.space, ParameterSpace)
        conditions = describe_conditions(self.space.conditions)
        remedy = f"{PATIENCE:,} points in a row missed them. Loosen the constraint, or use search='random'."
        raise InputError("space", "one with a point that meets its constraints", conditions, remedy)

    def _learn(self, number: int, values: FloatArray) -> None:
        self._tell(self._open.pop(number), None if np.isnan(values).any() else values.tolist())

    def _learn_known(self, point: dict[str, Any], value: float) -> None:
        if not isinstance(self.space, ParameterSpace) or set(point) != set(self.space.names):
            raise InputError("known", f"points of {', '.join(self.names)}", point, "Give each parameter a value.")
        dimensions = self.space.parameters
        self._study.enqueue_trial({name: _as_suggested(dimensions[name], point[name]) for name in self.space.names})
        trial = self._study.ask()
        row = self._row(0, trial)
        if wrong := [name for name in row if row[name] != point[name]]:
            raise InputError(
                f"known {wrong[0]!r}", f"a value of {dimensions[wrong[0]]}", point[wrong[0]], "Correct it."
            )
        self._tell(trial, None if np.isnan(value) else [value])

    def _tell(self, trial: "optuna.Trial", values: list[float] | None) -> None:
        if values is None:
            from optuna.trial import TrialState

            self._study.tell(trial, state=TrialState.FAIL)
        else:
            self._study.tell(trial, values)

    def _row(self, number: int, trial: "optuna.Trial") -> dict[str, Any]:
        draw = _draw(trial)
        if isinstance(self.space, FunctionSpace):
            return self.space.point(number, draw)
        return {name: draw(name, dimension) for name, dimension in self.space.parameters.items()}

    def _allows(self, row: dict[str, Any]) -> bool:
        if isinstance(self.space, FunctionSpace) or not self.space.conditions:
            return True
        return bool(self.space.meets({name: as_column([value]) for name, value in row.items()}, 1)[0])


def _draw(trial: "optuna.Trial") -> Draw:
    """Suggestions of an Optuna trial as values of our dimensions."""

    def suggest(name: str, dimension: Suggested) -> Any:
        match dimension:
            case Int(low, high, step):
                if max(abs(low), abs(high)) > MOST:
                    raise InputError(name, "within 2**53 for this search", dimension, "Use search='random'.")
                return trial.suggest_int(name, low, low + step * (dimension.size - 1), step=step)
            case LogInt(low, high):
                return trial.suggest_int(name, low, high, log=True)
            case Float(low, high, None, log):
                return trial.suggest_float(name, low, high, log=log)
            case Float(low, _, step):
                last = dimension.need_size() - 1
                high = float(dimension.at(np.array([last]))[0])
                place = round((trial.suggest_float(name, low, high, step=step) - low) / (step or 1.0))
                return float(dimension.at(np.array([min(place, last)]))[0])
            case Choice(options):
                if _known_to_optuna(options):
                    return trial.suggest_categorical(name, options)
                return options[trial.suggest_categorical(name, range(len(options)))]

    return suggest


def _as_suggested(dimension: Any, value: Any) -> Any:
    """A value of ours as Optuna knows it."""
    if isinstance(dimension, Choice) and not _known_to_optuna(dimension.options) and value in dimension.options:
        return dimension.options.index(value)
    return value


def _known_to_optuna(options: tuple[Any, ...]) -> bool:
    """Whether Optuna takes these as they are: it tells them apart by ``==``, and knows no tuples."""
    plain = all(option is None or isinstance(option, bool | int | float | str) for option in options)
    return plain and len(set(options)) == len(options)


def _study(sampler: Any, directions: "Sequence[Direction]") -> "optuna.Study":
    """A study in memory, made without a word."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(sampler=sampler, pruner=optuna.pruners.NopPruner(), directions=list(directions))
    finally:
        optuna.logging.set_verbosity(before)


def _seeded(sampler: Any, seed: int, options: Mapping[str, Any]) -> "optuna.samplers.BaseSampler":
    """The sampler that was asked for, with a seed."""
    if find_spec("optuna") is None:
        remedy = "Install it: pip install 'rustybt_ray[optuna]'."
        raise InputError("search", "one of those that need no optuna, which is not installed", sampler, remedy)
    from optuna import samplers

    number = seed if seed < 2**32 else int(np.random.SeedSequence([seed]).generate_state(1)[0])
    if isinstance(sampler, str) and sampler in SAMPLERS:
        if (needed := NEEDS.get(sampler)) is not None and find_spec(needed) is None:
            rule = f"one whose packages are installed; it needs {needed}"
            raise InputError("search", rule, sampler, f"Install it: pip install {needed}.")
        further = {**QUIET.get(sampler, {}), **options}
        return getattr(samplers, SAMPLERS[sampler])(seed=number, **further)  # type: ignore[no-any-return]
    if not isinstance(sampler, samplers.BaseSampler):
        names = ", ".join(map(repr, SAMPLERS))
        raise InputError("search", f"a name such as {names}, or an Optuna sampler", sampler, "Pass search='tpe'.")
    if type(sampler).__name__ in ENUMERATING:
        raise InputError("search", "a sampler that draws", type(sampler).__name__, "Use search='grid'.")
    made = copy.deepcopy(sampler)
    for state in _unseeded(made):
        state.rng.seed(number)
    return made


def _unseeded(sampler: Any) -> list[Any]:
    """The random states of a sampler, and of samplers and parts in it, that were neither seeded nor used."""
    found, seen, waiting = [], set[int](), [sampler]
    while waiting:
        item = waiting.pop()
        if id(item) in seen or not (item is sampler or type(item).__module__.startswith("optuna.samplers")):
            continue
        seen.add(id(item))
        if type(item).__name__ == "LazyRandomState" and item._rng is None:
            found.append(item)
        waiting += list(getattr(item, "__dict__", {}).values())
    return found


def _versions() -> dict[str, str]:
    """Of what decides which points a sampler gives, so that a resumed search is not another one."""
    from importlib.metadata import PackageNotFoundError, version

    made = {}
    for name in ("optuna", "cmaes", "numpy", "scipy", "torch"):
        try:
            made[name] = version(name)
        except PackageNotFoundError:
            made[name] = "not installed"
    return made


def _check_numbers(space: ParameterSpace) -> None:
    """CMA-ES adapts a covariance: it needs two dimensions that are numbers."""
    numbers = [name for name, part in space.parameters.items() if not isinstance(part, Choice) and part.size != 1]
    if len(numbers) < 2:
        remedy = "CMA-ES adapts these, and draws a Choice at random. Use search='tpe'."
        raise InputError("space", "one of two Int or Float at least with search='cmaes'", list(space.names), remedy)
