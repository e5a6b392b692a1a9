"""The benchmarks, by name, in the order of the page."""

from layers import assets, grouping, history, start, tiers
from measuring.rows import Benchmark

MODULES = (start, assets, grouping, history, tiers)
BENCHMARKS: dict[str, Benchmark] = {module.BENCHMARK.name: module.BENCHMARK for module in MODULES}
