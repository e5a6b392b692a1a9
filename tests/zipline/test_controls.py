"""What an algorithm forbids itself, assets that it may not trade, and policies that cancel."""

import logging
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from zipline_fakes import an_equity

from rustybt_ray.zipline.cancel_policy import SESSION_END, CancelPolicy, EODCancel, NeverCancel
from rustybt_ray.zipline.controls import (
    LongOnly,
    MaxLeverage,
    MaxOrderCount,
    MaxOrderSize,
    MaxPositionSize,
    MinLeverage,
    RestrictedListOrder,
)
from rustybt_ray.zipline.errors import AccountControlViolation, TradingControlViolation
from rustybt_ray.zipline.moments import DAY, nanoseconds
from rustybt_ray.zipline.restrictions import (
    RESTRICTION_STATES,
    HistoricalRestrictions,
    NoRestrictions,
    Restriction,
    Restrictions,
    StaticRestrictions,
)

A, B, C = an_equity(0, "AAA"), an_equity(1, "BBB"), an_equity(2, "CCC")
NOW = nanoseconds("2018-01-02T21:00:00")
FROZEN, ALLOWED = RESTRICTION_STATES.FROZEN, RESTRICTION_STATES.ALLOWED


@pytest.mark.parametrize(
    ("control", "asset", "amount", "held", "price", "broken"),
    [
        (MaxOrderSize("fail", max_shares=10), A, 10, 99, 5.0, False),
        (MaxOrderSize("fail", max_shares=10), A, -11, 0, 5.0, True),
        (MaxOrderSize("fail", max_notional=50.0), A, -10, 99, 5.0, False),
        (MaxOrderSize("fail", max_notional=50.0), A, 11, -11, 5.0, True),
        (MaxOrderSize("fail", B, 10), A, 11, 0, 5.0, False),
        (MaxOrderSize("fail", B, 10), B, 11, 0, 5.0, True),
        (MaxOrderSize("fail", max_notional=0.0), A, 1, 0, float("nan"), False),
        (MaxOrderSize("fail", max_shares=0), A, 1, 0, 5.0, True),
        (MaxPositionSize("fail", max_shares=50), A, 31, 20, 5.0, True),
        (MaxPositionSize("fail", max_shares=50), A, -101, 50, 5.0, True),
        (MaxPositionSize("fail", max_shares=50), A, 30, 20, 5.0, False),
        (MaxPositionSize("fail", max_notional=250.0), A, 31, 20, 5.0, True),
        (MaxPositionSize("fail", max_notional=250.0), A, -70, 20, 5.0, False),
        (LongOnly("fail"), A, -5, 5, 5.0, False),
        (LongOnly("fail"), A, -6, 5, 5.0, True),
        (RestrictedListOrder("fail", StaticRestrictions([B])), A, 0, 0, 5.0, False),
        (RestrictedListOrder("fail", StaticRestrictions([B])), B, 0, 0, 5.0, True),
    ],
)
def test_limits_of_orders(control, asset, amount, held, price, broken):
    if not broken:
        assert control.validate(asset, amount, held, price, NOW) is None
        return
    with pytest.raises(TradingControlViolation) as caught:
        control.validate(asset, amount, held, price, NOW)
    start = f"Order for {amount} shares of Equity({asset.sid} [{asset.symbol}]) at 2018-01-02 21:00:00+00:00 violates"
    assert str(caught.value) == f"{start} trading constraint\n{control!r}."


def test_order_calls_are_counted_by_utc_date():
    control = MaxOrderCount("fail", 2)
    for day in range(2):
        for _ in range(2):
            control.validate(A, 0, 0, 5.0, NOW + day * DAY)
        with pytest.raises(TradingControlViolation, match=r"MaxOrderCount\({'max_count': 2}\)"):
            control.validate(A, 1, 0, 5.0, NOW + day * DAY)


def test_logging_lets_the_order_through_and_says_so(caplog):
    control = MaxPositionSize("log", A, max_shares=1, max_notional=2.0)
    with caplog.at_level(logging.ERROR, "TradingControl"):
        control.validate(A, 3, 0, 5.0, NOW)
    constraint = "MaxPositionSize({'asset': Equity(0 [AAA]), 'max_shares': 1, 'max_notional': 2.0})"
    line = (
        f"Order for 3 shares of Equity(0 [AAA]) at 2018-01-02 21:00:00+00:00 violates trading constraint {constraint}"
    )
    assert caplog.messages == [line, line]
    counter = MaxOrderCount("log", 1)
    for _ in range(3):
        counter.validate(A, 1, 0, 5.0, NOW)
    assert len(caplog.messages) == 4


@pytest.mark.parametrize("kind", [MaxOrderSize, MaxPositionSize])
@pytest.mark.parametrize("limits", [{}, {"max_shares": -1}, {"max_notional": -0.5}])
def test_limits_that_are_none(kind, limits):
    with pytest.raises(ValueError, match=r"Must supply at least one|cannot be negative|must be positive"):
        kind("fail", **limits)


def test_limits_of_the_account():
    MaxLeverage(1.9).validate(1.9, NOW)
    with pytest.raises(AccountControlViolation) as caught:
        MaxLeverage(1.9).validate(1.91, NOW)
    assert str(caught.value) == "Account violates account constraint MaxLeverage({'max_leverage': 1.9})."
    control = MinLeverage(0.5, pd.Timestamp("2018-01-02"))
    control.validate(0.1, nanoseconds("2018-01-02"))
    control.validate(0.5, NOW)
    with pytest.raises(AccountControlViolation, match=r"'deadline': Timestamp\('2018-01-02 00:00:00'\)"):
        control.validate(0.49, nanoseconds("2018-01-02") + 1)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: MaxLeverage(None), ValueError),
        (lambda: MaxLeverage(-1), ValueError),
        (lambda: MinLeverage("1", pd.Timestamp("2018")), TypeError),
        (lambda: MinLeverage(1, "2018-01-02"), TypeError),
        (lambda: MinLeverage(-1, pd.Timestamp("2018")), ValueError),
    ],
)
def test_leverage_that_is_none(make, error):
    with pytest.raises(error, match=r"leverage|deadline"):
        make()


def test_static_restrictions():
    barred = StaticRestrictions([B, C])
    assert [barred.is_restricted(asset, NOW) for asset in (A, B, C)] == [False, True, True]
    series = barred.is_restricted([C, A], NOW)
    pd.testing.assert_series_equal(series, pd.Series([True, False], index=pd.Index([C, A])))
    assert NoRestrictions().is_restricted(A, NOW) is False
    assert NoRestrictions().is_restricted([A], NOW).tolist() == [False]
    assert NoRestrictions().is_restricted([], NOW).empty


def test_historical_restrictions_begin_at_their_dates():
    barred = HistoricalRestrictions(
        [
            Restriction(A, pd.Timestamp("2018-01-04"), ALLOWED),
            Restriction(A, pd.Timestamp("2018-01-02", tz="US/Eastern"), FROZEN),
            Restriction(B, pd.Timestamp("2018-01-03"), FROZEN),
            Restriction(B, pd.Timestamp("2018-01-03"), ALLOWED),
        ]
    )
    found = [barred.is_restricted(A, pd.Timestamp(text, tz="UTC")) for text in ("2018-01-02 04:59", "2018-01-02 05:00")]
    assert found == [False, True]
    days = ["2018-01-03T21:00", "2018-01-04T00:00", "2018-01-05"]
    assert [barred.is_restricted(A, nanoseconds(day)) for day in days] == [True, False, False]
    assert [barred.is_restricted(asset, nanoseconds("2018-01-03")) for asset in (B, C)] == [False, False]
    assert barred.is_restricted([A, B, C], nanoseconds("2018-01-03")).tolist() == [True, False, False]


def test_restrictions_combine():
    both = StaticRestrictions([A]) | (NoRestrictions() | StaticRestrictions([B]))
    assert [both.is_restricted(asset, NOW) for asset in (A, B, C)] == [True, True, False]
    assert both.is_restricted([A, B, C], NOW).tolist() == [True, True, False]
    three = StaticRestrictions([C]) | both
    assert three.is_restricted([A, B, C], NOW).all()
    assert len(three.sub_restrictions) == 3
    assert isinstance(NoRestrictions() | NoRestrictions(), NoRestrictions)
    assert isinstance(StaticRestrictions([A]) | NoRestrictions(), StaticRestrictions)


def test_a_users_own_restrictions_are_asked_with_a_timestamp():
    class Mondays(Restrictions):
        def is_restricted(self, assets, dt):
            return dt.day_of_week == 0 and dt.tzinfo is not None

    control = RestrictedListOrder("fail", Mondays())
    control.validate(A, 1, 0, 5.0, NOW)
    with pytest.raises(TradingControlViolation):
        control.validate(A, 1, 0, 5.0, NOW - DAY)
    both = Mondays() | StaticRestrictions([A])
    assert [both.is_restricted(asset, NOW - DAY) for asset in (A, B)] == [True, True]
    assert [both.is_restricted(asset, NOW) for asset in (A, B)] == [True, False]


@pytest.mark.parametrize(
    "moment",
    [
        pd.Timestamp("2018-01-02 21:00", tz="UTC"),
        pd.Timestamp("2018-01-02 16:00", tz="America/New_York"),
        pd.Timestamp("2018-01-02 21:00").as_unit("s"),
        datetime(2018, 1, 2, 21),
        datetime(2018, 1, 2, 21, tzinfo=UTC),
        np.datetime64("2018-01-02T21:00"),
        "2018-01-02T21:00",
        np.int64(NOW),
    ],
)
def test_points_in_time_of_every_kind(moment):
    assert nanoseconds(moment) == NOW == 1_514_926_800_000_000_000


def test_a_point_in_time_that_is_none():
    assert nanoseconds(date(2018, 1, 2)) == NOW - 21 * DAY // 24
    with pytest.raises(TypeError, match="a point in time must be a Timestamp"):
        nanoseconds(1.5)


def test_policies():
    assert [EODCancel().should_cancel(event) for event in (0, 1, SESSION_END)] == [False, False, True]
    assert not NeverCancel().should_cancel(SESSION_END)
    assert (EODCancel().warn_on_cancel, EODCancel(False).warn_on_cancel, NeverCancel().warn_on_cancel) == (
        True,
        False,
        False,
    )
    with pytest.raises(TypeError, match="abstract"):
        CancelPolicy()
