"""Successive halving as a search: who goes on, how rungs are numbered, how long they are."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustybt_ray.exceptions import InputError
from rustybt_ray.search.grid import GridSearch
from rustybt_ray.search.halving import Halving, HalvingSearch
from rustybt_ray.search.random import RandomSearch
from rustybt_ray.search.space import Float, Int, ParameterSpace


def search(count=27, halving=None, direction="maximize"):
    return HalvingSearch(GridSearch(ParameterSpace({"n": Int(1, count)})), halving or Halving(), direction)


def play(found, score, size=5):
    """Rung by rung the trials that ran, told backwards; what each run had for a parameter is checked."""
    rungs = []
    while True:
        numbers, told = [], []
        while (points := found.ask(size)) is not None:
            numbers += points.numbers.tolist()
            assert [n - 1 for n in points.columns["n"]] == (points.numbers % found.stride).tolist()
            told += [(number, score(found.rung, number % found.stride)) for number in points.numbers.tolist()]
        assert all(number // found.stride == found.rung for number in numbers)
        rungs.append([number % found.stride for number in numbers])
        assert found.remaining == 0
        found.tell(np.array([n for n, _ in reversed(told)]), np.array([[value] for _, value in reversed(told)]))
        if not found.advance():
            return rungs


def test_the_better_third_goes_on():
    assert play(search(), lambda rung, trial: trial) == [list(range(27)), list(range(18, 27)), [24, 25, 26]]
    low = search(direction="minimize")
    assert play(low, lambda rung, trial: trial) == [list(range(27)), list(range(9)), [0, 1, 2]]


def test_a_rung_is_judged_by_its_own_results_and_equals_go_by_number():
    def score(rung, trial):
        return [trial, -trial, 0.0][rung]

    assert play(search(), score) == [list(range(27)), list(range(18, 27)), [18, 19, 20]]
    assert play(search(), lambda rung, trial: 1.0) == [list(range(27)), list(range(9)), [0, 1, 2]]


def test_failed_and_undefined_ones_do_not_go_on():
    def score(rung, trial):
        return trial if trial < 4 else np.nan

    assert play(search(), score) == [list(range(27)), [0, 1, 2, 3], [2, 3]]
    assert play(search(), lambda rung, trial: np.nan) == [list(range(27))]


@given(st.integers(1, 200), st.integers(2, 5), st.integers(2, 4), st.integers(1, 50))
def test_rungs_have_the_planned_sizes(count, eta, rungs, size):
    halving = Halving(eta, rungs)
    found = play(search(count, halving), lambda rung, trial: -trial, size)
    assert tuple(map(len, found)) == halving.counts(count)
    assert all(set(later) <= set(earlier) for earlier, later in itertools.pairwise(found))
    assert search(count, halving).planned == sum(map(len, found))
    sessions = halving.sessions(5000)
    assert sessions[-1] == 5000
    assert sessions[0] == -(-5000 // eta ** (rungs - 1))


def test_the_rungs_do_not_depend_on_how_they_are_asked_for():
    def make():
        return HalvingSearch(RandomSearch(ParameterSpace({"n": Int(1, 500)}), 60, seed=4), Halving(), "maximize")

    def run(size):
        found, rows = make(), []
        while True:
            while (points := found.ask(size)) is not None:
                rows += zip(points.numbers.tolist(), points.columns["n"], strict=True)
                found.tell(points.numbers, np.array(points.columns["n"], dtype=float))
            if not found.advance():
                return rows

    assert run(7) == run(1) == run(1000)


def test_says_what_is_wrong():
    with pytest.raises(InputError, match=r"Halving.eta must be a whole number of at least 2; received 1"):
        Halving(eta=1)
    with pytest.raises(InputError, match=r"Halving.rungs must be a whole number of at least 2"):
        Halving(rungs=1)
    with pytest.raises(InputError, match=r"Halving.draw must be one of 'random', .*; received 'tpe'"):
        Halving(draw="tpe")
    endless = GridSearch(ParameterSpace({"n": Int(1, 10**9), "m": Int(1, 10**9)}, "n<m"))
    with pytest.raises(InputError, match="n_trials must be given with such a search"):
        HalvingSearch(endless, Halving(), "maximize")


def test_describes_itself():
    points = RandomSearch(ParameterSpace({"x": Float(0, 1)}), 50, seed=2)
    described = HalvingSearch(points, Halving(2, 4), "maximize").describe()
    expected = {"search": "halving", "draw": "random", "eta": 2, "rungs": 4, "stride": 50, "n_trials": 50, "seed": 2}
    assert expected.items() <= described.items()
    assert "x" in described["parameters"]
