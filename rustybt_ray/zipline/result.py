"""`AlgorithmBacktest`: what a backtest of a zipline algorithm returns."""

from collections.abc import Mapping
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rustybt_ray._record import record_class
from rustybt_ray._typing import FloatArray
from rustybt_ray.engine.backtest import Backtest
from rustybt_ray.engine.structures import FILL_DELISTING, FILL_ORDER, LOG_COLUMNS
from rustybt_ray.zipline.record import (
    BY_AUTO_CLOSE,
    DAY_ENDING_CASH,
    POSITION_AMOUNT,
    POSITION_COLUMN,
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

    from rustybt_ray.zipline.performance import Performance


@record_class(frozen=True, eq=False)
class AlgorithmBacktest(Backtest):
    """Everything that happened in one run of an algorithm: a `Backtest`, and zipline's reports.

    Its `fills` are the transactions; cash for the fractions that splits leave is not among them. Its `cash` is the portfolio's:
    where dividends count from their ex-date on, what they owe is part of it.

    Attributes
    ----------
    record : Record
        What everything else is made from, when it is first asked for.
    """

    record: Record = field(repr=False)

    @classmethod
    def of(cls, record: Record) -> "AlgorithmBacktest":
        """The result of a run."""
        return cls(
            panel=record.view,
            first=record.first,
            last=record.last,
            metrics=dict(record.metrics),
            equity=record.equity,
            cash=record.daily[:, DAY_ENDING_CASH].copy(),
            returns=record.returns,
            positions=_shares(record),
            log=_log(record),
            record=record,
        )

    @cached_property
    def perf(self) -> "Performance":
        """Zipline's performance frame in polars, one row a session; its ``to_pandas()`` is the frame that zipline returns."""
        from rustybt_ray.zipline.performance import Performance

        return Performance.of(self.record)

    @cached_property
    def orders(self) -> "pl.DataFrame":
        """The daily order reports, a row for each session that an order was placed, filled or cancelled in."""
        from rustybt_ray.zipline.tables import orders_frame

        return orders_frame(self.record)

    @cached_property
    def transactions(self) -> "pl.DataFrame":
        """Every transaction with its price, the price before slippage and the commission charged."""
        from rustybt_ray.zipline.tables import transactions_frame

        return transactions_frame(self.record)

    @cached_property
    def recorded(self) -> "pl.DataFrame":
        """What the algorithm recorded, by time, one column a name; null before the first value."""
        import polars as pl

        from rustybt_ray.zipline.values import to_series

        columns = {name: to_series(name, values) for name, values in self.record.recorded.items()}
        return pl.DataFrame({"time": self.curve["time"], **columns})

    def dump(self, path: str | Path, meta: Mapping[str, Any]) -> Path:
        """Write everything as one JSON file: see `rustybt_ray.zipline.dump`."""
        from rustybt_ray.zipline.dump import dump

        return dump(self.record, path, meta)


def _shares(record: Record) -> FloatArray:
    """Shares at each session's end, shape (n, N)."""
    held = np.zeros((len(record), len(record.view.symbols)))
    rows, columns = (record.positions[:, at].astype(np.int64) for at in (POSITION_ROW, POSITION_COLUMN))
    held[rows - record.first, columns] = record.positions[:, POSITION_AMOUNT]
    return held


def _log(record: Record) -> FloatArray:
    """The transactions as the engine logs fills."""
    table = record.transactions
    slippage = np.abs(table[:, TXN_PRICE] - table[:, TXN_REFERENCE]) * np.abs(table[:, TXN_AMOUNT])
    kind = np.where(table[:, TXN_ORDER] == BY_AUTO_CLOSE, FILL_DELISTING, FILL_ORDER)
    kept = (TXN_ROW, TXN_COLUMN, TXN_AMOUNT, TXN_PRICE, TXN_COMMISSION)
    return np.column_stack([*(table[:, at] for at in kept), slippage, kind]).reshape(-1, LOG_COLUMNS)
