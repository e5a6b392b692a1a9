"""Optuna's samplers behind our protocol: values of our dimensions, constraints, failures, the caller's own sampler."""

import importlib.util
import math
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import optuna
import pytest

from rustybt_ray.exceptions import InputError
from rustybt_ray.search import samplers
from rustybt_ray.search.conditional import FunctionSpace
from rustybt_ray.search.samplers import SamplerSearch
from rustybt_ray.search.space import Choice, Float, Int, ParameterSpace

SPACE = {
    "n": Int(5, 53, step=4),
    "x": Float(0.1, 0.75, step=0.1),
    "r": Float(1e-4, 1.0, log=True),
    "y": Float(-1.0, 1.0),
}
MIXED = SPACE | {"kind": Choice("a", None, 2, 2.5), "odd": Choice(1, True, (1, 2))}
ABSENT_TORCH = importlib.util.find_spec("torch") is None


def score(row):
    return -((row["n"] - 21) ** 2) / 100 - (row["x"] - 0.3) ** 2 - row["y"] ** 2 - (math.log10(row["r"]) + 2) ** 2


def play(search, dice=None, most=10**6, fail=lambda number: False, objectives=1):
    """All rows that it gives; results are told in an order that the dice decide."""
    rows, waiting = [], []
    while True:
        points = search.ask(most - len(waiting)) if most > len(waiting) else None
        if points is not None:
            rows += [points.row(i) for i in range(len(points))]
            waiting += points.numbers.tolist()
        elif not waiting:
            return rows
        if dice is not None:
            dice.shuffle(waiting)
        told = [waiting.pop() for _ in range(dice.randint(1, len(waiting)) if dice else len(waiting))]
        values = [[math.nan if fail(number) else score(rows[number])] * objectives for number in told]
        search.tell(np.array(told), np.array(values))


def make(sampler="tpe", n_trials=60, space=MIXED, constraint=None, **options):
    return SamplerSearch(ParameterSpace(space, constraint), sampler, n_trials, **{"seed": 3, "lag": 8} | options)


@pytest.mark.parametrize("name", ["tpe", "cmaes", "nsga2"])
def test_the_points_do_not_depend_on_who_asks_how_often_and_who_is_first(name):
    expected = play(make(name))
    assert len(expected) == 60
    for seed, most in ((1, 1), (2, 2), (3, 5), (4, 8), (5, 100)):
        assert play(make(name), random.Random(seed), most) == expected
    assert play(make(name, seed=4)) != expected
    assert play(make(name, lag=9)) != expected


def test_the_points_do_not_depend_on_the_process():
    code = "import test_samplers as t; print(repr([t.play(t.make(name, 30)) for name in ('tpe', 'cmaes', 'nsga2')]))"
    found = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent)}
        found.append(
            subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True).stdout
        )
    assert found[0] == found[1]
    assert found[0].decode().strip() == repr([play(make(name, 30)) for name in ("tpe", "cmaes", "nsga2")])


@pytest.mark.parametrize("name", ["tpe", "cmaes", "nsga2"])
def test_values_are_those_of_our_dimensions(name):
    rows = play(make(name))
    for row in rows:
        assert list(row) == list(MIXED)
        assert row["n"] in Int(5, 53, step=4).values
        assert row["x"] in [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]  # not 0.30000000000000004
        assert 1e-4 <= row["r"] <= 1.0
        assert (type(row["n"]), type(row["x"]), type(row["y"])) == (int, float, float)
        assert repr(row["odd"]) in ("1", "True", "(1, 2)")
    assert {repr(row["kind"]) for row in rows} == {"'a'", "None", "2", "2.5"}
    assert {repr(row["odd"]) for row in rows} == {"1", "True", "(1, 2)"}


def test_points_meet_the_constraint():
    rows = play(make(constraint=["n > 20", lambda p: p["y"] < 0]))
    assert len(rows) == 60
    assert all(row["n"] > 20 and row["y"] < 0 for row in rows)


def test_a_constraint_that_no_point_meets_is_an_error_and_one_that_few_meet_ends_the_search(monkeypatch):
    monkeypatch.setattr(samplers, "PATIENCE", 200)
    with pytest.raises(InputError, match=r"meets its constraints; received \['n>100'\]\. 200 points in a row"):
        make(constraint="n>100").ask(1)
    left = iter([True] * 7)
    search = make(space={"y": Float(0, 1)}, constraint=lambda p: next(left, False))
    assert len(search.ask(100)) == 7
    assert search.remaining == 0


def test_failed_trials_and_nan_are_told_as_failed():
    search = make(n_trials=20, lag=2)
    play(search, fail=lambda number: number % 3 == 0)
    states = [trial.state.name for trial in search._study.trials]
    told = ["FAIL" if number % 3 == 0 else "COMPLETE" for number in range(18)]
    assert states == told + ["RUNNING"] * 2  # results that come after the last point are not needed
    assert search._study.trials[0].value is None


def test_a_sampler_of_the_callers_is_copied_and_gets_the_seed_if_it_has_none():
    mine = optuna.samplers.TPESampler()
    expected = play(make("tpe", seed=11))
    assert play(make(mine, seed=11)) == expected
    assert play(make(mine, seed=11)) == expected
    seeded = optuna.samplers.TPESampler(seed=11)
    assert play(make(seeded, seed=0)) == expected
    assert play(make(seeded, seed=0)) == expected
    assert play(make(optuna.samplers.CmaEsSampler(warn_independent_sampling=False), seed=11)) == play(
        make("cmaes", seed=11)
    )


def test_a_class_of_the_callers_own():
    class Middle(optuna.samplers.RandomSampler):
        def sample_independent(self, study, trial, name, distribution):
            drawn = super().sample_independent(study, trial, name, distribution)
            return 29 if name == "n" else drawn

    rows = play(make(Middle(), n_trials=10))
    assert {row["n"] for row in rows} == {29}
    assert len({row["y"] for row in rows}) == 10
    assert rows == play(make(Middle(), n_trials=10))


def test_several_objectives():
    search = make("nsga2", directions=("maximize", "minimize"))
    assert len(play(search, objectives=2)) == 60
    assert len(search._study.directions) == 2
    with pytest.raises(InputError, match=r"objective must be one with search='cmaes'; received 2\. Use search='nsga2'"):
        make("cmaes", directions=("maximize", "minimize"))
    mine = optuna.samplers.CmaEsSampler(seed=1, warn_independent_sampling=False)
    with pytest.raises(InputError, match=r"search must be a sampler that fits the space and the objectives"):
        play(make(mine, directions=("maximize", "minimize")), objectives=2)


def test_a_space_that_is_a_function():
    def space(trial):
        kind = trial.suggest_categorical("kind", ["sma", "ema"])
        if kind == "sma":
            return {"kind": kind, "n": trial.suggest_int("n", 5, 50), "y": 0.0, "x": 0.0, "r": 1.0}
        return {"kind": kind, "n": trial.suggest_int("half", 1, 100, log=True) * 2, "y": 1.0, "x": 0.0, "r": 1.0}

    search = SamplerSearch(FunctionSpace(space), "tpe", 80, lag=4)
    rows = play(search)
    assert search.names == ()
    assert sum(row["kind"] == "sma" for row in rows) > 60  # where y is 0
    assert all(5 <= row["n"] <= 50 for row in rows if row["kind"] == "sma")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampler": "tpee"}, "search must be a name such as 'tpe', .*; received 'tpee'"),
        ({"sampler": 5}, r"search must be a name such as 'tpe', .*, or an Optuna sampler; received 5"),
        (
            {"sampler": optuna.samplers.GridSampler({"n": [1]})},
            "a sampler that draws; received 'GridSampler'. Use search='grid'",
        ),
        (
            {"sampler": "cmaes", "space": {"y": Float(0, 1), "k": [1, 2]}},
            "one of two Int or Float at least with search='cmaes'",
        ),
        ({"space": {"n": Int(0, 2**60)}}, r"n must be within 2\*\*53 for this search"),
        ({"lag": 0}, "lag must be a whole number of at least 1"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
    ],
)
def test_says_what_is_wrong(options, message):
    with pytest.raises(InputError, match=message):
        make(**options).ask(1)


def test_a_package_that_is_missing_is_named_with_the_command(monkeypatch):
    monkeypatch.setattr(samplers, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"no optuna, which is not installed; .*pip install 'rustybt_ray\[optuna\]'"):
        make("tpe")
    monkeypatch.setattr(samplers, "find_spec", lambda name: name == "optuna" or None)
    with pytest.raises(InputError, match=r"it needs cmaes; received 'cmaes'\. Install it: pip install cmaes\."):
        make("cmaes")


@pytest.mark.skipif(not ABSENT_TORCH, reason="torch is installed")
def test_gaussian_processes_say_that_torch_is_missing():
    with pytest.raises(InputError, match=r"it needs torch; received 'gp'\. Install it: pip install torch\."):
        make("gp")


@pytest.mark.skipif(ABSENT_TORCH, reason="torch is not installed")
def test_gaussian_processes():
    assert play(make("gp", n_trials=12, lag=4)) == play(make("gp", n_trials=12, lag=4), random.Random(1), 2)


def test_optunas_own_log_is_left_as_it_was(capfd):
    before = optuna.logging.get_verbosity()
    make("tpe")
    assert optuna.logging.get_verbosity() == before
    assert capfd.readouterr() == ("", "")


def test_describes_itself():
    described = make("tpe").describe()
    assert {name: described[name] for name in ("search", "n_trials", "seed", "lag")} == {
        "search": "tpe",
        "n_trials": 60,
        "seed": 3,
        "lag": 8,
    }
    assert described["versions"]["optuna"] == optuna.__version__
    mine = optuna.samplers.TPESampler(seed=1)
    described = make(mine).describe()
    assert (described["search"], described["sampler"]) == ("TPESampler", mine)


def test_what_the_sampler_suggested_is_what_runs():
    search = make(n_trials=40)
    rows = play(search)
    for row, trial in zip(rows, search._study.trials, strict=True):
        assert row["x"] == pytest.approx(trial.params["x"], abs=1e-9)
        assert [row[name] for name in ("n", "r", "y", "kind")] == [
            trial.params[name] for name in ("n", "r", "y", "kind")
        ]
