"""A panel as Arrow IPC files, uncompressed, so that opening one maps memory and copies nothing.

A field of the panel is one column of fixed-size lists: row t of the column is row t of the field, and all of them
lie in one piece. The derived arrays are stored beside the content: what a worker opens is ready to use, however
large. What a bundle may have besides is one more file each, written only where there is some of it.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rustybt_ray._arrow import texts, to_arrow, to_numpy
from rustybt_ray._loading import undisturbed
from rustybt_ray.data.panel import ADDED, DATES, DIVIDENDS, FIELDS, LIFE, SPLITS, STOCK, Panel, misfits
from rustybt_ray.exceptions import BundleError

FILES: dict[str, tuple[str, ...]] = {
    "bars.arrow": ("time", "session", *FIELDS, "factor", "split_factor"),
    "assets.arrow": ("symbols", "mark"),
    "sessions.arrow": ("sessions", "open_time", "close_time"),
    "splits.arrow": SPLITS,
    "dividends.arrow": DIVIDENDS,
}
ADDED_FILES: dict[str, tuple[str, ...]] = {
    "dividend_dates.arrow": DATES,
    "stock_dividends.arrow": STOCK,
    "lives.arrow": LIFE,
}
FLOATS = frozenset((*FIELDS, "factor", "split_factor", "mark", "split_ratio", "dividend_amount", "stock_ratio"))


def write_panel(folder: Path, panel: Panel) -> dict[str, int]:
    """Write the panel's files and bring them to the disk; returns the size of each in bytes."""
    import pyarrow as pa

    sizes = {}
    added = {name: columns for name, columns in ADDED_FILES.items() if len(getattr(panel, columns[0]))}
    for name, columns in (FILES | added).items():
        table = pa.table({column: _to_arrow(getattr(panel, column)) for column in columns})
        with (folder / name).open("wb") as file:
            with pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table)
            file.flush()
            os.fsync(file.fileno())
        sizes[name] = (folder / name).stat().st_size
    return sizes


def read_arrays(folder: Path, sizes: Mapping[str, int]) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """Symbols and arrays of the panel in `folder`, as views of its mapped files.

    Raises
    ------
    BundleError
        If a file is missing, has another size than `sizes` says, or cannot be read as what it should be.
    """
    with undisturbed():
        import pyarrow as pa

    arrays: dict[str, Any] = {}
    added = {name: columns for name, columns in ADDED_FILES.items() if name in sizes}
    for name, columns in (FILES | added).items():
        path = folder / name
        _check_size(path, sizes.get(name))
        try:
            with pa.memory_map(str(path)) as file:
                table = pa.ipc.open_file(file).read_all()
            arrays |= {column: _from_arrow(column, table.column(column)) for column in columns}
        except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split())
            raise BundleError(f"{name} is damaged: {reason}", str(path), "Ingest the bundle again.") from None
    symbols = arrays.pop("symbols")
    _check_shapes(folder, symbols, arrays)
    return symbols, arrays


def _to_arrow(values: Any) -> Any:
    """Text as strings, a vector as it is, a matrix as fixed-size lists; NumPy's memory is not copied."""
    return texts(values) if isinstance(values, tuple) else to_arrow(values)


def _from_arrow(name: str, column: Any) -> Any:
    import pyarrow as pa

    if column.null_count or column.num_chunks > 1:
        raise ValueError(f"column {name} has nulls or several pieces")
    if name == "symbols":
        return tuple(column.to_pylist())
    kind = pa.float64() if name in FLOATS else pa.int64()
    wide = pa.types.is_fixed_size_list(column.type)
    if (column.type.value_type if wide else column.type) != kind:
        raise ValueError(f"column {name} has type {column.type}")
    if not column.num_chunks:
        return np.empty(0, dtype=kind.to_pandas_dtype())
    return to_numpy(column.chunk(0))


def _check_size(path: Path, expected: int | None) -> None:
    try:
        size = path.stat().st_size
    except OSError:
        raise BundleError(f"{path.name} is missing", str(path), "Ingest the bundle again.") from None
    if size != expected:
        what = f"{path.name} is damaged: it has {size} bytes, the manifest says {expected}"
        raise BundleError(what, str(path), "Ingest the bundle again.")


def _check_shapes(folder: Path, symbols: tuple[str, ...], arrays: Mapping[str, np.ndarray]) -> None:
    """Every array has the shape that the time axis and the symbols give it."""
    rows, assets = len(arrays["time"]), len(symbols)
    expected = dict.fromkeys((*FIELDS, "factor", "split_factor"), (rows, assets)) | {"mark": (assets, rows)}
    wrong = [name for name, shape in expected.items() if arrays[name].shape != shape]
    empty = np.empty(0)
    wrong += misfits({name: arrays.get(name, empty) for name in ADDED}, len(arrays["dividend_row"]), assets)
    if wrong:
        what = f"The bundle is damaged: {', '.join(wrong)} do not fit {rows} rows and {assets} assets"
        raise BundleError(what, str(folder), "Ingest the bundle again.")
