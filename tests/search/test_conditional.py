"""Spaces that are functions: what a trial may suggest, what the function must return, and draws from them."""

import numpy as np
import pytest

from rustybt_ray.exceptions import InputError
from rustybt_ray.search.conditional import DrawnSearch, FunctionSpace, LogInt, SpaceTrial
from rustybt_ray.search.dimensions import Choice, Float, Int
from rustybt_ray.search.protocol import ABSENT


def branching(trial):
    kind = trial.suggest_categorical("kind", ["sma", "ema", None])
    if kind == "sma":
        return {"kind": kind, "n": trial.suggest_int("n", 5, 50, step=5)}
    return {"kind": kind, "decay": trial.suggest_float("decay", 1e-3, 1.0, log=True), "n": None}


def search(function=branching, n_trials=300, seed=1):
    return DrawnSearch(FunctionSpace(function), n_trials, seed)


def collect(found, sizes):
    rows = []
    while (points := found.ask(next(sizes))) is not None:
        rows += [points.row(i) for i in range(len(points))]
    return rows


def test_a_trial_has_the_parameters_of_its_branch_alone():
    points = search().ask(1000)
    assert len(points) == 300
    for i in range(300):
        row = points.row(i)
        if row["kind"] == "sma":
            assert row["n"] in range(5, 51, 5)
            assert set(row) == {"kind", "n"}
            assert points.columns["decay"][i] is ABSENT
        else:
            assert row["n"] is None
            assert 1e-3 <= row["decay"] <= 1.0
    kinds = points.columns["kind"]
    assert all(70 < kinds.count(kind) < 130 for kind in ("sma", "ema", None))


def test_a_draw_depends_on_the_seed_and_its_number_alone():
    whole = collect(search(), iter([1000] * 9))
    assert collect(search(), iter([7] * 99)) == whole
    assert collect(search(n_trials=40), iter([40] * 9)) == whole[:40]
    assert collect(search(seed=2), iter([1000] * 9)) != whole


def test_what_was_suggested_stands_for_a_function_that_returns_nothing():
    def space(trial):
        trial.suggest_int("n", 1, 3)
        trial.suggest_float("x", 0.1, 0.3, step=0.1)

    points = search(space).ask(50)
    assert set(points.columns["n"]) == {1, 2, 3}
    assert set(points.columns["x"]) == {0.1, 0.2, 0.3}


def test_suggestions_become_dimensions():
    asked = []
    trial = SpaceTrial(
        7, lambda name, dimension: asked.append((name, dimension)) or dimension.spread(np.array([0.5]))[0]
    )
    assert trial.suggest_int("a", 1, 9, step=2) == 5
    assert trial.suggest_int("a", 1, 9, step=2) == 5  # asked once
    trial.suggest_int("b", 1, 1000, log=True)
    trial.suggest_float("c", 0.0, 1.0)
    trial.suggest_float("d", 0.1, 1.0, step=0.1)
    trial.suggest_categorical("e", ("x", "y"))
    assert [dimension for _, dimension in asked] == [
        Int(1, 9, 2),
        LogInt(1, 1000),
        Float(0.0, 1.0),
        Float(0.1, 1.0, 0.1),
        Choice("x", "y"),
    ]
    assert list(trial.params) == ["a", "b", "c", "d", "e"]
    assert trial.number == 7


def test_whole_numbers_in_logarithms():
    values = LogInt(1, 1000).spread(np.linspace(0.0, 1.0, 30_001)[:-1])
    assert (values.min(), values.max()) == (1, 1000)
    assert np.all(np.diff(values) >= 0)
    assert np.mean(values <= 31) == pytest.approx(np.log(31.5 / 0.5) / np.log(1000.5 / 0.5), abs=1e-3)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (
            lambda trial: 1 / 0,
            "space must be a function that answers for every trial; received 'ZeroDivisionError: .*trial 0",
        ),
        (lambda trial: [1], r"a function that returns a dict of parameters; received \[1\]"),
        (lambda trial: {}, "a function that returns a dict of parameters"),
        (lambda trial: None, "a function that returns a dict of parameters"),
        (lambda trial: {"a b": 1}, "a parameter's name must be one that an argument can have"),
        (lambda trial: {"a": object()}, r"space\(trial\)\['a'\] must be given numbers"),
        (lambda trial: trial.suggest_int("n", 5, 1), "Int.low must be at most high = 1"),
        (
            lambda trial: trial.suggest_int("n", 0, 5, log=True),
            "suggest_int's low must be a whole number of at least 1",
        ),
        (lambda trial: trial.suggest_int("n", 1, 5, step=2, log=True), "step must be left out with log=True"),
        (lambda trial: (trial.suggest_int("n", 1, 5), trial.suggest_int("n", 1, 6)), "one range a trial.*It had Int"),
    ],
)
def test_says_what_is_wrong(space, message):
    with pytest.raises(InputError, match=message):
        search(space).ask(3)


def test_describes_itself():
    assert search().describe() == {"search": "random", "n_trials": 300, "seed": 1, "space": branching}
