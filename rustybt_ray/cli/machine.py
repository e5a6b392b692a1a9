"""Checks of the machine: CPUs, memory, shared memory. Files are read below `system`, which a test may make."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from actors.control_groups import cpu_quota, memory_limit, memory_usage
from actors.environment import available_cpus
from actors.runtime import STORE_EXTRA, STORE_FLOOR
from rustybt_ray.cli.finding import OK, WARNING, Finding, size

RAY_FLOOR = 450e6  # bytes that Ray's own processes take on one machine
WORKER = 250e6  # bytes of a worker with its libraries, without panel and indicators
REFUSED = 10e9  # bytes of an object store that Ray does not put on a disk
CROWDED = 0.1  # part of the memory that should be free: Ray ends workers when a twentieth is left


def check_cpus(system: Path, usable: int | None = None, there: int | None = None) -> Finding:
    """CPUs that this process may use, by its affinity and its control group's quota."""
    usable, there = usable or available_cpus(system), there or os.cpu_count() or 1
    found = f"{usable} of {there} usable"
    quota = cpu_quota(system)
    if quota is not None and quota < there:
        found += f", the control group's quota is {quota:g}"
    if usable == 1:
        return Finding("CPUs", OK, f"{found}: a search runs best in this process (executor inline)")
    return Finding("CPUs", OK, found)


def check_memory(system: Path, cpus: int) -> Finding:
    """Free memory, and the control group's limit if there is one."""
    free, total = memory(system)
    if free is None or total is None:
        return Finding("memory", OK, "unknown: this system has no /proc/meminfo")
    found = f"{size(free)} free of {size(total)}"
    limit = memory_limit(system)
    if limit is not None and limit < total:
        found += f", the control group's limit is {size(limit)}"
        free, total = min(free, max(0, limit - memory_usage(system))), limit
    needed = RAY_FLOOR + cpus * WORKER
    if free < needed:
        remedy = (
            f"Ray with {cpus} worker{'s' if cpus > 1 else ''} takes about {size(needed)}: pass a smaller -j, or "
            "--executor inline, or give this machine or container more memory (docker run --memory)."
        )
        return Finding("memory", WARNING, f"{found}; {size(free)} left for us", remedy)
    if free < CROWDED * total:
        remedy = "Ray ends workers when 95 % is in use: end other programs, or pass a smaller -j."
        return Finding("memory", WARNING, f"{found}; {100 * (1 - free / total):.0f} % in use", remedy)
    return Finding("memory", OK, found)


def check_shared_memory(system: Path, usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage) -> Finding:
    """Where Ray's object store goes: one copy of the panel for all workers."""
    name, folder = "shared memory", system / "dev" / "shm"
    try:
        total, _, free = usage(folder)
    except OSError as error:
        if not sys.platform.startswith("linux"):
            return Finding(name, OK, "unknown: Ray keeps panels in files of its temporary folder on this system")
        remedy = "Ray needs it to start: mount a tmpfs there."
        found = f"{folder}: {error.strerror or error}"
        return Finding(name, "error", found, remedy, (f"mount -t tmpfs -o size=2g tmpfs {folder}",))
    found = f"{size(free)} free of {size(total)} in {folder}"
    if free < STORE_FLOOR:
        remedy = (
            f"A store of {size(STORE_FLOOR)} does not fit: Ray keeps panels in its temporary folder on the disk instead, "
            f"which is slow, and refuses one above {size(REFUSED)}. Enlarge it (in Docker: docker run --shm-size=2g), or "
            "remove files from it."
        )
        return Finding(name, WARNING, found, remedy, (f"mount -o remount,size=2g {folder}",))
    return Finding(name, OK, f"{found}: room for a panel of {size((free - STORE_EXTRA) / 2)}")


def memory(system: Path) -> tuple[int | None, int | None]:
    """Bytes free (what the system can make free included) and in all; None where it is not known."""
    found: dict[str, int] = {}
    try:
        for line in (system / "proc" / "meminfo").read_text(encoding="ascii").splitlines():
            key, _, value = line.partition(":")
            if key in ("MemAvailable", "MemTotal"):
                found[key] = int(value.split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        return None, None
    return found.get("MemAvailable"), found.get("MemTotal")
