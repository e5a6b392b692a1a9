"""Columns of any type as numbers and as times; what cannot be read is marked, never guessed."""

from typing import TYPE_CHECKING

import numpy as np

from rustybt_ray._typing import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    import polars as pl

BLANK = ("", "nan", "na", "n/a", "null", "none")
YEARS = (1678, 2261)
"""Years of which every moment is a 64-bit count of nanoseconds."""
OFFSET = r"\d:\d.*([+-]\d{2}:?\d{2})$"


def read_numbers(series: "pl.Series") -> tuple[FloatArray, BoolArray]:
    """The column as float64, NaN where it is blank, and which cells could be read.

    Text is read as Python's ``float`` reads it, to the last bit. Decimals go through their text, which is exact.
    """
    import polars as pl

    kind = series.dtype
    if kind == pl.Boolean or kind.is_temporal() or kind.is_nested():
        return np.full(len(series), np.nan), series.is_null().to_numpy()
    if kind.is_numeric() and not kind.is_decimal():
        return _floats(series.cast(pl.Float64)), np.ones(len(series), dtype=bool)
    text = series.cast(pl.String)
    numbers = text.cast(pl.Float64, strict=False)
    unread = numbers.is_null() & text.is_not_null()
    if not unread.any():
        return _floats(numbers), np.ones(len(series), dtype=bool)
    rest = text.filter(unread).str.strip_chars()
    again = rest.cast(pl.Float64, strict=False)
    values, good = _floats(numbers), np.ones(len(series), dtype=bool)
    values[unread.to_numpy()] = _floats(again)
    good[unread.to_numpy()] = (again.is_not_null() | rest.str.to_lowercase().is_in(BLANK)).to_numpy()
    return values, good


def read_times(series: "pl.Series") -> tuple[IntArray, BoolArray, bool]:
    """The column as UTC nanoseconds, which cells could be read, and whether all of them are midnights.

    Times without a zone are UTC. Times that are all midnights in their own zone are dates.
    """
    import polars as pl

    kind = series.dtype
    if kind == pl.Date or isinstance(kind, pl.Datetime):
        wall = series.cast(pl.Datetime("us")) if kind == pl.Date else series.dt.replace_time_zone(None)
        zoned = isinstance(kind, pl.Datetime) and kind.time_zone is not None
        utc = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zoned else wall
    elif kind == pl.String or kind in (pl.Categorical, pl.Enum):
        wall, utc = _from_text(series.cast(pl.String).str.strip_chars())
    else:
        return np.zeros(len(series), dtype=np.int64), np.zeros(len(series), dtype=bool), False
    good = (wall.is_not_null() & wall.dt.year().is_between(*YEARS) & utc.is_not_null()).to_numpy()
    readable = pl.Series(good, dtype=pl.Boolean)
    daily = _midnights(wall.filter(readable))
    chosen = (wall if daily else utc).set(~readable, None)
    times = chosen.cast(pl.Datetime("ns")).to_physical().fill_null(0)
    return np.array(times.to_numpy(), dtype=np.int64), good, daily


def _midnights(wall: "pl.Series") -> bool:
    return bool((wall.dt.truncate("1d") == wall).all())


def _from_text(text: "pl.Series") -> tuple["pl.Series", "pl.Series"]:
    """Time on the wall and in UTC of ISO dates and times, with an offset or without."""
    import polars as pl

    dates = text.str.to_date("%Y-%m-%d", strict=False)
    if dates.null_count() == text.null_count():
        return dates.cast(pl.Datetime("us")), dates.cast(pl.Datetime("us"))
    plain = text.str.replace(r"^(\d{4}-\d{2}-\d{2})T", "${1} ").str.replace(r"[Zz]$", "+00:00")
    offset = plain.str.extract(OFFSET)
    bare = plain.str.replace(r"(\d:\d.*)[+-]\d{2}:?\d{2}$", "${1}").str.strip_chars()
    bare = bare.set(~bare.str.slice(0, 4).cast(pl.Int32, strict=False).is_between(*YEARS).fill_null(False), None)
    days = [bare.str.to_date(form, strict=False).cast(pl.Datetime("ns")) for form in ("%Y-%m-%d", "%Y%m%d")]
    forms = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
    moments = [bare.str.to_datetime(form, time_unit="ns", strict=False) for form in forms]
    wall = pl.select(pl.coalesce(*days, *moments)).to_series()
    digits = offset.str.replace(":", "")
    minutes = digits.str.slice(1, 2).cast(pl.Int64) * 60 + digits.str.slice(3, 2).cast(pl.Int64)
    east = minutes * pl.select(pl.when(digits.str.starts_with("-")).then(-1).otherwise(1)).to_series()
    return wall, wall - (east.fill_null(0) * 60_000_000_000).cast(pl.Duration("ns"))


def _floats(series: "pl.Series") -> FloatArray:
    return np.array(series.fill_null(float("nan")).to_numpy(), dtype=np.float64)
