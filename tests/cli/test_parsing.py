import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustybt_ray.cli.parsing import (
    make_settings,
    parse_commission,
    parse_date,
    parse_dimension,
    parse_scalar,
    parse_slippage,
    parse_value,
    unique,
)
from rustybt_ray.engine.costs import (
    FixedBasisPoints,
    FixedSpread,
    NoCommission,
    NoSlippage,
    PerDollar,
    PerShare,
    PerTrade,
    VolumeShare,
)
from rustybt_ray.exceptions import InputError
from rustybt_ray.search.space import Choice, Float, Int


@pytest.mark.parametrize(
    ("text", "dimension"),
    [
        ("fast=5:50:5", Int(5, 50, step=5)),
        ("fast = 5 : 50", Int(5, 50)),
        ("x=-5:5:2", Int(-5, 5, step=2)),
        ("x=0.1:0.5:0.1", Float(0.1, 0.5, step=0.1)),
        ("x=0:1:0.25", Float(0, 1, step=0.25)),
        ("x=0.1:0.5", Float(0.1, 0.5)),
        ("lr=1e-4:1e-1:log", Float(1e-4, 1e-1, log=True)),
        ("n=1:100:LOG", Float(1, 100, log=True)),
        ("ma=sma,ema", Choice(["sma", "ema"])),
        ("mixed=1, 2.5,true,none,'3'", Choice([1, 2.5, True, None, "3"])),
        ("slow=200", Choice([200])),
    ],
)
def test_dimensions(text, dimension):
    name, made = parse_dimension(text)
    assert name == text.partition("=")[0].strip()
    assert made == dimension
    assert type(made) is type(dimension)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fast", r"the parameter must be NAME=VALUES; received 'fast'. Forms: fast=5:50:5"),
        ("=5", r"must be NAME=VALUES; received '=5'"),
        ("fast=", r"must be NAME=VALUES; received 'fast='"),
        ("2fast=5", r"must be NAME=VALUES; received '2fast=5'"),
        ("fast=5:x", r"-p fast must be low:high, low:high:step or low:high:log; received '5:x'. Forms: "),
        ("fast=5:50:5:1", r"received '5:50:5:1'"),
        ("fast=5:", r"received '5:'"),
        ("ma=sma,,ema", r"-p ma must be choices between commas, none of them blank; received 'sma,,ema'"),
        ("fast=50:5:5", r"50"),
        ("x=-1:1:log", r"-1"),
    ],
)
def test_what_is_no_dimension_is_told_with_the_forms(text, message):
    with pytest.raises(InputError, match=message):
        parse_dimension(text)


@given(st.one_of(st.integers(), st.floats(allow_nan=False), st.booleans(), st.none()))
def test_scalars_come_back_from_their_text(value):
    text = "none" if value is None else repr(value)
    made = parse_scalar(text)
    assert made == value
    assert type(made) is type(value)


@given(st.text())
def test_quotes_keep_a_text(text):
    assert parse_scalar(f"'{text}'") == text


def test_values():
    assert parse_value("fast=20") == ("fast", 20)
    assert parse_value("expr=a=b") == ("expr", "a=b")
    with pytest.raises(InputError, match=r"must be NAME=VALUE; received 'fast 20'. Forms: fast=20"):
        parse_value("fast 20")


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("per-dollar:0.001", PerDollar(0.001)),
        ("per-dollar:0.001,1", PerDollar(0.001, 1.0)),
        ("per-share:0.005,1.0", PerShare(0.005, 1.0)),
        ("per-trade:1", PerTrade(1.0)),
        ("none", NoCommission()),
    ],
)
def test_commissions(text, model):
    assert parse_commission(text) == model


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("basis-points:5", FixedBasisPoints(5.0)),
        ("basis-points:5,0.1", FixedBasisPoints(5.0, 0.1)),
        ("spread:0.02", FixedSpread(0.02)),
        ("volume-share:0.025,0.1", VolumeShare(0.025, 0.1)),
        ("none", NoSlippage()),
    ],
)
def test_slippages(text, model):
    assert parse_slippage(text) == model


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "per-dolar:0.001",
            r"--commission must be a model and its numbers; received 'per-dolar:0.001'. Forms: per-dollar",
        ),
        ("per-dollar", r"received 'per-dollar'"),
        ("per-trade:1,2", r"received 'per-trade:1,2'"),
        ("per-share:a", r"received 'per-share:a'"),
        ("none:1", r"received 'none:1'"),
        ("per-dollar:10", r"PerDollar.cost: .*at most 1.*received 'per-dollar:10'. 10 basis points are 0.001"),
        ("per-share:-1", r"PerShare.cost: a number of at least 0\); received 'per-share:-1'. Forms:"),
    ],
)
def test_what_is_no_commission(text, message):
    with pytest.raises(InputError, match=message):
        parse_commission(text)


def test_what_is_no_slippage():
    with pytest.raises(InputError, match=r"--slippage must be .*; received 'volume-share:0.1'. Forms: basis-points:5"):
        parse_slippage("volume-share:0.1")
    with pytest.raises(InputError, match=r"VolumeShare.volume_limit"):
        parse_slippage("volume-share:2,0.1")


def test_dates():
    assert parse_date(" 2010-01-04") == "2010-01-04"
    with pytest.raises(InputError, match=r"a date must be year-month-day; received '4.1.2010'. Write it as 2010-01-04"):
        parse_date("4.1.2010")


def test_settings():
    assert make_settings([("delay", 1), ("shares", "whole")]) == {"delay": 1, "shares": "whole"}
    assert make_settings([("limit_fills", "any price")]) == {"limit_fills": "any price"}
    assert make_settings([]) == {}
    with pytest.raises(InputError, match=r"the setting must be one of shares, sizing, .*; received 'dely'"):
        make_settings([("dely", 1)])
    with pytest.raises(InputError, match=r"shares must be one of"):
        make_settings([("shares", "half")])


def test_a_name_is_given_once():
    assert unique([("a", 1), ("b", 2)]) == {"a": 1, "b": 2}
    with pytest.raises(InputError, match=r"'a' must be given once; received 2"):
        unique([("a", 1), ("a", 2)])
