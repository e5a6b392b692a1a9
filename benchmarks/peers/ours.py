"""Ours.

    python ours.py FOLDER WORKLOAD ...

The same workloads by the calls that a user would make, in a process that answers as the peers' do. Nothing is shared between
calls but what a process keeps of its own accord, compiled code and indicator caches.
"""

import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent.parent))

import numpy as np

import rustybt_ray as rb
from limit import crossover, without_events
from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.data.grid import on_grid
from rustybt_ray.data.panel import FIELDS, Panel
from rustybt_ray.engine.metrics import MOMENTS, NAMES
from rustybt_ray.strategies.trial import Trial
from rustybt_ray.zipline.algorithm import Algorithm
from rustybt_ray.zipline.runner import AlgorithmRunner
from serving import Call, serve, start_of, work_of
from tasks import AUTO, CAPITAL, END, FEE, PROCESSES, burn

SPACE = {"fast": rb.Int(5, 50, step=5), "slow": rb.Int(60, 250, step=10)}
COSTS = rb.Costs(rb.PerDollar(FEE))


def objective(trial: Trial) -> float:
    """A trial that is handed out."""
    return burn(trial.params["k"], trial.params["rounds"])


def publish(folder: Path, root: str) -> list[str]:
    """Bundles of adjusted prices in `root`: "limit" of all assets, and one of each asset, whose names are returned."""
    without_events(root, folder / "panel.npz")
    whole = rb.BundleStore(root).open("limit")
    names = []
    for column, symbol in enumerate(whole.symbols):
        fields = [getattr(whole, name)[:, column : column + 1] for name in FIELDS]
        one = panel_from_arrays(whole.time.astype("datetime64[ns]"), [symbol], *fields)
        rb.BundleStore(root).publish(f"asset-{column}", one, source="benchmarks/peers")
        names.append(f"asset-{column}")
    return names


def sweep(bundle: str, root: str, **more: Any) -> np.ndarray:
    """Total returns of a whole `optimize` call in this process."""
    study = rb.optimize(
        crossover("change"),
        bundle=bundle,
        space=SPACE,
        costs=COSTS,
        executor="inline",
        root=root,
        progress=False,
        **more,
    )
    return study.trials["total_return"].to_numpy()


def sleeves(names: list[str], root: str) -> list[float]:
    """An equal share of the capital in each asset, which trades alone: a study an asset."""
    fractional = rb.Settings(shares="fractional")
    share = CAPITAL / len(names)
    found: list[float] = np.mean(
        [sweep(name, root, capital=share, settings=fractional) for name in names], axis=0
    ).tolist()
    return found


def sweeps(names: list[str], root: str) -> dict[str, Call]:
    return {
        "w1_sleeve": lambda: sleeves(names, root),
        "w1_target": lambda: sweep("limit", root).tolist(),
        "w2_sleeve": lambda: sleeves(names[:1], root),
    }


def algorithms(folder: Path, root: str) -> tuple[dict[str, Call], int]:
    """The zipline algorithm as a backtest and as trials; how many sessions it has."""
    rb.ingest("traded", folder / "csv", root=root)
    panel = rb.BundleStore(root).open("traded")
    start = start_of(folder)
    segment = panel.rows_between(start, END)
    plain, arrays = (Algorithm.from_file(folder / name) for name in ("crossover.py", "arrays.py"))
    runner = AlgorithmRunner(on_grid(panel), (segment,), capital=CAPITAL)
    calls: dict[str, Call] = {
        "w3_crossover": lambda: backtest(plain, panel, start),
        "w3_trial": lambda: trial(runner, plain),
        "w3_arrays": lambda: trial(runner, arrays),
    }
    return calls, segment[1] - segment[0] + 1


def backtest(algorithm: Algorithm, panel: Panel, start: str) -> list[float]:
    found = rb.backtest(algorithm, bundle=panel, start=start, end=END, capital=CAPITAL)
    return [float(found.perf["portfolio_value"][-1]) / CAPITAL - 1.0]  # type: ignore[attr-defined]


def trial(runner: AlgorithmRunner, algorithm: Algorithm) -> list[float]:
    out = np.empty((1, len(NAMES)))
    runner.run(algorithm, {}, out, np.empty((1, MOMENTS)))
    return [float(out[0, NAMES.index("total_return")])]


def fan_out(points: list[dict[str, int]], panel: Panel, pool: rb.PersistentWorkerPool | None) -> list[float]:
    """Values of an objective function, by a pool that is there or as `optimize` would of its own accord."""
    where: dict[str, Any] = {"n_jobs": PROCESSES} if pool is None else {"pool": pool}
    study = rb.optimize(objective, bundle=panel, points=points, progress=False, **where)
    found: list[float] = study.trials["value"].to_list()
    return found


def main() -> None:
    """Make ready for the workloads named: a pool of workers is no company for the others, `auto` among them."""
    folder, asked = Path(sys.argv[1]), set(sys.argv[2:])
    calls: dict[str, Call] = {}
    counts: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as root, ExitStack() as stack:
        names = publish(folder, root)
        if asked & {"w1_sleeve", "w1_target", "w2_sleeve"}:
            calls |= sweeps(names, root)
        if "w3_crossover" in asked:
            made, sessions = algorithms(folder, root)
            calls |= made
            counts = dict.fromkeys(made, sessions)
        work, one = work_of(folder), rb.BundleStore(root).open(names[0])
        if AUTO in asked:
            calls[AUTO] = partial(fan_out, work["w4_short"], one, None)
        if pooled := asked & set(work):
            pool = stack.enter_context(rb.PersistentWorkerPool(n_jobs=PROCESSES))
            calls |= {name: partial(fan_out, work[name], one, pool) for name in pooled}
        serve(calls, counts)


if __name__ == "__main__":
    main()
