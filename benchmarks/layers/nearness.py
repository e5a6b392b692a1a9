"""Random points whose indicators do not fit the caches: near ones together, against the order of the search."""

import statistics
import time
from typing import Any

import numpy as np

import rustybt_ray as rb
from measuring.rows import Benchmark, Row
from rustybt_ray.data.panel import Panel
from rustybt_ray.execution.policy import ChunkPolicy
from workloads.panels import wide_panel
from workloads.strategies import crossover, nothing

SPACE = {"fast": rb.Int(5, 54), "slow": rb.Int(60, 259)}
WINDOWS = 250  # averages in that space


class InOrder(rb.PersistentWorkerPool):
    """A pool whose workers get trials in the order of the search."""

    @property
    def policy(self) -> ChunkPolicy:
        """As that of other pools, but without looking ahead."""
        return ChunkPolicy(ahead=0)


def measure(quick: bool) -> list[Row]:
    """Two workers whose caches hold a tenth of the averages that are searched, one pool after the other."""
    megabytes, trials, runs = (30, 300, 1) if quick else (100, 2000, 3)
    panel = wide_panel(megabytes)
    times, rates = np.empty((runs, 2)), np.empty((runs, 2))
    for run in range(runs):
        tables = {}
        for which in (0, 1)[:: 1 - 2 * (run % 2)]:
            kind = (InOrder, rb.PersistentWorkerPool)[which]
            times[run, which], rates[run, which], tables[which] = searched(kind, panel, trials, run)
        assert tables[0].equals(tables[1]), "the tables differ"
    what = f"{trials} random pairs on {panel.nbytes / 1e6:.0f} MB, two workers: in the order of the search; near ones together"
    return [
        Row("nearness", what, "s", times[:, 1], times[:, 0]),
        Row(
            "hits",
            f"hit rate of the caches: {what}",
            "%",
            100.0 * rates[:, 1],
            100.0 * rates[:, 0],
            note="more is better",
        ),
    ]


def searched(kind: type[rb.PersistentWorkerPool], panel: Panel, trials: int, seed: int) -> tuple[float, float, Any]:
    """Seconds, mean hit rate of the workers, and table of a random search on a pool of this kind."""
    config = rb.OptimizationConfig(cache_size_gb=0.1 * WINDOWS * panel.close.nbytes / 2**30)
    with kind(n_jobs=2, config=config) as pool:
        options: dict[str, Any] = {"bundle": panel, "pool": pool, "executor": "ray", "progress": False}
        rb.optimize(nothing, points=[{"k": 0}, {"k": 1}], **options)
        asked: dict[str, Any] = {"space": SPACE, "search": "random", "n_trials": trials, "seed": seed}
        start = time.perf_counter()
        study = rb.optimize(crossover, **asked, **options)
        spent = time.perf_counter() - start
        caches = [worker["history"] for worker in pool.statistics()["workers"]]
    rate = statistics.fmean(cache["hit_rate"] for cache in caches)
    return spent, rate, study.trials.sort("trial").drop("duration", "worker")


BENCHMARK = Benchmark(
    "nearness", "workers", "What do near trials together gain where the caches are too small?", measure
)
