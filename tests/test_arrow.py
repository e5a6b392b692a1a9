"""Arrow arrays made of buffers are those that pyarrow makes, and nothing looks for pandas."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustybt_ray._arrow import scalars, texts, to_arrow, to_numpy

VALUES = {
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False),
    str: st.text(),
}


@given(data=st.data(), kind=st.sampled_from(list(VALUES)))
def test_scalars_with_nulls_are_those_of_pyarrow(data, kind):
    values = data.draw(st.lists(st.one_of(st.none(), VALUES[kind]), max_size=20))
    made = scalars(values, kind)
    made.validate(full=True)
    expected = pa.array(values, {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}[kind])
    assert made.equals(expected)
    assert made.null_count == expected.null_count


@pytest.mark.parametrize("shape", [(0,), (5,), (0, 3), (4, 3), (1, 1)])
@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.uint8, np.float32])
def test_numbers_go_there_and_back_without_a_copy(shape, dtype):
    values = np.arange(np.prod(shape), dtype=dtype).reshape(shape)
    made = to_arrow(values)
    made.validate(full=True)
    back = to_numpy(made)
    assert back.dtype == dtype
    assert np.array_equal(back, values)
    assert back.shape == values.shape
    if values.size:
        assert np.shares_memory(back, values)


def test_a_part_of_an_array_and_a_matrix_that_is_not_contiguous():
    assert to_numpy(to_arrow(np.arange(9)).slice(2, 3)).tolist() == [2, 3, 4]
    matrix = np.arange(12.0).reshape(3, 4)
    assert np.array_equal(to_numpy(to_arrow(matrix.T)), matrix.T)
    assert np.array_equal(to_numpy(to_arrow(matrix).slice(1, 2)), matrix[1:])


def test_what_does_not_fit_is_refused():
    with pytest.raises(OverflowError):
        scalars([2**63], int)
    with pytest.raises(UnicodeEncodeError):
        texts(["\ud800"])


CODE = """
import sys
import rustybt_ray as rb
from rustybt_ray.data.sample import sample_panel
store = rb.BundleStore(sys.argv[1])
store.publish("made", sample_panel())
panel = store.open("made")
study = rb.optimize(
    lambda data, n, kind: rb.equal_weight(data.close > data.sma("close", n)), bundle=panel, progress=False,
    space={"n": [5, 10], "kind": ["a"]}, run_dir=sys.argv[1] + "/run", executor="inline", start="2020-01-01",
)
study.top(1)
print("pandas" in sys.modules)
"""


def test_no_pandas_is_loaded_for_a_study(tmp_path):
    pytest.importorskip("pandas")
    done = subprocess.run([sys.executable, "-c", CODE, tmp_path], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr[-2000:]) == ("False\n", "")
