"""How a script answers: the name of a workload on a line of stdin, one JSON line with times and results on stdout.

Imported by every peer's interpreter: the standard library alone.
"""

import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

Call = Callable[[], Iterable[float]]


def serve(calls: Mapping[str, Call], trials: Mapping[str, int] | None = None) -> None:
    """Answer until stdin ends.

    A line is ``NAME`` or ``NAME LOOPS``: how often the call is made, for things too short to time alone. What packages print
    goes to stderr, so that stdout holds the answers and nothing else.

    Parameters
    ----------
    calls : mapping of str to callable
        By workload: run all of it, return the total return of each trial.
    trials : mapping of str to int, optional
        What times are divided by, where it is not the number of returns.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        name, *loops = line.split()
        found = timed(calls[name], int(loops[0]) if loops else 1)
        returns = [float(value) for value in found.pop("returns")]
        count = (trials or {}).get(name, len(returns))
        print(
            json.dumps({"workload": name, **found, "trials": count, "total_returns": returns}), file=answers, flush=True
        )


def timed(call: Call, loops: int) -> dict[str, Any]:
    """CPU and wall seconds of one call, the mean of `loops` in a row."""
    gc.collect()
    cpu, wall = cpu_seconds(), time.perf_counter()
    returns: Iterable[float] = ()
    for _ in range(loops):
        returns = call()
    wall = time.perf_counter() - wall
    return {"cpu": (cpu_seconds() - cpu) / loops, "wall": wall / loops, "loops": loops, "returns": returns}


def cpu_seconds() -> float:
    """User and system time of this process and of all that descend from it, ended or not."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime + _living()


def _living() -> float:
    """Seconds of the processes below this one that live, and of those that they have waited for; in ticks of the system."""
    parents: dict[int, tuple[int, int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        parents[int(folder.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    below, ticks, grown = {os.getpid()}, 0, True
    while grown:
        new = {pid for pid, (parent, _) in parents.items() if parent in below and pid not in below}
        below |= new
        ticks += sum(parents[pid][1] for pid in new)
        grown = bool(new)
    return ticks / os.sysconf("SC_CLK_TCK")


def work_of(folder: Path) -> dict[str, list[dict[str, int]]]:
    """Points of the trials that are handed out, by workload, as the session wrote them."""
    found: dict[str, list[dict[str, int]]] = json.loads((folder / "work.json").read_text(encoding="utf-8"))
    return found


def start_of(folder: Path) -> str:
    """First session of the zipline algorithm."""
    return (folder / "start.txt").read_text(encoding="utf-8")
