"""Choices against their definition in plain Python."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustybt_ray.exceptions import InputError
from rustybt_ray.validation.selection import first_kept, hindsight_best, median_trial, select

NAN = math.nan
VALUES = st.one_of(st.just(NAN), st.integers(-3, 3).map(float))


@st.composite
def studies(draw):
    windows, trials = draw(st.integers(0, 4)), draw(st.integers(1, 25))
    table = st.lists(st.lists(VALUES, min_size=trials, max_size=trials), min_size=windows, max_size=windows)
    mask = st.lists(st.lists(st.booleans(), min_size=trials, max_size=trials), min_size=windows, max_size=windows)
    shape = (windows, trials)
    return (
        *(np.array(draw(table), dtype=float).reshape(shape) for _ in range(3)),
        np.array(draw(mask), bool).reshape(shape),
    )


def by_definition(train, validation, scores, passes, sign, k):
    """The rule word for word, one window."""
    ranked = [i for i in range(len(train)) if passes[i] and not math.isnan(train[i]) and not math.isnan(scores[i])]
    ranked.sort(key=lambda i: (-sign * scores[i], i))
    best = ranked[:k]
    if validation is None:
        return best, best[0] if best else -1
    able = [i for i in best if not math.isnan(validation[i])]
    if not able:
        return best, -1
    top = max(sign * validation[i] for i in able)
    return best, next(i for i in able if sign * validation[i] == top)


@given(studies(), st.booleans(), st.booleans(), st.sampled_from(["maximize", "minimize"]), st.integers(1, 12))
def test_train_proposes_and_validation_chooses(study, validated, scored, direction, k):
    train, validation, scores, passes = study
    kept = [array.copy() for array in study]
    found = select(
        train,
        passes,
        validation=validation if validated else None,
        scores=scores if scored else None,
        direction=direction,
        k=k,
    )
    assert all(np.array_equal(before, after, equal_nan=True) for before, after in zip(kept, study, strict=True))
    sign = 1 if direction == "maximize" else -1
    for window in range(len(train)):
        best, chosen = by_definition(
            train[window], validation[window] if validated else None, (scores if scored else train)[window], passes[window],
            sign, k,
        )  # fmt: skip
        assert [trial for trial in found.proposed[window].tolist() if trial >= 0] == best
        assert found.chosen[window] == chosen
    assert found.chosen.dtype == np.int64


def test_ten_are_proposed():
    train = np.arange(30.0)[None]
    assert select(train).proposed.tolist() == [list(range(29, 19, -1))]
    validation = np.where(np.arange(30) == 19, 99.0, -np.arange(30.0))[None]  # the eleventh would win
    assert select(train, validation=validation).chosen.tolist() == [20]
    assert select(train, np.arange(30) < 3).proposed[0, :4].tolist() == [2, 1, 0, -1]


def test_a_window_without_a_choice_is_a_gap():
    train = [[1.0, 2.0], [NAN, NAN], [1.0, 2.0], [1.0, 2.0]]
    passes = [[True, True], [True, True], [False, False], [True, False]]
    assert select(train, passes).chosen.tolist() == [1, -1, -1, 0]
    outside = [[NAN, 0.0], [1.0, 1.0], [1.0, 1.0], [NAN, 9.0]]
    assert select(train, passes, validation=outside).chosen.tolist() == [1, -1, -1, -1]


def test_what_choices_are_compared_with():
    test = [[0.3, 0.1, NAN, 0.2, 0.9, 0.2], [NAN] * 6, [5.0, 5.0, 5.0, 5.0, 5.0, 5.0]]
    assert hindsight_best(test).tolist() == [4, -1, 0]
    assert hindsight_best(test, direction="minimize").tolist() == [1, -1, 0]
    assert median_trial(test).tolist() == [5, -1, 2]
    assert median_trial([[1.0, 2.0, 3.0, 4.0]]).tolist() == [1]
    assert median_trial([[1.0, 2.0, 3.0, 4.0]], direction="minimize").tolist() == [2]
    assert first_kept([-1, 7, 3, -1]).tolist() == [-1, 7, 7, 7]
    assert first_kept([-1, -1]).tolist() == [-1, -1]
    assert first_kept([]).tolist() == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: select([1.0]), r"train must be of the shape \(windows, trials\), with a trial; received \(1,\)"),
        (lambda: select(np.zeros((3, 0))), r"with a trial; received \(3, 0\)"),
        (
            lambda: select([[1.0]], validation=[[1.0, 2.0]]),
            r"validation must be of .* = \(1, 1\), as train is; received \(1, 2\)",
        ),
        (lambda: select([[1.0]], scores=[[1.0, 2.0]]), r"scores must be of .* received \(1, 2\)"),
        (lambda: select([[1.0]], [True, False]), r"passes must be of the shape \(1, 1\) or \(1,\); received \(2,\)"),
        (lambda: select([[1.0]], direction="max"), r"direction must be one of 'maximize', 'minimize'; received 'max'"),
        (lambda: select([[1.0]], k=0), r"k must be a whole number of at least 1; received 0"),
    ],
)
def test_says_what_is_wrong(call, message):
    with pytest.raises(InputError, match=message):
        call()
