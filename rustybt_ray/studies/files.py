"""A study's files: the specification as JSON, the table as Parquet; written whole or not at all."""

import json
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rustybt_ray.exceptions import RunError
from rustybt_ray.studies.identity import study_key
from rustybt_ray.studies.spec import StudySpec
from rustybt_ray.studies.study import Study


def write_specification(spec: StudySpec, folder: Path, result: Mapping[str, Any] | None = None) -> None:
    """Write ``study.json``: the specification, its key, and the result if there is one.

    Raises
    ------
    RunError
        If it cannot be written; what was there before is left as it was.
    """
    content: dict[str, Any] = spec.to_dict()
    content["key"] = study_key(content)
    if result is not None:
        content["result"] = result
    text = json.dumps(content, indent=2, default=str) + "\n"
    replace_file(folder / "study.json", lambda path: path.write_text(text, encoding="utf-8"))


def write_study(study: Study, folder: Path) -> None:
    """Write ``table.parquet``, ``returns.parquet`` if returns are kept, and ``study.json`` with the result.

    Raises
    ------
    RunError
        If the directory cannot be written; what was there before is left as it was.
    """
    best = None if study.spec.aims else study.best_trial
    result: dict[str, Any] = {
        "trials": study.trials.height,
        "failed": study.n_failed,
        "pruned": study.n_pruned,
        "best": None if best is None else {"trial": best.number, "params": best.params, "value": best.value},
        "causal": study.causal,
        "stopped": study.stopped,
        "executor": study.executor,
        "elapsed_seconds": study.elapsed,
        "parameters": study.parameters,
    }
    if study.spec.aims:
        result["pareto"] = study.pareto["trial"].to_list()
    if study.spec.adaptive:
        result |= {"waited_seconds": study.waited, "choosing_seconds": study.choosing}
    replace_file(folder / "table.parquet", lambda path: study.trials.write_parquet(path))
    if (returns := study.returns) is not None:
        replace_file(folder / "returns.parquet", lambda path: returns.write_parquet(path))
    write_specification(study.spec, folder, result)


def replace_file(target: Path, write: Callable[[Path], Any]) -> None:
    """Write beside the target and rename, so that a reader sees the old file or the new one."""
    made = target.with_name(f".{target.name}.{secrets.token_hex(4)}")  # not of `tempfile`: others may read these files
    try:
        try:
            write(made)
            made.replace(target)
        finally:
            made.unlink(missing_ok=True)
    except OSError as error:
        what = f"cannot write {target.name}: {error.strerror or error}"
        raise RunError(what, str(target.parent), "Choose a directory that can be written and has room.") from error
