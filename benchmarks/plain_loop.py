"""The plain loop: what a careful user writes without `optimize`. Open the bundle, run each trial, collect a frame.

    python benchmarks/plain_loop.py                  # 25 trials of the sample bundle, the loop against optimize
    python benchmarks/plain_loop.py --trials 200
    python benchmarks/plain_loop.py --loop public    # a loop over rb.backtest

The loop over our parts (the engine's simulator and nothing else, which is not the public interface) is the hardest one to
meet: it loads half of the modules.

Each measurement is a whole cold process. The kernels are compiled, and so is the bytecode, as pip leaves a package: where
PYTHONDONTWRITEBYTECODE is set, every process would compile a clone's sources again, which takes longer than the trials. The
two of a pair follow each other, and every second pair begins with the other one, so that what drifts on the machine falls on
both.
"""

import argparse
import compileall
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from measuring.samples import median_interval
from rustybt_ray._typing import FloatArray

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

PUBLIC = """
import polars as pl
import rustybt_ray as rb
panel = rb.BundleStore().open("sample-mag-7")
def crossover(data, fast, slow):
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))
rows = []
for fast, slow in {grid}:
    found = rb.backtest(crossover, {{"fast": fast, "slow": slow}}, bundle=panel, costs=rb.Costs(rb.PerDollar(0.001)))
    rows.append({{"fast": fast, "slow": slow, **found.metrics}})
frame = pl.DataFrame(rows).sort("sharpe_ratio", descending=True)
print(frame["sharpe_ratio"][0])
"""

LOOPS = {"parts": LOOP, "public": PUBLIC}

OURS = """
import rustybt_ray as rb
def crossover(data, fast, slow):
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))
points = [{{"fast": fast, "slow": slow}} for fast, slow in {grid}]
study = rb.optimize(crossover, bundle="sample-mag-7", points=points, costs=rb.Costs(rb.PerDollar(0.001)), progress=False)
print(study.top(1)["sharpe_ratio"][0])
"""


@dataclass(frozen=True)
class Pairs:
    """Seconds of the loop and of `optimize`, one row a pair."""

    trials: int
    times: FloatArray

    @property
    def ratios(self) -> FloatArray:
        """Our time by the loop's, a pair each."""
        return np.sort(self.times[:, 1] / self.times[:, 0])

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the median ratio."""
        return median_interval(self.ratios)

    def __str__(self) -> str:
        loop, ours = np.median(self.times, axis=0)
        low, high = self.interval
        return (
            f"{self.trials} trials, cold process: loop {loop:.3f} s, optimize {ours:.3f} s, "
            f"ratio {np.median(self.ratios):.3f} ({low:.3f} to {high:.3f}, 95 %, {len(self.times)} pairs), "
            f"mean {self.ratios.mean():.3f}"
        )


def compare(trials: int, pairs: int, kind: str = "parts") -> Pairs:
    """The loop, one of `LOOPS`, against `optimize`, interleaved.

    Raises
    ------
    AssertionError
        If the two find different best trials; nothing is timed then.
    """
    import actors
    import rustybt_ray as rb

    for package in (actors, rb):
        compileall.compile_dir(Path(str(package.__file__)).parent, quiet=1)
    rb.ingest_sample()
    grid: list[Any] = [(fast, slow) for fast in range(5, 51, 5) for slow in range(60, 251, 10)][:trials]
    loop, ours = LOOPS[kind].format(grid=grid), OURS.format(grid=grid)
    assert run(loop)[1] == run(ours)[1], "the best Sharpe ratios differ; nothing was timed"
    times = np.empty((pairs, 2))
    for i in range(pairs):
        for which in ((0, 1), (1, 0))[i % 2]:
            times[i, which] = run((loop, ours)[which])[0]
    return Pairs(trials, times)


def run(code: str) -> tuple[float, float]:
    """Seconds of a whole process, and the best Sharpe ratio that it printed."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return time.perf_counter() - start, float(done.stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=25)
    parser.add_argument("--pairs", type=int, default=10, help="interleaved pairs of runs")
    parser.add_argument("--loop", choices=list(LOOPS), default="parts")
    args = parser.parse_args()
    print(compare(args.trials, args.pairs, args.loop))
    return 0


if __name__ == "__main__":
    sys.exit(main())
