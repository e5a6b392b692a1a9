"""A bundle as a careful user keeps it without ours: Parquet files, read and grouped into arrays by each worker."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from layers.markets import long_frame
from rustybt_ray._typing import FloatArray
from rustybt_ray.data.panel import FIELDS, Panel
from rustybt_ray.workspace.workspace import Workspace

BARS, EVENTS = "bars.parquet", "events.parquet"
COLUMNS = (*FIELDS, "adjusted")
Parsed = dict[str, dict[str, FloatArray]]
"""By symbol the columns of its bars."""


@dataclass(frozen=True)
class Task:
    """What a worker is to make ready: the open panel `version`, or the files in `folder` if that is given."""

    version: str
    total: float
    folder: str | None = None


class Taker:
    """What runs in a worker of the pool: it takes tasks in place of jobs, and keeps what it made."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        self._workspace = workspace
        self._kept: list[Parsed] = []

    def prepare(self, job: Task, function: Callable[..., Any] | None = None) -> None:
        """Make a bundle ready and read every value of it: pages that nobody touched are not there yet."""
        total = self._opened(job.version) if job.folder is None else self._parsed(Path(job.folder))
        if not np.isclose(total, job.total, rtol=1e-12):
            raise ValueError(f"the bundle adds up to {total!r} here and to {job.total!r} in the driver")

    def run(self, chunk: Any) -> Any:
        """There are no trials."""
        raise NotImplementedError

    def release(self) -> None:
        """What was made is kept: its memory is measured."""

    def _opened(self, version: str) -> float:
        data = self._workspace.data(version)
        return sum(float(np.nansum(values)) for values in (*(getattr(data, n) for n in FIELDS), data.adjusted("close")))

    def _parsed(self, folder: Path) -> float:
        made = parse(folder)
        self._kept.append(made)
        return sum(float(values.sum()) for columns in made.values() for values in columns.values())


def write(panel: Panel, folder: Path) -> None:
    """A panel's bars and events as files."""
    folder.mkdir()
    long_frame(panel).with_columns(pl.col("symbol").cast(pl.String)).write_parquet(folder / BARS)
    splits = _events(panel, panel.split_row, panel.split_column, "split", panel.split_ratio)
    cash = _events(panel, panel.dividend_row, panel.dividend_column, "cash", panel.dividend_amount)
    splits.join(cash, on=["symbol", "date"], how="full", coalesce=True).write_parquet(folder / EVENTS)


def _events(panel: Panel, rows: Any, columns: Any, name: str, values: FloatArray) -> pl.DataFrame:
    dates = pl.Series(panel.time[rows]).cast(pl.Datetime("ns")).cast(pl.Date)
    symbols = pl.Series([panel.symbols[column] for column in columns.tolist()], dtype=pl.String)
    return pl.DataFrame({"symbol": symbols, "date": dates, name: pl.Series(values)})


def parse(folder: Path) -> Parsed:
    """Both files into arrays by symbol, with closes that splits and dividends do not move."""
    events = pl.scan_parquet(folder / EVENTS)
    bars = pl.scan_parquet(folder / BARS).join(events, on=["symbol", "date"], how="left", maintain_order="left")
    before = pl.col("close").shift(1).over("symbol")
    lost = (1.0 - pl.col("cash") / before).fill_null(1.0) / pl.col("split").fill_null(1.0)
    adjusted = pl.col("close") * (1.0 / lost).cum_prod().over("symbol")
    frame = bars.with_columns(adjusted.alias("adjusted"), pl.col("volume").cast(pl.Float64)).collect()
    parts = frame.partition_by("symbol", as_dict=True)
    return {str(key[0]): {name: part[name].to_numpy() for name in COLUMNS} for key, part in parts.items()}
