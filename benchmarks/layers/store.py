"""The object store against pickling the bundle with every task, and against forked copies that inherit it."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

import rustybt_ray as rb
from measuring.memory import mean, resident
from measuring.rows import Benchmark, Row
from rustybt_ray.data.panel import Panel
from rustybt_ray.engine.metrics import NAMES
from workloads.panels import wide_panel
from workloads.sharing import Host, Shared, end_pickled, forked, make, pickled, start_pickled
from workloads.strategies import hold, nothing

WORKERS, PATIENCE = 2, 120.0  # seconds
OTHERS = {
    "pickled": ("pickled with every task to a spawned pool", "workers of both started before"),
    "fork": (
        "inherited by forked copies",
        "the copies are forked in that time, for they must be made after the bundle",
    ),
}


def measure(quick: bool) -> list[Row]:
    """The same trials three ways in turn, their metrics compared first.

    Each run has a bundle that our workers have not seen. The strategy keeps no indicator, so that all is about the bundle; the
    two other ways run the engine's parts in a loop, which costs less than a whole `optimize` call does.
    """
    megabytes, count, runs = (20, 12, 3) if quick else (100, 24, 10)
    ours, plain, copies = Ours(wide_panel(megabytes), count), Host(), Host()
    try:
        for host in (plain, copies):
            host.ask(make, megabytes)
        plain.ask(start_pickled, WORKERS)
        ways: dict[str, Callable[[], Shared]] = {
            "ours": ours.run,
            "pickled": lambda: plain.ask(pickled, count),
            "fork": lambda: copies.ask(forked, count, WORKERS),
        }
        found = in_turn(ways, runs)
        plain.ask(end_pickled)
    finally:
        for opened in (ours, plain, copies):
            opened.close()
    return [row for other in OTHERS for row in rows(other, found, f"{megabytes} MB", count)]


def in_turn(ways: dict[str, Callable[[], Shared]], runs: int) -> dict[str, list[Shared]]:
    """What each way took, run by run; nothing is measured before all find the same."""
    first = {name: way().metrics for name, way in ways.items()}
    assert all(np.array_equal(found, first["ours"], equal_nan=True) for found in first.values()), "the metrics differ"
    found: dict[str, list[Shared]] = {name: [] for name in ways}
    for run in range(runs):
        for name in list(ways)[:: 1 - 2 * (run % 2)]:
            found[name].append(ways[name]())
    return found


def rows(other: str, found: dict[str, list[Shared]], size: str, count: int) -> list[Row]:
    """Time until the workers have the bundle, time of all, and memory, against one other way."""
    how, note = OTHERS[other]

    def row(key: str, what: str, unit: str, of: Callable[[Shared], float], note: str) -> Row:
        ours, baseline = ([of(one) for one in found[name]] for name in ("ours", other))
        return Row(f"{other}_{key}", f"{what}: {how}; the object store", unit, ours, baseline, note=note)

    part = "ours has Ray's own libraries besides (a bare actor: see memory) and a share of the store that all map"
    return [
        row("init", f"a bundle of {size} is in {WORKERS} workers", "ms", lambda one: one.init * 1e3, note),
        row("total", f"{count} trials on it, from the bundle to the last result", "s", lambda one: one.total, note),
        row("memory", "PSS of a worker that holds it, after trials", "MB", lambda one: one.memory, part),
    ]


class Ours:
    """Workers on Ray that keep one bundle at a time."""

    def __init__(self, panel: Panel, count: int) -> None:
        self.panel, self.points, self._number = panel, [{"k": k} for k in range(count)], 0
        self._pool = rb.PersistentWorkerPool(n_jobs=WORKERS, config=rb.OptimizationConfig(max_bundle_pool_size=1))
        asked: dict[str, Any] = {"executor": "ray", "pool": self._pool, "progress": False}
        rb.optimize(nothing, bundle=panel, points=self.points, **asked)
        self._workers()

    def run(self) -> Shared:
        """Place a bundle, open it in every worker, and run the trials."""
        self._number += 1
        panel = replace(self.panel, version=f"{self._number:064x}")
        asked: dict[str, Any] = {"points": self.points, "executor": "ray", "progress": False}
        start = time.perf_counter()
        self._pool.open(panel)
        workers = self._workers()  # each answers after it has opened the bundle
        init = time.perf_counter() - start
        study = rb.optimize(hold, bundle=panel, pool=self._pool, **asked)
        total = time.perf_counter() - start
        memory = mean([resident(worker["pid"]) for worker in workers], "share")
        return Shared(init, total, memory, study.trials.sort("trial").select(NAMES).to_numpy())

    def _workers(self) -> list[dict[str, Any]]:
        """Figures of all workers, which may need some seconds to start."""
        until = time.monotonic() + PATIENCE
        while len(workers := self._pool.statistics()["workers"]) < WORKERS:
            assert time.monotonic() < until, "a worker did not answer"
            time.sleep(0.1)
        return list(workers)

    def close(self) -> None:
        """End the workers."""
        self._pool.close()


BENCHMARK = Benchmark("store", "workers", "What does the object store save, against other ways to share?", measure)
