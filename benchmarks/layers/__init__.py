"""The benchmarks, by name, in the order of the page."""

from layers import assets, bundle_pool, forward, grid, grouping, history, million, start, sweep, tiers
from measuring.rows import Benchmark

MODULES = (start, assets, grouping, history, tiers, bundle_pool, sweep, grid, forward, million)
BENCHMARKS: dict[str, Benchmark] = {module.BENCHMARK.name: module.BENCHMARK for module in MODULES}
