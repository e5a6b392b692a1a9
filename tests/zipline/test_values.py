"""Columns of recorded values are typed as pandas types those of a frame that is made of one dict a session."""

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustybt_ray.zipline.dump import plain
from rustybt_ray.zipline.values import first_of, settle, to_series

numbers = st.one_of(
    st.integers(-(2**40), 2**40), st.floats(allow_nan=True), st.booleans(), st.none(), st.text(max_size=3),
    st.floats(width=32).map(np.float32), st.integers(0, 99).map(np.int64), st.booleans().map(np.bool_),
    st.sampled_from([date(2020, 1, 2), (1, 2), pd.Timestamp("2020-01-02 21:00", tz="UTC"), datetime(2020, 1, 2)]),
)  # fmt: skip
columns = st.one_of(
    st.lists(numbers, min_size=1, max_size=6),
    *(
        st.lists(st.one_of(*kinds), min_size=1, max_size=6)
        for kinds in (
            (st.integers(0, 9), st.just(float("nan"))),
            (st.integers(0, 9), st.none()),
            (st.booleans(), st.just(float("nan"))),
            (st.integers(0, 9), st.floats(0, 9), st.integers(0, 9).map(np.int64)),
        )
    ),
)


def by_pandas(values):
    """What a dump of zipline's own frame has for a column of these values."""

    def text(value):
        if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
            return None
        if isinstance(value, bool | np.bool_):
            return bool(value)
        if isinstance(value, int | np.integer):
            return int(value)
        if isinstance(value, float | np.floating):
            return None if np.isnan(value) else float(value) if np.isfinite(value) else repr(float(value))
        return value.isoformat() if isinstance(value, datetime) else str(value)

    return [text(value) for value in pd.DataFrame([{"x": value} for value in values])["x"].tolist()]


@given(columns)
def test_settled_as_pandas_settles(values):
    ours, theirs = [plain(value) for value in settle(values)], by_pandas(values)
    assert ours == theirs
    assert list(map(type, ours)) == list(map(type, theirs))


@pytest.mark.parametrize(
    ("values", "dtype", "wanted"),
    [
        ([float("nan"), 1, 2], pl.Float64, [None, 1.0, 2.0]),
        ([1, 2], pl.Int64, [1, 2]),
        ([2**70, 1], pl.String, [str(2**70), "1"]),
        ([None, True], pl.Boolean, [None, True]),
        ([float("nan"), "a"], pl.String, [None, "a"]),
        ([1, "a", None], pl.String, ["1", "a", None]),
        ([float("nan")] * 2, pl.Float64, [None, None]),
        ([float("inf"), 1], pl.Float64, [float("inf"), 1.0]),
        ([True, 1], pl.String, ["True", "1"]),
    ],
)
def test_polars_types(values, dtype, wanted):
    series = to_series("x", values)
    assert (series.name, series.dtype, series.to_list()) == ("x", dtype, wanted)


def test_times_in_polars():
    stamp = pd.Timestamp("2020-01-02 21:00:00.000001", tz="UTC")
    series = to_series("x", [float("nan"), stamp, pd.NaT, stamp.tz_convert("America/New_York")])
    assert series.dtype == pl.Datetime("ns", "UTC")
    assert series.to_list() == [None, stamp.to_pydatetime(), None, stamp.to_pydatetime()]
    naive = to_series("x", [datetime(2020, 1, 2), None])
    assert (naive.dtype, naive.to_list()) == (pl.Datetime("ns"), [datetime(2020, 1, 2), None])
    assert to_series("x", [datetime(2020, 1, 2), datetime(2020, 1, 2, tzinfo=UTC)]).dtype == pl.String


def test_the_first_value_is_the_first_that_is_not_nan():
    assert first_of([float("nan"), float("nan"), None, 1.0]) == 2
    assert first_of([0]) == 0
    assert first_of([float("nan")] * 3) == 0
