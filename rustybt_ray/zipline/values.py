"""Columns of what algorithms recorded: any values, typed as pandas types a column of them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import polars as pl

BOOL, INT, FLOAT, NOTHING, OTHER = range(5)
LARGEST = 2**63


def settle(values: Sequence[Any]) -> list[Any]:
    """The values as a pandas column of them gives them back, with None for what is missing.

    Whole numbers stay such if there is nothing else; whole numbers, numbers and missing values are floats; anything else,
    booleans beside a missing value among it, stays as it is.

    Examples
    --------
    >>> settle([1, 2]), settle([float("nan"), 1, 2]), settle([None, True]), settle([1, "a"])
    ([1, 2], [None, 1.0, 2.0], [None, True], [1, 'a'])
    """
    plain = [value.item() if isinstance(value, np.generic) and not _is_time(value) else value for value in values]
    kinds = {_kind(value) for value in plain}
    if kinds <= {INT, FLOAT, NOTHING} and kinds != {INT}:
        return [None if value is None or value != value else float(value) for value in plain]
    return [None if _kind(value) == NOTHING else value for value in plain]


def to_series(name: str, values: Sequence[Any]) -> "pl.Series":
    """The values as a polars column, null for what is missing.

    Booleans, whole numbers, numbers, texts and times each have their type; a mixture of them is text.
    """
    import polars as pl

    settled = settle(values)
    there = [value for value in settled if value is not None]
    kinds = {type(value) for value in there}
    for kind, dtype in ((bool, pl.Boolean), (int, pl.Int64), (float, pl.Float64), (str, pl.String)):
        if kinds == {kind} and (kind is not int or all(-LARGEST <= value < LARGEST for value in there)):
            return pl.Series(name, settled, dtype=dtype)
    if not there:
        return pl.Series(name, settled, dtype=pl.Float64)
    if all(isinstance(value, datetime) for value in there) and len({value.tzinfo is None for value in there}) == 1:
        times = np.array(["NaT" if value is None else _utc(value) for value in settled], "datetime64[ns]")
        series = pl.Series(name, times)
        return series if there[0].tzinfo is None else series.dt.replace_time_zone("UTC")
    return pl.Series(name, [None if value is None else str(value) for value in settled], dtype=pl.String)


def first_of(values: Sequence[Any]) -> int:
    """Position of the first value that is not NaN: before it nothing was recorded. Where all are, NaN was, from the start."""
    for at, value in enumerate(values):
        if not (isinstance(value, float) and value != value):
            return at
    return 0


def _kind(value: Any) -> int:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        return INT
    if isinstance(value, float):
        return NOTHING if value != value else FLOAT
    return NOTHING if isinstance(value, datetime) and value != value else OTHER  # NaT is a datetime unequal to itself


def _is_time(value: np.generic) -> bool:
    return value.dtype.kind in "mM"


def _utc(value: datetime) -> str:
    moment = value if value.tzinfo is None else value.astimezone(UTC)
    return moment.replace(tzinfo=None).isoformat()
