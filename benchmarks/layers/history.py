"""`data.history` in a zipline algorithm: arrays against the DataFrames that it gives by default."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from layers.markets import wide_market
from measuring.rows import Benchmark, Row
from measuring.samples import interleaved
from rustybt_ray._typing import FloatArray
from rustybt_ray.data.grid import on_grid
from rustybt_ray.data.panel import Panel
from rustybt_ray.engine.metrics import MOMENTS, NAMES
from rustybt_ray.zipline.algorithm import Algorithm
from rustybt_ray.zipline.api import symbol
from rustybt_ray.zipline.runner import AlgorithmRunner

SIZES, WINDOW = (1, 10, 50), 50
Keep = Callable[[FloatArray], None]


def measure(quick: bool) -> list[Row]:
    """Backtests that ask for 50 sessions of prices on each session, for 1, 10 and 50 assets.

    The baseline is the same algorithm without ``as_array=True``. It takes the values of its frames with `to_numpy`, so
    that the arithmetic is the same in both and the frames alone make the difference: with pandas' own `mean` it would be
    larger. The whole backtest is timed, our session loop included; nothing is traded.
    """
    view = on_grid(wide_market(max(SIZES), 630 if quick else None))
    rows, runs = [], 5 if quick else 10
    for size in SIZES:
        names = view.symbols[:size]
        check(view, names)
        backtests = [timed(view, names, arrays) for arrays in (False, True)]
        times = interleaved(runs, *backtests) * 1e3
        what = f"{size} asset{'s' if size > 1 else ''}"
        note = f"{len(view.sessions) - WINDOW:,} sessions, windows of {WINDOW}"
        rows.append(Row(f"assets_{size}", f"backtest, {what}", "ms", times[:, 1], times[:, 0], note=note))
        share = (1.0 - times[:, 1] / times[:, 0]) * 100.0
        key = "frame_share" if size == 10 else f"frame_share_{size}"
        rows.append(Row(key, f"of that in building frames, {what}", "%", share))
    return sorted(rows, key=lambda row: row.unit == "%")


def timed(view: Panel, names: tuple[str, ...], arrays: bool) -> Callable[[], None]:
    """A backtest that was run once, so that compiling and caches of the view are not in it."""
    backtest = partial(run, view, names, arrays, lambda prices: None)
    backtest()
    return backtest


def run(view: Panel, names: tuple[str, ...], arrays: bool, keep: Keep) -> None:
    """One backtest from the first session that has a whole window."""
    runner = AlgorithmRunner(view, ((WINDOW, len(view.sessions) - 1),))
    out, moments = np.empty((1, len(NAMES))), np.empty((1, MOMENTS))
    runner.run(algorithm(names, arrays, keep), {}, out, moments)


def algorithm(names: tuple[str, ...], arrays: bool, keep: Keep) -> Algorithm:
    """Compares the last price of each asset with the mean of its window."""

    def initialize(context: Any) -> None:
        found = [symbol(name) for name in names]
        context.assets = found[0] if len(found) == 1 else found

    def with_frames(context: Any, data: Any) -> None:
        prices = data.history(context.assets, "price", WINDOW, "1d").to_numpy()
        context.above = prices[-1] > prices.mean(axis=0)
        keep(prices)

    def with_arrays(context: Any, data: Any) -> None:
        prices = data.history(context.assets, "price", WINDOW, "1d", as_array=True)
        context.above = prices[-1] > prices.mean(axis=0)
        keep(prices)

    return Algorithm(initialize, with_arrays if arrays else with_frames)


def check(view: Panel, names: tuple[str, ...]) -> None:
    """Both roads see the same prices on every session."""
    seen: list[list[int]] = [[], []]
    for arrays, windows in enumerate(seen):
        run(view, names, bool(arrays), lambda prices, kept=windows: kept.append(hash(prices.tobytes())))  # type: ignore[misc]
    assert len(seen[0]) == len(view.sessions) - WINDOW, "sessions are missing"
    assert seen[0] == seen[1], "frames and arrays differ"


BENCHMARK = Benchmark("history", "layer2", "What do arrays in place of DataFrames save?", measure)
