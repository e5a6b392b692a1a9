"""A run directory as the study that it holds: read as far as it goes, while its driver works or afterwards."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from rustybt_ray._expressions import parse
from rustybt_ray.engine import costs as models
from rustybt_ray.engine.backtest import Backtest
from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.settings import Settings
from rustybt_ray.exceptions import InputError, RunError
from rustybt_ray.execution.messages import COMPLETE, PRUNED, Block
from rustybt_ray.studies.overview import Overview, from_table
from rustybt_ray.studies.run_directory import JOURNAL, STUDY, TABLE
from rustybt_ray.studies.rungs import Rungs
from rustybt_ray.studies.spec import StudySpec
from rustybt_ray.studies.study import Study
from rustybt_ray.studies.tail import JournalTail

MODELS = (
    "NoCommission", "PerShare", "PerTrade", "PerDollar",
    "NoSlippage", "FixedBasisPoints", "FixedSpread", "VolumeShare",
)  # fmt: skip

Replay: TypeAlias = Callable[[StudySpec, dict[str, Any]], Backtest]


def read_study(path: Path) -> Study:
    """The study of a run directory with all trials that are recorded there; nothing is written, locked or run.

    It cannot replay trials: that takes the strategy and the bundle.

    Raises
    ------
    RunError
        If there is no study, or a walk-forward; it is of a newer format; or its journal or table cannot be read.
    """
    study, _ = read_trials(path)
    if study.spec.walk_forward is not None:
        remedy = "`rustybt-ray show` has its windows, `rustybt-ray export` the trials of each."
        raise RunError("the run directory holds a walk-forward, not a study", str(path), remedy)
    return study


def read_trials(path: Path, replay: Replay | None = None) -> tuple[Study, dict[str, Any]]:
    """As `read_study`, also the trials of a walk-forward; and the result, as far as it is there.

    `replay` runs a trial of a study of this specification again.
    """
    overview = Overview(path, top=1)
    spec, result = read_spec(overview.spec, str(path)), overview.result or {}
    again = None if replay is None or spec.walk_forward is not None else partial(replay, spec)
    study = Study(spec, [parse(text, what="require") for text in spec.require], again)
    if (path / JOURNAL).exists():
        for columns, block in JournalTail(path / JOURNAL).read():
            study.add(block, _as_values(columns, spec.search))
    elif (path / TABLE).exists() and spec.walk_forward is None:
        known = result.get("parameters") or spec.search.get("parameters") or spec.search.get("points")
        _add_table(study, path / TABLE, list(known or {}))
    study.stopped, study.causal = result.get("stopped"), result.get("causal")
    study.executor, study.elapsed = result.get("executor", study.executor), result.get("elapsed_seconds", 0.0)
    study.waited, study.choosing = result.get("waited_seconds", 0.0), result.get("choosing_seconds", 0.0)
    return study, result


def read_spec(stored: Mapping[str, Any], where: str) -> StudySpec:
    """The specification that ``study.json`` has, as it was.

    Raises
    ------
    RunError
        If a part of it is missing or was never one of ours.
    """
    names = {field.name for field in dataclasses.fields(StudySpec)}
    found = {name: value for name, value in stored.items() if name in names}
    found["require"] = tuple(found.get("require", ()))
    found["aims"] = tuple((str(name), str(direction)) for name, direction in found.get("aims", ()))
    try:
        costs = dict(found["costs"])
        made = {name: _model(dict(costs.pop(name))) for name in ("commission", "slippage")}
        found["costs"], found["settings"] = Costs(**made, **costs), Settings(**found["settings"])
        return StudySpec(**found)
    except (InputError, KeyError, TypeError, ValueError) as error:
        what = f"{STUDY} cannot be read as a study ({type(error).__name__}: {error})"
        raise RunError(what, where, "Restore it from a copy, or use the rustybt_ray that wrote it.") from error


def exact_params(params: Mapping[str, Any], search: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Parameters of a trial as they were: journals keep a column of values of several types as texts.

    Parameters
    ----------
    params : mapping
        As the journal or the table gives them.
    search : mapping
        The study's search, as recorded.
    number : int
        Of the trial.

    Raises
    ------
    RunError
        If two options of a Choice read alike.

    Examples
    --------
    >>> search = {"parameters": {"window": {"type": "Choice", "options": [5, "all"]}}}
    >>> exact_params({"window": "5"}, search, 0), exact_params({"window": "'all'"}, search, 0)
    ({'window': 5}, {'window': 'all'})
    """
    if points := search.get("points"):
        return {name: _tuples(points[name][number]) for name in params}
    if "space" in search:  # a function's parameters need not be there in every trial, and then read as null
        return {name: value for name, value in params.items() if value is not None}
    known = search.get("parameters") or {}
    return {name: _option(name, value, known.get(name, {}).get("options")) for name, value in params.items()}


def _as_values(columns: dict[str, list[Any]], search: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Columns whose texts are the options of a Choice again; those that read alike stay texts."""
    made = dict(columns)
    points = search.get("points") or {}
    for name, said in {**points, **(search.get("parameters") or {})}.items():
        options = (said if name in points else said.get("options")) or ()
        kinds = set(map(type, options)) - {type(None)}
        if name in made and (len(kinds) > 1 or list in kinds):
            found = {value: _alike(value, options) for value in set(filter(_is_text, made[name]))}
            made[name] = [found[v][0] if len(found.get(v, ())) == 1 else v for v in made[name]]
    return made


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _alike(value: Any, options: Any) -> list[Any]:
    """The options that a value of a record may be."""
    options = [_tuples(option) for option in options]
    if isinstance(value, str):
        return [option for option in options if value in (ascii(option), str(option))]
    return [option for option in options if type(option) is type(value) and option == value]


def _tuples(value: Any) -> Any:
    """A value as it was before JSON made lists of its tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _option(name: str, value: Any, options: Any) -> Any:
    found = _alike(value, options or ())
    if len(found) < 2:
        return found[0] if found else value
    what = f"the values {' and '.join(map(repr, found))} of {name!r} read alike in the record"
    raise RunError(what, STUDY, "Run a backtest with the one that you mean.")


def _model(said: dict[str, Any]) -> Any:
    name = said.pop("model")
    if name not in MODELS:
        raise InputError("costs", f"of a model among {', '.join(MODELS)}", name, "Restore it from a copy.")
    return getattr(models, name)(**said)


def _add_table(study: Study, path: Path, params: list[str]) -> None:
    """Take in a table whose journal is not beside it, with the workers that its trials had."""
    import polars as pl

    columns, block = from_table(path, params)
    beside = pl.read_parquet(path)
    if (rungs := Rungs.of(study.spec.search)) is not None:
        block = _as_runs(block, beside["rung"].to_numpy(), rungs)
    owners = np.array(beside["worker"].to_list(), dtype=object)
    for worker in dict.fromkeys(owners.tolist()):
        places = np.flatnonzero(owners == worker)
        part = {name: [values[i] for i in places.tolist()] for name, values in columns.items()}
        study.add(block.take(places, worker), part)


def _as_runs(block: Block, rung: np.ndarray, rungs: Rungs) -> Block:
    """Trials of successive halving as their last runs."""
    runs = block.numbers + rung.astype(np.int64) * rungs.stride
    new = dict(zip(block.numbers.tolist(), runs.tolist(), strict=True))
    errors = {new[number]: error for number, error in block.errors.items()}
    state = np.where(block.state == PRUNED, COMPLETE, block.state).astype(np.uint8)
    return replace(block, numbers=runs, state=state, errors=errors)
