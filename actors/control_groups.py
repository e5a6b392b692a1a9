"""What the control groups that this process is in grant it, of version 1 and 2. Files are read below `system`."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

UNLIMITED = 1 << 60  # bytes; a group without a limit says so with a number of this size


def cpu_quota(system: Path) -> float | None:
    """CPUs that the control groups grant, a fraction maybe; None without a quota."""
    quotas = []
    for text in _values(system, "", "cpu.max"):
        quota, _, period = text.partition(" ")
        if quota != "max":
            quotas.append(int(quota) / int(period or 100_000))
    for quota, period in zip(
        _values(system, "cpu", "cpu.cfs_quota_us"), _values(system, "cpu", "cpu.cfs_period_us"), strict=False
    ):
        if int(quota) > 0:
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def memory_limit(system: Path) -> int | None:
    """Bytes that the control groups grant; None without a limit."""
    texts = [*_values(system, "", "memory.max"), *_values(system, "memory", "memory.limit_in_bytes")]
    return min((int(text) for text in texts if text != "max" and int(text) < UNLIMITED), default=None)


def memory_usage(system: Path) -> int:
    """Bytes in use of the innermost group, without file pages that can be dropped."""
    used = next(_values(system, "", "memory.current"), None) or next(
        _values(system, "memory", "memory.usage_in_bytes"), "0"
    )
    statistics = next(_values(system, "", "memory.stat"), None) or next(_values(system, "memory", "memory.stat"), "")
    dropped = [int(line.split()[1]) for line in statistics.splitlines() if line.startswith("inactive_file ")]
    return int(used) - sum(dropped)


def _values(system: Path, controller: str, name: str) -> Iterator[str]:
    """A setting of the process's control group and of those around it, inner ones first; `controller` "" is version 2."""
    root = system / "sys" / "fs" / "cgroup" / controller
    folder = root / _group(system, controller)
    while True:
        with suppress(OSError):
            yield (folder / name).read_text(encoding="utf-8").strip()
        if folder == root:
            return
        folder = folder.parent


def _group(system: Path, controller: str) -> str:
    try:
        lines = (system / "proc" / "self" / "cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    for line in lines:
        _, controllers, path = line.split(":", 2)
        # a path with .. leads out of the part of the tree that is mounted here
        if controller in controllers.split(",") and ".." not in path:
            return path.strip("/")
    return ""
