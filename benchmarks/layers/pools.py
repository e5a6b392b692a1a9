"""Studies one after another: on one pool that is kept, and each on workers of its own."""

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import polars as pl

import rustybt_ray as rb
from measuring.rows import Benchmark, Row
from rustybt_ray.data.panel import Panel
from rustybt_ray.data.sample import sample_panel
from workloads.strategies import crossover, pairs

STUDIES = 10
UNEQUAL = ("duration", "worker")  # columns that say who ran a trial, not what it found


@dataclass(frozen=True)
class Kept:
    """Seconds of studies on one pool: start with the first study, each of the others, the end."""

    first: float
    others: list[float]
    end: float


def measure(quick: bool) -> list[Row]:
    """Starts and ends of workers are counted on both sides; the tables of both are compared first."""
    runs, panel = (2 if quick else 8), sample_panel()
    expected = fresh(panel)[1]
    assert all(found.equals(expected) for found in together(panel)[1]), "the tables differ"
    own: list[float] = []
    pooled: list[Kept] = []
    for run in range(runs):
        for place in (0, 1)[:: 1 - 2 * (run % 2)]:
            if place:
                pooled.append(together(panel)[0])
            else:
                own.append(fresh(panel)[0])
    one = [kept.first + kept.end for kept in pooled]
    ten = [kept.first + sum(kept.others) + kept.end for kept in pooled]
    later = [seconds * 1e3 for kept in pooled for seconds in kept.others]
    note = f"fresh pools: {STUDIES} times one of them, for none knows of another"
    what = f"of {len(pairs())} trials, starts and ends included: fresh workers each; one pool"
    return [
        Row("one_run", f"1 study {what}", "s", one, own),
        Row("ten_runs", f"{STUDIES} studies {what}", "s", ten, [STUDIES * seconds for seconds in own], note=note),
        Row("later_run", "a study on a pool that is there", "ms", later),
    ]


def fresh(panel: Panel) -> tuple[float, pl.DataFrame]:
    """Seconds and table of a study that starts its own workers and ends them, as `optimize` does without a pool."""
    start = time.perf_counter()
    study = rb.optimize(crossover, n_jobs=2, **asked(panel))
    return time.perf_counter() - start, table(study)


def together(panel: Panel) -> tuple[Kept, list[pl.DataFrame]]:
    """Times and tables of studies on one pool."""
    times, studies = [time.perf_counter()], []
    with rb.PersistentWorkerPool(n_jobs=2) as pool:
        for _ in range(STUDIES):
            studies.append(rb.optimize(crossover, pool=pool, **asked(panel)))
            times.append(time.perf_counter())
    spent = [later - earlier for earlier, later in pairwise(times)]
    return Kept(spent[0], spent[1:], time.perf_counter() - times[-1]), [table(study) for study in studies]


def asked(panel: Panel) -> dict[str, Any]:
    """What both ask of `optimize`."""
    return {"bundle": panel, "points": pairs(), "executor": "ray", "progress": False}


def table(study: rb.Study) -> pl.DataFrame:
    """Parameters and metrics in the order of the points."""
    return study.trials.sort("trial").drop(*UNEQUAL)


BENCHMARK = Benchmark("pools", "workers", "What does a pool that is kept save, against fresh ones?", measure)
