"""Kinds of strategies, and whether parameters fit them."""

from functools import partial, wraps

import pytest

from rustybt_ray.exceptions import StrategyError
from rustybt_ray.strategies.strategy import (
    OBJECTIVE,
    TARGET,
    ZIPLINE,
    Objective,
    check_parameters,
    inspect_strategy,
    name_of,
)
from rustybt_ray.strategies.trial import Trial
from rustybt_ray.zipline.algorithm import Algorithm


def crossover(data, fast, slow=60):
    return data, fast, slow


class Holder:
    def __call__(self, data, *, window, **more):
        return data, window, more

    def method(self, data, window):
        return data, window


@pytest.mark.parametrize(
    ("function", "required", "optional", "takes_any"),
    [
        (crossover, ("fast",), ("slow",), False),
        (lambda data: data, (), (), False),
        (partial(crossover, slow=90), ("fast",), ("slow",), False),
        (partial(crossover, fast=5), (), ("fast", "slow"), False),
        (Holder(), ("window",), (), True),
        (Holder().method, ("window",), (), False),
        (lambda prices, /, fast: prices, ("fast",), (), False),
        (lambda data, trial: data, ("trial",), (), False),
        (lambda data=None, *, trial: data, ("trial",), (), False),
    ],
)
def test_a_target_function_takes_data_first_and_parameters_by_name(function, required, optional, takes_any):
    found = inspect_strategy(function)
    assert (found.kind, found.function) == (TARGET, function)
    assert (found.required, found.optional, found.open) == (required, optional, takes_any)


@pytest.mark.parametrize(
    "function",
    [lambda trial: 1.0, lambda trial, verbose=False: 1.0, Objective(lambda anything: 1.0)],
)
def test_an_objective_function_has_one_required_argument_called_trial(function):
    found = inspect_strategy(function)
    assert (found.kind, found.open) == (OBJECTIVE, True)
    check_parameters(found, ("whatever", "it", "wants"))


def test_an_algorithm_takes_names_of_its_file_and_what_it_reads(tmp_path):
    path = tmp_path / "crossing.py"
    path.write_text("FAST = 5\ndef initialize(context):\n    context.slow = context.params['slow']\n")
    found = inspect_strategy(Algorithm.from_file(path))
    assert (found.kind, found.name, found.required, found.optional) == (ZIPLINE, "crossing", (), ("FAST", "slow"))
    assert not found.open
    check_parameters(found, ("slow", "FAST"))
    with pytest.raises(StrategyError, match=r"crossing has no parameter 'fast': .*\(parameters: fast\)\. Did you mean"):
        check_parameters(found, ("fast",))


def test_names():
    assert name_of(crossover) == name_of(partial(partial(crossover, 1), slow=3)) == "crossover"
    assert inspect_strategy(Objective(crossover)).name == "crossover"
    assert name_of(Holder()) == "Holder"
    assert Objective(lambda trial: trial + 1)(1) == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: inspect_strategy(lambda: 1),
            "cannot be called with the data as its first argument and all parameters by",
        ),
        (
            lambda: inspect_strategy(lambda data, fast, /: 1),
            "cannot be called with the data as its first argument and all",
        ),
        (
            lambda: inspect_strategy(lambda *, trial: 1),
            "cannot be called with the data as its first argument and all parameters by",
        ),
        (lambda: inspect_strategy(max), "max has no signature (strategy). Wrap it in a function of (data, ...)."),
        (
            lambda: inspect_strategy(Holder),
            "Holder is a class (strategy). Pass an object of it that can be called: Holder(...).",
        ),
        (lambda: Objective(3), "3 is not callable (rb.Objective). Pass a function of one trial."),
        (
            lambda: check_parameters(inspect_strategy(crossover), ("slow",)),
            "no parameter for the required argument 'fast' of crossover(data, fast, slow) (parameters: slow). Add them",
        ),
        (
            lambda: check_parameters(inspect_strategy(lambda data, a, b: 1), ()),
            "no parameter for the required arguments 'a', 'b' of <lambda>(data, a, b) (parameters: none).",
        ),
        (
            lambda: check_parameters(inspect_strategy(crossover), ("fast", "slwo")),
            "crossover(data, fast, slow) has no argument 'slwo' (parameters: fast, slwo). Did you mean 'slow'?",
        ),
        (
            lambda: check_parameters(inspect_strategy(crossover), ("fast", "zzzz")),
            "has no argument 'zzzz' (parameters: fast, zzzz). Remove it from the space, or add the argument.",
        ),
        (
            lambda: check_parameters(inspect_strategy(Holder()), ("fast",)),
            "no parameter for the required argument 'window' of Holder(data, window, **) (parameters: fast).",
        ),
    ],
)
def test_says_what_is_wrong(make, message):
    with pytest.raises(StrategyError) as caught:
        make()
    assert message in str(caught.value)


def test_parameters_that_fit():
    check_parameters(inspect_strategy(crossover), ("fast",))
    check_parameters(inspect_strategy(crossover), ("slow", "fast"))
    check_parameters(inspect_strategy(Holder()), ("window", "more", "names"))


def test_a_trial_has_a_seed_of_its_own():
    seeds = [[Trial(number, {}, None, study).seed for number in range(50)] for study in (0, 1, -1)]
    assert len({seed for row in seeds for seed in row}) == 150
    assert Trial(7, {"a": 1}, None, 3).seed == Trial(7, {"a": 2}, None, 3).seed
    assert all(0 <= seed < 2**32 for seed in seeds[0])


class TestFunctionsOfTheSameCode:
    """A signature is remembered by the code, the number of defaults and the names of those by keyword."""

    def test_with_other_defaults(self):
        def made(*defaults):
            def strategy(data, fast, slow):
                return data, fast, slow

            strategy.__defaults__ = defaults
            return inspect_strategy(strategy)

        assert [made(*defaults).required for defaults in ((), (5,), (5, 9))] == [("fast", "slow"), ("fast",), ()]
        assert made(7, 8).optional == ("fast", "slow")

    def test_with_other_defaults_by_keyword(self):
        def made(defaults):
            def strategy(data, *, fast, slow):
                return data, fast, slow

            strategy.__kwdefaults__ = defaults
            return inspect_strategy(strategy)

        assert [made(each).required for each in (None, {"slow": 9}, {"fast": 5})] == [
            ("fast", "slow"),
            ("fast",),
            ("slow",),
        ]

    def test_that_capture_something(self):
        def made(held):
            def strategy(data, n):
                return data, n, held

            return inspect_strategy(strategy)

        assert made(1).required == made("two").required == ("n",)

    def test_one_that_wraps_another(self):
        def wrapping(function):
            @wraps(function)
            def call(*args, **named):
                return function(*args, **named)

            return call

        assert inspect_strategy(wrapping(crossover)).required == ("fast",)
        assert inspect_strategy(wrapping(lambda data, n: data)).required == ("n",)
