"""Compiled kernels: kept, loaded without numba, compiled anew when a source changes or a file is damaged."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from rustybt_ray.data.sample import sample_panel
from rustybt_ray.engine import _objects, rolling
from rustybt_ray.engine.backtest import simulate
from rustybt_ray.engine.native import Bound, Entry, Kernel, address_of, kind_of, leaves

CALLEE = """
from rustybt_ray.engine._jit import kernel
@kernel
def inner(x):
    return x + {constant}
"""
CALLER = """
from rustybt_ray.engine._jit import kernel
from inner_nb import inner
@kernel
def outer(x, out):
    out[0] = inner(x)
    return len(out)
"""
PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from rustybt_ray.engine import _objects
from rustybt_ray.engine.native import Kernel
sys.path.insert(0, sys.argv[1])
_objects.folder = lambda: _objects.cache_folder(Path(sys.argv[1]))
out = np.zeros(3)
assert Kernel("outer_nb", "outer")(1.0, out) == 3
print(out[0], "numba" in sys.modules)
"""


def run(folder, cache):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    value, compiled = done.stdout.split()
    return float(value), compiled == "True"


@pytest.fixture
def sources(tmp_path):
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "outer_nb.py").write_text(CALLER)
    (folder / "inner_nb.py").write_text(CALLEE.format(constant=1.0))
    return folder


def test_an_edited_callee_is_compiled_anew_and_an_untouched_one_is_not(sources, tmp_path):
    cache = tmp_path / "cache"
    assert run(sources, cache) == (2.0, True)
    assert run(sources, cache) == (2.0, False)
    (sources / "inner_nb.py").write_text(CALLEE.format(constant=5.0))
    assert run(sources, cache) == (6.0, True)
    assert len(list((cache / "rustybt_ray").iterdir())) == 2


def test_a_damaged_file_is_compiled_anew(sources, tmp_path):
    cache = tmp_path / "cache"
    run(sources, cache)
    (file,) = (cache / "rustybt_ray").rglob("*.kernel")
    content = bytearray(file.read_bytes())
    for damaged in (content[:100], content[:-1], content[:200] + b"x" + content[201:], b""):
        file.write_bytes(damaged)
        assert run(sources, cache) == (2.0, True)
    assert file.read_bytes() != damaged


def test_a_folder_that_cannot_be_written_costs_a_compile(sources, tmp_path):
    (tmp_path / "cache").write_text("a file")
    assert run(sources, tmp_path / "cache") == (2.0, True)


ALL = """
import sys
import numpy as np
from rustybt_ray.data.sample import sample_panel
from rustybt_ray.engine import rolling
from rustybt_ray.engine.backtest import simulate
panel = sample_panel()
x = np.asarray(panel.close)
total = 0.0
for name in ("mean", "sum", "std", "zscore", "min", "max"):
    total += np.nansum(getattr(rolling, "rolling_" + name)(x, 20))
total += np.nansum(rolling.exponential_mean(x, 5)) + np.nansum(rolling.relative_strength(x, 14))
total += np.nansum(rolling.average_true_range(panel.high, panel.low, x, 14)) + np.nansum(rolling.rank(x))
total += np.nansum(rolling.rolling_correlation(x, x[:, :1], 30))
total += simulate(panel, np.full(panel.shape, 0.1), 0, 500).metrics["sharpe_ratio"]
print(repr(float(total)), "numba" in sys.modules, "scipy" in sys.modules)
"""


def test_every_kernel_runs_in_a_process_without_numba():
    first, second = (
        subprocess.run([sys.executable, "-c", ALL], capture_output=True, text=True, check=True).stdout.split()
        for _ in range(2)
    )
    assert second == [first[0], "False", "False"]


class Pair(NamedTuple):
    values: np.ndarray
    factor: float


def test_arguments_in_a_table_of_words():
    seen = []

    def code(pointers, numbers, floats):
        table = np.ctypeslib.as_array((np.ctypeslib.ctypes.c_int64 * 9).from_address(pointers.value))
        seen.append(table.tolist())
        return 7

    one, two = np.zeros((2, 3)), np.zeros((4, 5))
    flat = leaves((3, Pair(one, 1.5), two, True))
    bound = Bound(Entry.of(code, flat), flat)
    assert bound() == 7
    half = int(np.array(1.5).view(np.int64))
    assert seen[-1][:8] == [3, one.ctypes.data, 2, 3, half, two.ctypes.data, 4, 5]
    assert seen[-1][8] == 1
    bound.replace(1, *Pair(two, -0.5), one)
    bound()
    assert seen[-1][1:8] == [two.ctypes.data, 4, 5, int(np.array(-0.5).view(np.int64)), one.ctypes.data, 2, 3]
    assert kind_of(Pair(one, 1.5)) == kind_of(Pair(two, 2.0)) != kind_of(Pair(one.astype(int), 1.5))
    with pytest.raises(AssertionError, match="C-contiguous"):
        kind_of(two.T)


def test_the_address_of_an_array_whatever_its_flags_and_size():
    whole = np.arange(24.0).reshape(4, 6)
    fixed = whole.copy()
    fixed.flags.writeable = False
    for array in (whole, fixed, whole[1], fixed[2:, :], np.zeros((0, 3)), whole.astype(bool), np.array(3)):
        assert address_of(array) == array.ctypes.data


def test_arguments_live_as_long_as_the_kernel_that_is_bound_to_them():
    kernel = Kernel("rustybt_ray.engine.rolling_nb", "rank_rows")
    out = np.zeros((1000, 3))
    bound = kernel.bind(np.random.default_rng(1).random((1000, 3)), out)
    bound()
    first = out.copy()
    np.ones((1000, 3))
    bound()
    assert np.array_equal(out, first)


def test_the_files_are_there_and_others_may_read_them():
    simulate(sample_panel(), np.zeros((6289, 8)), 0, 30)
    rolling.rank(np.eye(2))
    files = list(Path(_objects.folder()).glob("*.kernel"))
    assert {file.name.split("-")[0] for file in files} >= {"batch_nb.run_segments", "rolling_nb.rank_rows"}
    assert all(file.stat().st_mode & 0o044 == 0o044 for file in files)
    assert not list(Path(_objects.folder()).glob("tmp*"))
