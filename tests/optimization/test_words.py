"""Spaces, objectives and lengths in rustybt's words, and what each is in ours."""

from decimal import Decimal

import numpy as np
import pytest

import rustybt_ray as rb
from rustybt_ray.exceptions import InputError
from rustybt_ray.optimization import (
    CategoricalParameter,
    ContinuousParameter,
    DiscreteParameter,
    ObjectiveFunction,
    OptimizationConfig,
    OptimizationResult,
    ParameterSpace,
    WindowConfig,
)

FAST = DiscreteParameter(name="fast", min_value=5, max_value=20, step=5)
KIND = CategoricalParameter(name="kind", choices=["sma", "ema"])
RATE = ContinuousParameter(name="rate", min_value=Decimal("0.001"), max_value=0.1, prior="log-uniform")


def test_each_parameter_is_a_dimension_of_ours():
    space = ParameterSpace(parameters=[FAST, KIND, RATE])
    assert space.ours.parameters == {
        "fast": rb.Int(5, 20, step=5),
        "kind": rb.Choice("sma", "ema"),
        "rate": rb.Float(0.001, 0.1, log=True),
    }
    assert ContinuousParameter("x", 0, 1).dimension == rb.Float(0.0, 1.0)
    assert (space.cardinality(), ParameterSpace(parameters=[FAST, KIND]).cardinality()) == (-1, 8)
    assert space.get_parameter("kind") is KIND
    with pytest.raises(KeyError, match="slow"):
        space.get_parameter("slow")
    assert OptimizationConfig is rb.OptimizationConfig


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DiscreteParameter("n", 5, 5), r"min_value of 'n' must be below max_value = 5; received 5"),
        (lambda: DiscreteParameter("n", 1, 5, 0), r"Int\.step must be"),
        (lambda: DiscreteParameter("n", 0.5, 5), r"Int\.low must be a whole number"),
        (lambda: ContinuousParameter("x", 0, 1, "log-uniform"), r"Float\.low must be"),
        (lambda: ContinuousParameter("x", 0, 1, "normal"), r"prior of 'x' must be one of 'uniform', 'log-uniform'.*rb\.optimize"),
        (lambda: CategoricalParameter("k", ["a"]), r"choices of 'k' must be two values at least"),
        (lambda: CategoricalParameter("k", ["a", "a"]), r"Choice must be given each value once"),
        (lambda: ParameterSpace(parameters=[]), r"parameters must be a list of parameters, not empty"),
        (lambda: ParameterSpace(parameters=[FAST, FAST]), r"a list in which each name is once"),
        (lambda: ParameterSpace(parameters=[{"name": "fast"}]), r"parameters must be a list of parameters"),
    ],
)  # fmt: skip
def test_what_no_space_can_be(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"fast": 5, "kind": "sma"}, r"params must be values for fast, kind, rate"),
        ({"fast": 7, "kind": "sma", "rate": 0.01}, r"parameter 'fast' must be from 5 to 20 by 5; received 7"),
        ({"fast": 5.0, "kind": "sma", "rate": 0.01}, r"parameter 'fast' must be a whole number"),
        ({"fast": True, "kind": "sma", "rate": 0.01}, r"parameter 'fast' must be a whole number"),
        ({"fast": 5, "kind": "wma", "rate": 0.01}, r"parameter 'kind' must be one of \['sma', 'ema'\]"),
        ({"fast": 5, "kind": "sma", "rate": 0.2}, r"parameter 'rate' must be within \[0\.001, 0\.1\]"),
        ({"fast": 5, "kind": "sma", "rate": "0.01"}, r"parameter 'rate' must be a number"),
    ],
)
def test_points_outside_of_a_space(params, message):
    space = ParameterSpace(parameters=[FAST, KIND, RATE])
    assert space.validate_params({"fast": np.int64(10), "kind": "ema", "rate": Decimal("0.05")}) is True
    with pytest.raises(ValueError, match=message):
        space.validate_params(params)


def test_an_objective_scores_results():
    result = {"performance_metrics": {"sharpe_ratio": 1.5, "max_drawdown": Decimal("-0.25")}}
    assert ObjectiveFunction("sharpe_ratio").evaluate(result) == Decimal("1.5")
    assert ObjectiveFunction("max_drawdown", higher_is_better=False).evaluate(result) == Decimal("0.25")
    assert ObjectiveFunction(metric="max_drawdown", direction="minimize").evaluate(result) == Decimal("0.25")
    assert ObjectiveFunction("custom", lambda found: len(found)).evaluate(result) == 1
    with pytest.raises(KeyError, match="Metric 'win_rate' not in backtest results"):
        ObjectiveFunction("win_rate").evaluate(result)


@pytest.mark.parametrize(
    "metric",
    ["sharpe_ratio", "sortino_ratio", "calmar_ratio", "total_return", "max_drawdown", "win_rate", "profit_factor"],
)
def test_rustybts_metrics_are_ours(metric):
    assert ObjectiveFunction(metric).ours == metric


def test_what_no_objective_can_be():
    for arguments in ({"metric": "custom"}, {"metric": "sharpe_ratio", "custom_function": len}):
        with pytest.raises(ValueError, match="custom_function must be given with metric='custom'"):
            ObjectiveFunction(**arguments)
    with pytest.raises(InputError, match="direction must be one of"):
        ObjectiveFunction("sharpe_ratio", direction="up")
    with pytest.raises(InputError, match="'minimize' with higher_is_better=False"):
        ObjectiveFunction("sharpe_ratio", higher_is_better=False, direction="maximize")
    with pytest.raises(InputError, match="one of the ledger's with bundle="):
        ObjectiveFunction("custom", len).ours  # noqa: B018
    with pytest.raises(InputError, match="sharp_ratio"):
        ObjectiveFunction("sharp_ratio").ours  # noqa: B018


def test_lengths_are_rolling_or_expanding():
    assert WindowConfig(250, 50, 60, 20).ours == rb.Rolling(train=250, validate=50, test=60, step=20)
    config = WindowConfig(train_period=250, validation_period=50, test_period=60, step_size=60, window_type="expanding")
    assert config.ours == rb.Expanding(train=250, validate=50, test=60, step=60)
    with pytest.raises(ValueError, match="validation_period must be"):
        WindowConfig(250, 0, 60, 20)
    with pytest.raises(ValueError, match=r"Rolling\.step must be at most test = 60"):
        WindowConfig(250, 50, 60, 61)
    with pytest.raises(ValueError, match="window_type must be"):
        WindowConfig(250, 50, 60, 20, "anchored")


def test_a_result_survives_its_dict():
    from datetime import datetime

    made = OptimizationResult(
        3, {"x": 0.5}, Decimal("1.25"), datetime(2024, 1, 2), {"sharpe_ratio": 1.25}, None, Decimal("0.5")
    )
    assert OptimizationResult.from_dict(made.to_dict()) == made
    assert made.is_success
