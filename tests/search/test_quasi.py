"""Sobol and Latin hypercube: the points of scipy's sequences on our dimensions, distinct, however they are asked for."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import qmc

from rustybt_ray.exceptions import InputError
from rustybt_ray.search import random as random_search
from rustybt_ray.search.quasi import METHODS, QuasiSearch
from rustybt_ray.search.random import RandomSearch
from rustybt_ray.search.space import Choice, Float, Int, ParameterSpace

FINITE = {"a": Int(1, 60), "b": Float(0.0, 1.0, 0.05), "c": ["x", "y", None]}
ENDLESS = {"a": Int(1, 60), "b": Float(1e-4, 1.0, log=True), "c": ["x", "y", None], "d": Float(-1.0, 1.0)}
SQUARE = {"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)}


def collect(search, sizes=(1000,)):
    rows, sizes = [], itertools.cycle(sizes)
    while (points := search.ask(next(sizes))) is not None:
        assert points.numbers.tolist() == list(range(len(rows), len(rows) + len(points)))
        rows += zip(*points.columns.values(), strict=True)
    return rows


@settings(max_examples=20)
@given(
    st.sampled_from(METHODS),
    st.sampled_from([FINITE, ENDLESS]),
    st.sampled_from([None, "a > 20"]),
    st.lists(st.integers(1, 90), min_size=1, max_size=5),
)
def test_the_points_do_not_depend_on_how_they_are_asked_for(method, space, constraint, sizes):
    def make():
        return QuasiSearch(ParameterSpace(space, constraint), 150, 7, method)

    rows = collect(make(), sizes)
    assert rows == collect(make())
    assert len(rows) == 150
    assert constraint is None or min(row[0] for row in rows) > 20


def test_more_trials_lengthen_the_sobol_sequence():
    short, long = (collect(QuasiSearch(ParameterSpace(ENDLESS), n, 7, "sobol")) for n in (100, 3000))
    assert long[:100] == short


def test_the_points_are_those_of_scipy():
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([4])))
    expected = qmc.Sobol(2, bits=53, rng=generator).random(16)
    assert np.array_equal(collect(QuasiSearch(ParameterSpace(SQUARE), 16, 4, "sobol")), expected)
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([4])))
    expected = qmc.LatinHypercube(2, rng=generator).random(16)
    assert np.array_equal(collect(QuasiSearch(ParameterSpace(SQUARE), 16, 4, "lhs")), expected)


def test_a_latin_hypercube_hits_each_slice_once():
    rows = np.array(collect(QuasiSearch(ParameterSpace(SQUARE), 100, 1, "lhs")))
    for column in rows.T:
        assert sorted((column * 100).astype(int)) == list(range(100))


@pytest.mark.parametrize("method", METHODS)
def test_values_have_equal_shares_and_points_are_more_even_than_random_ones(method):
    space = ParameterSpace(SQUARE | {"kind": Choice("a", "b", "c", "d"), "n": Int(1, 8)})
    rows = collect(QuasiSearch(space, 256, 3, method))
    assert all(abs(sum(row[2] == kind for row in rows) - 64) <= 1 for kind in "abcd")
    assert all(abs(sum(row[3] == n for row in rows) - 32) <= 1 for n in range(1, 9))
    random = np.array([row[:2] for row in collect(RandomSearch(ParameterSpace(SQUARE), 256, 3))])
    assert qmc.discrepancy(np.array([row[:2] for row in rows])) < 0.5 * qmc.discrepancy(random)


@pytest.mark.parametrize("method", METHODS)
def test_points_of_a_finite_space_are_distinct_and_all_are_reached(method):
    space = ParameterSpace({"a": Int(1, 12), "b": Float(0.0, 1.0, 0.25), "c": [1, True, "x"]})
    rows = collect(QuasiSearch(space, space.size, 3, method))
    assert len({tuple(map(repr, row)) for row in rows}) == len(rows) == space.size == 12 * 5 * 3


@pytest.mark.parametrize("method", METHODS)
def test_values_are_plain_and_within_their_dimension(method):
    points = QuasiSearch(ParameterSpace(ENDLESS), 200, 5, method).ask(200)
    assert {type(value) for value in points.columns["a"]} == {int}
    assert {type(value) for value in points.columns["b"]} == {float}
    assert set(points.columns["c"]) == {"x", "y", None}
    assert 80 < sum(value < 1e-2 for value in points.columns["b"]) < 120  # even in logarithms


@pytest.mark.parametrize("method", METHODS)
def test_other_seeds_give_other_points(method):
    first, second = (collect(QuasiSearch(ParameterSpace(SQUARE), 50, seed, method)) for seed in (0, 1))
    assert not set(first) & set(second)


def test_fewer_points_where_fewer_meet_the_constraint(monkeypatch):
    monkeypatch.setattr(random_search, "PATIENCE", 20_000)
    for method in METHODS:
        search = QuasiSearch(ParameterSpace({"a": Int(1, 9), "b": Int(1, 9)}, "a < b"), 50, 0, method)
        assert len(set(collect(search))) == 36
        assert search.remaining == 0


def test_says_what_is_wrong():
    small = ParameterSpace({"a": Choice(1, 2), "b": Int(1, 3)})
    with pytest.raises(InputError, match="n_trials must be at most the 6 combinations of the space; received 7"):
        QuasiSearch(small, 7)
    with pytest.raises(InputError, match="method must be one of 'sobol', 'lhs'; received 'halton'"):
        QuasiSearch(small, 3, method="halton")
    with pytest.raises(InputError, match="seed must be a whole number of at least 0; received -1"):
        QuasiSearch(small, 3, -1)
    wide = ParameterSpace({f"p{i}": Int(0, 1) for i in range(21_202)})
    with pytest.raises(InputError, match="space must be one of at most 21,201 parameters; received 21202"):
        QuasiSearch(wide, 3)


def test_describes_itself():
    described = QuasiSearch(ParameterSpace({"a": Int(1, 9)}), 4, 2, "lhs").describe()
    assert (described["search"], described["n_trials"], described["seed"]) == ("lhs", 4, 2)
    assert described["parameters"]["a"]["high"] == 9
