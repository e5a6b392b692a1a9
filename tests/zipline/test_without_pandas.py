"""Reports of a run load no pandas until a pandas object is asked for."""

import subprocess
import sys

CODE = """
import sys

import numpy as np

from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.data.grid import on_grid
from rustybt_ray.zipline.dump import describe
from rustybt_ray.zipline.record import Record
from rustybt_ray.zipline.result import AlgorithmBacktest

panel = panel_from_arrays(["2020-01-02", "2020-01-03"], ["A"], *[[[10.0], [11.0]]] * 4, [[1e6], [1e6]])
daily = np.array([[1e5, 0, 1e5, 0, 0, 0, 0, 0], [1e5, 0, 9e4, 1e4, 0, 1, 0, -1e4]])
orders = np.array([[1, 0, 0, 10.0, 10, 1, np.nan, np.nan, 0, 0, 0, 0, 1]])
recorded = {"number": [1.5, 2], "text": [float("nan"), "a"], "flag": [True, False]}
run = AlgorithmBacktest.of(
    Record(
        on_grid(panel), 0, 1, 1e5, np.array([0.0, 0.1]), daily, np.array([[1, 0, 10, 10.0, 0, 1.0, 10.0]]), orders,
        np.array([[1, 0, 10, 10.0, 11.0, 0]]), recorded, str, {}, np.zeros(2), np.full(2, 1e5),
    )
)
for frame in (run.perf, run.orders, run.transactions, run.recorded, run.fills, run.curve, run.holdings):
    assert frame.height
assert describe(run, {})["transactions"]["rows"]
print("pandas" in sys.modules)
run.perf.to_pandas()
print("pandas" in sys.modules)
"""


def test_only_the_pandas_frame_loads_pandas():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["False", "True"]
