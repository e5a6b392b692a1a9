"""Memory of processes, as Linux counts it."""

from pathlib import Path
from statistics import fmean


def resident(pid: int) -> dict[str, float]:
    """Megabytes of a process: what it alone has ("unique"), and its proportional share of what it maps ("share", PSS)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    kilobytes = {name: float(rest.split()[0]) for name, rest in (line.split(":") for line in lines)}
    unique = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
    return {"unique": unique * 1024.0 / 1e6, "share": kilobytes["Pss"] * 1024.0 / 1e6}


def mean(found: list[dict[str, float]], name: str) -> float:
    """Mean megabytes a process."""
    return fmean(one[name] for one in found)
