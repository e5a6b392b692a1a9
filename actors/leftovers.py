"""What Ray leaves behind when its driver is killed: processes, session folders, an address file. Looks, never touches."""

import os
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from rustybt_ray._record import record_class

SESSION = re.compile(r"session_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_\d+_(\d+)")
DAEMONS = re.compile(
    r"^\S*/(gcs_server|raylet)(?=\s)|/ray/(?:autoscaler/_private|_private(?:/workers|/runtime_env/agent)?|dashboard)/(\w+)\.py"
)
SETTLING = 3.0  # seconds in which workers end whose Ray is being shut down
YOUNG = 60.0  # seconds within which a session may exist before the processes that name it


@record_class(frozen=True)
class Process:
    """A process as the system tells of it.

    Attributes
    ----------
    pid, parent, user : int
    command : str
        Its command line, or the title it gave itself.
    session : str
        Name of the Ray session it belongs to; empty if none.
    """

    pid: int
    parent: int
    user: int
    command: str
    session: str = ""

    @property
    def title(self) -> str:
        """A short name: ``raylet``, ``gcs_server``, ``log_monitor``, ``ray::DashboardAgent``; empty if not Ray's."""
        if self.command.startswith("ray::"):
            return self.command.split()[0]
        found = DAEMONS.search(self.command)
        return (found[1] or found[2]) if found else ""

    def option(self, name: str) -> str:
        """The value of ``--name=value`` in the command line."""
        found = re.search(rf"--{name}=(\S+)", self.command)
        return found[1] if found else ""


@record_class(frozen=True)
class Folder:
    """A session folder and the bytes in it."""

    path: Path
    nbytes: int


def temp_root(environ: Mapping[str, str]) -> Path:
    """Where Ray keeps its sessions and sockets: its own rule, from RAY_TMPDIR and TMPDIR.

    Examples
    --------
    >>> temp_root({"RAY_TMPDIR": "/scratch"}).as_posix()
    '/scratch/ray'
    """
    if "RAY_TMPDIR" in environ:
        return Path(environ["RAY_TMPDIR"]) / "ray"
    if sys.platform.startswith("linux") and "TMPDIR" in environ:
        return Path(environ["TMPDIR"]) / "ray"
    return Path("/tmp" if sys.platform.startswith(("linux", "darwin")) else tempfile.gettempdir()) / "ray"


def processes(proc: Path) -> list[Process] | None:
    """All processes below `proc`, as Linux lists them; None where there is no such folder."""
    try:
        pids = sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdigit())
    except OSError:
        return None
    found = []
    for pid in pids:
        with suppress(OSError, ValueError, IndexError, KeyError):  # it may end, or be another user's, while we read
            found.append(_read(proc, pid))
    return found


def settled(proc: Path, user: int) -> list[Process] | None:
    """As `processes`, but read again a little later if it shows orphans: those of a Ray that is just ending do end."""
    table = processes(proc)
    if table is None or not orphans(table, user):
        return table
    time.sleep(SETTLING)
    return processes(proc)


def belonging_to(table: Sequence[Process], session: str) -> list[Process]:
    """Ray's processes of a session, and those that these have just started."""
    own = {process.pid for process in table if session and process.title and process.session == session}
    return [process for process in table if process.pid in own or process.parent in own]


def orphans(table: Sequence[Process], user: int) -> list[Process]:
    """Ray's processes of a user that nobody looks after any more.

    A worker or agent (``ray::...``) is one when its parent is no raylet. A daemon is one when its parent is not the
    process that began its session, unless ``ray start`` left its node running.
    """
    known = {process.pid: process for process in table}
    started = {process.session for node in nodes(table) for process in node}
    found = []
    for process in table:
        title = process.title
        if not title or process.user != user:
            continue
        parent = known.get(process.parent)
        if title.startswith("ray::"):
            alone = parent is None or not (parent.title == "raylet" or parent.title.startswith("ray::"))
        else:
            held = parent is not None and (bool(parent.title) or parent.pid == _creator(process))
            alone = bool(process.session) and process.session not in started and not held
        if alone:
            found.append(process)
    return found


def nodes(table: Sequence[Process]) -> list[list[Process]]:
    """The daemons of each node that ``ray start`` left running: its raylet's address is in the file that it writes."""
    found = []
    for raylet in table:
        if raylet.title != "raylet" or not raylet.session:
            continue
        address, folder = raylet.option("gcs-address"), raylet.option("temp-dir")
        daemons = [other for other in table if other.session == raylet.session and not other.title.startswith("ray::")]
        headless = _host(address) == raylet.option("node_ip_address") and not any(
            other.title == "gcs_server" for other in daemons
        )
        if folder and not headless and address and current_address(Path(folder)) == address:
            found.append([other for other in daemons if other.title])
    return found


def unused_sessions(root: Path, table: Iterable[Process], user: int, now: float | None = None) -> list[Folder]:
    """Session folders of a user below Ray's `root` that no process uses; one just made counts as used."""
    used = {process.session for process in table}
    newest = (time.time() if now is None else now) - YOUNG
    found = []
    with suppress(OSError):
        for entry in sorted(os.scandir(root), key=lambda entry: entry.name):
            if not SESSION.fullmatch(entry.name) or entry.name in used or not entry.is_dir(follow_symlinks=False):
                continue
            with suppress(OSError):
                about = entry.stat(follow_symlinks=False)
                if about.st_uid == user and about.st_mtime < newest:
                    found.append(Folder(Path(entry.path), folder_bytes(entry.path)))
    return found


def stale_address(root: Path, table: Iterable[Process]) -> str | None:
    """The address in Ray's file of the current cluster, if no node of it runs on this machine."""
    address = current_address(root)
    if address is None or any(process.option("gcs-address") == address for process in table):
        return None
    return address


def current_address(root: Path) -> str | None:
    """What ``ray start`` wrote down as the address of the cluster; None without such a file."""
    try:
        return (root / "ray_current_cluster").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None


def folder_bytes(folder: str | os.PathLike[str]) -> int:
    """Bytes on the disk of all files below a folder, without those that cannot be seen."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                about = os.lstat(os.path.join(where, name))  # noqa: PTH118  (thousands of files)
                blocks = getattr(about, "st_blocks", None)
                total += about.st_size if blocks is None else blocks * 512
    return total


def _read(proc: Path, pid: int) -> Process:
    folder = proc / str(pid)
    status = dict(
        line.split(":", 1) for line in (folder / "status").read_text(encoding="utf-8", errors="replace").splitlines()
    )
    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    named = SESSION.search(command)
    session = named[0] if named else ""
    if command.startswith("ray::"):  # the title took the place of the command line; its log files still tell
        session = _session_of_files(folder / "fd")
    return Process(pid, int(status["PPid"]), int(status["Uid"].split()[0]), command, session)


def _session_of_files(folder: Path) -> str:
    with suppress(OSError):
        for entry in folder.iterdir():
            with suppress(OSError):
                if named := SESSION.search(os.readlink(entry)):  # noqa: PTH115  (a Path would cost as much again)
                    return named[0]
    return ""


def _creator(process: Process) -> int:
    """The process that began the session: its name ends in that one's number."""
    named = SESSION.fullmatch(process.session)
    return int(named[1]) if named else -1


def _host(address: str) -> str:
    return address.rpartition(":")[0]
