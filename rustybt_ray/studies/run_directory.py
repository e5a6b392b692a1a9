"""A run directory: ``study.json``, the journal, the lock, and ``table.parquet`` at the end."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rustybt_ray.exceptions import RunError
from rustybt_ray.studies.files import write_specification, write_study
from rustybt_ray.studies.identity import check_same
from rustybt_ray.studies.journal import Journal, Recorded, read_journal
from rustybt_ray.studies.lock import RunLock
from rustybt_ray.studies.spec import StudySpec
from rustybt_ray.studies.study import Study

JOURNAL, STUDY, TABLE = "journal", "study.json", "table.parquet"
log, note = logging.getLogger("rustybt_ray"), logging.getLogger("rustybt_ray.journal")


class RunDirectory:
    """The run directory of one study, locked from here to `close`.

    Parameters
    ----------
    path : str or Path
        Made if need be.
    spec : StudySpec
        What is asked for now.
    resume : bool
        Whether to go on with what is there.

    Attributes
    ----------
    recorded : Recorded
        What an earlier driver finished.

    Raises
    ------
    RunError
        If a study is there and `resume` is false; or another study; or another driver; or the journal is damaged, or of a
        newer format; or nothing can be written. Nothing is changed then.
    """

    def __init__(self, path: str | Path, spec: StudySpec, *, resume: bool) -> None:
        self.path = Path(path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            what = "the run directory cannot be made"
            raise RunError(what, f"{path}: {error.strerror}", "Choose another.") from error
        self._lock = RunLock(self.path)
        try:
            self.recorded = find_recorded(self.path, spec, resume=resume)
            self.journal = self._journal(spec)
        except BaseException:
            self._lock.release()
            raise

    def finish(self, study: Study) -> None:
        """Write the table and the result."""
        self.journal.sync()
        write_study(study, self.path)

    def close(self) -> None:
        """Bring the journal to the disk and let others in."""
        try:
            self.journal.close()
        finally:
            self._lock.release()

    def __enter__(self) -> "RunDirectory":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _journal(self, spec: StudySpec) -> Journal:
        path = self.path / JOURNAL
        if not path.exists():
            write_specification(spec, self.path)
        self._log(torn=max(path.stat().st_size - self.recorded.end, 0) if path.exists() else 0)
        return Journal(path, self.recorded.end)

    def _log(self, torn: int) -> None:
        if not note.isEnabledFor(logging.INFO):
            return
        recorded, suspects = len(self.recorded.numbers), self.recorded.suspects.tolist()
        fields = {"run_dir": str(self.path), "recorded": recorded, "suspects": suspects, "torn": torn}
        if recorded or suspects or torn:
            note.info("resume: %d trials are recorded, %d bytes of a torn end are cut", recorded, torn, extra=fields)
        else:
            note.info("a journal is begun in %s", self.path, extra=fields)


def find_recorded(path: Path, spec: StudySpec, *, resume: bool) -> Recorded:
    """What earlier drivers finished of the study that `spec` asks for; nothing is changed or locked.

    Raises
    ------
    RunError
        If a study is there and `resume` is false, or another study, or its journal is damaged or of a newer format.
    """
    stored = read_specification(path)
    if stored is None:
        if (path / JOURNAL).exists():
            raise RunError(f"there is a journal but no {STUDY}", str(path), "Choose another run directory.")
        return Recorded()
    if not resume:
        what = "a study is here already"
        raise RunError(what, str(path), "Pass resume=True to go on with it, or choose another run directory.")
    check_same(stored, spec.to_dict(), str(path))
    warn_of_machine(stored.get("machine", {}), spec.machine)
    return read_journal(path / JOURNAL) if (path / JOURNAL).exists() else Recorded()


def read_specification(path: Path) -> dict[str, Any] | None:
    """What ``study.json`` of a run directory says; None if there is none.

    Raises
    ------
    RunError
        If it cannot be read.
    """
    file = path / STUDY
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RunError(f"{STUDY} cannot be read", f"{file}: {error}", "Restore it, or choose another.") from error
    if not isinstance(found, dict):
        raise RunError(f"{STUDY} is not a specification", str(file), "Restore it, or choose another run directory.")
    return found


def warn_of_machine(stored: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Other packages or another processor may move the last bit of a result: say so."""
    changed = [f"{name} {stored.get(name)} -> {now[name]}" for name in now if stored.get(name) != now[name]]
    if changed:
        log.warning("the study was begun with other versions, which may move last bits: %s", ", ".join(changed))
