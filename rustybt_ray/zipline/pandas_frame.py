"""zipline's performance frame as zipline returns it, in pandas."""

from collections.abc import Sequence
from typing import Any

from rustybt_ray._typing import IntArray
from rustybt_ray.zipline._pandas import pandas
from rustybt_ray.zipline.assets import equities_of
from rustybt_ray.zipline.perf import cumulative_columns, ledger_columns, period_labels
from rustybt_ray.zipline.record import (
    BY_AUTO_CLOSE,
    MINUTE,
    ORDER_AMOUNT,
    ORDER_CHANGED,
    ORDER_COLUMN,
    ORDER_COMMISSION,
    ORDER_CREATED,
    ORDER_FILLED,
    ORDER_LIMIT,
    ORDER_LIMIT_REACHED,
    ORDER_ORDER,
    ORDER_ROW,
    ORDER_STATE,
    ORDER_STATUS,
    ORDER_STOP,
    ORDER_STOP_REACHED,
    POSITION_AMOUNT,
    POSITION_BASIS,
    POSITION_COLUMN,
    POSITION_PRICE,
    POSITION_ROW,
    TXN_AMOUNT,
    TXN_COLUMN,
    TXN_ORDER,
    TXN_PRICE,
    TXN_ROW,
    Record,
)
from rustybt_ray.zipline.values import first_of

Entries = list[list[dict[str, Any]]]


def pandas_frame(record: Record) -> Any:
    """The performance frame that zipline's `run_algorithm` returns and hands to `analyze`.

    Returns
    -------
    pandas.DataFrame
        Indexed by the sessions' closes (UTC). `orders`, `transactions` and `positions` are lists of dicts, in which "sid" is the
        asset. None and NaN are where zipline has them: the frame is made of one dict a session, recorded values over the
        ledger's and cumulative figures over both.
    """
    closes, assets = _stamps(record.closes), equities_of(record.view)
    columns: dict[str, Sequence[Any]] = {
        "period_open": list(_stamps(record.opens + MINUTE)),
        "period_close": list(closes),
        "orders": _orders(record, assets),
        "transactions": _transactions(record, assets),
        "positions": _positions(record, assets),
        **ledger_columns(record),
    }
    recorded = [(name, values, first_of(values)) for name, values in record.recorded.items()]
    cumulative: dict[str, Sequence[Any]] = {**cumulative_columns(record), "period_label": period_labels(record)}
    rows = []
    for at in range(len(record)):
        row = {name: values[at] for name, values in columns.items()}
        row.update((name, values[at]) for name, values, first in recorded if first <= at)
        row.update((name, values[at]) for name, values in cumulative.items())
        rows.append(row)
    return pandas().DataFrame(rows, index=closes)


def _orders(record: Record, assets: Sequence[Any]) -> Entries:
    table = record.orders
    created, changed = (
        _stamps(record.times_of(table[:, ORDER_CREATED])),
        _stamps(record.times_of(table[:, ORDER_CHANGED])),
    )
    found: Entries = [[] for _ in range(len(record))]
    for row, made, last in zip(table.tolist(), created, changed, strict=True):
        filled, commission = int(row[ORDER_FILLED]), row[ORDER_COMMISSION]
        entry = {
            "id": record.order_ids(int(row[ORDER_ORDER])),
            "dt": last,
            "reason": None,
            "created": made,
            "amount": int(row[ORDER_AMOUNT]),
            "filled": filled,
            "commission": commission if filled or commission else 0,
            "stop": _or_none(row[ORDER_STOP]),
            "limit": _or_none(row[ORDER_LIMIT]),
            "stop_reached": bool(row[ORDER_STOP_REACHED]),
            "limit_reached": bool(row[ORDER_LIMIT_REACHED]),
            "sid": assets[int(row[ORDER_COLUMN])],
            "status": ORDER_STATUS(int(row[ORDER_STATE])),
        }
        found[int(row[ORDER_ROW]) - record.first].append(entry)
    return found


def _transactions(record: Record, assets: Sequence[Any]) -> Entries:
    table = record.transactions
    found: Entries = [[] for _ in range(len(record))]
    for row, time in zip(table.tolist(), _stamps(record.times_of(table[:, TXN_ROW])), strict=True):
        order = int(row[TXN_ORDER])
        entry = {
            "amount": int(row[TXN_AMOUNT]),
            "dt": time,
            "price": row[TXN_PRICE],
            "order_id": None if order == BY_AUTO_CLOSE else record.order_ids(order),
            "sid": assets[int(row[TXN_COLUMN])],
            "commission": None,
        }
        found[int(row[TXN_ROW]) - record.first].append(entry)
    return found


def _positions(record: Record, assets: Sequence[Any]) -> Entries:
    found: Entries = [[] for _ in range(len(record))]
    for row in record.sorted_positions().tolist():
        entry = {
            "sid": assets[int(row[POSITION_COLUMN])],
            "amount": int(row[POSITION_AMOUNT]),
            "cost_basis": row[POSITION_BASIS],
            "last_sale_price": row[POSITION_PRICE],
        }
        found[int(row[POSITION_ROW]) - record.first].append(entry)
    return found


def _stamps(nanoseconds: IntArray) -> Any:
    return pandas().DatetimeIndex(nanoseconds.astype("datetime64[ns]"), tz="UTC")


def _or_none(value: float) -> float | None:
    return None if value != value else value
