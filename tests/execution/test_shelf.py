import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustybt_ray.execution.shelf import Shelf, near

VALUES = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.floats(allow_nan=True), st.text(max_size=2))


@given(st.data())
def test_every_trial_is_taken_once_with_its_own_parameters(data):
    count = data.draw(st.integers(0, 60))
    columns = {name: data.draw(st.lists(VALUES, min_size=count, max_size=count)) for name in ("a", "b")}
    numbers = np.arange(100, 100 + count)
    shelf, taken = Shelf(), {}
    shelf.put(numbers, columns, data.draw(st.integers(1, 20)))
    while len(shelf):
        before, size = len(shelf), data.draw(st.integers(1, 9))
        found, parameters = shelf.take(data.draw(st.integers(1, 4)), size)
        assert 0 < len(found) <= size
        assert before - len(shelf) == len(found)
        for i, number in enumerate(found.tolist()):
            assert number not in taken
            taken[number] = (parameters["a"][i], parameters["b"][i])
    assert repr([taken[number] for number in numbers.tolist()]) == repr(list(zip(*columns.values(), strict=True)))


def different(columns, order, size):
    """Different values that the chunks have, in all."""
    runs = [order[i : i + size] for i in range(0, len(order), size)]
    return sum(len({values[i] for i in run}) for run in runs for values in columns.values())


def test_chunks_of_random_points_share_their_values():
    dice = np.random.default_rng(3)
    columns = {"fast": dice.integers(5, 55, 4096).tolist(), "slow": dice.integers(60, 260, 4096).tolist()}
    order = near(columns, 128)
    assert sorted(order.tolist()) == list(range(4096))
    # 128 random points have about 46 + 94 values; in a 16th of one side and an 8th of the other there are far fewer
    assert different(columns, np.arange(4096), 128) > 32 * 130
    assert different(columns, order, 128) < 32 * 40


def test_the_order_is_the_same_whatever_the_kind_of_sequence():
    values = [3, 1, 2, 1, 3, 2, 1]
    assert near({"a": values}, 2).tolist() == near({"a": np.array(values)}, 2).tolist()
    assert near({"a": ["?abc"[v] for v in values]}, 2).tolist()[:2] == [0, 4]


@pytest.mark.parametrize("columns", [{}, {"a": []}])
def test_nothing_to_put_in_order(columns):
    assert near(columns, 3).tolist() == []


def test_without_parameters_trials_keep_their_order():
    shelf = Shelf()
    shelf.put(np.arange(5), {}, 2)
    assert [shelf.take(1, 2)[0].tolist() for _ in range(3)] == [[0, 1], [2, 3], [4]]


def test_a_new_worker_goes_where_most_is_left_and_leaves_others_their_way():
    shelf = Shelf()
    shelf.put(np.arange(16), {"a": list(range(16))}, 2)
    assert shelf.take(1, 2)[0].tolist() == [0, 1]
    assert shelf.take(2, 2)[0].tolist() == [9, 10]
    assert shelf.take(1, 2)[0].tolist() == [2, 3]
    assert shelf.take(3, 2)[0].tolist() == [14, 15]
    assert [shelf.take(worker, 9)[0].tolist() for worker in (1, 2)] == [[4, 5, 6, 7, 8], [11, 12, 13]]
    assert not len(shelf)
