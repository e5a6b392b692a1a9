"""Rules of zipline-reloaded 3.2.1 that no golden has: each number was seen there, and is worked out by hand here."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from zipline_market import market

from rustybt_ray.zipline import api
from rustybt_ray.zipline.algorithm import Algorithm
from rustybt_ray.zipline.cancel_policy import CancelPolicy
from rustybt_ray.zipline.commission import NoCommission, PerShare
from rustybt_ray.zipline.dump import ORDER, POSITION, TRANSACTION, describe
from rustybt_ray.zipline.errors import SymbolNotFound, UnsupportedOrderParameters, ZeroCapitalError
from rustybt_ray.zipline.execution import MarketOrder
from rustybt_ray.zipline.runner import AlgorithmRunner
from rustybt_ray.zipline.slippage import FixedSlippage, NoSlippage, SlippageModel


def run(view, bars=None, *, initialize=None, before=None, slippage=None, commission=None, capital=1000.0):
    """The dump of an algorithm: `bars` by row, each a function of context and data."""

    def start(context):
        context.row = 0
        api.set_slippage(slippage or NoSlippage())
        api.set_commission(commission or NoCommission())
        if initialize is not None:
            initialize(context)

    def handle_data(context, data):
        action = (bars or {}).get(context.row)
        if action is not None:
            action(context, data)
        context.row += 1

    def before_trading_start(context, data):
        action = (before or {}).get(context.row)
        if action is not None:
            action(context, data)

    runner = AlgorithmRunner(view, ((0, len(view.sessions) - 1),), capital=capital)
    algorithm = Algorithm(start, handle_data=handle_data, before_trading_start=before_trading_start)
    return describe(runner.record(algorithm, {}), {})


def rows(dump, section, *names):
    columns = {"orders": ORDER, "positions": POSITION, "transactions": TRANSACTION}[section]
    return [[row[columns.index(name)] for name in names] for row in dump[section]["rows"]]


def with_shares_paid(view, *lines):
    """The view with dividends in shares: ex row, column, ratio, column of the shares, pay row."""
    ex, column, ratio, payment, pay = (np.array(each) for each in zip(*lines, strict=True))
    days = view.sessions
    return replace(
        view,
        stock_row=ex,
        stock_column=column,
        stock_ratio=ratio.astype(float),
        stock_payment=payment,
        stock_pay=pay,
        stock_ex_date=days[ex],
        stock_pay_date=days[pay],
        stock_record_date=days[ex],
        stock_declared_date=days[ex],
    )


class TestPrices:
    def test_a_limit_of_nothing_is_a_limit(self):
        bars = {0: lambda c, d: [api.order(api.sid(0), n, limit_price=0) for n in (5, -3)]}
        dump = run(market([10.0, 10.0, 10.0]), bars)
        assert rows(dump, "transactions", "session", "amount", "price") == [[1, -3, 10.0]]
        assert rows(dump, "orders", "session", "amount", "limit", "status")[:2] == [
            [0, 5, 0.0, "OPEN"],
            [0, -3, 0.0, "OPEN"],
        ]

    def test_a_stop_of_nothing_is_a_stop(self):
        bars = {0: lambda c, d: [api.order(api.sid(0), n, stop_price=0) for n in (5, -3)]}
        dump = run(market([10.0, 10.0, 10.0]), bars)
        assert rows(dump, "transactions", "session", "amount", "price") == [[1, 5, 10.0]]

    def test_both_of_nothing_are_a_stop_limit(self):
        bars = {0: lambda c, d: api.order(api.sid(0), -3, limit_price=0, stop_price=11)}
        dump = run(market([10.0, 10.0, 10.0]), bars)
        assert rows(dump, "orders", "limit", "stop", "filled") == [[0.0, 11.0, 0], [0.0, None, -3]]

    @pytest.mark.parametrize("name", ["limit_price", "stop_price"])
    def test_a_price_of_nothing_beside_a_style(self, name):
        def bar(context, data):
            with pytest.raises(UnsupportedOrderParameters, match=f"both {name} and style"):
                api.order(api.sid(0), 1, style=MarketOrder(), **{name: 0})

        run(market([10.0]), {0: bar})

    def test_sales_below_nothing(self):
        bars = {0: lambda c, d: api.order(api.sid(0), -10)}
        dump = run(market([1.0, 1.0]), bars, slippage=FixedSlippage(spread=3.0))
        # half of the spread is more than the price: 1.0 - 1.5
        assert rows(dump, "transactions", "amount", "price") == [[-10, -0.5]]
        assert dump["daily"]["ending_cash"] == [1000.0, 995.0]


def test_a_split_changes_what_the_rest_of_an_order_costs():
    # 10 % of 1000 fill on row 1; the split makes 200 of these 100; on row 2 (200 + 100) * 0.01 are owed, 1.0 was paid
    bars = {0: lambda c, d: api.order(api.sid(0), 250)}
    view = market([10.0, 10.0, 5.0, 5.0], splits=[(2, 0, 2.0)])
    dump = run(view, bars, slippage=api.FixedBasisPointsSlippage(0.0, 0.1), commission=PerShare(0.01))
    filled = [[1, 250, 100, 1.0], [2, 500, 300, 3.0], [3, 500, 400, 4.0]]
    assert rows(dump, "orders", "session", "amount", "filled", "commission")[1:] == filled
    assert dump["daily"]["ending_cash"][1:] == [-1.0, -503.0, -1004.0]


class TestBatches:
    def test_before_trading_they_fill_on_the_same_bar(self):
        def early(context, data):
            numbers = api.batch_market_order(pd.Series({api.sid(0): 5, api.sid(1): 0}))
            api.record(created=str(api.get_order(numbers[0]).created), count=len(numbers))

        dump = run(market([[10.0, 5.0]] * 3), before={1: early})
        assert rows(dump, "transactions", "session", "amount", "price") == [[1, 5, 10.0]]
        assert rows(dump, "orders", "session", "created", "status") == [[1, "2021-03-02T13:45:00+00:00", "FILLED"]]
        assert dump["recorded"]["created"][1:] == ["2021-03-02 13:45:00+00:00"] * 2
        assert dump["recorded"]["count"][1:] == [1.0, 1.0]

    @pytest.mark.parametrize("orders", [{"A": 1}, pd.Series([1.0])])
    def test_they_are_whole_numbers(self, orders):
        def bar(context, data):
            with pytest.raises(TypeError, match=r"batch_market_order\(\) expected a Series of int64"):
                api.batch_market_order(orders)

        run(market([10.0]), {0: bar})


class TestMarks:
    def test_positions_are_dated_by_what_marked_them_last(self):
        def note(context, data):
            held = context.portfolio.positions[api.sid(0)]
            api.record(**{("early" if data.current_dt.hour < 20 else "late"): str(held.last_sale_date)})

        bars = {0: lambda c, d: api.order(api.sid(0), 5), 2: note}
        dump = run(market([10.0, 10.0, 11.0]), bars, before={2: note})
        assert dump["recorded"]["early"][-1] == "2021-03-03 13:45:00+00:00"
        assert dump["recorded"]["late"][-1] == "2021-03-03 21:00:00+00:00"

    def test_positions_cannot_be_changed(self):
        def bar(context, data):
            held = context.portfolio.positions[api.sid(0)]
            assert (held.amount, held.cost_basis, held.sid, held.last_sale_date) == (0, 0.0, api.sid(0), None)
            with pytest.raises(AttributeError, match="cannot mutate Position"):
                held.amount = 3

        run(market([10.0]), {0: bar})


def test_a_policy_of_the_users_is_asked_once_a_session():
    class Second(CancelPolicy):
        asked = 0

        def should_cancel(self, event):
            self.asked += 1
            return self.asked == 2

    bars = {0: lambda c, d: [api.order(api.sid(0), n, limit_price=1.0) for n in (1, 2)]}
    dump = run(market([10.0] * 4), bars, initialize=lambda c: api.set_cancel_policy(Second()))
    # cancelled at the end of session 1, reported with session 2
    assert rows(dump, "orders", "session", "amount", "status", "dt")[2:] == [
        [2, 1, "CANCELLED", "2021-03-02T21:00:00+00:00"]
    ]


def test_a_split_keeps_the_side_of_an_order_that_it_leaves_without_shares():
    sides = []

    class Twice(SlippageModel):
        def process_order(self, data, order):
            sides.append((order.direction, order.amount, order.filled))
            return data.current(order.asset, "close"), -4

    bars = {0: lambda c, d: api.order(api.sid(0), -2)}
    # 2 were asked, 4 sold: an open amount of 2 and -4 that are filled become 1 and -2, hence an order of -1; then 0 and -6
    run(market([10.0, 10.0, 20.0, 80.0], splits=[(2, 0, 0.5), (3, 0, 0.25)]), bars, slippage=Twice())
    assert sides == [(-1.0, -2, 0), (-1.0, -1, -2), (-1.0, 0, -1)]


class TestTheEnd:
    """AAA lives for all rows, BBB until row 2."""

    CLOSES = ([10.0, 5.0], [10.0, 5.0], [10.0, 6.0], [10.0, math.nan], [10.0, math.nan], [10.0, math.nan])

    def test_shares_that_arrive_later_have_no_price_and_go_for_nothing(self):
        view = with_shares_paid(market(self.CLOSES), (2, 0, 1.0, 1, 4))
        dump = run(view, {0: lambda c, d: api.order(api.sid(0), 7)})
        assert rows(dump, "transactions", "session", "symbol", "amount", "price")[1:] == [[4, "BBB", -7, 0.0]]
        assert dump["constant"]["portfolio_value"] == 1000.0

    def test_a_position_of_no_shares_ends_with_a_transaction_of_none(self):
        view = with_shares_paid(market(self.CLOSES), (1, 0, 1.0, 1, 2))
        view = replace(view, stock_row=view.stock_row + 1, stock_ex_date=view.sessions[[2]])
        bars = {0: lambda c, d: [api.order(api.sid(0), 7), api.order(api.sid(1), -7)]}
        dump = run(view, bars)
        assert rows(dump, "transactions", "session", "symbol", "amount", "price")[2:] == [[3, "BBB", 0, 6.0]]
        assert rows(dump, "positions", "session", "symbol")[-3:] == [[3, "AAA"], [4, "AAA"], [5, "AAA"]]

    def test_orders_that_arrive_later_are_cancelled_the_same_evening(self):
        dump = run(market(self.CLOSES), {4: lambda c, d: api.batch_market_order(pd.Series({api.sid(1): 3}))})
        assert rows(dump, "orders", "session", "symbol", "amount", "status") == [[4, "BBB", 3, "CANCELLED"]]

    def test_the_evening_that_cancels_them_takes_their_assets_out_of_the_book(self):
        def batch(*sids):
            return lambda c, d: api.batch_market_order(pd.Series({api.sid(sid): 3 for sid in sids}))

        view = market([[10.0, 5.0, 5.0]] * 2 + [[10.0, math.nan, math.nan]] * 3)
        dump = run(view, {3: batch(2, 1)}, before={4: batch(1, 2)})
        assert rows(dump, "orders", "session", "symbol") == [[3, "CCC"], [3, "BBB"], [4, "BBB"], [4, "CCC"]]


class TestWords:
    def test_a_name_without_a_value_is_left_out(self):
        dump = run(market([10.0]), {0: lambda c, d: api.record("a", 1, "b")})
        assert dump["recorded"] == {"a": [1]}

    def test_commission_is_a_whole_number_until_there_is_some(self):
        def bar(context, data):
            api.record(kind=type(api.get_order(api.order(api.sid(0), 1)).commission).__name__)

        assert run(market([10.0]), {0: bar})["recorded"]["kind"] == ["int"]

    def test_country_codes(self):
        def bar(context, data):
            assert api.symbol("aaa", country_code="??") == api.sid(0.0)
            with pytest.raises(SymbolNotFound, match="AAA"):
                api.symbol("AAA", country_code="US")
            with pytest.raises(ValueError, match="invalid literal"):
                api.sid("x")
            with pytest.raises(TypeError, match="time zone"):
                api.get_datetime(7)
            assert api.get_open_orders("AAA") == []

        run(market([10.0]), {0: bar})

    def test_restrictions_are_restrictions(self):
        def initialize(context):
            with pytest.raises(TypeError, match="expected Restrictions"):
                api.set_asset_restrictions([api.sid(0)])

        run(market([10.0]), initialize=initialize)

    @pytest.mark.parametrize("capital", [0.0, -1.0])
    def test_without_capital_nothing_runs(self, capital):
        with pytest.raises(ZeroCapitalError, match="greater than zero"):
            run(market([10.0]), capital=capital)


def test_windows_of_several_fields_keep_the_calendars_frequency():
    def bar(context, data):
        frame = data.history([api.sid(0)], ["close", "volume"], 2, "1d")
        assert frame["close"].unstack().index.freqstr == "C"

    run(market([10.0, 11.0]), {1: bar})


def test_the_cash_has_the_digits_of_one_payment_after_another():
    bars = {0: lambda c, d: [api.order(api.sid(k), 7) for k in (0, 1, 2)]}
    dump = run(market([[10.1, 20.3, 30.7]] * 2), bars, commission=PerShare(0.0137))
    prices, cost = np.array([10101, 20301, 30701]) // 10 * 10 * 0.001, 7 * 0.0137
    cash = 1000.0
    for price in market([[10.1, 20.3, 30.7]]).close[0].tolist():
        cash += -(price * 7)
    for _ in prices:
        cash += -cost
    assert dump["daily"]["ending_cash"][1] == cash
