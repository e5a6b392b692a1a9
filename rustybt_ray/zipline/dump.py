"""Everything that an algorithm did as one JSON file, so that a run can be held against one of zipline itself.

Equal inputs give equal bytes: order ids are replaced by o1, o2, ... in order of first appearance, and nothing depends on the
clock. Sections:

meta
    What was run.
error
    null, or type and message of the exception that ended the run; then there is nothing else.
sessions, period_close
    Date and closing time (UTC) of each session.
daily
    Column of the performance frame -> one value a session, null for None and NaN.
constant
    Columns of it that hold one value throughout.
recorded
    Name -> one value a session.
positions, orders, transactions
    ``columns`` and ``rows``; "session" counts in `sessions`.
"""

import gzip
import json
import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rustybt_ray._typing import IntArray
from rustybt_ray.zipline.perf import FRAME, number_columns
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
    TXN_ORDER,
    TXN_PRICE,
    TXN_ROW,
    Record,
)
from rustybt_ray.zipline.values import settle

if TYPE_CHECKING:
    from rustybt_ray.zipline.result import AlgorithmBacktest

POSITION = ["session", "symbol", "amount", "last_sale_price", "cost_basis"]
ORDER = [
    "session", "id", "created", "dt", "symbol", "amount", "filled", "status", "limit", "stop", "limit_reached",
    "stop_reached", "commission", "reason",
]  # fmt: skip
TRANSACTION = ["session", "dt", "symbol", "amount", "price", "order_id", "commission"]
Rows = list[list[Any]]


def dump(result: "AlgorithmBacktest | Record | Exception", path: str | Path, meta: Mapping[str, Any]) -> Path:
    """Write what a run did.

    Parameters
    ----------
    result : AlgorithmBacktest, Record or Exception
        What the run left behind, or the exception that ended it.
    path : path
        The file to write, compressed if its name ends in ".gz"; folders above it are made.
    meta : mapping
        What was run, in values that JSON has.

    Returns
    -------
    Path
        The file.
    """
    path = Path(path)
    content = json.dumps(describe(result, meta), separators=(",", ":"), allow_nan=False).encode() + b"\n"
    if path.suffix == ".gz":
        content = gzip.compress(content, compresslevel=9, mtime=0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def describe(result: "AlgorithmBacktest | Record | Exception", meta: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of a dump, in values that JSON has."""
    if isinstance(result, Exception):
        return {"meta": dict(meta), "error": {"type": type(result).__name__, "message": str(result).strip()}}
    record = result if isinstance(result, Record) else result.record
    return {"meta": dict(meta), "error": None, **_sections(record)}


def _sections(record: Record) -> dict[str, Any]:
    daily: dict[str, list[Any]] = {}
    constant: dict[str, Any] = {}
    recorded: dict[str, list[Any]] = {}
    for name, column in sorted(number_columns(record).items()):
        values = [plain(value) for value in settle(column)]
        if name not in FRAME:
            recorded[name] = values
        elif all(value == values[0] and type(value) is type(values[0]) for value in values):
            constant[name] = values[0]
        else:
            daily[name] = values
    orders, transactions = _reports(record)
    return {
        "sessions": record.view.sessions[record.rows]
        .astype("datetime64[ns]")
        .astype("datetime64[D]")
        .astype(str)
        .tolist(),
        "period_close": _stamps(record.closes),
        "daily": daily,
        "constant": constant,
        "recorded": recorded,
        "positions": {"columns": POSITION, "rows": _positions(record)},
        "orders": {"columns": ORDER, "rows": orders},
        "transactions": {"columns": TRANSACTION, "rows": transactions},
    }


def plain(value: Any) -> Any:
    """A value that JSON has: numbers unchanged to the last bit, NaN and None as null, infinities and the rest as text.

    Examples
    --------
    >>> plain(0.1), plain(float("nan")), plain(float("-inf")), plain(True), plain((1, 2))
    (0.1, None, '-inf', True, '(1, 2)')
    """
    if isinstance(value, float):
        return None if value != value else value if math.isfinite(value) else repr(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def _reports(record: Record) -> tuple[Rows, Rows]:
    """Rows of orders and of transactions, with short names of orders: a session's report names them before its transactions."""
    names: dict[int, str] = {}
    orders, transactions = _orders(record), _transactions(record)
    for session in range(len(record)):
        for rows, place in ((orders, ORDER.index("id")), (transactions, TRANSACTION.index("order_id"))):
            for row in rows[session]:
                if row[place] is not None:
                    row[place] = names.setdefault(row[place], f"o{len(names) + 1}")
    return [row for rows in orders for row in rows], [row for rows in transactions for row in rows]


def _orders(record: Record) -> list[Rows]:
    """By session, with indices of orders for ids."""
    table, symbols = record.orders, record.view.symbols
    created, changed = (_stamps(record.times_of(table[:, column])) for column in (ORDER_CREATED, ORDER_CHANGED))
    found: list[Rows] = [[] for _ in range(len(record))]
    for row, made, last in zip(table.tolist(), created, changed, strict=True):
        session, filled, commission = int(row[ORDER_ROW]) - record.first, int(row[ORDER_FILLED]), row[ORDER_COMMISSION]
        found[session].append(
            [
                session,
                int(row[ORDER_ORDER]),
                made,
                last,
                symbols[int(row[ORDER_COLUMN])],
                int(row[ORDER_AMOUNT]),
                filled,
                ORDER_STATUS(int(row[ORDER_STATE])).name,
                plain(row[ORDER_LIMIT]),
                plain(row[ORDER_STOP]),
                bool(row[ORDER_LIMIT_REACHED]),
                bool(row[ORDER_STOP_REACHED]),
                commission if filled or commission else 0,  # a whole number until something was added to it
                None,
            ]
        )
    return found


def _transactions(record: Record) -> list[Rows]:
    """By session, with indices of orders for ids."""
    table, symbols = record.transactions, record.view.symbols
    found: list[Rows] = [[] for _ in range(len(record))]
    for row, time in zip(table.tolist(), _stamps(record.times_of(table[:, TXN_ROW])), strict=True):
        session, order = int(row[TXN_ROW]) - record.first, int(row[TXN_ORDER])
        symbol, amount = symbols[int(row[TXN_COLUMN])], int(row[TXN_AMOUNT])
        order_id = None if order == BY_AUTO_CLOSE else order
        found[session].append([session, time, symbol, amount, row[TXN_PRICE], order_id, None])
    return found


def _positions(record: Record) -> Rows:
    symbols = record.view.symbols
    found: Rows = []
    for row in record.sorted_positions().tolist():
        session, amount = int(row[POSITION_ROW]) - record.first, int(row[POSITION_AMOUNT])
        found.append(
            [
                session,
                symbols[int(row[POSITION_COLUMN])],
                amount,
                plain(row[POSITION_PRICE]),
                plain(row[POSITION_BASIS]),
            ]
        )
    return found


def _stamps(nanoseconds: IntArray) -> list[str]:
    texts: list[str] = np.datetime_as_string(nanoseconds.astype("datetime64[ns]").astype("datetime64[s]")).tolist()
    return [f"{text}+00:00" for text in texts]
