"""Points as they are given, from lists, columns and frames."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from rustybt_ray.exceptions import InputError
from rustybt_ray.search.points import PointSearch

COLUMNS = {"fast": [5, 10, 20], "kind": ["sma", "ema", None]}
ROWS = [{"fast": 5, "kind": "sma"}, {"kind": "ema", "fast": 10}, {"fast": 20, "kind": None}]


@pytest.mark.parametrize(
    "points",
    [ROWS, tuple(ROWS), COLUMNS, pl.DataFrame(COLUMNS), pa.table(COLUMNS), pd.DataFrame(COLUMNS, dtype=object)],
    ids=["rows", "tuple", "columns", "polars", "arrow", "pandas"],
)
def test_gives_the_points_in_order(points):
    search = PointSearch(points)
    assert search.names == ("fast", "kind")
    assert search.remaining == 3
    first, second = search.ask(2), search.ask(5)
    assert (first.numbers.tolist(), second.numbers.tolist()) == ([0, 1], [2])
    assert first.columns == {"fast": [5, 10], "kind": ["sma", "ema"]}
    assert second.row(0) == {"fast": 20, "kind": None}
    assert search.ask(1) is None
    assert search.remaining == 0


def test_values_are_plain():
    points = PointSearch(pd.DataFrame({"a": [1, 2], "x": [0.5, 1.5], "ok": [True, False]})).ask(2)
    assert [type(points.row(0)[name]) for name in ("a", "x", "ok")] == [int, float, bool]
    points = PointSearch([{"a": np.int64(3), "x": np.float64(0.5)}]).ask(1)
    assert [type(value) for value in points.row(0).values()] == [int, float]


@pytest.mark.parametrize("constraint", ["kind == None or fast < 10", lambda p: p["kind"] is None or p["fast"] < 10])
def test_leaves_out_what_does_not_meet_the_constraint(constraint):
    points = PointSearch(ROWS, constraint).ask(9)
    assert points.numbers.tolist() == [0, 1]
    assert points.columns == {"fast": [5, 20], "kind": ["sma", None]}


@pytest.mark.parametrize(
    ("points", "constraint", "message"),
    [
        (
            [],
            None,
            "points must be at least one parameter set with a name; received []. Pass [{'fast': 10, 'slow': 60}]",
        ),
        ([{}], None, "points must be at least one parameter set with a name; received [{}]."),
        (pl.DataFrame(), None, "points must be at least one parameter set with a name"),
        (
            [{"a": 1}, {"b": 2}],
            None,
            "points[1] must be a set of values for a; received ['b']. Give every point a value",
        ),
        (
            pd.DataFrame([[1, 2]], columns=["a", "a"]),
            None,
            "points must be a frame whose columns have distinct names; received ['a', 'a'].",
        ),
        (pl.LazyFrame({"a": [1]}), None, "points must be a list of dicts or a frame; received <LazyFrame"),
        (5, None, "points must be a list of dicts or a frame; received 5."),
        ({"a": 5}, None, "points must be a list of dicts or a frame; received {'a': 5}."),
        ({"a": "xy"}, None, "points must be a list of dicts or a frame; received {'a': 'xy'}."),
        ({"a": [1, 2], "b": [1]}, None, "points must be columns of one length; received {'a': 2, 'b': 1}."),
        ([{"a b": 1}], None, "a parameter's name must be one that an argument can have; received 'a b'."),
        ([{"a": 1}, {"a": float("nan")}], None, "points[1]['a'] must be given finite numbers; received nan."),
        ([{"a": print}], None, "points[0]['a'] must be given numbers, text, True, False, None or tuples of these"),
        ([{"a": 1}], "a > 1", "points must be such that one meets the constraint; received ['a > 1']. Loosen"),
        ([{"a": 1}], "b > 1", "'b' is not known. Known: a."),
    ],
)
def test_says_what_is_wrong(points, constraint, message):
    with pytest.raises(InputError) as caught:
        PointSearch(points, constraint)
    assert message in str(caught.value)


def test_describes_itself_as_json():
    described = json.loads(json.dumps(PointSearch(COLUMNS, "fast > 5").describe()))
    points = {"fast": [10, 20], "kind": ["ema", None]}
    assert described == {"search": "points", "points": points, "constraint": ["fast > 5"]}
