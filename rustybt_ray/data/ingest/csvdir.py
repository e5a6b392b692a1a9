"""zipline's csvdir layout: a folder with one CSV file a symbol, or such a folder called ``daily`` or ``minute`` in it.

The first column is the date, whatever its name; open, high, low, close and volume are needed, dividend and split
may be there, in any order and case. The symbol is the name of the file in capitals.
"""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from rustybt_ray.data.ingest.findings import Findings
from rustybt_ray.data.ingest.rows import EVENT_FIELDS, Rows, to_rows
from rustybt_ray.data.panel import FIELDS
from rustybt_ray.exceptions import IngestError

if TYPE_CHECKING:
    import polars as pl

FOLDERS = ("daily", "minute")
MISTAKEN = {
    **dict.fromkeys(("dividends", "div", "cash dividend"), "dividend"),
    **dict.fromkeys(("splits", "stock splits", "stock split", "split ratio"), "split"),
}


def read_csvdir(folder: Path, findings: Findings) -> Rows:
    """Rows of all CSV files of a folder; what cannot be read becomes findings.

    Raises
    ------
    IngestError
        If there is no CSV file, or it is not clear which folder is meant.
    """
    import polars as pl

    files = _files(folder)
    frames: list[pl.DataFrame] = []
    notes: list[str] = []
    for number, path in enumerate(files):
        frame = _read(path, number, findings)
        if frame is None:
            continue
        columns = _columns(path, frame, number, findings, notes)
        if columns:
            kept = frame.select(pl.col(old).alias(new) for new, old in columns.items())
            frames.append(_numbered(kept, number, path.stem.upper()))
    if not frames:
        frames = [
            pl.DataFrame(
                schema=dict.fromkeys(("symbol", "time", *FIELDS), pl.String) | {"file": pl.Int64, "line": pl.Int64}
            )
        ]
    names = tuple(path.name for path in files)
    rows = to_rows(pl.concat(frames, how="diagonal"), names, ordered=True, findings=findings)
    rows.notes.extend(notes)
    return rows


def _files(folder: Path) -> list[Path]:
    inner = [folder / name for name in FOLDERS if _csvs(folder / name)]
    if len(inner) > 1:
        raise IngestError("There are daily and minute files", str(folder), "Pass one of the two folders.")
    files = _csvs(inner[0] if inner else folder)
    if not files:
        remedy = "A csvdir has one SYMBOL.csv for each asset, or a folder 'daily' or 'minute' with such files in it."
        raise IngestError("There is no CSV file", str(folder), remedy)
    symbols: dict[str, Path] = {}
    for path in files:
        other = symbols.setdefault(path.stem.upper(), path)
        if other != path:
            what = f"{other.name} and {path.name} are the same symbol"
            raise IngestError(what, str(path.parent), "Symbols are the names of the files in capitals: rename one.")
    return files


def _csvs(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = (path for path in folder.iterdir() if path.suffix.lower() == ".csv" and not path.name.startswith("."))
    return sorted(path for path in found if path.is_file())


def _read(path: Path, number: int, findings: Findings) -> "pl.DataFrame | None":
    """The file as a frame of text; None if it is no CSV file."""
    import polars as pl

    try:
        return pl.read_csv(path, infer_schema=False)
    except pl.exceptions.NoDataError:
        findings.add(f"{path.name}: the file is empty", (number, 0))
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        findings.add(_unreadable(path, error), (number, 0))
    return None


def _unreadable(path: Path, error: Exception) -> str:
    """Why a file cannot be read; polars does not say in which row a field is too many."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            width = len(next(reader))
            for row in reader:
                if len(row) > width:
                    return f"{path.name} row {reader.line_num}: {len(row)} fields, the header has {width}"
    except (OSError, UnicodeDecodeError, csv.Error, StopIteration) as other:
        error = other
    return f"{path.name}: cannot be read as CSV: {' '.join(str(error).split())}"


def _columns(
    path: Path, frame: "pl.DataFrame", number: int, findings: Findings, notes: list[str]
) -> dict[str, str] | None:
    """Which column is which; None if one is missing."""
    first, *rest = frame.columns
    names = {column.strip().lower(): column for column in rest}
    if missing := [name for name in FIELDS if name not in names]:
        there = ", ".join(frame.columns)
        findings.add(f"{path.name} row 1: no column {', '.join(missing)}; the header is {there}", (number, 0))
        return None
    for name, meant in MISTAKEN.items():
        if name in names and meant not in names:
            notes.append(f"{path.name}: column {names[name]!r} is ignored; call it {meant!r} if it is meant")
    return {"time": first} | {name: names[name] for name in (*FIELDS, *EVENT_FIELDS) if name in names}


def _numbered(frame: "pl.DataFrame", number: int, symbol: str) -> "pl.DataFrame":
    """With file, line and symbol; blank lines are left out, but counted."""
    import polars as pl

    numbered = frame.with_columns(
        file=pl.lit(number, dtype=pl.Int64), line=pl.int_range(2, len(frame) + 2, dtype=pl.Int64), symbol=pl.lit(symbol)
    )
    return numbered.filter(~pl.all_horizontal(pl.col(frame.columns).is_null()))
