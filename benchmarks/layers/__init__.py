"""The benchmarks, by name, in the order of the page."""

from layers import (
    capacity,
    flames,
    forward,
    grid,
    memory,
    million,
    nearness,
    overhead,
    pools,
    scaling,
    start,
    store,
    sweep,
)
from measuring.rows import Benchmark

MODULES = (
    start, sweep, grid, forward, million, store, pools, scaling, capacity, overhead, nearness, memory, flames,
)  # fmt: skip
BENCHMARKS: dict[str, Benchmark] = {module.BENCHMARK.name: module.BENCHMARK for module in MODULES}
