"""A walk-forward's files beside ``study.json`` and the journal: tables, the stitched curves, and the sessions of its windows."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rustybt_ray.exceptions import RunError
from rustybt_ray.studies.files import replace_file, write_specification
from rustybt_ray.studies.walk_forward import BASE, CHOSEN, LABELS, Curves, WalkForward

if TYPE_CHECKING:
    from rustybt_ray.validation.segments import Windows

TRIALS, WINDOWS, CURVES = "table.parquet", "windows.parquet", "out_of_sample.parquet"


def write_walk_forward(found: WalkForward, folder: Path) -> None:
    """Write the tables, the curves, and ``study.json`` with the result.

    Raises
    ------
    RunError
        If the directory cannot be written; what was there before is left as it was.
    """
    replace_file(folder / TRIALS, lambda path: found.trials.write_parquet(path))
    replace_file(folder / WINDOWS, lambda path: found.windows.write_parquet(path))
    if (curves := found.curves) is not None:
        replace_file(folder / CURVES, lambda path: curves.frame.write_parquet(path))
    write_specification(found.spec, folder, _result(found))


def read_curves(folder: Path, result: dict[str, Any] | None) -> Curves | None:
    """The stitched curves of a walk-forward that has ended; None of one that has not.

    Raises
    ------
    RunError
        If they cannot be read.
    """
    metrics = (result or {}).get("metrics")
    if not isinstance(metrics, dict):
        return None
    import polars as pl

    try:
        frame = pl.read_parquet(folder / CURVES)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise RunError(f"{CURVES} cannot be read", f"{folder}: {error}", "Restore it from a copy.") from error
    if missing := [name for name in BASE if name not in frame.columns]:
        what = f"{CURVES} holds no stitched curve: it has no column {missing[0]!r}"
        raise RunError(what, str(folder), "Restore it from a copy, or call walk_forward again with resume=True.")
    return Curves(frame, {name: metrics[name] for name in LABELS})


def days_text(layout: "Windows") -> str:
    """Dates of the sessions that windows were made of, in words of hexadecimal digits: a mark for each day that has one."""
    days = layout.days - layout.days[0]
    marks = np.zeros(int(days[-1]) + 1, np.uint8)
    marks[days] = 1
    return f"{layout.days[0]}:{np.packbits(marks).tobytes().hex()}"


def days_of(text: str) -> np.ndarray:
    """The days since 1970-01-01 that `days_text` wrote.

    Examples
    --------
    >>> days_of("10957:d0").tolist()
    [10957, 10958, 10960]
    """
    first, _, marks = text.partition(":")
    found: np.ndarray = np.flatnonzero(np.unpackbits(np.frombuffer(bytes.fromhex(marks), np.uint8))) + int(first)
    return found


def _result(found: WalkForward) -> dict[str, Any]:
    skill, efficiency, study = found.skill, found.efficiency, found.study
    cost = {"waited_seconds": study.waited, "choosing_seconds": study.choosing} if study.spec.adaptive else {}
    return {
        "trials": found.n_trials,
        "failed": found.n_failed,
        "gaps": found.n_gaps,
        "metrics": found.curves.metrics if found.curves is not None else None,
        "efficiency": efficiency._asdict(),
        "skill": skill._asdict(),
        "value": found.metrics.get(found.spec.objective) if found.curves is not None else None,
        "curve": CHOSEN,
        "rows": found.rows,
        "leaks": list(found.leaks),
        "notes": list(found.notes),
        "causal": found.causal,
        "stopped": found.stopped,
        "executor": found.executor,
        "elapsed_seconds": found.elapsed,
        **cost,
    }
