"""What a walk-forward costs: a step of it against one of the plain grid, and the whole against a loop over backtests.

    python benchmarks/forward.py            # 44 windows of 200 pairs, in this process and on 2 workers; 5 windows of 5 trials
    python benchmarks/forward.py --quick    # fewer runs, for CI: fails if a ratio is a third above its bound

A step is one asset on one bar of a segment. Both are whole calls, `optimize` and `walk_forward`, in turn; a pool of workers is
open before and outlives all of them. The median of the pairwise ratios counts. The loop of the micro case is what one
writes without `walk_forward`: `rb.backtest` of each trial over each train, then of the best over the test. Before anything
is timed, figures of the walk-forward are compared with those of single backtests.
"""

import argparse
import gc
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import rustybt_ray as rb
from rustybt_ray._typing import FloatArray
from rustybt_ray.data.sample import sample_panel

PANEL = sample_panel()
COSTS = rb.Costs(rb.PerDollar(0.001))
SPACE = {"fast": rb.Int(5, 50, step=5), "slow": rb.Int(60, 250, step=10)}
WINDOWS = rb.Rolling(train="3y", test="6mo")
FEW = [{"fast": fast, "slow": 100} for fast in (5, 10, 20, 30, 50)]
SHORT = rb.Rolling(train=252, test=63)
BOUNDS = {"inline": 1.5, "2 workers": 1.5, "micro": 1.0}
NOISE = 4.0 / 3.0  # what a busy machine does to the median of a few pairs


def crossover(data: Any, fast: int, slow: int) -> Any:
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="5 pairs of runs instead of 15")
    parser.add_argument("--no-workers", action="store_true", help="leave the workers out")
    args = parser.parse_args()
    pairs, slack = (5, NOISE) if args.quick else (15, 1.0)
    check()
    found = {"inline": steps(pairs, executor="inline"), "micro": micro(pairs)}
    if not args.no_workers:
        with rb.PersistentWorkerPool(n_jobs=2) as pool:
            found["2 workers"] = steps(pairs, pool=pool)
    for name, (ratio, text) in found.items():
        print(f"{name:10} {text}, ratio {ratio:.2f} (bound {BOUNDS[name]})")
    return int(any(ratio > BOUNDS[name] * slack for name, (ratio, _) in found.items()))


def check() -> None:
    """Compare some figures with backtests of their own; the engine is compiled and loaded then."""
    found = walk(points=FEW, windows=SHORT, start="2018-01-01")
    for row in found.trials.sample(8, seed=1).iter_rows(named=True):
        train = found.layout[row["window"]].train
        params = {"fast": row["fast"], "slow": row["slow"]}
        plain = rb.backtest(crossover, params, bundle=PANEL, start=train.start, end=train.end, costs=COSTS)
        assert row["train_total_return"] == plain.metrics["total_return"], (row, plain.metrics)


def steps(pairs: int, **place: Any) -> tuple[float, str]:
    """Time a step of the walk-forward by that of the grid."""
    found = walk(space=SPACE, windows=WINDOWS, **place)
    rows = sum(part.n_sessions for window in found.layout for part in (window.train, window.test))

    def grid() -> Any:
        return rb.optimize(crossover, bundle=PANEL, space=SPACE, costs=COSTS, progress=False, **place)

    grid()
    times = interleaved(pairs, grid, lambda: walk(space=SPACE, windows=WINDOWS, **place))
    each = times / (200 * PANEL.shape[1] * np.array([PANEL.shape[0], rows])) * 1e9
    ratio = float(np.median(each[:, 1] / each[:, 0]))
    middle = np.median(each, axis=0)
    seconds = np.median(times, axis=0)
    what = f"{len(found.layout)} windows x 200 trials, {rows:,} sessions a trial in {seconds[1]:.2f} s"
    return ratio, f"{what}: {middle[1]:.2f} ns a step, of the grid {middle[0]:.2f}"


def micro(pairs: int) -> tuple[float, str]:
    """Five windows of five trials by a loop over backtests."""
    start, end = "2022-07-01", "2024-12-31"
    found = walk(points=FEW, windows=SHORT, start=start, end=end)
    windows = list(found.layout)[:5]
    last = windows[-1].test.end

    def loop() -> list[Any]:
        chosen = []
        for window in windows:
            results = [run(params, window.train) for params in FEW]
            best = int(np.nanargmax([result.metrics["sharpe_ratio"] for result in results]))
            chosen.append((best, run(FEW[best], window.test)))
        return chosen

    def run(params: dict[str, int], part: Any) -> Any:
        return rb.backtest(crossover, params, bundle=PANEL, start=part.start, end=part.end, costs=COSTS)

    ours = walk(points=FEW, windows=SHORT, start=start, end=last)
    assert ours.windows["trial"].to_list() == [best for best, _ in loop()]
    times = interleaved(4 * pairs, loop, lambda: walk(points=FEW, windows=SHORT, start=start, end=last))
    middle = np.median(times, axis=0) * 1e3
    ratio = float(np.median(times[:, 1] / times[:, 0]))
    return ratio, f"{len(windows)} windows x {len(FEW)} trials: {middle[1]:.1f} ms, the loop {middle[0]:.1f} ms"


def walk(**options: Any) -> Any:
    defaults = {"executor": "inline"} if "pool" not in options else {}
    return rb.walk_forward(crossover, bundle=PANEL, costs=COSTS, progress=False, **{**defaults, **options})


def interleaved(pairs: int, *calls: Callable[[], Any]) -> FloatArray:
    """Seconds of the calls in turn, every second time the other way round, shape (pairs, calls)."""
    times = np.zeros((pairs, len(calls)))
    for pair in range(pairs):
        for place in range(len(calls))[:: 1 - 2 * (pair % 2)]:
            gc.collect()
            begin = time.perf_counter()
            calls[place]()
            times[pair, place] = time.perf_counter() - begin
    return times


if __name__ == "__main__":
    sys.exit(main())
