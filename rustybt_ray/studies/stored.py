"""A study's specification and trials as a run directory has them, read back."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rustybt_ray.engine import costs as models
from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.settings import Settings
from rustybt_ray.exceptions import RunError
from rustybt_ray.execution.messages import Block
from rustybt_ray.studies.identity import check_format
from rustybt_ray.studies.journal import read_journal
from rustybt_ray.studies.run_directory import JOURNAL, STUDY, read_specification
from rustybt_ray.studies.spec import StudySpec

MODELS = (
    "NoCommission", "PerShare", "PerTrade", "PerDollar", "NoSlippage", "FixedBasisPoints", "FixedSpread", "VolumeShare",
)  # fmt: skip


def read_study(path: Path) -> tuple[StudySpec, dict[str, Any] | None]:
    """What a run directory's study was asked, and its result if it has one.

    Raises
    ------
    RunError
        If there is no study, one of a newer format, or one that lacks something.
    """
    found = read_specification(path)
    if found is None:
        what = "there is no study here" if path.is_dir() else "there is no such directory"
        raise RunError(what, str(path), f"A run directory has {STUDY} in it: optimize(run_dir=...) makes one.")
    check_format(found, str(path))
    names = [field.name for field in dataclasses.fields(StudySpec)]
    given = {
        name: _tuples(found[name]) if name in ("require", "aims") else found[name] for name in names if name in found
    }
    try:
        given |= {"costs": _costs(given["costs"], path), "settings": Settings(**given["settings"])}
        return StudySpec(**given), found.get("result")
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{STUDY} cannot be read ({error})", str(path / STUDY), "Restore it from a copy.") from error


def read_trials(path: Path, search: Mapping[str, Any]) -> list[tuple[Block, dict[str, list[Any]]]]:
    """The finished trials of a run directory: results, and parameters as columns.

    Raises
    ------
    RunError
        If the journal is damaged, or not there.
    """
    journal = path / JOURNAL
    if not journal.exists():
        raise RunError("there is no journal", str(path), "Restore it: the trials are in it.")
    blocks = read_journal(journal).blocks
    return [
        (block, {name: _restored(name, values, search) for name, values in columns.items()})
        for columns, block in blocks
    ]


def _restored(name: str, values: Sequence[Any], search: Mapping[str, Any]) -> list[Any]:
    """A column's values as the search has them: those that no Arrow column holds were written as text."""
    said = (search.get("parameters") or {}).get(name) or {}
    options = said.get("options") or (search.get("points") or {}).get(name) or ()
    known = [tuple(option) if isinstance(option, list) else option for option in options]
    if all(isinstance(option, str) for option in known):
        return list(values)
    texts = {ascii(option): option for option in known}
    return [texts.get(value, value) if isinstance(value, str) else value for value in values]


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _costs(said: Mapping[str, Any], path: Path) -> Costs:
    given = dict(said)
    for name in ("commission", "slippage"):
        terms = dict(given[name])
        model = str(terms.pop("model"))
        if model not in MODELS:
            what = f"{name} is {model}, a model of somebody's own, which cannot be made again from its name"
            raise RunError(what, str(path / STUDY), "Call optimize or walk_forward again with resume=True.")
        given[name] = getattr(models, model)(**terms)
    return Costs(**given)
