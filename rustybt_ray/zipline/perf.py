"""zipline's performance frame, one row a session, made from a `Record`: its columns, a polars frame, zipline's pandas frame."""

from typing import TYPE_CHECKING, Any

import numpy as np

from rustybt_ray._typing import FloatArray
from rustybt_ray.zipline.record import (
    DAY_CASH_FLOW,
    DAY_ENDING_CASH,
    DAY_LONG_VALUE,
    DAY_LONGS,
    DAY_SHORT_VALUE,
    DAY_SHORTS,
    DAY_STARTING_CASH,
    DAY_STARTING_VALUE,
    MINUTE,
    Record,
)
from rustybt_ray.zipline.risk import Risk, cumulative_risk
from rustybt_ray.zipline.values import first_of

if TYPE_CHECKING:
    import polars as pl

Columns = dict[str, list[Any]]
Arrays = dict[str, np.ndarray]
LEDGER = frozenset({
    "capital_used", "ending_cash", "ending_exposure", "ending_value", "gross_leverage", "long_exposure", "long_value",
    "longs_count", "net_leverage", "pnl", "portfolio_value", "returns", "short_exposure", "short_value", "shorts_count",
    "starting_cash", "starting_exposure", "starting_value",
})  # fmt: skip
"""Columns of one session's numbers."""
CUMULATIVE = frozenset({
    "algo_volatility", "algorithm_period_return", "alpha", "benchmark_period_return", "benchmark_volatility", "beta",
    "excess_return", "max_drawdown", "max_leverage", "sharpe", "sortino", "trading_days", "treasury_period_return",
})  # fmt: skip
"""Columns of all sessions so far."""
FRAME = LEDGER | CUMULATIVE
WHOLE = frozenset({"longs_count", "shorts_count", "trading_days"})
"""Columns of whole numbers."""
LISTS = ("orders", "transactions", "positions")
REPLACEABLE = frozenset({*LISTS, "period_open", "period_close"})
NOT_NUMBERS = REPLACEABLE | {"period_label"}


def ledger_arrays(record: Record, returns: FloatArray) -> Arrays:
    """The figures of each session alone, of which `returns` has those of the sessions."""
    daily = record.daily
    starting_cash, starting_value = daily[:, DAY_STARTING_CASH], daily[:, DAY_STARTING_VALUE]
    longs, shorts = daily[:, DAY_LONG_VALUE], daily[:, DAY_SHORT_VALUE]
    ending_value = longs + shorts
    value = daily[:, DAY_ENDING_CASH] + ending_value
    return {
        "portfolio_value": value,
        "pnl": value - (starting_cash + starting_value),
        "returns": returns,
        "capital_used": np.diff(daily[:, DAY_CASH_FLOW], prepend=0.0),
        "starting_cash": starting_cash,
        "ending_cash": daily[:, DAY_ENDING_CASH],
        "starting_value": starting_value,
        "starting_exposure": starting_value,
        "ending_value": ending_value,
        "ending_exposure": ending_value,
        "long_value": longs,
        "long_exposure": longs,
        "short_value": shorts,
        "short_exposure": shorts,
        "longs_count": daily[:, DAY_LONGS].astype(np.int64),
        "shorts_count": daily[:, DAY_SHORTS].astype(np.int64),
        "gross_leverage": _over(longs - shorts, value),
        "net_leverage": _over(ending_value, value),
    }


def cumulative_arrays(record: Record, total: FloatArray, returns: FloatArray) -> Arrays:
    """The figures of all sessions so far, NaN where undefined; `total` is the return since the start."""
    count = len(record)
    value = record.daily[:, DAY_ENDING_CASH] + record.daily[:, DAY_LONG_VALUE] + record.daily[:, DAY_SHORT_VALUE]
    leverage = _over(record.daily[:, DAY_LONG_VALUE] - record.daily[:, DAY_SHORT_VALUE], value)
    return {
        "algorithm_period_return": total,
        **cumulative_risk(returns, record.benchmark)._asdict(),
        "max_leverage": np.maximum.accumulate(np.maximum(leverage, 0.0)),
        "excess_return": np.zeros(count),
        "treasury_period_return": np.zeros(count),
        "trading_days": np.arange(1, count + 1),
    }


def ledger_columns(record: Record) -> Columns:
    """The figures of each session alone; a recorded value of such a name stands in its place."""
    return {name: column.tolist() for name, column in ledger_arrays(record, period_returns(record)[1]).items()}


def cumulative_columns(record: Record) -> Columns:
    """The figures of all sessions so far, None where undefined; a recorded value of such a name is lost."""
    found = cumulative_arrays(record, *period_returns(record))
    return {
        name: [None if x != x else x for x in column.tolist()] if name in Risk._fields else column.tolist()
        for name, column in found.items()
    }


def period_labels(record: Record) -> list[str]:
    """Year and month of each session: the one cumulative column that is no number."""
    months = record.view.sessions[record.rows].astype("datetime64[ns]").astype("datetime64[M]")
    labels: list[str] = months.astype(str).tolist()
    return labels


def number_columns(record: Record) -> Columns:
    """Every column but times, labels and lists, as zipline's frame has them: the ledger's, recorded ones, cumulative ones."""
    columns = ledger_columns(record)
    for name, values in record.recorded.items():
        if name not in NOT_NUMBERS:
            at = first_of(values)
            columns[name] = [*columns.get(name, values)[:at], *values[at:]]
    return columns | cumulative_columns(record)


def period_returns(record: Record) -> tuple[FloatArray, FloatArray]:
    """Return since the start, and of each session, both at the sessions' ends, shape (n,).

    zipline chains them: ``(1 + R)(1 + gain / value before) - 1``, no gain where the value before is 0; a session's return is
    the quotient of two, so that one without change returns exactly 0. After a total loss it is undefined.
    """
    daily = record.daily
    values = daily[:, DAY_ENDING_CASH] + (daily[:, DAY_LONG_VALUE] + daily[:, DAY_SHORT_VALUE])
    totals, returns = [], []
    before, total = record.capital, 0.0
    for value in values.tolist():
        growth = 1.0 + total
        total = growth * (1.0 + ((value - before) / before if before else 0.0)) - 1.0
        totals.append(total)
        returns.append((1.0 + total) / growth - 1.0 if growth else np.nan)
        before = value
    return np.array(totals), np.array(returns)


def perf_frame(record: Record) -> "pl.DataFrame":
    """The performance frame in polars.

    Columns are zipline's. Times are UTC; undefined figures are null; `orders`, `transactions` and `positions` are lists of
    structs, with symbols for assets. Recorded columns have the type of their values, and are text if those are of several.
    """
    import polars as pl

    from rustybt_ray.zipline.tables import by_session, orders_frame, positions_frame, times_series, transactions_frame
    from rustybt_ray.zipline.values import to_series

    transactions = transactions_frame(record).drop("reference").with_columns(commission=pl.lit(None, pl.Float64))
    structs = dict(zip(LISTS, (orders_frame(record), transactions, positions_frame(record)), strict=True))
    columns: dict[str, Any] = {
        "period_label": period_labels(record),
        "period_open": times_series(record.opens + MINUTE),
        "period_close": times_series(record.closes),
    }
    total, returns = period_returns(record)
    ledger, cumulative = ledger_arrays(record, returns), cumulative_arrays(record, total, returns)
    for name, column in (ledger | cumulative).items():
        series = pl.Series(name, np.ascontiguousarray(column))
        columns[name] = series if name in WHOLE else series.fill_nan(None)
    for name, values in record.recorded.items():
        if name in LEDGER:
            at = first_of(values)
            columns[name] = to_series(name, [*ledger[name][:at].tolist(), *values[at:]])
    columns |= {name: by_session(record, name, frame) for name, frame in structs.items()}
    own = FRAME | NOT_NUMBERS
    columns |= {name: to_series(name, values) for name, values in record.recorded.items() if name not in own}
    replaced = {name: values for name, values in record.recorded.items() if name in REPLACEABLE}
    columns |= {name: to_series(name, values) for name, values in replaced.items()}
    return pl.DataFrame(columns)


def _over(exposure: FloatArray, value: FloatArray) -> FloatArray:
    """Exposure in units of the portfolio value, infinite where that is 0."""
    ratio: FloatArray = np.divide(exposure, value, out=np.full(len(value), np.inf), where=value != 0.0)
    return ratio
