"""Walk-forward: what its windows cost beside a plain grid, and beside loops over backtests.

Production: 44 windows of three years and six months over 25 years of eight stocks, 200 pairs of averages each. A step is a bar
of an asset in a trial; its time is that of the whole call, so that windows, selection and the stitched curve count. Micro:
five windows of five trials, against a loop over `rb.backtest` that chooses the same trials. Some figures are compared with
backtests of their own first.
"""

import math
from functools import partial
from typing import Any

import numpy as np

import rustybt_ray as rb
from baselines import FEE, Careful
from layers.sweep import adjusted
from limit import crossover
from measuring.rows import Benchmark, Row
from measuring.samples import clock, interleaved
from rustybt_ray.data.panel import Panel
from rustybt_ray.data.sample import sample_panel

COSTS = rb.Costs(rb.PerDollar(FEE))
SPACE = {"fast": rb.Int(5, 50, step=5), "slow": rb.Int(60, 250, step=10)}
TRIALS = 200
WINDOWS = rb.Rolling(train="3y", test="6mo")
FEW = [{"fast": fast, "slow": 100} for fast in (5, 10, 20, 30, 50)]
SHORT = rb.Rolling(train=252, test=63)
TRADE = crossover("change")


def measure(quick: bool) -> list[Row]:
    """Steps in this process and on two workers, whole runs, and the micro case."""
    panel = sample_panel()
    verify(panel)
    runs = 3 if quick else 10
    rows = [steps(panel, "inline_step", "a step in this process", runs, executor="inline")]
    rows += [*whole(panel, 2 if quick else 5), micro(panel, 4 * runs)]
    with rb.PersistentWorkerPool(n_jobs=2) as pool:
        rows.insert(1, steps(panel, "workers_step", "a step on two workers", runs, pool=pool))
    return rows


def verify(panel: Panel) -> None:
    """Some figures are those of backtests of their own; the engine is compiled and loaded then."""
    found = walk(panel, points=FEW, windows=SHORT, start="2018-01-01")
    for row in found.trials.sample(8, seed=1).iter_rows(named=True):
        train = found.layout[row["window"]].train
        plain = backtest(panel, {"fast": row["fast"], "slow": row["slow"]}, train)
        assert row["train_total_return"] == plain.metrics["total_return"], (row, plain.metrics)


def steps(panel: Panel, key: str, what: str, runs: int, **place: Any) -> Row:
    """Nanoseconds of a step of the plain grid and of the walk-forward."""
    forward = partial(walk, panel, space=SPACE, windows=WINDOWS, **place)
    grid = partial(rb.optimize, TRADE, bundle=panel, space=SPACE, costs=COSTS, progress=False, **place)
    sessions = sum(part.n_sessions for window in forward().layout for part in (window.train, window.test))
    grid()
    times = interleaved(runs, grid, forward) * 1e9 / (TRIALS * panel.shape[1])
    each = times / [panel.shape[0], sessions]
    return Row(key, f"{what}, of the plain grid and of the walk-forward", "ns", each[:, 1], each[:, 0], bound=1.0 / 1.5)


def whole(panel: Panel, runs: int) -> list[Row]:
    """The production run by itself, and by a careful loop over sessions, of which a subset is scaled."""
    quiet = adjusted(panel)
    forward = partial(walk, quiet, space=SPACE, windows=WINDOWS)
    layout = forward().layout
    parts = [part for window in layout for part in (window.train, window.test)]
    share = sum(part.n_sessions for part in parts) / quiet.shape[0]
    careful = Careful(quiet)
    loop = [TRIALS * share * clock(lambda: careful.run(5 + 5 * k, 100)) for k in range(runs)]  # noqa: B023
    ours = [clock(forward) for _ in loop]
    note = f"{runs} trials over all sessions, scaled to {len(layout)} windows x {TRIALS} trials by their sessions"
    return [Row("production", "the whole walk-forward against a careful loop", "s", ours, loop, note=note)]


def micro(panel: Panel, runs: int) -> Row:
    """Five windows of five trials by a loop over backtests."""
    start, end = "2022-07-01", "2024-12-31"
    windows = list(walk(panel, points=FEW, windows=SHORT, start=start, end=end).layout)[:5]
    forward = partial(walk, panel, points=FEW, windows=SHORT, start=start, end=windows[-1].test.end)

    def loop() -> list[int]:
        chosen = []
        for window in windows:
            ratios = [backtest(panel, params, window.train).metrics["sharpe_ratio"] for params in FEW]
            best = int(np.nanargmax([math.nan if ratio is None else ratio for ratio in ratios]))
            backtest(panel, FEW[best], window.test)
            chosen.append(best)
        return chosen

    assert forward().windows["trial"].to_list() == loop(), "the loop chooses other trials"
    times = interleaved(runs, loop, forward) * 1e3
    what = "5 windows x 5 trials, warm, against a loop over `rb.backtest`"
    return Row("micro", what, "ms", times[:, 1], times[:, 0], bound=1.0)


def backtest(panel: Panel, params: dict[str, int], part: Any) -> Any:
    """One segment by itself."""
    return rb.backtest(TRADE, params, bundle=panel, start=part.start, end=part.end, costs=COSTS)


def walk(panel: Panel, **options: Any) -> Any:
    """One whole call."""
    return rb.walk_forward(TRADE, bundle=panel, costs=COSTS, progress=False, **options)


BENCHMARK = Benchmark("forward", "workflows", "What do the windows of a walk-forward cost?", measure)
