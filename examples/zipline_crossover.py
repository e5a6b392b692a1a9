"""A zipline algorithm as it is: a dual moving average on eight stocks, decided every session.

    rustybt-ray backtest -f examples/zipline_crossover.py -b sample-mag-7 -s 2001-01-02 -D FAST=50
    rustybt-ray optimize -f examples/zipline_crossover.py -b sample-mag-7 -s 2015-01-02 -p FAST=20:60:20 -p SLOW=100,200

Parameters set the names of the file that they spell, and are in ``context.params``.
"""

from zipline.api import order_target_percent, record, set_commission, set_slippage, sid
from zipline.finance.commission import PerDollar
from zipline.finance.slippage import FixedSlippage

FAST, SLOW = 50, 200


def initialize(context):
    context.assets = [sid(number) for number in range(8)]
    set_slippage(FixedSlippage(spread=0.0))
    set_commission(PerDollar(cost=0.001))


def handle_data(context, data):
    closes = data.history(context.assets, "price", SLOW, "1d")
    fast, slow = closes.iloc[-FAST:].mean(), closes.mean()
    for asset in filter(data.can_trade, context.assets):
        order_target_percent(asset, 0.125 if fast[asset] > slow[asset] else 0.0)
    record(value=context.portfolio.portfolio_value)
