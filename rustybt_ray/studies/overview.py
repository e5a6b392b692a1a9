"""What a run directory holds, for those who look on: nothing is written, locked or run."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rustybt_ray._expressions import parse
from rustybt_ray.engine.metrics import MOMENTS
from rustybt_ray.exceptions import RunError
from rustybt_ray.execution.messages import FAILED, Block, TrialError
from rustybt_ray.studies.identity import check_format
from rustybt_ray.studies.leaders import Leaders
from rustybt_ray.studies.lock import Holder, holder
from rustybt_ray.studies.run_directory import JOURNAL, STUDY, TABLE, read_specification
from rustybt_ray.studies.rungs import COLUMNS as RUNGS
from rustybt_ray.studies.rungs import Rungs
from rustybt_ray.studies.tail import JournalTail
from rustybt_ray.studies.trials import COLUMNS, STATES

if TYPE_CHECKING:
    import polars as pl

RUNNING, COMPLETED, INTERRUPTED = "running", "complete", "interrupted"


class Overview:
    """A run directory, read as far as it goes; `read` goes on from there.

    Parameters
    ----------
    path : Path
    top : int, default 10
        Best trials to keep.

    Attributes
    ----------
    spec : dict
        What ``study.json`` says, without the result.
    result : dict or None
        The result, as far as it is there.
    driver : Holder or None
        Who worked there when `read` was last called.
    done, failed : int
        Trials read so far.
    best : Leaders

    Raises
    ------
    RunError
        If there is no study there, or one of a newer format.
    """

    def __init__(self, path: Path, top: int = 10) -> None:
        self.path = path
        self.spec: dict[str, Any] = {}
        self.result: dict[str, Any] | None = None
        self.driver: Holder | None = None
        self._read_specification()
        require = [parse(text, what="require") for text in self.spec["require"]]
        aims = [tuple(aim) for aim in self.spec.get("aims", [])]
        self.best = Leaders(self.spec["objective"], self.spec["direction"], require, top, aims)
        self.done = self.failed = 0
        self._tail = JournalTail(path / JOURNAL)

    @property
    def total(self) -> int | None:
        """Trials of the whole search; None if it is not known."""
        known = self.spec.get("trials")
        return self.done if self.state == COMPLETED else known

    @property
    def left(self) -> int | None:
        """Trials to come; None if it is not known."""
        total = self.total
        return None if total is None else max(total - self.done, 0)

    @property
    def state(self) -> str:
        """Running while a driver is there, complete if every trial is finished, else interrupted."""
        if self.driver is not None:
            return RUNNING
        return COMPLETED if self.result is not None and self.result.get("stopped") is None else INTERRUPTED

    @property
    def reason(self) -> str:
        """Why it is interrupted: "interrupted", "timeout", "stopped"; "killed" where its driver could not say."""
        return str((self.result or {}).get("stopped") or "killed")

    @property
    def written(self) -> str | None:
        """When the journal last grew, as a date and a time; None if it was not begun."""
        try:
            return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime((self.path / JOURNAL).stat().st_mtime))
        except OSError:
            return None

    def read(self) -> Iterator[Block]:
        """Take in what is new, and say what it was.

        Whether a driver is there is looked at first: once there is none, nothing more comes after what this call reads.

        Raises
        ------
        RunError
            If the journal cannot be read.
        """
        self.driver = holder(self.path)
        for columns, block in self._new():
            self.done += len(block)
            self.failed += int(np.count_nonzero(block.state == FAILED))
            self.best.add(block, columns)
            yield block
        self._read_specification()

    def _new(self) -> Iterator[tuple[dict[str, list[Any]], Block]]:
        if not self._tail.path.exists() and not self.done and (self.path / TABLE).exists():
            known = (self.result or {}).get("parameters") or self.spec["search"].get("parameters")
            yield from_table(self.path / TABLE, list(known or self.spec["search"].get("points") or {}))
            return
        rungs = Rungs.of(self.spec["search"])
        for columns, block in self._tail.read():
            yield columns, block if rungs is None else rungs.settled(block)

    def _read_specification(self) -> None:
        found = read_specification(self.path)
        if found is None:
            what = "there is no study here" if self.path.is_dir() else "there is no such directory"
            remedy = f"A run directory has {STUDY} in it: `rustybt-ray optimize -o RUNDIR` makes one."
            raise RunError(what, str(self.path), remedy)
        check_format(found, str(self.path))
        if missing := [
            name for name in ("strategy", "search", "objective", "direction", "require") if name not in found
        ]:
            raise RunError(f"{STUDY} lacks {', '.join(missing)}", str(self.path), "Restore it from a copy.")
        self.result = found.pop("result", None)
        self.spec = found


def from_table(path: Path, params: list[str]) -> tuple[dict[str, list[Any]], Block]:
    """All trials of a table whose journal is not beside it.

    Raises
    ------
    RunError
        If it cannot be read.
    """
    import polars as pl

    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise RunError(f"{TABLE} cannot be read", f"{path}: {error}", "Restore it from a copy.") from error
    metrics = [name for name in frame.columns if name not in (*COLUMNS, *RUNGS, *params)]
    codes = {name: code for code, name in STATES.items()}
    block = Block(
        numbers=frame["trial"].to_numpy().astype(np.int64),
        names=tuple(metrics),
        state=np.array([codes[state] for state in frame["state"]], np.uint8),
        metrics=frame.select(metrics).to_numpy().astype(np.float64).reshape(len(frame), len(metrics)),
        moments=np.full((len(frame), MOMENTS), np.nan),
        duration=frame["duration"].to_numpy(),
        errors=_errors(frame),
        worker="",
    )
    return {name: frame[name].to_list() for name in params}, block


def _errors(frame: "pl.DataFrame") -> dict[int, TrialError]:
    failed = frame.filter(frame["error"].is_not_null()).select("trial", "error")
    said = ((number, *text.partition(": ")) for number, text in failed.iter_rows())
    return {number: TrialError(kind, message, "") for number, kind, _, message in said}
