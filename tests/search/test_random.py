"""Random search: the same points however they are asked for, distinct, evenly spread."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustybt_ray.exceptions import InputError
from rustybt_ray.search import random as random_search
from rustybt_ray.search import shuffle
from rustybt_ray.search.random import RandomSearch
from rustybt_ray.search.shuffle import shuffled
from rustybt_ray.search.space import Choice, Float, Int, ParameterSpace

FINITE = {"a": Int(1, 60), "b": Float(0.0, 1.0, 0.05), "c": ["x", "y", None]}
ENDLESS = {"a": Int(1, 60), "b": Float(1e-4, 1.0, log=True), "c": ["x", "y", None], "d": Float(-1.0, 1.0)}


def collect(search, sizes):
    rows = []
    for count in itertools.cycle(sizes):
        points = search.ask(count)
        if points is None:
            return rows
        assert points.numbers.tolist() == list(range(len(rows), len(rows) + len(points)))
        rows += zip(*points.columns.values(), strict=True)
    return rows


@given(
    st.sampled_from([FINITE, ENDLESS]),
    st.sampled_from([None, "a > 20"]),
    st.lists(st.integers(1, 90), min_size=1, max_size=5),
)
def test_the_points_do_not_depend_on_how_they_are_asked_for(space, constraint, sizes):
    def make(n_trials):
        return RandomSearch(ParameterSpace(space, constraint), n_trials, seed=7)

    rows = collect(make(150), sizes)
    assert rows == collect(make(150), [150])
    assert rows == collect(make(400), [37])[:150]
    assert len(rows) == 150
    assert constraint is None or min(row[0] for row in rows) > 20


def test_other_seeds_give_other_points():
    first, second = (collect(RandomSearch(ParameterSpace(FINITE), 50, seed), [50]) for seed in (0, 1))
    assert len(set(first) & set(second)) < 10


def test_points_of_a_finite_space_are_distinct_and_all_are_reached():
    space = ParameterSpace(FINITE)
    rows = collect(RandomSearch(space, space.size, seed=3), [1000])
    assert len(set(rows)) == len(rows) == space.size == 60 * 21 * 3
    assert rows != sorted(rows, key=repr)


def test_values_are_plain_and_within_their_dimension():
    rows = collect(RandomSearch(ParameterSpace(ENDLESS), 2000, seed=1), [2000])
    a, b, c, d = zip(*rows, strict=True)
    assert (set(map(type, a)), set(map(type, b)), set(map(type, d))) == ({int}, {float}, {float})
    assert set(a) == set(range(1, 61))
    assert set(c) == {"x", "y", None}
    assert (min(b) >= 1e-4, max(b) <= 1.0) == (True, True)
    assert np.mean(np.log10(b)) == pytest.approx(-2.0, abs=0.1)
    assert np.mean(d) == pytest.approx(0.0, abs=0.06)


@pytest.mark.parametrize("size", [1, 2, 3, 10, 97, 5000])
def test_a_large_range_is_walked_without_repetition(size, monkeypatch):
    monkeypatch.setattr(shuffle, "LISTED", 0)
    places = np.concatenate(list(shuffled(size, np.random.default_rng(5), 64)))
    assert sorted(places.tolist()) == list(range(size))


def test_a_large_range_is_well_mixed():
    """Chi-square of the first 20,000 places of 2**59 + 12345 over 100 cells: 148 is its 99.9 % point at 99 degrees."""
    size = 2**59 + 12345
    places = np.concatenate(list(itertools.islice(shuffled(size, np.random.default_rng(5), 1000), 20)))
    for cells in (places // (size // 100 + 1), places % 100):
        counts = np.bincount(cells.astype(np.int64), minlength=100)
        assert ((counts - 200) ** 2 / 200).sum() < 148.2
    assert abs(np.corrcoef(places[:-1].astype(float), places[1:].astype(float))[0, 1]) < 0.03


def test_a_space_beyond_any_list_is_drawn_from():
    space = ParameterSpace(dict.fromkeys("abcd", Int(0, 2**61)))
    rows = collect(RandomSearch(space, 300), [64])
    assert len(set(rows)) == 300
    assert np.mean([row[3] for row in rows]) == pytest.approx(2**60, rel=0.15)


def test_fewer_points_where_fewer_meet_the_constraint():
    search = RandomSearch(ParameterSpace({"a": Int(1, 9), "b": Int(1, 9)}, "a < b"), 50)
    assert search.remaining == 36
    assert len(set(collect(search, [7]))) == 36
    assert search.remaining == 0


@pytest.mark.parametrize("space", [{"a": Int(1, 9)}, {"a": Int(1, 10**9)}, {"a": Float(0, 1)}])
@pytest.mark.parametrize("constraint", ["a < 0", lambda p: p["a"] < 0])
def test_says_that_no_point_meets_the_constraint(space, constraint, monkeypatch):
    monkeypatch.setattr(random_search, "PATIENCE", 5000)
    monkeypatch.setattr(random_search, "PATIENCE_ONE_BY_ONE", 5000)
    message = r"space must be one with a point that meets its constraints; .* (it holds no such point|drawn in a row missed them)\."
    with pytest.raises(InputError, match=message):
        RandomSearch(ParameterSpace(space, constraint), 5)


def test_gives_what_it_found_when_valid_points_run_out(monkeypatch):
    monkeypatch.setattr(random_search, "PATIENCE_ONE_BY_ONE", 3000)
    left = iter([True] * 20)
    space = ParameterSpace({"a": Float(0, 1)}, lambda p: next(left, False))
    assert len(collect(RandomSearch(space, 50), [7])) == 20


def test_says_what_is_wrong():
    small = ParameterSpace({"a": Choice(1, 2), "b": Int(1, 3)})
    with pytest.raises(
        InputError, match=r"n_trials must be at most the 6 combinations of the space; received 7\. Use search='grid'"
    ):
        RandomSearch(small, 7)
    with pytest.raises(InputError, match="n_trials must be a whole number of at least 1; received 0"):
        RandomSearch(small, 0)
    with pytest.raises(InputError, match="seed must be a whole number of at least 0; received -1"):
        RandomSearch(small, 3, seed=-1)


def test_describes_itself():
    described = RandomSearch(ParameterSpace({"a": Int(1, 9)}), 4, seed=2).describe()
    assert {key: described[key] for key in ("search", "n_trials", "seed")} == {
        "search": "random",
        "n_trials": 4,
        "seed": 2,
    }
