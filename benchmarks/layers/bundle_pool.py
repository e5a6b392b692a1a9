"""A bundle in many workers: opened from the node's object store, against read and parsed by every worker for itself."""

import statistics
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from actors import patience, runtime
from actors.pool import PersistentWorkerPool
from layers.parsed_bundle import COLUMNS, Taker, Task, parse, write
from measuring.memory import resident
from measuring.rows import Benchmark, Row
from measuring.samples import clock, interleaved
from rustybt_ray._typing import FloatArray
from rustybt_ray.config import OptimizationConfig
from rustybt_ray.data.panel import FIELDS, Panel
from rustybt_ray.data.sample import sample_panel
from rustybt_ray.execution.events import WorkerReady
from rustybt_ray.workspace.asset_cache import Assets
from rustybt_ray.workspace.history_cache import HistoryCache
from rustybt_ray.workspace.market_data import MarketData

PATIENCE, KEPT = 300.0, 64
TARGET = "target under 50"
Bundle = tuple[Panel, Task, Task]
"""A panel, the task of opening it and that of parsing its files."""


class TakingPool(PersistentWorkerPool):
    """A pool whose workers make bundles ready."""

    def __init__(self, n_jobs: int) -> None:
        super().__init__(n_jobs, config=OptimizationConfig(max_bundle_pool_size=KEPT), runner=Taker)

    def place(self, panel: Panel) -> None:
        """Put a panel into the node's store without telling the workers."""
        self._thread.call(self._started().panels.place, panel)

    def take(self, task: Task) -> None:
        """Have every worker do it, and wait for the last."""
        self.prepare(task)  # type: ignore[arg-type]  # what prepares reads it, the pool does not
        left, until = self.size, time.monotonic() + PATIENCE
        while left:
            assert time.monotonic() < until, "a worker does not answer"
            for event, _ in self.poll(1.0):
                assert isinstance(event, WorkerReady), event
                left -= 1

    def take_placed(self, bundle: Bundle) -> None:
        """Open a panel that the node has in every worker, and wait for the last."""
        self.open(bundle[0])
        self.take(bundle[1])


def measure(quick: bool) -> list[Row]:
    """From the request until the last of all workers that were asked at once has read every value of a bundle new to it.

    The baseline is the same worker processes reading Parquet files that the machine has in memory, computing adjusted
    closes and grouping by asset. Both begin with processes that have started, have their imports and have made one
    bundle ready before: starting is a row of its own, and so is placing a panel in the node's store, which is done once.
    """
    sizes, runs = ((2, 4), 4) if quick else ((2, 4, 8, 16), 10)
    with TemporaryDirectory() as folder:
        bundles = [made(seed, Path(folder) / str(seed)) for seed in range(2 * runs + 1)]
        for panel, _, own in bundles[:2]:
            check(panel, Path(str(own.folder)))
        patience.START_LIMIT = PATIENCE  # sixteen processes that start on two busy cores take longer than pools wait
        runtime.attach_or_start(max(sizes))  # kept while pools come and go
        try:
            return [*pooled(sizes, bundles[0], bundles[1 : runs + 1], bundles[runs + 1 :]), starting(bundles[0], quick)]
        finally:
            runtime.release()


def pooled(sizes: tuple[int, ...], first: Bundle, timed: list[Bundle], kept: list[Bundle]) -> list[Row]:
    """A pool of each size: how soon bundles are ready in it, and what they hold of the memory of the smallest."""
    rows: list[Row] = []
    memory: list[Row] = []
    placing: list[float] = []
    for size in sizes:
        with closing(TakingPool(size)) as pool:
            began = clock(partial(warm, pool, first))
            placing += [1e3 * clock(partial(pool.place, bundle[0])) for bundle in timed]
            rows.append(ready(pool, timed, began))
            memory = memory or held(pool, kept)
    return [*rows, Row("place", "a panel placed in the node's store, once", "ms", placing), *memory]


def starting(bundle: Bundle, quick: bool) -> Row:
    """The row of process start."""
    times = [1e3 * started(bundle) for _ in range(2 if quick else 10)]
    return Row("process_start", "start of a worker process, its imports and its first bundle", "ms", times)


def made(seed: int, folder: Path) -> Bundle:
    """A bundle of eight assets and 25 years that no worker has seen, and its files."""
    panel = sample_panel(seed)
    write(panel, folder)
    fields = (*(getattr(panel, name) for name in FIELDS), adjusted(panel))
    total = sum(float(np.nansum(values)) for values in fields)
    return panel, Task(panel.version, total), Task(panel.version, total, str(folder))


def adjusted(panel: Panel) -> FloatArray:
    """Adjusted closes as a strategy sees them."""
    return MarketData(panel, HistoryCache(0), Assets.of(panel)).adjusted("close")


def check(panel: Panel, folder: Path) -> None:
    """The parsed files are the panel; workers compare sums besides, each time."""
    parsed = parse(folder)
    assert sorted(parsed) == list(panel.symbols), "symbols differ"
    for column, symbol in enumerate(panel.symbols):
        bars = np.isfinite(panel.close[:, column])
        ours = [getattr(panel, name)[bars, column] for name in FIELDS] + [adjusted(panel)[bars, column]]
        for name, values in zip(COLUMNS, ours, strict=True):
            np.testing.assert_allclose(parsed[symbol][name], values, rtol=1e-12, err_msg=f"{symbol} {name}")


def ready(pool: TakingPool, bundles: list[Bundle], began: float) -> Row:
    """The row of a pool whose workers are warm and whose node has the panels."""
    parsing, opening = iter(bundles), iter(bundles)
    times = interleaved(len(bundles), lambda: pool.take(next(parsing)[2]), lambda: pool.take_placed(next(opening)))
    each = 1e3 * float(np.median(times[:, 1])) / pool.size
    note = f"until the last of all is ready, {each:.1f} ms a worker, {TARGET}; started and warmed in {began:.1f} s"
    return Row(f"workers_{pool.size}", f"{pool.size} workers", "ms", times[:, 1] * 1e3, times[:, 0] * 1e3, note=note)


def warm(pool: TakingPool, bundle: Bundle) -> None:
    """Start the workers, and let each open and parse one bundle."""
    pool.open(bundle[0])
    pool.take(bundle[1])
    pool.take(bundle[2])


def started(bundle: Bundle) -> float:
    """Seconds until a new pool's only worker has its first bundle."""
    with closing(TakingPool(1)) as pool:
        return clock(lambda: pool.take_placed(bundle))


def held(pool: TakingPool, bundles: list[Bundle]) -> list[Row]:
    """What a bundle adds to each worker, all of them kept: pages that it alone has, and its share of all it maps."""
    grown: dict[str, list[tuple[float, float]]] = {"unique": [], "share": []}
    pids = [worker["pid"] for worker in pool.statistics()["workers"]]
    for bundle in bundles:
        pool.place(bundle[0])
        steps = [growth(pids, partial(pool.take, bundle[2])), growth(pids, partial(pool.take_placed, bundle))]
        for kind, values in grown.items():
            values.append((steps[0][kind], steps[1][kind]))
    unique, share = (np.array(grown[kind]) for kind in ("unique", "share"))
    size = statistics.fmean(panel.nbytes for panel, _, _ in bundles) / 1e6
    shared = f"{pool.size} workers and the driver share the node's copy, {size:.1f} MB with factors and marks"
    alone = f"parsed by the worker: {np.median(unique[:, 0]):.1f} MB; ours is as near to 0 as this can be measured"
    return [
        Row("memory_mb", "a bundle in a worker, its share of pages (PSS)", "MB", share[:, 1], share[:, 0], note=shared),
        Row("memory_uss_mb", "a bundle in a worker, pages of its own (USS)", "MB", unique[:, 1], note=alone),
    ]


def growth(pids: list[int], call: Callable[[], Any]) -> dict[str, float]:
    """Bytes that a call adds to each process."""
    before = [resident(pid) for pid in pids]
    call()
    after = [resident(pid) for pid in pids]
    return {kind: statistics.fmean(b[kind] - a[kind] for a, b in zip(before, after, strict=True)) for kind in after[0]}


BENCHMARK = Benchmark("bundlepool", "layer3", "How soon is a bundle ready in a worker, and what does it hold?", measure)
