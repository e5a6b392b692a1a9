"""What a session of a zipline algorithm costs here, and in zipline itself.

    python benchmarks/algorithms.py                                        # ours, on the sample bundle
    python benchmarks/algorithms.py --csvdir DIR --zipline DIR/bin/python  # and zipline-reloaded's, in the same run
    python benchmarks/algorithms.py --workers --trials 200                 # trials a second: two workers against one

A dual moving average over eight assets with a history of 200 sessions, decided every session, and its parts. CPU time a
session, the median of the runs, first runs apart. `trial` is what a trial of `optimize` takes; `backtest` is
`rustybt_ray.backtest` with all that it keeps and the performance frame. zipline runs in a process of its own, with an
interpreter that has it (`pip install zipline-reloaded==3.2.1`), from the same csv files (SYMBOL.csv each); the last portfolio
values are compared before any time is.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import rustybt_ray as rb
from rustybt_ray.data.grid import on_grid
from rustybt_ray.data.panel import Panel
from rustybt_ray.data.sample import sample_panel
from rustybt_ray.engine.metrics import MOMENTS, NAMES
from rustybt_ray.zipline.algorithm import Algorithm
from rustybt_ray.zipline.runner import AlgorithmRunner

START, END, CAPITAL = "2001-01-02", "2024-12-31", 1_000_000.0
HEAD = """
import numpy as np
from zipline.api import order_target_percent, set_commission, set_slippage, sid
from zipline.finance.commission import PerDollar
from zipline.finance.slippage import FixedSlippage

FAST, SLOW = 50, 200
MORE = 1.0 + 1e-9  # both averages of a new asset's few bars are the same but for rounding


def initialize(context):
    context.assets = [sid(number) for number in range(8)]
    set_slippage(FixedSlippage(spread=0.0))
    set_commission(PerDollar(cost=0.001))


def handle_data(context, data):
"""
CASES = {
    "empty": "    pass\n",
    "history": '    data.history(context.assets, "price", SLOW, "1d")\n',
    "orders": """    for asset in filter(data.can_trade, context.assets):
        order_target_percent(asset, 0.125)
""",
    "crossover": """    closes = data.history(context.assets, "price", SLOW, "1d")
    fast, slow = closes.iloc[-FAST:].mean(), closes.mean()
    for asset in filter(data.can_trade, context.assets):
        order_target_percent(asset, 0.125 if fast[asset] > MORE * slow[asset] else 0.0)
""",
    "crossover, arrays": """    closes = data.history(context.assets, "price", SLOW, "1d", as_array=True)
    above = (np.nanmean(closes[-FAST:], axis=0) > MORE * np.nanmean(closes, axis=0)).tolist()
    for asset, up in zip(context.assets, above):
        if data.can_trade(asset):
            order_target_percent(asset, 0.125 if up else 0.0)
""",
    "crossover, plain arrays": """    closes = data.history(context.assets, "price", SLOW, "1d", as_array=True)
    above = (closes[-FAST:].sum(axis=0) / FAST > MORE * closes.sum(axis=0) / SLOW).tolist()
    for asset, up in zip(context.assets, above):
        if data.can_trade(asset):
            order_target_percent(asset, 0.125 if up else 0.0)
""",
}
THEIRS = {"crossover, arrays": "crossover", "crossover, plain arrays": "crossover"}
"""What a case is held against, where zipline has none of its own."""
BOUNDS = {"empty": 80, "history": 50, "orders": 80, "crossover": 12, "crossover, plain arrays": 75}
PEER = """
import json, os, sys, tempfile, time, types, warnings
warnings.filterwarnings("ignore")
csvdir, start, end, capital, runs = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]), int(sys.argv[5])
root = tempfile.mkdtemp()
os.environ["ZIPLINE_ROOT"] = root
import pandas as pd
from zipline import run_algorithm
from zipline.data import bundles
from zipline.data.bundles import csvdir as ingester
os.makedirs(root + "/csv")
os.symlink(os.path.abspath(csvdir), root + "/csv/daily")
bundles.register("peer", ingester.csvdir_equities(["daily"], root + "/csv"), calendar_name="XNYS")
bundles.ingest("peer", os.environ, pd.Timestamp("2024-01-01", tz="UTC"), show_progress=False)
start, end = pd.Timestamp(start), pd.Timestamp(end)
benchmark = pd.Series(0.0, index=pd.date_range(start, end, freq="B"))
for name, text in json.load(sys.stdin).items():
    module = types.ModuleType("algorithm")
    exec(text, module.__dict__)
    costs = []
    for _ in range(runs):
        before = time.process_time()
        perf = run_algorithm(
            start=start, end=end, initialize=module.initialize, handle_data=module.handle_data, capital_base=capital,
            bundle="peer", data_frequency="daily", benchmark_returns=benchmark,
        )
        costs.append((time.process_time() - before) / len(perf) * 1e6)
    print(json.dumps({"case": name, "cost": min(costs), "value": float(perf["portfolio_value"].iloc[-1])}), flush=True)
"""


def run_peer(python: str, csvdir: Path, runs: int) -> dict[str, dict[str, Any]]:
    """Microseconds of CPU a session and last value of each case in zipline."""
    texts = {name: HEAD + body for name, body in CASES.items() if name not in THEIRS}
    command = [python, "-c", PEER, str(csvdir), START, END, str(CAPITAL), str(runs)]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"zipline failed:\n{done.stderr[-2000:]}")
    return {row["case"]: row for row in map(json.loads, filter(None, done.stdout.splitlines())) if "case" in row}


def algorithm(name: str, folder: Path) -> Algorithm:
    """A case as an algorithm's file."""
    path = folder / f"{name.replace(', ', '_').replace(' ', '_')}.py"
    path.write_text(HEAD + CASES[name], encoding="utf-8")
    return Algorithm.from_file(path)


def measure(panel: Panel, made: Algorithm, runs: int) -> tuple[float, float, float]:
    """Microseconds of CPU a session of a trial and of a whole backtest, and the last value."""
    segment = panel.rows_between(START, END)
    sessions = segment[1] - segment[0] + 1
    runner = AlgorithmRunner(on_grid(panel), (segment,), capital=CAPITAL)
    out, moments = np.empty((1, len(NAMES))), np.empty((1, MOMENTS))
    trials, wholes = [], []
    runner.run(made, {}, out, moments)
    for _ in range(runs):
        before = time.process_time()
        runner.run(made, {}, out, moments)
        trials.append((time.process_time() - before) / sessions * 1e6)
    value = 0.0
    for _ in range(1 + runs):
        before = time.process_time()
        found = rb.backtest(made, bundle=panel, start=START, end=END, capital=CAPITAL)
        value = float(found.perf["portfolio_value"][-1])  # type: ignore[attr-defined]
        wholes.append((time.process_time() - before) / sessions * 1e6)
    return statistics.median(trials), statistics.median(wholes[1:]), value


def compare(panel: Panel, theirs: dict[str, dict[str, Any]], folder: Path, runs: int) -> int:
    """Print a line a case; how many miss their bound."""
    print(f"{'case':25} {'trial':>9} {'backtest':>9} {'zipline':>9} {'ratios':>15} {'bound':>6}")
    missed = 0
    for name in CASES:
        trial, whole, value = measure(panel, algorithm(name, folder), runs)
        peer = theirs.get(THEIRS.get(name, name))
        line = f"{name:25} {trial:7.1f}us {whole:7.1f}us"
        if peer is not None:
            if name not in THEIRS and abs(value / peer["value"] - 1.0) > 1e-9:
                sys.exit(f"{name}: our last value is {value!r}, zipline's {peer['value']!r}")
            bound = BOUNDS.get(name)
            line += f" {peer['cost']:7.0f}us {peer['cost'] / trial:7.1f}{peer['cost'] / whole:8.1f} {bound or '':>6}"
            missed += bound is not None and peer["cost"] / trial < bound
        print(line, flush=True)
    return missed


def scale(panel: Panel, folder: Path, trials: int) -> None:
    """Trials a second of the unchanged crossover on one worker and on two."""
    made = algorithm("crossover", folder)
    points = [{"FAST": 10 + i % 50, "SLOW": 150 + i // 50} for i in range(trials)]
    rates = {}
    for workers in (1, 2):
        with rb.PersistentWorkerPool(n_jobs=workers) as pool:
            asked: dict[str, Any] = {"bundle": panel, "start": START, "end": END, "pool": pool, "progress": False}
            rb.optimize(made, points=points[: 2 * workers], **asked)
            before = time.perf_counter()
            study = rb.optimize(made, points=points, **asked)
            rates[workers] = trials / (time.perf_counter() - before)
        print(f"{workers} worker(s): {rates[workers]:.2f} trials/s, {study.n_failed} failed", flush=True)
    print(f"two workers: {rates[2] / rates[1]:.3f} times one")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csvdir", type=Path, help="SYMBOL.csv files of eight assets; default: the sample bundle")
    parser.add_argument("--zipline", metavar="PYTHON", help="an interpreter with zipline-reloaded; needs --csvdir")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", action="store_true", help="two workers against one instead")
    parser.add_argument("--trials", type=int, default=40)
    args = parser.parse_args()
    if args.zipline and not args.csvdir:
        parser.error("--zipline needs --csvdir: both read the same files")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        panel = sample_panel()
        if args.csvdir:
            rb.ingest("peer", args.csvdir, root=folder)
            panel = rb.BundleStore(folder).open("peer")
        if args.workers:
            scale(panel, folder, args.trials)
            return
        theirs = run_peer(args.zipline, args.csvdir, args.runs) if args.zipline else {}
        sys.exit(1 if compare(panel, theirs, folder, args.runs) else 0)


if __name__ == "__main__":
    main()
