"""The benchmarks, by name, in the order of the page."""

from layers import forward, grid, million, start, sweep
from measuring.rows import Benchmark

MODULES = (start, sweep, grid, forward, million)
BENCHMARKS: dict[str, Benchmark] = {module.BENCHMARK.name: module.BENCHMARK for module in MODULES}
