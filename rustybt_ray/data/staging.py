"""Folders that appear whole or not at all: written aside, brought to the disk, renamed into place.

Who writes aside holds a lock that the operating system frees when the process ends, however it ends; so what a
killed process left behind is told from what another one is writing.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

ASIDE = ".publishing"
ABANDONED_AFTER = 86_400.0
"""Seconds after which something aside without a lock is removed."""


@contextmanager
def aside(root: Path) -> Iterator[Path]:
    """A new folder in `root` to write in, locked while it is used; what is left in it at the end is removed."""
    import shutil
    import uuid

    base = root / ASIDE
    base.mkdir(parents=True, exist_ok=True)
    folder = base / uuid.uuid4().hex
    path = folder.with_suffix(".lock")
    with path.open("w") as lock:
        _lock(lock)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            path.unlink(missing_ok=True)


def sweep(root: Path) -> None:
    """Remove what dead processes left aside."""
    import shutil

    for path in (root / ASIDE).glob("*"):
        if path.suffix == ".lock":
            if not path.with_suffix("").exists() and _age(path) > ABANDONED_AFTER:
                path.unlink(missing_ok=True)
        elif _abandoned(path):
            shutil.rmtree(path, ignore_errors=True)
            path.with_suffix(".lock").unlink(missing_ok=True)


def place(folder: Path, target: Path) -> bool:
    """Rename `folder` to `target` and bring it to the disk; False if there is a `target` already."""
    _sync_folder(folder)
    for _ in range(10):  # another process may remove the empty parent between the two steps
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.rename(target)
        except FileNotFoundError:
            continue
        except OSError:
            if target.is_dir():
                return False
            raise
        _sync_folder(target.parent)
        return True
    raise FileNotFoundError(f"{target.parent} vanishes as soon as it is made")


def write_text(path: Path, text: str) -> None:
    """Write a file and bring it to the disk; a reader sees the old text or the new one."""
    import uuid

    new = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _abandoned(folder: Path) -> bool:
    try:
        with folder.with_suffix(".lock").open("r+") as lock:
            return _lock(lock) if sys.platform != "win32" else _age(folder) > ABANDONED_AFTER
    except OSError:
        return _age(folder) > ABANDONED_AFTER


def _age(path: Path) -> float:
    """Seconds since the last change; 0 for what is gone."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _lock(file: IO[str]) -> bool:
    """Whether the lock on `file` was free; it is held until the file is closed. Windows has age alone."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":  # folders cannot be opened there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
