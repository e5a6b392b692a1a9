"""Grid search, in production size and in the size where caches cannot pay.

Production: 400 pairs of averages over eight stocks and 25 years, `optimize` with ``executor="auto"`` in a process that has
the bundle open, against a careful user's loop and against the ancestor's way; these run 20 trials, scaled to 400. Micro:
25 pairs and one year, against a plain loop over our own simulator, warm, and in cold processes.
"""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import rustybt_ray as rb
from baselines import FEE, Ancestor, Careful, simulator_loop
from limit import crossover, without_events
from measuring.rows import Benchmark, Row
from measuring.samples import clock, interleaved
from plain_loop import compare
from rustybt_ray.data.panel import Panel

POINTS = [{"fast": fast, "slow": slow} for fast in range(3, 43, 2) for slow in range(60, 260, 10)]
MICRO = [{"fast": fast, "slow": slow} for fast in (5, 10, 15, 20, 25) for slow in (30, 40, 50, 60, 70)]
YEAR = {"start": "2023-01-01", "end": "2023-12-31"}
COSTS = rb.Costs(rb.PerDollar(FEE))
SUBSET = 20
TRADE = crossover("change")


def measure(quick: bool) -> list[Row]:
    """Both sizes."""
    with tempfile.TemporaryDirectory() as folder:
        without_events(folder, None)
        panel = rb.BundleStore(folder).open("limit")
        return [*production(panel, Path(folder), quick), *micro(panel, quick)]


def production(panel: Panel, folder: Path, quick: bool) -> list[Row]:
    """400 trials; total returns of 20 of them are compared first, the ancestor's over its first 500 sessions."""
    chosen = POINTS[:: len(POINTS) // SUBSET]
    careful, ancestor = Careful(panel), Ancestor(panel, folder)
    ours = partial(sweep, panel)
    study = ours()
    check(study, [careful.run(**point) for point in chosen], chosen)
    short = sweep(panel, points=chosen[:2], end=str(panel.time[499].astype("datetime64[ns]").astype("datetime64[D]")))
    check(short, [ancestor.run(**point, sessions=500) for point in chosen[:2]], chosen[:2])
    runs = 3 if quick else 10
    scale = len(POINTS) / SUBSET
    times = interleaved(runs, lambda: [careful.run(**point) for point in chosen], ours)
    slow, quickly = [], []
    for k in range(1 if quick else runs):
        part = chosen[2 * k : 2 * k + (1 if quick else 2)]
        slow.append(len(POINTS) / len(part) * clock(lambda: [ancestor.run(**point) for point in part]))  # noqa: B023
        quickly.append(clock(ours))
    ray_ = [clock(partial(sweep, panel, executor="ray", n_jobs=2)) for _ in range(1 if quick else 3)]
    note = f"{SUBSET} trials, scaled to {len(POINTS)}"
    return [
        Row(
            "careful",
            "400 trials against a careful loop",
            "s",
            times[:, 1],
            times[:, 0] * scale,
            bound=300.0,
            note=note,
        ),
        Row("ancestor", "400 trials against the ancestor's way", "s", quickly, slow, bound=5000.0, note=note),
        Row("ray", "400 trials on two workers, Ray's start and end included", "s", ray_),
    ]


def micro(panel: Panel, quick: bool) -> list[Row]:
    """25 trials of one year: `optimize` against a loop over the bare simulator, and whole cold processes."""
    ours = partial(sweep, panel, points=MICRO, **YEAR)
    loop = partial(simulator_loop, TRADE, panel, MICRO, panel.rows_between(**YEAR))
    assert loop() == ours().trials["total_return"].to_list(), "the loop finds other returns"
    times = interleaved(10 if quick else 40, loop, ours) * 1e3
    rows = [
        Row("micro", "25 trials of a year, warm, against a loop over our simulator", "ms", times[:, 1], times[:, 0])
    ]
    for kind, what in (("public", "a loop over `rb.backtest`"), ("parts", "a loop over our simulator")):
        pairs = compare(25, 4 if quick else 30, kind).times
        text = f"25 trials of 25 years, cold process, against {what}"
        rows.append(Row(f"micro_{kind}", text, "s", pairs[:, 1], pairs[:, 0], bound=1.0 / 1.02))
    return rows


def sweep(panel: Panel, points: list[dict[str, int]] = POINTS, **options: Any) -> rb.Study:
    """One whole `optimize` call."""
    return rb.optimize(TRADE, bundle=panel, points=points, costs=COSTS, progress=False, **options)


def check(study: rb.Study, found: list[dict[str, float]], points: list[dict[str, int]]) -> None:
    """Total returns agree to 1e-9, but for one trial in ten: averages summed in another order may break a tie differently."""
    table = {(row["fast"], row["slow"]): row["total_return"] for row in study.trials.iter_rows(named=True)}
    ours = np.array([table[point["fast"], point["slow"]] for point in points])
    theirs = np.array([row["total_return"] for row in found])
    apart = np.abs(ours - theirs) / (1.0 + np.abs(theirs))
    assert (apart > 1e-9).mean() <= 0.1, f"total returns differ by up to {apart.max():.2e}"


BENCHMARK = Benchmark("grid", "workflows", "How long does a grid search take, and never longer than a loop?", measure)
