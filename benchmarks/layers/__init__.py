"""The benchmarks, by name, in the order of the page."""

from layers import capacity, memory, nearness, overhead, pools, scaling, small, start, store
from measuring.rows import Benchmark

MODULES = (store, pools, scaling, capacity, overhead, nearness, memory, small, start)
BENCHMARKS: dict[str, Benchmark] = {module.BENCHMARK.name: module.BENCHMARK for module in MODULES}
