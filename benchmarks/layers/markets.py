"""Markets that the benchmarks run on, made from a seed, and the same bars as a careful user would hold them."""

import numpy as np
import polars as pl

from rustybt_ray._typing import FloatArray
from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.data.nyse import sessions_between
from rustybt_ray.data.panel import FIELDS, Panel
from rustybt_ray.data.sample import FIRST, LAST

YEAR, QUARTER = 252, 63


def wide_market(assets: int, sessions: int | None = None, seed: int = 7) -> Panel:
    """Random walks in whole cents on New York's sessions of 2000 to 2024, or the last `sessions` of them.

    Every third asset is listed late, every third pays a dividend each quarter, and each splits once.
    """
    made = [axis[-(sessions or len(axis)) :] for axis in sessions_between(FIRST, LAST)]
    rows, bits = len(made[0]), np.random.default_rng(seed)
    close = cents(40.0 * np.exp(np.cumsum(bits.standard_normal((rows, assets)) * 0.012, axis=0)))
    opening = cents(close * (1.0 + 0.004 * bits.standard_normal((rows, assets))))
    high = cents(np.maximum(opening, close) * (1.0 + 0.006 * bits.random((rows, assets))))
    low = cents(np.minimum(opening, close) * (1.0 - 0.006 * bits.random((rows, assets))))
    volume = np.rint(1e6 * (0.5 + bits.random((rows, assets))))
    listed = [rows // 10 + int(bits.integers(rows // 3)) if k % 3 == 2 else 0 for k in range(assets)]
    for column, row in enumerate(listed):
        for values in (opening, high, low, close, volume):
            values[:row, column] = np.nan
    splits = [(int(bits.integers(listed[k] + 1, rows)), k, 2.0) for k in range(assets)]
    payers = [(row, k) for k in range(0, assets, 3) for row in range(listed[k] + QUARTER, rows, QUARTER)]
    return panel_from_arrays(
        made[0], [f"S{k:02d}" for k in range(assets)], opening, high, low, close, volume, splits,
        [(row, k, 0.12) for row, k in payers], sessions=made[0], open_time=made[1], close_time=made[2],
    )  # fmt: skip


def cents(values: FloatArray) -> FloatArray:
    """Nearest whole cent, one at least."""
    rounded: FloatArray = np.maximum(np.rint(values * 100.0), 1.0) / 100.0
    return rounded


def long_frame(panel: Panel) -> pl.DataFrame:
    """A row a bar, by symbol and date, as files of bars are read: symbols as an enumeration, which filters fastest."""
    rows, columns = np.nonzero(np.isfinite(panel.close.T))[::-1]
    names = pl.Enum(list(panel.symbols))
    bars = {name: getattr(panel, name)[rows, columns] for name in FIELDS}
    return pl.DataFrame(
        {
            "symbol": pl.Series([panel.symbols[column] for column in columns.tolist()], dtype=names),
            "date": pl.Series(panel.time[rows]).cast(pl.Datetime("ns")).cast(pl.Date),
            **bars,
        }
    ).with_columns(pl.col("volume").cast(pl.Int64))
