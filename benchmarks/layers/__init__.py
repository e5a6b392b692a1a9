"""The benchmarks, by name, in the order of the page."""

from layers import (
    assets,
    bundle_pool,
    capacity,
    flames,
    forward,
    grid,
    grouping,
    history,
    memory,
    million,
    nearness,
    overhead,
    pools,
    scaling,
    start,
    store,
    sweep,
    tiers,
)
from measuring.rows import Benchmark

MODULES = (
    start, assets, grouping, history, tiers, bundle_pool, scaling, capacity, store, pools, overhead, nearness, memory,
    sweep, grid, forward, million, flames,
)  # fmt: skip
BENCHMARKS: dict[str, Benchmark] = {module.BENCHMARK.name: module.BENCHMARK for module in MODULES}
