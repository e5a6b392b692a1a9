"""A `Record` made from a golden's own cash, values, transactions, orders and positions: the run without the engine."""

import math

import numpy as np

from rustybt_ray.zipline.record import BY_AUTO_CLOSE, ORDER_STATUS, Record


def record_of(golden, view):
    """What the engine would have recorded, had it done what the golden says."""
    days = np.array(golden["sessions"], dtype="datetime64[ns]").astype(np.int64)
    rows = np.searchsorted(view.sessions, days)
    assert view.sessions[rows].tolist() == days.tolist()
    first, count = int(rows[0]), len(rows)
    close = {stamp: first + at for at, stamp in enumerate(golden["period_close"])}
    column = {symbol: at for at, symbol in enumerate(view.symbols)}
    orders, order_index = _orders(golden, first, close, column)
    transactions = [
        [first + at, column[symbol], amount, price, BY_AUTO_CLOSE if order is None else order_index[order], 0.0, price]
        for at, _, symbol, amount, price, order, _ in _rows(golden, "transactions")
    ]
    daily = _daily(golden, count)
    equity = daily[:, 2] + daily[:, 3] + daily[:, 4]
    capital = golden["meta"]["capital"]
    return Record(
        view=view,
        first=first,
        last=first + count - 1,
        capital=capital,
        benchmark=_benchmark(golden, count),
        daily=daily,
        transactions=np.array(transactions, float).reshape(-1, 7),
        orders=orders,
        positions=_positions(golden, first, column),
        recorded={name: [math.nan if x is None else x for x in values] for name, values in golden["recorded"].items()},
        order_ids=lambda index: f"{index:032x}",
        metrics={},
        returns=equity / np.concatenate([[capital], equity[:-1]]) - 1.0,
        equity=equity,
    )


def _rows(golden, section):
    return golden[section]["rows"]


def _daily(golden, count):
    columns = golden["daily"] | {name: [value] * count for name, value in golden["constant"].items()}
    names = (
        "starting_cash",
        "starting_value",
        "ending_cash",
        "long_value",
        "short_value",
        "longs_count",
        "shorts_count",
    )
    flow = np.cumsum(columns["capital_used"])
    return np.column_stack([np.array(columns[name], float) for name in names] + [flow])


def _benchmark(golden, count):
    """Daily returns from the cumulative one; None where that never moves."""
    if "benchmark_period_return" not in golden["daily"]:
        return None
    total = 1.0 + np.array(golden["daily"]["benchmark_period_return"])
    return total / np.concatenate([[1.0], total[:-1]]) - 1.0


def _orders(golden, first, close, column):
    index = {}
    table = []
    for row in _rows(golden, "orders"):
        session, name, created, changed, symbol, amount, filled, status, limit, stop, by_limit, by_stop, paid, _ = row
        number = index.setdefault(name, len(index))
        prices = [math.nan if price is None else price for price in (limit, stop)]
        state = ORDER_STATUS[status].value
        flags = [by_limit, by_stop, paid, close[created], close[changed]]
        table.append([first + session, number, column[symbol], amount, filled, state, *prices, *flags])
    return np.array(table, float).reshape(-1, 13), index


def _positions(golden, first, column):
    """The sequence of first purchases is that of the report itself; rows are shuffled to see them sorted."""
    table = [
        [first + session, column[symbol], amount, basis, price, place]
        for place, (session, symbol, amount, price, basis) in enumerate(_rows(golden, "positions"))
    ]
    made = np.array(table, float).reshape(-1, 6)
    return made[np.random.default_rng(5).permutation(len(made))]
