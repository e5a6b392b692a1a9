"""Arrow arrays from NumPy's and back by their buffers.

pyarrow's own `pa.array` and `to_numpy` look for pandas and import it where it is installed, which takes longer than opening a
bundle.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np


def to_arrow(values: np.ndarray) -> Any:
    """A vector of numbers as it is, a matrix as fixed-size lists; contiguous memory is not copied.

    Parameters
    ----------
    values : ndarray of int or float, shape (n,) or (n, m) with m above 0
    """
    import pyarrow as pa

    flat = np.ascontiguousarray(values).reshape(-1)
    kind = pa.from_numpy_dtype(flat.dtype)
    made = pa.Array.from_buffers(kind, len(flat), [None, pa.py_buffer(flat)])
    return made if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(made, values.shape[1])


def to_numpy(array: Any) -> np.ndarray:
    """The numbers of an array without nulls, a view; those of fixed-size lists as a matrix."""
    import pyarrow as pa

    if pa.types.is_fixed_size_list(array.type):
        width = array.type.list_size
        flat = array.values.slice(array.offset * width, len(array) * width)  # `flatten` loads all of pyarrow.compute
        return to_numpy(flat).reshape(len(array), width)
    dtype = np.dtype(array.type.to_pandas_dtype())
    buffer = array.buffers()[1]
    if not len(array):
        return np.empty(0, dtype)
    return np.frombuffer(buffer, dtype, count=len(array), offset=array.offset * dtype.itemsize)


def texts(values: Sequence[str | None]) -> Any:
    """Strings and nulls as a string array.

    Raises
    ------
    UnicodeEncodeError
        If a text has a lone surrogate.
    """
    import pyarrow as pa

    if values.count(None) == len(values):
        return pa.nulls(len(values), pa.string())
    encoded = [b"" if value is None else value.encode() for value in values]
    offsets = np.zeros(len(encoded) + 1, np.int32)
    np.cumsum(list(map(len, encoded)), out=offsets[1:])
    data = pa.py_buffer(b"".join(encoded))
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(offsets), data, _there(values))


def scalars(values: Sequence[Any], kind: type) -> Any:
    """Values of one Python type (bool, int, float or str) and None as an array.

    Raises
    ------
    OverflowError
        If a whole number has more than 64 bits.
    UnicodeEncodeError
        If a text has a lone surrogate.
    """
    import pyarrow as pa

    if kind is str:
        return texts(values)
    there = _there(values)
    if kind is bool:
        return pa.Array.from_buffers(pa.bool_(), len(values), [there, _bitmap([bool(value) for value in values])])
    dtype = np.int64 if kind is int else np.float64
    numbers = np.array(values if there is None else [0 if value is None else value for value in values], dtype)
    return pa.Array.from_buffers(pa.from_numpy_dtype(numbers.dtype), len(values), [there, pa.py_buffer(numbers)])


def _there(values: Sequence[Any]) -> Any:
    """Which values are none of the nulls; None if all are."""
    return _bitmap([value is not None for value in values]) if None in values else None


def _bitmap(flags: Sequence[bool]) -> Any:
    import pyarrow as pa

    return pa.py_buffer(np.packbits(np.array(flags, np.bool_), bitorder="little"))
