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
    small,
    start,
    store,
)
from measuring.rows import Benchmark

MODULES = (
    start, grid, forward, million, store, pools, scaling, capacity, overhead, nearness, memory, small, flames,
)  # fmt: skip
BENCHMARKS: dict[str, Benchmark] = {module.BENCHMARK.name: module.BENCHMARK for module in MODULES}
