"""What `context.portfolio.positions` says, and when it says something new."""

import math

import pytest
from zipline_market import market

import rustybt_ray as rb
from rustybt_ray.data.payouts import StockDividend, with_payouts
from rustybt_ray.engine.costs import Costs, NoCommission, NoSlippage
from rustybt_ray.zipline import api
from rustybt_ray.zipline.algorithm import Algorithm
from rustybt_ray.zipline.slippage import SlippageModel

FREE = Costs(NoCommission(), NoSlippage())
BLANK = math.nan


def when(position):
    """Day and time of the position's last price."""
    return None if position.last_sale_date is None else position.last_sale_date.strftime("%d %H:%M")


def test_the_date_of_the_last_price():
    """The morning reads today's close already; a blank bar has the price before; after the end there is none."""
    seen = {}

    def initialize(context):
        context.asset = api.sid(0)

    def look(context, key):
        held = context.portfolio.positions[context.asset]
        seen[key] = held.amount, when(held)

    def before_trading_start(context, data):
        look(context, f"{data.current_session.day} early")

    def handle_data(context, data):
        if data.current_session.day == 1:
            api.order(context.asset, 100)
        look(context, f"{data.current_session.day}")

    def analyze(context, perf):
        look(context, "end")

    panel = market([[10.0, 1.0], [11.0, 1.0], [BLANK, 1.0], [12.0, 1.0], [BLANK, 1.0]])
    rb.backtest(Algorithm(initialize, handle_data, before_trading_start, analyze), bundle=panel, costs=FREE)
    assert seen == {
        "1 early": (0, None),
        "1": (0, None),
        "2 early": (0, None),
        "2": (100, "02 21:00"),
        "3 early": (100, "03 13:45"),
        "3": (100, "03 21:00"),
        "4 early": (100, "04 13:45"),
        "4": (100, "04 21:00"),
        "5 early": (100, "04 21:00"),
        "5": (100, "04 21:00"),
        "end": (0, None),
    }


def test_shares_that_arrive_before_their_asset_has_a_price():
    def initialize(context):
        context.first, context.second = api.sid(0), api.sid(1)

    def handle_data(context, data):
        if data.current_session.day == 1:
            api.order(context.first, 100)
        held = context.portfolio.positions[context.second]
        api.record(amount=held.amount, basis=held.cost_basis, price=held.last_sale_price, at=when(held))

    panel = market([[10.0, BLANK], [10.0, BLANK], [10.0, BLANK], [10.0, 5.0]])
    days = panel.sessions.tolist()
    panel = with_payouts(panel, stock=[StockDividend(0, days[2], 0.29, 1, days[2])])
    got = rb.backtest(Algorithm(initialize, handle_data), bundle=panel, costs=FREE).recorded
    assert got["amount"].to_list() == [0, 0, 29, 29]
    assert got["price"].to_list() == [0.0, 0.0, 0.0, 5.0]
    assert got["basis"].to_list() == [0.0] * 4
    assert got["at"].to_list() == [None, None, None, "04 21:00"]


@pytest.mark.parametrize("own_model", [False, True])
def test_shares_that_arrive_after_their_asset_has_ended_are_worth_nothing_and_go(own_model):
    panel = market([[10.0, 1.0], [10.0, 1.0], [10.0, 1.0], [BLANK, 1.0], [BLANK, 1.0]])
    days = panel.sessions.tolist()
    panel = with_payouts(panel, stock=[StockDividend(0, days[2], 0.5, 0, days[4])])

    def initialize(context):
        if own_model:
            api.set_slippage(Peeking(context))

    def handle_data(context, data):
        if data.current_session.day == 1:
            api.order(api.sid(0), 100)
        api.record(held=context.portfolio.positions[api.sid(0)].amount)

    got = rb.backtest(Algorithm(initialize, handle_data), bundle=panel, costs=FREE, capital=1e4)
    assert got.recorded["held"].to_list() == [0, 100, 100, 100, 50]
    assert got.fills.select("row", "shares", "price").rows() == [(1, 100.0, 10.0), (3, -100.0, 10.0), (4, -50.0, 0.0)]
    assert got.equity.tolist() == [1e4] * 5


class Peeking(SlippageModel):
    """Reads the portfolio before its fills are booked."""

    def __init__(self, context):
        super().__init__()
        self.context = context

    def process_order(self, data, order):
        assert self.context.portfolio.positions[order.asset].amount == 0
        return data.current(order.asset, "close"), order.amount
