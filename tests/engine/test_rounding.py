"""Rounding in compiled code against Python's own and zipline's rule."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rustybt_ray.engine import _objects
from rustybt_ray.engine.native import Kernel


@pytest.fixture(scope="module")
def rounded(tmp_path_factory):
    """One of the entries for a list of numbers; compiled anew, whatever an edited one left behind."""
    folder = tmp_path_factory.mktemp("kernels")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_objects, "folder", lambda: folder)
        kernels = {name: Kernel("rounding_entries_nb", name) for name in ("all_cents", "all_shares")}
        nothing = np.zeros(1)
        bound = {name: kernel.bind(nothing, nothing.copy()) for name, kernel in kernels.items()}

    def run(name, values):
        given, out = np.array(values, dtype=float), np.full(len(values), -7.0)
        bound[name].replace(0, given, out)
        assert bound[name]() == len(values)
        return out.tolist()

    return run


def same(got, expected):
    """Equal bit by bit, but for the sign of a zero."""
    assert len(got) == len(expected)
    wrong = [(g, e) for g, e in zip(got, expected, strict=True) if g != e and not (math.isnan(g) and math.isnan(e))]
    assert wrong == []


def steps_from(x, steps):
    """The float that lies so many steps above (or below) x."""
    for _ in range(abs(steps)):
        x = math.nextafter(x, math.inf if steps > 0 else -math.inf)
    return x


half_cents = st.builds(lambda k, steps: steps_from(k / 200, steps), st.integers(-(10**11), 10**11), st.integers(-3, 3))
numbers = st.one_of(
    half_cents,
    st.integers(-4000, 4000).map(lambda k: k / 200),
    st.floats(-1e6, 1e6),
    st.floats(allow_infinity=True, allow_nan=True),
    st.builds(steps_from, st.sampled_from([1e13, -3e13, 2.0**46, -(2.0**46), 2.0**47]), st.integers(-500, 500)),
)


@given(st.lists(numbers, min_size=1, max_size=50))
@example([0.0, 0.005, -0.005, 1.005, 2.675, 0.125, 0.375, 1e13 + 0.004, math.nan, math.inf, -math.inf])
def test_cents_are_pythons(rounded, values):
    same(rounded("all_cents", values), [round(x, 2) if math.isfinite(x) else x for x in values])


def test_cents_of_every_half_cent_up_to_a_thousand_and_its_neighbours(rounded):
    values = [steps_from(k / 200, steps) for k in range(-200_000, 200_001, 7) for steps in (-1, 0, 1)]
    same(rounded("all_cents", values), [round(x, 2) for x in values])


def shares_of(amount):
    """zipline's rule: the whole number within 1e-4, half to even, else what truncation leaves."""
    whole = round(amount)
    return float(whole if abs(amount - whole) <= 0.0001 else int(amount))


near_whole = st.builds(
    lambda k, off, steps: steps_from(k + off, steps),
    st.integers(-(10**6), 10**6),
    st.sampled_from([0.0, 1e-4, -1e-4, 0.5, -0.5, 0.9998, 0.99995]),
    st.integers(-2, 2),
)


@given(st.lists(st.one_of(near_whole, st.floats(-1e11, 1e11), st.floats(-3.0, 3.0)), min_size=1, max_size=50))
@example([3.99995, 3.9998, -5.5, 0.5, 1.5, -0.5, 0.00009, -0.0, 10.7, 1e11])
def test_shares_are_ziplines(rounded, values):
    same(rounded("all_shares", values), [shares_of(x) for x in values])
