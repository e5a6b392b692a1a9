"""Orders, transactions and positions of a run as polars frames, one row each, and as a list of structs a session."""

from typing import TYPE_CHECKING

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.zipline.record import (
    BY_AUTO_CLOSE,
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
    TXN_COMMISSION,
    TXN_ORDER,
    TXN_PRICE,
    TXN_REFERENCE,
    TXN_ROW,
    Record,
)

if TYPE_CHECKING:
    import polars as pl


def orders_frame(record: Record) -> "pl.DataFrame":
    """The daily order reports: row and time of the report, then the order as it was at the end of that session."""
    import polars as pl

    table = record.orders
    rows = _whole(table, ORDER_ROW)
    return pl.DataFrame(
        {
            "row": rows,
            "time": times_series(record.view.close_time[rows]),
            "id": _ids(record, _whole(table, ORDER_ORDER)),
            "symbol": _symbols(record, _whole(table, ORDER_COLUMN)),
            "created": times_series(record.times_of(table[:, ORDER_CREATED])),
            "dt": times_series(record.times_of(table[:, ORDER_CHANGED])),
            "amount": _whole(table, ORDER_AMOUNT),
            "filled": _whole(table, ORDER_FILLED),
            "status": _texts([state.name for state in ORDER_STATUS]).gather(_whole(table, ORDER_STATE)),
            "limit": pl.Series(table[:, ORDER_LIMIT]).fill_nan(None),
            "stop": pl.Series(table[:, ORDER_STOP]).fill_nan(None),
            "limit_reached": table[:, ORDER_LIMIT_REACHED] != 0.0,
            "stop_reached": table[:, ORDER_STOP_REACHED] != 0.0,
            "commission": table[:, ORDER_COMMISSION],
            "reason": pl.Series([None] * len(table), dtype=pl.String),
        }
    )


def transactions_frame(record: Record) -> "pl.DataFrame":
    """Every transaction: shares, price, price before slippage, commission charged; no order id for an auto-close."""
    import polars as pl

    table = record.transactions
    rows = _whole(table, TXN_ROW)
    return pl.DataFrame(
        {
            "row": rows,
            "dt": times_series(record.view.close_time[rows]),
            "symbol": _symbols(record, _whole(table, TXN_COLUMN)),
            "amount": _whole(table, TXN_AMOUNT),
            "price": table[:, TXN_PRICE],
            "order_id": _ids(record, _whole(table, TXN_ORDER)),
            "commission": table[:, TXN_COMMISSION],
            "reference": table[:, TXN_REFERENCE],
        }
    )


def positions_frame(record: Record) -> "pl.DataFrame":
    """What is held at each session's end, in order of first purchase."""
    import polars as pl

    table = record.sorted_positions()
    rows = _whole(table, POSITION_ROW)
    return pl.DataFrame(
        {
            "row": rows,
            "time": times_series(record.view.close_time[rows]),
            "symbol": _symbols(record, _whole(table, POSITION_COLUMN)),
            "amount": _whole(table, POSITION_AMOUNT),
            "cost_basis": table[:, POSITION_BASIS],
            "last_sale_price": table[:, POSITION_PRICE],
        }
    )


def by_session(record: Record, name: str, frame: "pl.DataFrame") -> "pl.Series":
    """The rows of `frame` (its column "row" says which session's) as a list of structs a session, empty where there are none."""
    import polars as pl

    fields = [column for column in frame.columns if column not in ("row", "time")]
    lists = frame.group_by("row").agg(pl.struct(fields).alias(name))
    rows = pl.DataFrame({"row": np.arange(record.first, record.last + 1)})
    joined = rows.join(lists, on="row", how="left", maintain_order="left")
    return joined[name].fill_null(pl.Series([[]], dtype=lists.schema[name]))


def _whole(table: FloatArray, column: int) -> IntArray:
    return table[:, column].astype(np.int64)


def times_series(nanoseconds: IntArray) -> "pl.Series":
    """UTC nanoseconds as times."""
    import polars as pl

    return pl.Series(np.ascontiguousarray(nanoseconds)).cast(pl.Datetime("ns", "UTC"))


def _texts(values: list[str | None] | list[str]) -> "pl.Series":
    import polars as pl

    return pl.Series(values, dtype=pl.String)


def _symbols(record: Record, columns: IntArray) -> "pl.Series":
    return _texts(list(record.view.symbols)).gather(columns)


def _ids(record: Record, orders: IntArray) -> "pl.Series":
    known, which = np.unique(orders, return_inverse=True)
    ids = [None if order == BY_AUTO_CLOSE else record.order_ids(order) for order in known.tolist()]
    return _texts(ids).gather(which)
