"""zipline's surprising rules are the default of its algorithms, and one setting each gives the sensible one."""

import numpy as np
import pytest
from zipline_market import market

import rustybt_ray as rb
from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.data.payouts import CashDates, with_payouts
from rustybt_ray.engine.costs import Costs, FixedBasisPoints, NoCommission, NoSlippage
from rustybt_ray.engine.settings import Settings
from rustybt_ray.exceptions import InputError
from rustybt_ray.zipline import api
from rustybt_ray.zipline.algorithm import Algorithm
from rustybt_ray.zipline.cancel_policy import EODCancel
from rustybt_ray.zipline.commission import CommissionModel
from rustybt_ray.zipline.errors import NotSupported

FREE = Costs(NoCommission(), NoSlippage())


def buy_once(amount, commission=None, **prices):
    """Buys on the first session; records shares and cash at each bar."""

    def initialize(context):
        context.asset, context.bought = api.sid(context.params.get("sid", 0)), False
        if commission is not None:
            api.set_commission(commission)

    def handle_data(context, data):
        if not context.bought:
            api.order(context.asset, amount, **prices)
        context.bought = True
        portfolio = context.portfolio
        api.record(shares=portfolio.positions[context.asset].amount, cash=portfolio.cash)

    return Algorithm(initialize, handle_data)


def run(algorithm, panel, costs=FREE, capital=10_000.0, **settings):
    return rb.backtest(algorithm, bundle=panel, costs=costs, capital=capital, settings=settings)


@pytest.mark.parametrize(
    ("choice", "paid", "cash"),
    [
        ({}, None, [9000.0] * 6),
        ({}, 4, [9000.0, 9000.0, 9000.0, 9050.0, 9050.0, 9050.0]),
        ({"dividends": "ex-date"}, None, [9000.0, 9000.0, 9050.0, 9050.0, 9050.0, 9050.0]),
        ({"dividends": "ex-date"}, 4, [9000.0, 9000.0, 9050.0, 9050.0, 9050.0, 9050.0]),
        ({"dividends": "never"}, 4, [9000.0] * 6),
    ],
)
def test_a_dividend_without_a_pay_date_is_never_paid_unless_ex_dates_count(choice, paid, cash):
    panel = market([10.0] * 7, dividends=[(3, 0, 0.5)])
    if paid is not None:
        panel = with_payouts(panel, [CashDates(0, int(panel.sessions[paid]))])
    got = run(buy_once(100), panel, **choice)
    assert got.cash[1:].tolist() == cash
    assert got.equity[-1] == 9000.0 + 1000.0 + cash[-1] - 9000.0


@pytest.mark.parametrize(("choice", "paid"), [({}, 50.0), ({"split_fraction": "previous close"}, 80.0)])
def test_the_fraction_that_a_split_leaves_is_worth_its_cost_or_its_price(choice, paid):
    panel = market([10.0, 10.0, 16.0, 128.0, 128.0], splits=[(3, 0, 0.125)])
    got = run(buy_once(101), panel, **choice)
    assert got.positions[:, 0].tolist() == [0.0, 101.0, 101.0, 12.0, 12.0]
    assert got.cash[-1] == 10_000.0 - 1010.0 + paid


@pytest.mark.parametrize(
    ("choice", "shares", "cash"),
    [
        ({}, [0, 100, 100, 100, 0], 10_200.0),
        ({"delisting": "morning"}, [0, 100, 100, 0, 0], 10_200.0),
        ({"delisting": "morning", "delisting_return": -0.5}, [0, 100, 100, 0, 0], 9_600.0),
        ({"delisting_return": -0.5}, [0, 100, 100, 100, 0], 9_600.0),
    ],
)
def test_what_was_delisted_is_sold_in_the_evening_after_or_in_the_morning(choice, shares, cash):
    nan = float("nan")
    panel = market([[10.0, 1.0], [10.0, 1.0], [12.0, 1.0], [nan, 1.0], [nan, 1.0]])
    got = run(buy_once(100), panel, **choice)
    assert got.recorded["shares"].to_list() == shares
    assert got.recorded["cash"].to_list()[-1] == got.cash[-1] == cash
    assert got.fills["kind"].to_list() == ["order", "delisting"]
    assert got.fills["row"].to_list() == [1, 3]


@pytest.mark.parametrize(("choice", "days"), [({}, [1, 2, 5, 8]), ({"half_days": "run"}, [1, 2, 3, 5, 8])])
def test_a_half_day_after_a_session_is_skipped_or_not(choice, days):
    """2019-07-03 is a half day after a session; the 4th is no session."""

    def initialize(context):
        api.schedule_function(lambda context, data: api.record(day=api.get_datetime().day), api.date_rules.every_day())

    got = run(Algorithm(initialize), market([10.0] * 5, start="2019-07-01"), **choice)
    assert sorted(set(got.recorded["day"].to_list())) == days


@pytest.mark.parametrize(("choice", "left"), [({}, [3, 1]), ({"end_of_day_cancel": "all"}, [0, 0])])
def test_the_end_of_a_day_cancels_the_oldest_of_several_orders_or_all(choice, left):
    def initialize(context):
        context.assets, context.placed = [api.sid(0), api.sid(1)], False
        api.set_cancel_policy(EODCancel())

    def handle_data(context, data):
        if not context.placed:
            for asset, count in zip(context.assets, (4, 1), strict=True):
                for _ in range(count):
                    api.order(asset, 1, limit_price=1.0)
            context.placed = True
        for asset in context.assets:
            api.record(asset.symbol, len(api.get_open_orders(asset)))

    got = run(Algorithm(initialize, handle_data), market(np.full((3, 2), 10.0)), **choice)
    assert [got.recorded[name][1] for name in ("AAA", "BBB")] == left


class Flat(CommissionModel):
    """A model of the user's own: fills are asked for order by order."""

    def calculate(self, order, transaction):
        return 0.0


@pytest.mark.parametrize("own_model", [False, True])
@pytest.mark.parametrize(
    ("choice", "fills"),
    [
        ({}, [(100.0, 9.994995), (50.0, 10.50525)]),
        ({"limit_fills": "at limit"}, [(100.0, 9.904950000000001), (50.0, 9.904950000000001)]),
    ],
)
def test_slippage_carries_a_limit_order_beyond_its_limit_or_not(choice, fills, own_model):
    algorithm = buy_once(150, Flat() if own_model else None, limit_price=9.99)
    panel = market([10.0, 9.99, 10.5, 9.9, 9.9, 9.9], volume=1000.0)
    costs = Costs(NoCommission(), FixedBasisPoints(5.0, volume_limit=0.1))
    got = run(algorithm, panel, costs=costs, **choice)
    np.testing.assert_allclose(got.fills.select("shares", "price").to_numpy(), fills, rtol=1e-12)


MORNINGS = [({}, [10.0, 20.0, 30.0]), ({"morning_data": "previous session"}, [10.0, 10.0, 20.0])]


@pytest.mark.parametrize(("choice", "seen"), MORNINGS)
def test_before_trading_the_close_to_come_is_seen_or_not(choice, seen):
    def initialize(context):
        context.asset, context.order = api.sid(0), None

    def before_trading_start(context, data):
        price = data.current(context.asset, "price")
        assert data.history(context.asset, "price", 1, "1d", as_array=True)[-1] == price
        api.record(seen=price, session=data.current_session.day, now=api.get_datetime().day)
        if context.order is not None:
            api.cancel_order(context.order)
            api.record(cancelled=api.get_order(context.order).dt.strftime("%d %H:%M"))

    def handle_data(context, data):
        context.order = context.order or api.order(context.asset, 1, limit_price=1.0)

    algorithm = Algorithm(initialize, handle_data, before_trading_start)
    got = run(algorithm, market([10.0, 20.0, 30.0], start="2021-03-01"), **choice)
    assert got.recorded["seen"].to_list() == seen
    assert got.recorded["session"].to_list() == got.recorded["now"].to_list() == [1, 2, 3]
    assert got.recorded["cancelled"].to_list()[1:] == ["02 13:45", "02 13:45"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"open_orders": "kept"},
            r"Settings\(open_orders='kept'\) must be together with shares='whole', sizing='decision', .*Settings\.zipline",
        ),
        ({"rounding": "order"}, r"rounding must be 'position' where open orders are replaced; received 'order'"),
        ({"price_grid": 0.01}, r"price_grid must be None or 0\.001; received 0\.01\. zipline's grid is 0\.001"),
        ({"half_days": "maybe"}, r"half_days must be .*run.*skipped.*; received 'maybe'"),
        ({"end_of_day_cancel": "newest"}, r"end_of_day_cancel must be"),
        ({"limit_fills": "never"}, r"limit_fills must be"),
        ({"morning_data": "next"}, r"morning_data must be"),
    ],
)
def test_choices_that_do_not_go_together_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        Settings(**settings)


@pytest.mark.parametrize(
    "changes", [{"max_leverage": 1.0}, {"shares": "fractional"}, {"sizing": "fill"}, {"open_orders": "replaced"}]
)
def test_ziplines_rules_hold_together(changes):
    (name,) = changes
    with pytest.raises(InputError, match="rounding" if name == "open_orders" else name):
        Settings.zipline(**changes)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"fill": "next_open"}, r"fill must be 'next_close' of a zipline algorithm; received 'next_open'"),
        ({"settings": Settings()}, r"settings of a zipline algorithm must be of kept orders on the price grid"),
        ({"settings": {"delay": 1}}, r"must be of kept orders on the price grid without delay; received .*'delay': 1"),
        ({"settings": {"price_grid": None}}, r"must be of kept orders on the price grid"),
    ],
)
def test_rules_that_no_algorithm_can_have(rules, message):
    panel = market([10.0] * 5)
    with pytest.raises(InputError, match=message):
        rb.backtest(buy_once(1), bundle=panel, **rules)
    with pytest.raises(InputError, match=message):
        rb.optimize(buy_once(1), bundle=panel, space={"sid": [0]}, executor="inline", progress=False, **rules)


def test_several_bars_a_session_are_refused():
    time = np.datetime64("2021-03-01T14:30", "ns") + np.arange(8) * np.timedelta64(1, "h")
    panel = panel_from_arrays(time, ["A"], *[np.full((8, 1), 10.0)] * 4, np.full((8, 1), 1e6))
    message = r"on a bundle with 8 bars in 1 sessions is not supported.* Ingest daily bars, or write a target function"
    with pytest.raises(NotSupported, match=message):
        rb.backtest(buy_once(1), bundle=panel)
    with pytest.raises(NotSupported, match=message):
        rb.optimize(buy_once(1), bundle=panel, space={"sid": [0]}, executor="inline", progress=False)


@pytest.mark.parametrize("delay", [0, 1, 3])
def test_kept_orders_of_a_target_function_may_be_delayed(delay):
    """Shares are counted at the decision; a split on the way counts for the order."""
    panel = market([[10.0]] * 3 + [[5.0]] * 7, splits=[(3, 0, 2.0)])
    weights = np.full((10, 1), np.nan)
    weights[2] = 0.5
    got = rb.backtest(
        lambda data: weights, bundle=panel, costs=FREE, capital=10_000.0, settings=Settings.zipline(delay=delay)
    )
    assert got.fills.select("row", "shares", "price").rows() == [(3 + delay, 1000.0, 5.0)]


def test_kept_orders_of_a_target_function_wait_and_add_up():
    """500 shares asked twice at 100 a bar: the second time 400 more, since open orders are not counted."""
    panel = market([10.0] * 14, volume=1000.0)
    weights = np.full((14, 1), np.nan)
    weights[:2] = 0.5
    costs = Costs(NoCommission(), FixedBasisPoints(0.0, volume_limit=0.1))
    rules = {"bundle": panel, "costs": costs, "capital": 10_000.0}
    kept = rb.backtest(lambda data: weights, settings=Settings.zipline(), **rules)
    assert kept.positions[:, 0].tolist() == [min(100.0 * t, 900.0) for t in range(14)]
    assert kept.fills["shares"].to_list() == [100.0] * 9
    replaced = rb.backtest(lambda data: weights, settings=Settings(), **rules)
    assert replaced.positions[:, 0].tolist() == [min(100.0 * t, 500.0) for t in range(14)]
