"""What a process holds: run as a process of its own, with nothing loaded that a study does not load.

    python -m workloads.footprint parts FOLDER      # memory of the process, step by step
    python -m workloads.footprint uncached FOLDER   # what the trials find without caches
    python -m workloads.footprint traced FOLDER     # bytes of the caches' own objects, by tracemalloc
    python -m workloads.footprint growth FOLDER     # what trials leave behind where the cache is small

FOLDER holds the sample bundle. Prints a JSON object.
"""

import gc
import hashlib
import json
import os
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rustybt_ray as rb
from measuring.memory import resident
from rustybt_ray.api.panels import workspace
from rustybt_ray.data.panel import ARRAYS, Panel
from rustybt_ray.data.sample import NAME
from rustybt_ray.engine.metrics import NAMES
from rustybt_ray.workspace.asset_cache import AssetCache
from rustybt_ray.workspace.bundle_pool import BundlePool
from rustybt_ray.workspace.workspace import Workspace
from workloads.panels import wide_panel
from workloads.strategies import crossover, pairs

Found = dict[str, Any]
WINDOWS = range(5, 251, 5)
SMALL_CACHE = 12  # windows that the cache of `growth` holds
SPACE = {"fast": rb.Int(5, 54), "slow": rb.Int(60, 259)}


def parts(root: Path) -> Found:
    """PSS of the process, MB: all loaded and compiled, the panel not read yet; read; after the record's grid search."""
    panel = rb.BundleStore(root).open(NAME)
    digest(rb.optimize(crossover, points=pairs()[:1], **asked(wide_panel(0), None)))
    baseline = held()
    for name in ARRAYS:
        getattr(panel, name).sum()
    opened = held()
    found = digest(sweep(panel))
    history = workspace(rb.OptimizationConfig()).history.nbytes / 1e6
    return {"baseline": baseline, "panel": opened - baseline, "history": history, "total": held(), "digest": found}


def uncached(root: Path) -> Found:
    """What the same grid search finds without caches."""
    return {"digest": digest(sweep(rb.BundleStore(root).open(NAME), rb.OptimizationConfig(enable_caching=False)))}


def traced(root: Path) -> Found:
    """Bytes of what the caches hold beside the panel and the indicators."""
    panel = rb.BundleStore(root).open(NAME)
    filled(panel)  # loads and compiles what must not be counted
    tracemalloc.start()
    assets, pool = AssetCache(), BundlePool(8)
    found = {"asset_cache": grown(lambda: tables(assets, panel)), "bundle_pool": grown(lambda: pool.put(panel, NAME))}
    kept: list[Workspace] = []
    whole = grown(lambda: kept.append(filled(panel)))
    history = kept[0].history
    # adjusted fields are made once, whatever the number of windows
    once = history.nbytes - len(WINDOWS) * panel.close.nbytes + found["asset_cache"]
    return found | {"bookkeeping": whole - history.nbytes, "window": (whole - once) / len(WINDOWS)}


def growth(root: Path) -> Found:
    """MB that 2,000 random trials add to a process whose cache has been full for 500."""
    panel = rb.BundleStore(root).open(NAME)
    config = rb.OptimizationConfig(cache_size_gb=SMALL_CACHE * panel.close.nbytes / 2**30)

    def searched(trials: int, seed: int) -> None:
        study = rb.optimize(crossover, space=SPACE, search="random", n_trials=trials, seed=seed, **asked(panel, config))
        assert study.n_trials == trials, "trials are missing"

    for seed in range(2):
        searched(250, seed)
    before = held()
    for seed in range(2, 10):
        searched(250, seed)
    after, cache = held(), workspace(config).history.statistics()
    assert cache["lru"]["evictions"] > 0, "nothing was evicted"
    assert cache["bytes"] <= cache["limit"], "the cache is over its limit"
    return {"growth": after - before, "evictions": cache["lru"]["evictions"], "hit_rate": cache["hit_rate"]}


def sweep(panel: Panel, config: rb.OptimizationConfig | None = None) -> rb.Study:
    """The record's grid search, in this process."""
    return rb.optimize(crossover, points=pairs(), **asked(panel, config))


def asked(panel: Panel, config: rb.OptimizationConfig | None) -> dict[str, Any]:
    """What all ask of `optimize`."""
    return {"bundle": panel, "executor": "inline", "progress": False, "config": config}


def digest(study: rb.Study) -> str:
    """Of all metrics in the order of the points."""
    return hashlib.sha256(study.trials.sort("trial").select(NAMES).to_numpy().tobytes()).hexdigest()


def tables(assets: AssetCache, panel: Panel) -> None:
    """The asset table with all that it makes on demand."""
    table = assets.get(panel)
    assert len(table.columns) == panel.shape[1]
    assert table.listed.shape == table.begun.shape == panel.shape


def filled(panel: Panel) -> Workspace:
    """A workspace with a panel, its asset table and averages of many windows."""
    made = Workspace(rb.OptimizationConfig())
    made.open(panel, NAME)
    data = made.data(panel.version)
    tables(made.assets, panel)
    for window in WINDOWS:
        data.sma("close", window)
    return made


def grown(call: Callable[[], object]) -> float:
    """Bytes that a call leaves behind."""
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    call()
    gc.collect()
    return float(tracemalloc.get_traced_memory()[0] - before)


def held() -> float:
    """PSS of this process, MB."""
    gc.collect()
    return resident(os.getpid())["share"]


if __name__ == "__main__":
    modes = {function.__name__: function for function in (parts, uncached, traced, growth)}
    print(json.dumps(modes[sys.argv[1]](Path(sys.argv[2]))))
