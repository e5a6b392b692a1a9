"""Dimensions and spaces: their values, their sizes, and what is said about bad ones."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustybt_ray.exceptions import InputError
from rustybt_ray.search.dimensions import as_column
from rustybt_ray.search.space import Choice, Float, Int, ParameterSpace


@given(st.integers(-50, 50), st.integers(0, 60), st.integers(1, 9))
def test_whole_numbers_are_those_of_a_range(low, width, step):
    dimension = Int(low, low + width, step)
    assert dimension.values == list(range(low, low + width + 1, step))
    assert dimension.size == len(dimension.values)
    assert dimension.at(np.arange(dimension.size)).tolist() == dimension.values


@given(st.integers(-9999, 9999), st.integers(0, 400), st.integers(1, 999), st.integers(0, 6))
def test_grid_values_are_exact_decimals_rounded_once(low, count, step, places):
    scale = 10**places
    dimension = Float(float(f"{low}e-{places}"), float(f"{low + count * step}e-{places}"), float(f"{step}e-{places}"))
    assert dimension.values == [float(Fraction(low + i * step, scale)) for i in range(count + 1)]


def test_decimals_are_what_they_look_like():
    assert Float(0.1, 0.5, 0.1).values == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert Float(0.1, 0.55, 0.1).values == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert Float(0, 1, 1 / 3).size == 4
    assert max(Float(0, 1, 1 / 3).values) <= 1.0
    assert Float(1e300, 3e300, 1e300).values == [1e300, 2e300, 3e300]
    assert Float(0.0, 1e-300, 5e-301).values == [0.0, 5e-301, 1e-300]


@pytest.mark.parametrize(
    ("dimension", "expected"),
    [
        (Int(1, 4), [1, 1, 2, 3, 4]),
        (Float(0.1, 0.4, 0.1), [0.1, 0.1, 0.2, 0.3, 0.4]),
        (Choice("a", None, True, 4), ["a", "a", None, True, 4]),
        (Float(0.0, 10.0), [0.0, 2.4, 2.6, 5.1, 9.9]),
    ],
)
def test_shares_reach_every_value_equally(dimension, expected):
    assert dimension.spread(np.array([0.0, 0.24, 0.26, 0.51, 0.99])).tolist() == pytest.approx(expected)


def test_logarithms_are_spread_evenly_and_stay_inside():
    dimension = Float(1e-4, 1e-1, log=True)
    shares = np.array([0.0, 1 / 3, 0.5, 1 - 2**-53])
    assert dimension.spread(shares).tolist() == pytest.approx([1e-4, 1e-3, 10**-2.5, 1e-1])
    assert dimension.spread(shares).min() >= 1e-4
    assert dimension.spread(shares).max() <= 1e-1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Int(5, 4), "Int.low must be at most high = 4; received 5. Exchange low and high."),
        (lambda: Int(1, 5, 0), "Int.step must be a whole number of at least 1; received 0. The step is"),
        (lambda: Int(1.5, 5), "Int.low must be a whole number between -2**62 and 2**62; received 1.5. Use Float"),
        (lambda: Int(1, True), "Int.high must be a whole number between -2**62 and 2**62; received True."),
        (lambda: Int(0, 2**70), "Int.high must be a whole number between -2**62 and 2**62; received"),
        (lambda: Float(2, 1), "Float.low must be at most high = 1.0; received 2.0. Exchange low and high."),
        (lambda: Float(0, 1, step=0), "Float.step must be a number above 0; received 0."),
        (lambda: Float(0, 1, step=-0.1), "Float.step must be a number above 0; received -0.1."),
        (lambda: Float(0, 1, step=1e-300), "Float.step must be large enough for 2**53 values at most; received 1e-300"),
        (lambda: Float(0, math.inf), "Float.high must be a finite number; received inf."),
        (lambda: Float(0, 1, log=True), "Float.low must be a number above 0; received 0. Logarithms need"),
        (lambda: Float(1, 2, 0.5, log=True), "Float.step must be left out with log=True; received 0.5. Use Choice"),
        (lambda: Float("a", 2), "Float.low must be a finite number; received 'a'."),
        (lambda: Float(0, 1).values, "Float must be given a step to be searched on a grid; received Float(low=0.0"),
        (lambda: Choice(), "Choice must be given at least one value; received (). Say Choice('sma', 'ema')."),
        (lambda: Choice([]), "Choice must be given at least one value; received ()."),
        (lambda: Choice("a", "b", "a"), "Choice must be given each value once; received 'a'. Remove"),
        (lambda: Choice(math.nan), "Choice must be given finite numbers; received nan. Use None"),
        (
            lambda: Choice(max, min),
            "Choice must be given numbers, text, True, False, None or tuples of these; received",
        ),
        (lambda: ParameterSpace({}), "space must be a mapping of names to Int, Float or Choice; received {}."),
        (lambda: ParameterSpace([1]), "space must be a mapping of names to Int, Float or Choice; received [1]."),
        (
            lambda: ParameterSpace({"a b": [1]}),
            "a parameter's name must be one that an argument can have; received 'a b'",
        ),
        (lambda: ParameterSpace({"class": [1]}), "a parameter's name must be one that an argument can have"),
        (lambda: ParameterSpace({1: [1]}), "a parameter's name must be one that an argument can have; received 1."),
        (
            lambda: ParameterSpace({"a": 3}),
            "space['a'] must be an Int, a Float, a Choice, a list or a range; received 3.",
        ),
        (lambda: ParameterSpace({"a": [1]}, "a < b"), "'b' is not known. Known: a."),
        (lambda: ParameterSpace({"a": [1]}, 5), "constraint must be text or a function of the parameters; received 5."),
    ],
)
def test_says_what_is_wrong(make, message):
    with pytest.raises(InputError) as caught:
        make()
    assert message in str(caught.value)


def test_choices_differ_by_type_and_keep_their_order():
    assert Choice(1, True, 1.0, "1", None).values == [1, True, 1.0, "1", None]
    assert list(map(type, Choice(1, True, 1.0, "1").values)) == [int, bool, float, str]
    assert Choice({"b", "a"}) == Choice("a", "b") == Choice(["a", "b"])
    assert Choice(np.array([3, 1])).values == [3, 1]
    assert Choice((1, 2), (3,)).values == [(1, 2), (3,)]


@given(
    st.lists(
        st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.none(), st.just((1, "a")))
    )
)
def test_columns_give_values_back_as_they_were(values):
    back = as_column(values).tolist()
    assert back == values
    assert list(map(type, back)) == list(map(type, values))


def test_numpy_scalars_become_plain_numbers():
    space = ParameterSpace(
        {"a": Int(np.int64(1), np.int32(9), np.int8(2)), "b": Float(np.float64(0.5), np.float32(1), 0.25)}
    )
    space.parameters["c"] = Choice(np.float64(0.5), np.str_("x"), np.bool_(True))
    assert json.loads(json.dumps(space.describe()))["parameters"] == {
        "a": {"type": "Int", "low": 1, "high": 9, "step": 2},
        "b": {"type": "Float", "low": 0.5, "high": 1.0, "step": 0.25, "log": False},
        "c": {"type": "Choice", "options": [0.5, "x", True]},
    }


def test_size_counts_combinations_before_constraints():
    assert ParameterSpace({"a": Int(1, 10), "b": [1, 2, 3], "c": range(4)}, "a < b").size == 120
    assert ParameterSpace({"a": Int(1, 10), "b": Float(0, 1)}).size is None


def test_constraints_of_every_form_must_all_be_met():
    space = ParameterSpace({"a": Int(1, 9), "b": Int(1, 9)}, ["a < b", lambda p: p["a"] % 2 == 1])
    columns = {"a": np.array([1, 2, 3, 3]), "b": np.array([2, 3, 4, 3])}
    assert space.meets(columns, 4).tolist() == [True, False, True, False]
    assert space.describe()["constraint"][0] == "a < b"
    assert space.describe()["constraint"][1]({"a": 3, "b": 0})


def test_functions_get_plain_values_and_their_errors_name_the_point():
    seen = []
    space = ParameterSpace({"a": [1, "x"], "b": [None, (1, 2)]}, lambda p: seen.append(p) or True)
    space.meets({name: as_column(d.values) for name, d in space.parameters.items()}, 2)
    assert seen == [{"a": 1, "b": None}, {"a": "x", "b": (1, 2)}]
    faulty = ParameterSpace({"a": Int(3, 4)}, lambda p: p["b"] < 3)
    with pytest.raises(
        InputError, match=r"constraint must be .* received \"KeyError: 'b'\". It was asked about \{'a': 3\}"
    ):
        faulty.meets({"a": np.array([3])}, 1)
