"""The plain loop: what a careful user writes without us. Open the bundle, run each trial, collect a frame.

    python benchmarks/plain_loop.py                  # 25 trials of the sample bundle, the loop against optimize
    python benchmarks/plain_loop.py --trials 200

Each measurement is a whole cold process, loop and optimize in turn; the compile cache is warm.
"""

import argparse
import subprocess
import sys
import time
from typing import Any

import numpy as np

LOOP = """
import polars as pl
import rustybt_ray as rb
panel = rb.BundleStore().open("sample-mag-7")
from rustybt_ray.engine.backtest import Simulator
from rustybt_ray.engine.metrics import MOMENTS, NAMES
from rustybt_ray.workspace.workspace import Workspace
import numpy as np
workspace = Workspace(rb.OptimizationConfig())
workspace.open(panel)
data = workspace.data(panel.version)
simulator = Simulator(panel, ((0, panel.shape[0] - 1),), costs=rb.Costs(rb.PerDollar(0.001)))
rows, out, moments = [], np.empty((1, len(NAMES))), np.empty((1, MOMENTS))
for fast, slow in {grid}:
    simulator.run(rb.equal_weight(data.sma("close", fast) > data.sma("close", slow)), out, moments)
    rows.append({{"fast": fast, "slow": slow, **dict(zip(NAMES, out[0].tolist()))}})
frame = pl.DataFrame(rows).sort("sharpe_ratio", descending=True)
print(frame["sharpe_ratio"][0])
"""

OURS = """
import rustybt_ray as rb
def crossover(data, fast, slow):
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))
points = [{{"fast": fast, "slow": slow}} for fast, slow in {grid}]
study = rb.optimize(crossover, bundle="sample-mag-7", points=points, costs=rb.Costs(rb.PerDollar(0.001)), progress=False)
print(study.top(1)["sharpe_ratio"][0])
"""


def run(code: str) -> tuple[float, float]:
    """Seconds of a whole process, and the best Sharpe ratio that it printed."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return time.perf_counter() - start, float(done.stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=25)
    parser.add_argument("--pairs", type=int, default=10, help="interleaved pairs of runs")
    args = parser.parse_args()
    import rustybt_ray as rb

    rb.ingest_sample()
    grid: list[Any] = [(fast, slow) for fast in range(5, 51, 5) for slow in range(60, 251, 10)][: args.trials]
    loop, ours = LOOP.format(grid=grid), OURS.format(grid=grid)
    if abs(run(loop)[1] - run(ours)[1]) > 0.0:
        print("the best Sharpe ratios differ; nothing was timed")
        return 1
    times = np.array([[run(loop)[0], run(ours)[0]] for _ in range(args.pairs)])
    ratios = times[:, 1] / times[:, 0]
    half = 1.96 * ratios.std(ddof=1) / np.sqrt(len(ratios))
    print(
        f"{args.trials} trials, cold process: loop {np.median(times[:, 0]):.2f} s, optimize {np.median(times[:, 1]):.2f} s, "
        f"ratio {np.median(ratios):.3f}, mean {ratios.mean():.3f} +- {half:.3f} (95 %, {args.pairs} pairs)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
