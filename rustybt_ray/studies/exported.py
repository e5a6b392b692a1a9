"""Tables as files of the formats that others read."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rustybt_ray.exceptions import InputError
from rustybt_ray.studies.files import replace_file

if TYPE_CHECKING:
    import polars as pl

FRAMES = (".csv", ".parquet", ".json", ".arrow")
"""Endings of the names of files that a table can be written to."""


def write_frame(frame: "pl.DataFrame", target: Path) -> None:
    """Write a table in the format that the file's name ends in: one of `FRAMES`.

    Undefined numbers are null in JSON, which is a list of rows.

    Raises
    ------
    InputError
        If its name ends otherwise.
    RunError
        If it cannot be written; what was there before is left as it was.
    """
    check_frame_name(target)
    writers: dict[str, Callable[[Path], Any]] = {
        ".csv": frame.write_csv,
        ".parquet": frame.write_parquet,
        ".json": lambda path: path.write_text(frame.fill_nan(None).write_json() + "\n", encoding="utf-8"),
        ".arrow": frame.write_ipc,
    }
    replace_file(target, writers[target.suffix])


def check_frame_name(target: Path) -> None:
    """Whether a table can be written to a file of that name.

    Raises
    ------
    InputError
        If not.
    """
    if target.suffix not in FRAMES:
        remedy = "A spreadsheet opens CSV files." if target.suffix.startswith(".xls") else "The ending says the format."
        raise InputError("the file", f"named with one of {', '.join(FRAMES)} at its end", str(target), remedy)
