"""One driver a run directory: the lock names who holds it, and goes with the process that took it."""

import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import IO, Any

from rustybt_ray.exceptions import RunError

if sys.platform != "win32":
    import fcntl
else:
    import msvcrt


class RunLock:
    """The lock of a run directory, held from here to `release`.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    RunError
        If another driver holds it (the message names its host, process and start), or it cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lock"
        try:
            self._file: IO[str] = self.path.open("a+", encoding="utf-8")
        except OSError as error:
            what = "the run directory cannot be written"
            raise RunError(what, f"{folder}: {error.strerror or error}", "Choose one that can be.") from error
        if not _try_lock(self._file):
            owner = self._owner()
            self._file.close()
            what = f"another driver works in this run directory: {owner}"
            raise RunError(what, str(folder), "Wait for it, stop it, or choose another run directory.")
        self._file.seek(0)
        self._file.truncate()
        started = time.strftime("%Y-%m-%d %H:%M:%S %z")
        json.dump({"host": socket.gethostname(), "pid": os.getpid(), "started": started}, self._file)
        self._file.flush()

    def release(self) -> None:
        """Let others in."""
        if not self._file.closed:
            self._file.seek(0)
            self._file.truncate()
            self._file.close()

    def _owner(self) -> str:
        try:
            self._file.seek(0)
            known: dict[str, Any] = json.load(self._file)
            return f"process {known['pid']} on {known['host']}, since {known['started']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "which one is not written there"


def _try_lock(file: IO[str]) -> bool:
    try:
        if sys.platform != "win32":
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True
