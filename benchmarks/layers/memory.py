"""Memory: what the caches hold beside the data, what trials leave behind, and what an extra worker costs."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import rustybt_ray as rb
from measuring.rows import Benchmark, Row
from rustybt_ray.data.sample import ingest_sample
from workloads import actors
from workloads.footprint import SMALL_CACHE, WINDOWS
from workloads.panels import wide_panel

HOME = Path(__file__).resolve().parent.parent
TARGET = "target: below 2 %"
OURS = (
    "asset cache, bundle pool, and keys and records of all caches by tracemalloc; a process: PSS after the grid search"
)


def measure(quick: bool) -> list[Row]:
    """Processes of their own, which load nothing that a study does not load; trials without caches find the same."""
    with tempfile.TemporaryDirectory() as folder:
        ingest_sample(rb.BundleStore(folder))
        assert asked("parts", folder)["digest"] == asked("uncached", folder)["digest"], "trials without caches differ"
        rows = overhead(folder, 2 if quick else 10) + grown(folder, 1 if quick else 5)
    return rows + (worker(2, 100, 1) if quick else [*worker(2, 500, 3), *worker(1, 500, 1), *worker(4, 500, 1)])


def asked(mode: str, folder: str) -> dict[str, Any]:
    """What a process of `workloads.footprint` prints."""
    command = [sys.executable, "-m", "workloads.footprint", mode, folder]
    done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def overhead(folder: str, runs: int) -> list[Row]:
    """The parts of a process that ran the record's grid search, and the caches' own share of it."""
    process = [asked("parts", folder) for _ in range(runs)]
    traced = [asked("traced", folder) for _ in range(runs)]
    share = [100.0 * own["bookkeeping"] / whole["total"] / 1e6 for own, whole in zip(traced, process, strict=True)]
    kept = f"a window of {len(WINDOWS)}, its array and its entry in the cache"

    def row(key: str, what: str, unit: str, values: list[float], note: str = "") -> Row:
        return Row(key, what, unit, values, note=note)

    return [
        row(
            "baseline_mb",
            "a process with all loaded and compiled, the panel not read yet: PSS",
            "MB",
            [x["baseline"] for x in process],
        ),
        row("asset_cache_mb", "asset cache, all tables made", "MB", [x["asset_cache"] / 1e6 for x in traced]),
        row("panel_mb", "the panel, mapped from its files and read", "MB", [x["panel"] for x in process]),
        row("history_mb", "indicators and adjusted fields of the grid search", "MB", [x["history"] for x in process]),
        row("bundle_pool_mb", "bundle pool beside the panel", "MB", [x["bundle_pool"] / 1e6 for x in traced]),
        row("bookkeeping_mb", "all that the caches hold beside arrays", "MB", [x["bookkeeping"] / 1e6 for x in traced]),
        row("history_window_bytes", kept, "bytes", [x["window"] for x in traced]),
        row("total_mb", "the process after the grid search: PSS", "MB", [x["total"] for x in process]),
        row("bookkeeping_share", "caches beside panel and indicators, of the process", "%", share, f"{OURS}; {TARGET}"),
    ]


def grown(folder: str, runs: int) -> list[Row]:
    """What 2,000 trials leave behind where the cache evicts."""
    found = [asked("growth", folder) for _ in range(runs)]
    note = f"PSS; a cache of {SMALL_CACHE} windows, full before; {found[0]['evictions']:,} evictions"
    what = "2,000 random trials of the sample add to the process"
    return [Row("growth", what, "MB", [one["growth"] for one in found], note=note)]


def worker(workers: int, megabytes: int, runs: int) -> list[Row]:
    """Memory that a worker alone has, beyond a bare actor and beyond a worker on a small panel, in % of the panel.

    Pages of libraries that bare actors do not use are one worker's alone, but shared by two: the target is for extra workers.
    """
    small, large = wide_panel(1), wide_panel(megabytes)
    found = [(actors.stages(small, workers), actors.stages(large, workers)) for _ in range(runs)]
    size = large.nbytes / 1e6
    end = "" if workers == 2 else f"_{workers}"
    rows = []
    for stage, when in (("ready", "ready"), ("trials", "after trials")):
        on_small, on_large = ([getattr(pair[at], stage) for pair in found] for at in (0, 1))
        bare = [pair[1].bare for pair in found]
        told = (
            f"unique {on_large[0]['unique']:.0f} MB, PSS {on_large[0]['share']:.0f}; bare actor {bare[0]['unique']:.0f}"
        )
        for key, what, others in (
            (f"worker_{stage}{end}", "a bare actor", bare),
            (f"panel_{stage}{end}", "a worker on a small panel", on_small),
        ):
            beyond = [100.0 * (x["unique"] - y["unique"]) / size for x, y in zip(on_large, others, strict=True)]
            name = f"each of {workers} workers on {size:.0f} MB, {when}, beyond {what}, of the panel"
            rows.append(Row(key, name, "%", beyond, note=f"{told}; {TARGET}"))
    return rows


BENCHMARK = Benchmark("memory", "memory", "What do caches and workers hold beside the data?", measure)
