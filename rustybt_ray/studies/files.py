"""A study's files: the specification as JSON, the table as Parquet; written whole or not at all."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from rustybt_ray.exceptions import ExecutionError
from rustybt_ray.studies.study import Study


def write_study(study: Study, run_dir: str | Path) -> Path:
    """Write ``study.json`` and ``table.parquet`` into `run_dir`, which is made if need be.

    Returns
    -------
    Path
        The directory.

    Raises
    ------
    ExecutionError
        If the directory cannot be written; what was there before is left as it was.
    """
    folder = Path(run_dir)
    summary: dict[str, Any] = study.spec.to_dict()
    best = study.best_trial
    summary["result"] = {
        "trials": study.trials.height,
        "failed": study.n_failed,
        "best": None if best is None else {"trial": best.number, "params": best.params, "value": best.value},
        "causal": study.causal,
        "stopped": study.stopped,
        "executor": study.executor,
        "elapsed_seconds": study.elapsed,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(summary, indent=2, default=str) + "\n"
        _replace(folder / "study.json", lambda path: path.write_text(text, encoding="utf-8"))
        _replace(folder / "table.parquet", lambda path: study.trials.write_parquet(path))
    except OSError as error:
        what = f"cannot write the study: {error.strerror or error}"
        raise ExecutionError(what, str(folder), "Choose a directory that can be written and has room.") from error
    return folder


def _replace(target: Path, write: Any) -> None:
    """Write beside the target and rename, so that a reader sees the old file or the new one."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    os.close(handle)
    try:
        write(Path(name))
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)
