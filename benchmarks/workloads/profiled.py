"""A grid search to be looked at by a profiler, one of two ways, for some seconds.

    python -m workloads.profiled before FOLDER SECONDS
    python -m workloads.profiled after FOLDER SECONDS

FOLDER was made by `prepared`. What is not below a function of the name `searched` is start-up.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import rustybt_ray as rb
from baselines import FEE, Metrics
from limit import crossover, without_events
from rustybt_ray.data.panel import Panel
from workloads.sessions import trial, written
from workloads.strategies import pairs

SEARCHED = "searched"
BUNDLE, SESSIONS, WARM = "limit", 150, 20
TRADE = crossover("change")


def prepared(folder: Path) -> Panel:
    """Write the bundle both ways."""
    without_events(str(folder), None)
    panel = rb.BundleStore(folder).open(BUNDLE)
    written(panel, folder)
    return panel


def before(folder: Path, point: dict[str, int], sessions: int) -> Metrics:
    """One trial of the first sessions, each of which reads the bundle and filters it."""
    times = rb.BundleStore(folder).open(BUNDLE).time[:sessions].tolist()
    return trial(folder / "sessions.parquet", times, **point)


def after(folder: Path, points: list[dict[str, int]], end: str | None = None) -> rb.Study:
    """A whole `optimize` call in this process, the bundle by its name, its table made."""
    costs = rb.Costs(rb.PerDollar(FEE))
    study = rb.optimize(
        TRADE, bundle=BUNDLE, root=folder, points=points, end=end, costs=costs, executor="inline", progress=False
    )
    assert len(study.trials) == len(points)
    return study


def searched(search: Callable[[], object], seconds: float) -> None:
    """Search again and again."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        search()


def main(way: str, folder: Path, seconds: float) -> None:
    """Search once, in which everything is loaded and compiled, then again for so many seconds."""
    points = pairs()
    if way == "before":
        before(folder, points[0], WARM)
        searched(partial(before, folder, points[0], SESSIONS), seconds)
    else:
        after(folder, points)
        searched(partial(after, folder, points), seconds)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]))
