"""One driver a run directory: the lock names who holds it, and goes with the process that took it."""

import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import IO, Any

from rustybt_ray._record import record_class
from rustybt_ray.exceptions import RunError

if sys.platform != "win32":
    import fcntl
else:
    import msvcrt


@record_class(frozen=True)
class Holder:
    """The driver that a lock names: its machine, its process, when it took the lock."""

    host: str
    pid: int
    started: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.started}"


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
        me: dict[str, Any] = {"host": socket.gethostname(), "pid": os.getpid()}
        me |= {"started": time.strftime("%Y-%m-%d %H:%M:%S %z"), "born": _born(os.getpid())}
        json.dump(me, self._file)
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
            return str(Holder(known["host"], known["pid"], known["started"]))
        except (OSError, ValueError, KeyError, TypeError):
            return "which one is not written there"


def holder(folder: Path) -> Holder | None:
    """The driver that works in a run directory; None if none does. The lock is read, never taken.

    What a driver that was killed left in the lock counts for nothing where its process can be looked for; of a driver on
    another machine the lock is taken at its word.

    Raises
    ------
    RunError
        If the lock cannot be read.
    """
    path = folder / "lock"
    try:
        known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found, born = Holder(str(known["host"]), int(known["pid"]), str(known["started"])), known.get("born")
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # released, or being written this moment
        return None
    except OSError as error:
        raise RunError("the lock cannot be read", f"{path}: {error.strerror}", "Check the directory.") from error
    return found if found.host != socket.gethostname() or _alive(found.pid, born) else None


def _alive(pid: int, born: int | None) -> bool:
    """Whether a process of this machine runs, and is the one that was born then."""
    if sys.platform == "win32":  # where `os.kill` ends it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    now = _born(pid)
    return now != 0 and (born is None or now is None or now == born)


def _born(pid: int) -> int | None:
    """When a process began, in ticks since the machine did; 0 if it has ended, None where that cannot be seen."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return 0 if fields[0] in ("Z", "X") else int(fields[19])
    except (OSError, IndexError, ValueError):
        return None


def _try_lock(file: IO[str]) -> bool:
    try:
        if sys.platform != "win32":
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True
