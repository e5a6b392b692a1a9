"""The checks of `doctor`, each a function of what it looks at."""

import os
import platform
import re
import shlex
import shutil
import stat
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from actors import leftovers
from actors.environment import THREAD_CAPS, available_cpus
from actors.probe import probe, ray_version
from rustybt_ray.cli.finding import ERROR, OK, WARNING, Finding, existing, size, why_unwritable
from rustybt_ray.cli.machine import check_cpus, check_memory, check_shared_memory
from rustybt_ray.exceptions import ExecutionError

PACKAGE = "rustybt_ray"
SOCKET = "session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store"  # the longest that Ray makes below its root
SOCKET_LIMIT = 103 if platform.system() == "Darwin" else 107
SCRATCH = 1e9  # bytes that sessions should find: logs, and objects that do not fit the store
FULL = 0.95  # part of a disk in use above which Ray spills nothing to it
OLD_KERNELS = 500e6  # bytes


def examine(bundles: Path | None = None, *, ray: bool = False) -> list[Finding]:
    """Look at everything.

    Parameters
    ----------
    bundles : Path, optional
        Where bundles are kept; default as everywhere.
    ray : bool, default False
        Really start a Ray, which takes some seconds.
    """
    system, environ = Path("/"), os.environ
    root, user = leftovers.temp_root(environ), getattr(os, "getuid", int)()
    table = leftovers.settled(system / "proc", user)
    checks: list[tuple[str, Callable[[], Finding | list[Finding]]]] = [
        ("Python", check_python),
        ("packages", check_packages),
        ("Ray", check_ray),
        ("CPUs", lambda: check_cpus(system)),
        ("memory", lambda: check_memory(system, available_cpus(system))),
        ("shared memory", lambda: check_shared_memory(system)),
        ("thread variables", lambda: check_threads(environ)),
        ("compile cache", _check_kernels),
        ("bundles", lambda: check_bundles(bundles or _bundle_root())),
        ("Ray's token", lambda: check_token(Path.home(), environ)),
        ("temporary folder", lambda: check_scratch(root)),
        ("left by Ray", lambda: check_leftovers(root, table, user)),
    ]
    if ray:
        checks.append(("Ray started", check_start))
    return [finding for name, check in checks for finding in _looked(name, check)]


def check_python(version: str | None = None, supported: str | None = None) -> Finding:
    """Python's version against the package's range."""
    version = version or platform.python_version()
    supported = supported or metadata.metadata(PACKAGE)["Requires-Python"]
    if satisfies(version, supported):
        return Finding("Python", OK, version)
    return Finding("Python", ERROR, version, f"rustybt_ray needs {supported}: make an environment with one of these.")


def check_packages(required: Sequence[str] | None = None) -> list[Finding]:
    """The packages we need against the ranges that we ask for; only what is wrong, if anything is."""
    found, fine = [], []
    for line in metadata.requires(PACKAGE) or [] if required is None else required:
        named = re.match(r"[\w.-]+", line)
        if "extra ==" in line or named is None:
            continue
        name, wanted = named[0], line[named.end() :].partition(";")[0].strip()
        command = (f"pip install {shlex.quote(name + wanted)}",)
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            found.append(Finding("packages", ERROR, f"{name} is missing", f"Install {name}{wanted}.", command))
            continue
        if satisfies(version, wanted):
            fine.append(f"{name} {version}")
        else:
            remedy = f"Install {name}{wanted}."
            found.append(Finding("packages", ERROR, f"{name} {version} is out of range", remedy, command))
    return found or [Finding("packages", OK, ", ".join(fine))]


def satisfies(version: str, specifiers: str) -> bool:
    """Whether a version is within ranges such as ``>=3.11,<3.14``; what follows its numbers is not looked at.

    Examples
    --------
    >>> satisfies("3.13.1", ">=3.11,<3.14"), satisfies("3.14.0", ">=3.11,<3.14"), satisfies("2.9", ">=2.50")
    (True, False, False)
    """
    have = _numbers(version)
    for operator, bound in re.findall(r"(>=|<=|==|!=|<|>)\s*([\w.]+)", specifiers):
        limit = _numbers(bound)
        width = max(len(have), len(limit))
        mine, other = (part + (0,) * (width - len(part)) for part in (have, limit))
        holds = {
            ">=": mine >= other, "<=": mine <= other, "==": mine == other,
            "!=": mine != other, "<": mine < other, ">": mine > other,
        }  # fmt: skip
        if not holds[operator]:
            return False
    return True


def check_ray(version: Callable[[], str] = ray_version) -> Finding:
    """Whether Ray can be imported."""
    try:
        return Finding("Ray", OK, f"{version()} imports")
    except Exception as error:  # a broken installation raises what it likes
        remedy = "Install it again; until then --executor inline works."
        command = ("pip install --force-reinstall ray",)
        return Finding("Ray", ERROR, f"cannot be imported: {type(error).__name__}: {error}", remedy, command)


def check_threads(environ: Mapping[str, str]) -> Finding:
    """Variables that let every worker start threads of its own; those that are set stay as they are."""
    kept = {name: environ[name] for name in THREAD_CAPS if environ.get(name, "1") != "1"}
    if not kept:
        return Finding("thread variables", OK, "unset or 1: workers run one thread each")
    remedy = "Workers keep these, and their threads take each other's CPUs: unset them, or set them to 1."
    found = ", ".join(f"{name}={value}" for name, value in kept.items())
    return Finding("thread variables", WARNING, found, remedy, (f"unset {' '.join(kept)}",))


def check_kernels(folder: Path) -> Finding:
    """The folder of compiled kernels: writable, and warm."""
    name = "compile cache"
    if why := why_unwritable(folder):
        remedy = "Kernels are compiled anew by every process, which takes a while: set NUMBA_CACHE_DIR to a folder."
        return Finding(name, WARNING, f"cannot be written: {why}", remedy)
    count = sum(1 for _ in folder.glob("*.kernel"))
    if not count:
        remedy = (
            "The first run compiles the kernels, which takes a while; workers of one machine share them after that."
        )
        return Finding(name, WARNING, f"cold: {folder}", remedy, ("rustybt-ray demo",))
    others = [other for other in folder.parent.iterdir() if other != folder and other.is_dir()]
    old = sum(leftovers.folder_bytes(other) for other in others)
    found = f"warm, {count} kernels: {folder}"
    if old > OLD_KERNELS:
        remedy = "They are of other versions or processors; those that are needed again are compiled again."
        found += f"; {size(old)} in {len(others)} other folders beside it"
        return Finding(
            name, WARNING, found, remedy, (f"rm -r {' '.join(shlex.quote(str(other)) for other in others)}",)
        )
    return Finding(name, OK, found)


def check_bundles(root: Path) -> Finding:
    """Where bundles are kept."""
    why = why_unwritable(root)
    if why and root.is_dir():
        remedy = "Bundles there can be used; to ingest, choose another folder with --bundle-root or RUSTYBT_RAY_HOME."
        return Finding("bundles", WARNING, f"cannot be written: {why}", remedy)
    if why:
        remedy = "Choose another folder with --bundle-root or RUSTYBT_RAY_HOME."
        return Finding("bundles", ERROR, f"cannot be made: {why}", remedy)
    free = shutil.disk_usage(existing(root)).free
    return Finding("bundles", OK, f"{root}, {size(free)} free{'' if root.exists() else ', to be made'}")


def check_token(home: Path, environ: Mapping[str, str]) -> Finding:
    """The token that Ray writes into HOME unasked: whoever can read it can run code in our workers."""
    name, chosen = "Ray's token", environ.get("RAY_AUTH_TOKEN_PATH")
    if environ.get("RAY_AUTH_MODE") == "disabled":
        remedy = "Ray's ports are open on all interfaces and the token is what protects them: unset RAY_AUTH_MODE."
        return Finding(name, WARNING, "RAY_AUTH_MODE=disabled", remedy, ("unset RAY_AUTH_MODE",))
    if environ.get("RAY_AUTH_TOKEN"):
        return Finding(name, OK, "in RAY_AUTH_TOKEN")
    path = Path(chosen).expanduser() if chosen else home / ".ray" / "auth_token"
    if not path.is_file():
        if chosen:
            remedy = "Copy the cluster's token there, or unset RAY_AUTH_TOKEN_PATH for one of your own."
            return Finding(name, ERROR, f"RAY_AUTH_TOKEN_PATH={chosen} is no file", remedy)
        if why := why_unwritable(path.parent):
            remedy = "Ray does not start without it: set HOME to a folder of yours, or RAY_AUTH_TOKEN_PATH to a file."
            return Finding(name, ERROR, f"cannot be written: {why}", remedy)
        return Finding(name, OK, f"none yet: Ray writes {path} when it starts")
    if _seen_by_others(path):
        remedy = "Others can read it, and whoever has it can run code in your workers."
        return Finding(
            name, WARNING, f"{path}, mode {_mode(path):03o}", remedy, (f"chmod 600 {shlex.quote(str(path))}",)
        )
    return Finding(name, OK, str(path))


def check_scratch(root: Path, usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage) -> Finding:
    """Where Ray keeps sockets, logs and what does not fit its store."""
    name, longest = "temporary folder", len(os.fsencode(root)) + 1 + len(SOCKET)
    if why := why_unwritable(root):
        remedy = "Ray does not start without it: set RAY_TMPDIR to a folder that can be written."
        return Finding(name, ERROR, f"cannot be written: {why}", remedy)
    if longest > SOCKET_LIMIT:
        remedy = "Ray's sockets go there and it does not start: set RAY_TMPDIR to a shorter path."
        found = f"{root} is {longest - SOCKET_LIMIT} bytes too long (a socket's path has at most {SOCKET_LIMIT})"
        return Finding(name, ERROR, found, remedy, ("export RAY_TMPDIR=/tmp",))
    total, _, free = usage(existing(root))
    found = f"{root}, {size(free)} free"
    if free < SCRATCH or free < (1 - FULL) * total:
        remedy = "Ray writes logs there, and nothing else on a disk that is 95 % full: free some, or set RAY_TMPDIR."
        return Finding(name, WARNING, f"{found} of {size(total)}", remedy)
    return Finding(name, OK, found)


def check_leftovers(
    root: Path, table: Sequence[leftovers.Process] | None, user: int, now: float | None = None
) -> list[Finding]:
    """What a killed driver left: processes, session folders, the address of a cluster that is gone."""
    name = "left by Ray"
    if table is None:
        return [Finding(name, OK, "unknown: this system does not list its processes in /proc")]
    found = []
    if left := leftovers.orphans(table, user):
        names = ", ".join(f"{process.title} ({process.pid})" for process in left)
        count = f"{len(left)} process{'es' if len(left) > 1 else ''} without a driver: {names}"
        remedy = "A driver was killed. End them if they are not of a cluster you want; add -9 for those that stay."
        command = f"kill {' '.join(str(process.pid) for process in left)}"
        found.append(Finding(name, WARNING, count, remedy, (command,)))
    if folders := leftovers.unused_sessions(root, table, user, now):
        total = sum(folder.nbytes for folder in folders)
        text = f"{len(folders)} session folder{'s' if len(folders) > 1 else ''} of {size(total)} that no process uses"
        newest = f"{text}, the last {folders[-1].path}"
        command = f"rm -r {' '.join(shlex.quote(str(folder.path)) for folder in folders)}"
        found.append(Finding(name, WARNING, newest, "Remove them when you need none of their logs.", (command,)))
    if (address := leftovers.stale_address(root, table)) is not None:
        path = root / "ray_current_cluster"
        remedy = "address='auto' looks for a cluster there and fails: remove the file."
        text = f"{path} names {address or 'nothing'}, where no node of this machine belongs"
        found.append(Finding(name, WARNING, text, remedy, (f"rm {shlex.quote(str(path))}",)))
    found = found or [Finding(name, OK, "nothing")]
    for node in leftovers.nodes(table):
        text = f"a node that `ray start` left running: {', '.join(f'{part.title} ({part.pid})' for part in node)}"
        found.append(Finding("Ray node", OK, f"{text}; `ray stop` ends it, and every other Ray of yours here"))
    return found


def check_start() -> Finding:
    """A Ray that is really started."""
    try:
        took = probe()
    except ExecutionError as error:
        return Finding("Ray started", ERROR, f"{error.what} ({error.where})", error.remedy)
    return Finding(
        "Ray started",
        OK,
        f"in {took.start:.1f} s, its first worker answered after {took.worker:.1f} s, "
        f"one more call took {1000 * took.call:.1f} ms, the shutdown {took.shutdown:.1f} s",
    )


def _looked(name: str, check: Callable[[], Finding | list[Finding]]) -> list[Finding]:
    """What a check found; one that fails is itself a finding, and the others go on."""
    try:
        found = check()
    except Exception as error:
        text = f"cannot be checked: {type(error).__name__}: {error}"
        return [
            Finding(name, ERROR, text, "Install rustybt_ray again into a fresh environment if the others are fine.")
        ]
    return found if isinstance(found, list) else [found]


def _check_kernels() -> Finding:
    from rustybt_ray.engine._objects import folder

    return check_kernels(folder())


def _bundle_root() -> Path:
    from rustybt_ray.data.store import default_root

    return default_root()


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _seen_by_others(path: Path) -> bool:
    """Whether someone else can get to a file and read it; on Windows the folder's owner decides, which is not looked at."""
    if os.name == "nt" or not _mode(path) & 0o044:
        return False
    return all(_mode(folder) & 0o011 for folder in path.absolute().parents)
