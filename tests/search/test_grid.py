"""Grids against itertools.product, however they are asked for."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustybt_ray.exceptions import InputError
from rustybt_ray.search import grid
from rustybt_ray.search.grid import GridSearch
from rustybt_ray.search.space import Choice, Float, Int, ParameterSpace

DIMENSIONS = st.one_of(
    st.builds(
        lambda low, width, step: Int(low, low + width, step), st.integers(-5, 5), st.integers(0, 9), st.integers(1, 3)
    ),
    st.builds(lambda low, count: Float(low / 10, (low + count) / 10, 0.1), st.integers(-5, 5), st.integers(0, 6)),
    st.lists(st.integers(-9, 9), min_size=1, max_size=5, unique=True).map(Choice),
)
SPACES = st.dictionaries(st.sampled_from(["a", "b", "c"]), DIMENSIONS, min_size=2)
CONSTRAINTS = {
    "first < last": lambda p, first, last: p[first] < p[last],
    "first + last < 4 and first > -3": lambda p, first, last: p[first] + p[last] < 4 and p[first] > -3,
    "last != 2": lambda p, first, last: p[last] != 2,
    "first >= -9": lambda p, first, last: True,
}


def collect(search, sizes):
    """All points as rows, asked for in pieces of the given sizes."""
    names, rows, numbers = search.names, [], []
    for count in itertools.cycle(sizes):
        points = search.ask(count)
        if points is None:
            assert search.remaining == 0
            break
        assert 0 < len(points) <= count
        numbers += points.numbers.tolist()
        rows += zip(*(points.columns[name] for name in names), strict=True)
        assert points.row(0) == dict(zip(names, rows[-len(points)], strict=True))
    assert numbers == list(range(len(rows)))
    return rows


@given(
    SPACES,
    st.sampled_from(sorted(CONSTRAINTS)),
    st.booleans(),
    st.integers(1, 40),
    st.lists(st.integers(1, 60), min_size=1),
)
def test_is_itertools_product_of_the_declaration(space, condition, as_text, stride, sizes):
    first, *_, last = space
    holds = CONSTRAINTS[condition]
    products = itertools.product(*(dimension.values for dimension in space.values()))
    expected = [row for row in products if holds(dict(zip(space, row, strict=True)), first, last)]
    text = condition.replace("first", first).replace("last", last)
    constraint = text if as_text else lambda p: holds(p, first, last)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grid, "STRIDE", stride)
        if not expected:
            with pytest.raises(
                InputError, match=r"space must be one with a point that meets its constraints; received \["
            ):
                collect(GridSearch(ParameterSpace(space, constraint)), sizes)
            return
        search = GridSearch(ParameterSpace(space, constraint))
        assert search.remaining == len(expected)
        assert collect(search, sizes) == expected


def test_values_are_plain_and_keep_their_types():
    space = ParameterSpace({"i": Int(1, 2), "f": Float(0.5, 1.0, 0.5), "c": [True, "x", None, 1, (1, 2)]})
    points = GridSearch(space).ask(100)
    kinds = {name: list(dict.fromkeys(map(type, column))) for name, column in points.columns.items()}
    assert kinds == {"i": [int], "f": [float], "c": [bool, str, type(None), int, tuple]}
    assert points.columns["c"][:5] == [True, "x", None, 1, (1, 2)]


def test_mixed_choices_can_be_constrained():
    space = ParameterSpace({"limit": [None, 5, 10], "kind": ["a", "b"]}, "limit == None or (limit > 5 and kind == 'b')")
    assert collect(GridSearch(space), [10]) == [(None, "a"), (None, "b"), (10, "b")]


def test_a_billion_combinations_cost_nothing_until_asked_for(monkeypatch):
    made = []
    monkeypatch.setattr(
        np, "arange", lambda *a, made=made, arange=np.arange, **k: made.append(arange(*a, **k)) or made[-1]
    )
    search = GridSearch(ParameterSpace({"a": Int(1, 10**9)}))
    assert search.remaining == 10**9
    assert search.ask(3).columns == {"a": [1, 2, 3]}
    assert search.ask(2).columns == {"a": [4, 5]}
    assert search.remaining == 10**9 - 5
    cubed = GridSearch(ParameterSpace(dict.fromkeys("abc", Int(1, 1000)), ["a < b", "b < c"]))
    assert cubed.remaining is None
    assert cubed.ask(1).row(0) == {"a": 1, "b": 2, "c": 3}
    endless = GridSearch(ParameterSpace(dict.fromkeys("abcdefgh", Int(0, 2**61))))
    assert endless.remaining == (2**61 + 1) ** 8
    assert endless.ask(2).row(1) == {**dict.fromkeys("abcdefg", 0), "h": 1}
    assert sum(map(len, made)) < 50 * grid.STRIDE


def test_constraints_skip_whole_branches():
    """Of 10**12 combinations only those of a = 1, b = 10**6 are valid: found without looking at the others."""
    space = ParameterSpace(dict.fromkeys("ab", Int(1, 10**6)), ["a == 1"])
    assert len(GridSearch(space).ask(10**5)) == 10**5
    asked = []
    space = ParameterSpace({"a": Int(1, 300), "b": Int(1, 5)}, ["a == 7", lambda p: asked.append(p["a"]) or True])
    assert len(GridSearch(space).ask(10)) == 5
    assert set(asked) == {7}


def test_a_large_space_without_a_valid_point_says_so_when_it_is_asked(monkeypatch):
    monkeypatch.setattr(grid, "PROBED", 2)
    monkeypatch.setattr(grid, "STRIDE", 100)
    monkeypatch.setattr(grid, "COUNTED", 10)
    search = GridSearch(ParameterSpace({"a": Int(1, 100), "b": Int(1, 100)}, "a + b > 200"))
    assert search.remaining is None
    with pytest.raises(
        InputError, match=r"received \['a \+ b > 200'\]. Of 10000 combinations of a, b, it holds no such point"
    ):
        search.ask(1)


def test_the_first_trials_only():
    space = ParameterSpace({"a": Int(1, 9), "b": Int(1, 9)}, "a < b")
    search = GridSearch(space, n_trials=5)
    assert search.remaining == 5
    assert collect(search, [2]) == [(1, 2), (1, 3), (1, 4), (1, 5), (1, 6)]
    assert GridSearch(space, n_trials=99).remaining == 36
    with pytest.raises(InputError, match="n_trials must be a whole number of at least 1; received 0"):
        GridSearch(space, n_trials=0)


def test_a_float_without_a_step_has_no_grid():
    with pytest.raises(
        InputError, match=r"space\['x'\] must be given a step .* Say Float\(0.1, 0.5, step=...\), or use search"
    ):
        GridSearch(ParameterSpace({"x": Float(0.1, 0.5)}))


def test_describes_itself():
    search = GridSearch(ParameterSpace({"a": Int(1, 9)}, "a > 2"), n_trials=3)
    described = {"search": "grid", "n_trials": 3, "constraint": ["a > 2"]}
    assert search.describe() == {**described, "parameters": {"a": {"type": "Int", "low": 1, "high": 9, "step": 1}}}
    assert search.lag is None
    assert search.tell(np.array([0]), np.array([1.0])) is None
