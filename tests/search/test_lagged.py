"""A search that learns knows, for each point, exactly the results that the lag allows; the order of arrival is nothing to it."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustybt_ray.exceptions import InputError
from rustybt_ray.search.lagged import LaggedSearch


class Diary(LaggedSearch):
    """Notes what it was taught before each point; ends early if `last` says so."""

    names = ("number",)

    def describe(self):
        return {"search": "diary"}

    def __init__(self, n_trials, lag, last=None):
        super().__init__(n_trials, lag)
        self.last, self.known, self.before = last, [], []

    def _choose(self, number):
        if number == self.last:
            return None
        self.before.append(list(self.known))
        return {"number": number}

    def _learn(self, number, values):
        self.known.append((number, *values.tolist()))


def play(search, dice, most):
    """Ask and tell in an order that the dice decide, with `most` trials under way; the numbers in the order of asking."""
    waiting, given = [], []
    while True:
        room = most - len(waiting)
        points = search.ask(dice.randint(1, room)) if room else None
        if points is not None:
            given += points.numbers.tolist()
            waiting += points.numbers.tolist()
            assert points.columns["number"] == points.numbers.tolist()
        elif not waiting:
            return given
        dice.shuffle(waiting)
        told = [waiting.pop() for _ in range(dice.randint(0 if room else 1, len(waiting)) or (points is None))]
        search.tell(np.array(told, np.int64), np.array([[float(number), -1.0] for number in told]).reshape(-1, 2))


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 1000), st.integers(1, 9))
def test_each_point_knows_exactly_the_results_up_to_its_number_less_the_lag(count, lag, seed, most):
    search = Diary(count, lag)
    assert play(search, random.Random(seed), most) == list(range(count))
    for number, known in enumerate(search.before):
        assert known == [(told, float(told), -1.0) for told in range(max(number - lag + 1, 0))]
    assert search.remaining == 0


def test_waits_for_a_missing_result_and_for_no_later_one():
    search = Diary(10, lag=3)
    assert search.ask(100).numbers.tolist() == [0, 1, 2]
    search.tell(np.array([1, 2]), np.array([1.0, 2.0]))
    assert search.ask(100) is None
    assert search.remaining == 7
    search.tell(np.array([0]), np.array([0.0]))
    assert search.ask(100).numbers.tolist() == [3, 4, 5]
    assert search.before[-1] == [(0, 0.0), (1, 1.0), (2, 2.0)]


def test_ends_before_its_limit_where_there_is_no_point():
    search = Diary(10, lag=20, last=4)
    assert search.ask(100).numbers.tolist() == [0, 1, 2, 3]
    assert search.remaining == 0
    assert search.ask(1) is None


def test_says_what_is_wrong():
    with pytest.raises(InputError, match=r"lag must be a whole number of at least 1; received 0.*lag=32"):
        Diary(5, 0)
    with pytest.raises(InputError, match="n_trials must be a whole number of at least 1; received 0"):
        Diary(0, 1)
