"""What a grid search spends its time on, before and after, by py-spy's samples."""

import os
import tempfile
from pathlib import Path

import flame
from measuring.rows import Benchmark, Row
from workloads.profiled import SESSIONS, after, before, prepared
from workloads.strategies import pairs

WHAT = {
    "assets": "asset list",
    "filtering": "data filtering and grouping",
    "frames": "construction of frames",
    "bundle": "opening the bundle",
    "compute": "computation, all that is left",
}
HOW = {
    "before": "before: each session of each trial reads the bundle and filters its frame",
    "after": "after: `optimize` in one process, the bundle by name, its table made",
}


def measure(quick: bool) -> list[Row]:
    """Total returns of both ways are compared first; then pictures, and shares of several profiles."""
    results = Path(os.environ.get("RUSTYBT_RAY_RESULTS", flame.HOME.parent / "profiling-results"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        last = prepared(folder).time[SESSIONS - 1].astype("datetime64[ns]").astype("datetime64[D]")
        points, sessions = pairs()[:1], SESSIONS
        ours = after(folder, points, end=str(last)).trials["total_return"][0]
        theirs = before(folder, points[0], sessions)["total_return"]
        assert abs(ours - theirs) <= 1e-9 * (1.0 + abs(theirs)), "total returns differ"
        seconds, runs = (1.0, 1) if quick else (5.0, 5)
        flame.draw(results, folder, seconds)
        found = {way: [flame.shares(way, folder, seconds) for _ in range(runs)] for way in flame.WAYS}
    note = f"{flame.RATE} samples a second for {seconds:g} s, by the clock; start-up left out"
    return [
        Row(f"{way}_{part}", f"{WHAT[part]}; {HOW[way]}", "%", [one[part] for one in found[way]], note=note)
        for way in flame.WAYS
        for part in flame.PARTS
    ]


BENCHMARK = Benchmark("flames", "workflows", "What does a grid search spend its time on, before and after?", measure)
