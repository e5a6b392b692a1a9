"""Order styles, prices on ticks, and the small numbers of zipline's math_utils."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from zipline_fakes import an_equity

from rustybt_ray.zipline.errors import BadOrderParameters
from rustybt_ray.zipline.execution import LimitOrder, MarketOrder, StopLimitOrder, StopOrder, asymmetric_round_price
from rustybt_ray.zipline.math_utils import nanmean, number_of_decimal_places, round_if_near_integer, tolerant_equals


@pytest.mark.parametrize(
    ("price", "down", "expected"),
    [
        (9.9951, True, 9.99),
        (9.9994, True, 9.99),
        (9.9996, True, 10.0),
        (12.3455, True, 12.34),
        (0.0049, True, 0.0),
        (9.9905, False, 9.99),
        (9.99051, False, 10.0),
        (0.0151, False, 0.02),
    ],
)
def test_prices_go_to_ticks_in_the_traders_favour(price, down, expected):
    assert asymmetric_round_price(price, down) == pytest.approx(expected, abs=1e-12)


def test_ticks_of_another_size():
    assert asymmetric_round_price(12.3455, True, tick_size=0.1) == pytest.approx(12.3)
    assert asymmetric_round_price(12.3455, False, tick_size=0.1) == pytest.approx(12.4)
    assert asymmetric_round_price(12.3455, True, tick_size=0.05) == pytest.approx(12.3)
    assert asymmetric_round_price(12.3455, True, tick_size=0.25) == pytest.approx(12.25)


@given(st.integers(1, 10**9), st.booleans())
def test_five_percent_of_a_tick_decides(thousandths_of_a_tick, down):
    ticks, rest = divmod(thousandths_of_a_tick, 1000)
    if rest in (49, 50, 51, 949, 950, 951):
        return  # at the edge the last digits of the price decide
    with localcontext():
        price = float(Decimal(thousandths_of_a_tick) / 100_000)
    expected = ticks + (rest > 950 if down else rest > 50)
    assert asymmetric_round_price(price, down) == pytest.approx(expected / 100, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("style", "buy", "sell"),
    [
        (MarketOrder(), (None, None), (None, None)),
        (LimitOrder(12.3455), (12.34, None), (12.35, None)),
        (StopOrder(12.3455), (None, 12.35), (None, 12.34)),
        (StopLimitOrder(12.3455, 9.9951), (12.34, 10.0), (12.35, 9.99)),
        (StopLimitOrder(limit_price=1.0, stop_price=2.0), (1.0, 2.0), (1.0, 2.0)),
        (LimitOrder(12.3455, asset=an_equity(0, "AAA"), exchange="X"), (12.34, None), (12.35, None)),
    ],
)
def test_styles_round_limits_and_stops_the_other_way_round(style, buy, sell):
    found = [(style.get_limit_price(is_buy), style.get_stop_price(is_buy)) for is_buy in (True, False)]
    for got, expected in zip(found, (buy, sell), strict=True):
        assert [value is None for value in got] == [value is None for value in expected]
        assert [v for v in got if v is not None] == pytest.approx([v for v in expected if v is not None])


def test_an_exchange_is_kept():
    assert MarketOrder("X").exchange == LimitOrder(1.0, exchange="X").exchange == "X"
    assert StopOrder(1.0).exchange is None


@pytest.mark.parametrize(
    ("price", "message"),
    [
        (float("nan"), "Attempted to place an order with a {} price of nan."),
        (np.float64("inf"), "Attempted to place an order with a {} price of inf."),
        ("ten", "Attempted to place an order with a {} price of <class 'str'>."),
        (None, "Attempted to place an order with a {} price of <class 'NoneType'>."),
        (-0.01, "Can't place a {} order with a negative price."),
    ],
)
def test_prices_that_no_order_can_have(price, message):
    makers = [
        ("limit", lambda: LimitOrder(price)),
        ("stop", lambda: StopOrder(price)),
        ("limit", lambda: StopLimitOrder(price, 1.0)),
        ("stop", lambda: StopLimitOrder(1.0, price)),
    ]
    for label, make in makers:
        with pytest.raises(BadOrderParameters) as caught:
            make()
        assert str(caught.value) == message.format(label)


@pytest.mark.parametrize(
    ("number", "expected"),
    [(3.99995, 4), (3.9998, 3.9998), (-5.5, -5.5), (2.5, 2.5), (-3.00005, -3), (7, 7), (0.5 + 1e-5, 0.50001)],
)
def test_whole_numbers_within_a_ten_thousandth(number, expected):
    assert round_if_near_integer(number) == expected


def test_numbers_that_are_none():
    with pytest.raises(ValueError, match="NaN"):
        round_if_near_integer(float("nan"))
    with pytest.raises(OverflowError):
        round_if_near_integer(float("inf"))


def test_equal_within_a_millionth():
    assert tolerant_equals(1e6, 1e6 + 0.9)
    assert not tolerant_equals(1e6, 1e6 + 1.1)
    assert not tolerant_equals(float("nan"), float("nan"))
    assert tolerant_equals(float("nan"), float("nan"), equal_nan=True)
    assert [number_of_decimal_places(n) for n in (1, 3.14, "3.14", 0.001)] == [0, 2, 2, 3]
    assert nanmean([1.0, float("nan"), 3.0]) == 2.0
