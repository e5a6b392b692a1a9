"""The benchmarks, by name, in the order of the page."""

from layers import assets, bundle_pool, grouping, history, start, tiers
from measuring.rows import Benchmark

MODULES = (start, assets, grouping, history, tiers, bundle_pool)
BENCHMARKS: dict[str, Benchmark] = {module.BENCHMARK.name: module.BENCHMARK for module in MODULES}
