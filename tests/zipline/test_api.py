"""Functions of zipline.api: to whom they go, with what, and what they say outside of a run."""

import ast
import inspect

import pytest

from rustybt_ray.zipline import api
from rustybt_ray.zipline.errors import NotSupported


class Run:
    """Notes what it is asked."""

    def __init__(self, answer="answered"):
        self.calls = []
        self.answer = answer

    def __getattr__(self, name):
        def method(*args, **kwargs):
            self.calls.append((name, args, kwargs))
            return self.answer

        return method


def arguments_of(function):
    """A value for each argument, by position, then by name."""
    made, named = [], {}
    for argument in inspect.signature(function).parameters.values():
        if argument.kind is argument.VAR_POSITIONAL:
            made += ["x", "y"]
        elif argument.kind is argument.VAR_KEYWORD:
            named = {"extra": 1}
        else:
            made.append(f"value of {argument.name}")
    return tuple(made), named


@pytest.mark.parametrize("name", api.FUNCTIONS)
def test_each_function_asks_the_run_with_all_its_arguments(name):
    function, run = getattr(api, name), Run()
    args, kwargs = arguments_of(function)
    with api.activate(run):
        assert function(*args, **kwargs) in (None, "answered")
        by_name = dict(zip(inspect.signature(function).parameters, args, strict=False)) if not kwargs else None
        if by_name:
            function(**by_name)
    assert run.calls == [(name, args, kwargs)] * (2 if by_name else 1)


@pytest.mark.parametrize("name", api.FUNCTIONS)
def test_outside_of_a_run_each_says_so(name):
    function = getattr(api, name)
    args, kwargs = arguments_of(function)
    with pytest.raises(RuntimeError, match=f"zipline api method {name} must be called during a simulation"):
        function(*args, **kwargs)


def test_signatures_are_ziplines():
    style = "limit_price=None, stop_price=None, style=None"
    expected = {
        "order": f"asset, amount, {style}",
        "order_value": f"asset, value, {style}",
        "order_percent": f"asset, percent, {style}",
        "order_target": f"asset, target, {style}",
        "order_target_value": f"asset, target, {style}",
        "order_target_percent": f"asset, target, {style}",
        "batch_market_order": "share_counts",
        "cancel_order": "order_param",
        "get_open_orders": "asset=None",
        "get_order": "order_id",
        "get_datetime": "tz=None",
        "get_environment": "field='platform'",
        "record": "*args, **kwargs",
        "schedule_function": "func, date_rule=None, time_rule=None, half_days=True, calendar=None",
        "symbol": "symbol_str, country_code=None",
        "symbols": "*args, **kwargs",
        "sid": "sid",
        "set_symbol_lookup_date": "dt",
        "set_benchmark": "benchmark",
        "set_slippage": "us_equities=None, us_futures=None",
        "set_commission": "us_equities=None, us_futures=None",
        "set_cancel_policy": "cancel_policy",
        "set_asset_restrictions": "restrictions, on_error='fail'",
        "set_do_not_order_list": "restricted_list, on_error='fail'",
        "set_long_only": "on_error='fail'",
        "set_max_leverage": "max_leverage",
        "set_min_leverage": "min_leverage, grace_period",
        "set_max_order_count": "max_count, on_error='fail'",
        "set_max_order_size": "asset=None, max_shares=None, max_notional=None, on_error='fail'",
        "set_max_position_size": "asset=None, max_shares=None, max_notional=None, on_error='fail'",
    }
    assert sorted(expected) == sorted(api.FUNCTIONS)
    for name, text in expected.items():
        made = inspect.signature(getattr(api, name))
        bare = [argument.replace(annotation=inspect.Parameter.empty) for argument in made.parameters.values()]
        assert str(inspect.Signature(bare)) == f"({text})", name
        assert ast.parse(f"def f({text}): ...")


def test_runs_inside_of_runs_and_after_errors():
    outer, inner = Run(), Run()
    with pytest.raises(RuntimeError, match="must be called during a simulation"):
        api.running()
    with api.activate(outer):
        with pytest.raises(KeyError), api.activate(inner):
            raise KeyError(api.running() is inner)
        assert api.running() is outer
        api.symbol("A")
    assert (len(outer.calls), len(inner.calls)) == (1, 0)
    with pytest.raises(RuntimeError):
        api.running()


@pytest.mark.parametrize("name", api.REFUSED)
def test_what_is_not_supported_says_so_when_it_is_called(name):
    with pytest.raises(NotSupported, match=rf"zipline\.api\.{name} is not supported here\. \w+"):
        getattr(api, name)("anything", at="all")


def test_every_name_that_is_promised_is_there():
    for name in set(api.__all__) - set(api.RULES):
        assert getattr(api, name) is not None
    with pytest.raises(AttributeError, match=r"module 'zipline\.api' has no attribute 'nope'"):
        _ = api.nope
