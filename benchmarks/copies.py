"""The ledger's time by where its code lies in memory.

    python benchmarks/copies.py                 # change, daily and fractional, 14 copies of the code
    python benchmarks/copies.py daily --copies 40

Some versions of the kernel are a fifth slower at a third of all addresses, presumably because the processor's predictors tell
instructions apart by parts of their addresses alone. A process draws its address when it loads the code, so that such a version
is slow in a third of all processes, which no comparison within one process shows. Here one process loads the code many times
and times each copy on the same trials, in turn: all should take the same. Exits with 1 if two or more take a tenth longer.
"""

import argparse
import sys
import time
from typing import Literal

import numpy as np

import rustybt_ray as rb
from layers.sweep import COSTS, adjusted, narrowed
from limit import PAIRS, crossover
from rustybt_ray.data.panel import Panel
from rustybt_ray.data.sample import sample_panel
from rustybt_ray.engine import backtest
from rustybt_ray.engine.metrics import MOMENTS, NAMES
from rustybt_ray.engine.native import Kernel
from rustybt_ray.engine.stack import Stack
from rustybt_ray.workspace.workspace import Workspace

ROUNDS, EVERY, SPREAD = 9, 8, 1.1
Shares = Literal["whole", "fractional"]
CASES: dict[str, tuple[str, int, Shares]] = {
    "change": ("change", 8, "whole"),
    "daily": ("daily", 8, "whole"),
    "fractional": ("change", 1, "fractional"),
}
"""When the strategy orders, of how many assets, in which shares."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; default: all")
    parser.add_argument("--copies", type=int, default=14)
    args = parser.parse_args()
    if unknown := [name for name in args.names if name not in CASES]:
        parser.error(f"unknown case: {', '.join(unknown)}; there are {', '.join(CASES)}")
    uneven = False
    for name in args.names or CASES:
        found = np.sort(times(*CASES[name], args.copies))
        uneven |= bool(found[-2] > SPREAD * found[0])
        print(f"{name:10} us a trial, copy by copy: {' '.join(f'{each:.1f}' for each in found)}", flush=True)
    return int(uneven)


def times(rebalance: str, assets: int, shares: Shares, copies: int) -> np.ndarray:
    """Least microseconds a trial of each copy."""
    whole = adjusted(sample_panel())
    panel = whole if assets == len(whole.symbols) else narrowed(whole)
    simulators = [copy(panel, shares) for _ in range(copies)]
    stack = filled(simulators[0], rebalance)
    out = np.empty((len(stack.places), len(NAMES))), np.empty((len(stack.places), MOMENTS))
    found = np.full(copies, np.inf)
    for _ in range(ROUNDS):
        for number, simulator in enumerate(simulators):
            start = time.perf_counter()
            stack.trade(simulator)
            found[number] = min(found[number], time.perf_counter() - start)
    assert not stack.errors
    return found / len(out[0]) * 1e6


def copy(panel: Panel, shares: Shares) -> backtest.Simulator:
    """A simulator with code of its own."""
    backtest.run_segments = Kernel(backtest.run_segments.module, backtest.run_segments.name)
    segment = (0, len(panel.time) - 1)
    return backtest.Simulator(panel, (segment,), costs=COSTS, settings=rb.Settings(shares=shares))


def filled(simulator: backtest.Simulator, rebalance: str) -> Stack:
    """Some trials of the crossover, ready to be traded."""
    workspace = Workspace(rb.OptimizationConfig())
    workspace.open(simulator.panel)
    data, strategy, points = workspace.data(simulator.panel.version), crossover(rebalance), PAIRS[::EVERY]
    stack = Stack(simulator, len(points))
    for place, point in enumerate(points):
        assert stack.put(place, [strategy(data, **point)])
    return stack


if __name__ == "__main__":
    sys.exit(main())
