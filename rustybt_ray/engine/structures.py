"""What the kernels share: a panel's arrays, the rules, a trial's account, cells and curves.

Kernels pass each other plain arrays and records, not these tuples: numba counts references each time it takes an array out
of a tuple, which made a trial fifteen times slower.
"""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rustybt_ray._typing import BoolArray, FloatArray, IntArray

ByteArray: TypeAlias = NDArray[np.uint8]
Record: TypeAlias = Any
"""One element of a structured array; its fields are read and written as attributes."""

# rows of the cells, one column an asset
(
    SHARES, STAGE, WEIGHT, REST, DONE_SHARES, DONE_NOTIONAL, CHARGED, CUT, BAR_SHARES, TRIP, BASIS, PRICE, VOLUME,
    LAST_SALE, SALE_ROW, ENTRY,
) = range(16)  # fmt: skip
CELLS = 16

# STAGE of an asset's open order
NONE, UNSIZED, SIZED = 0.0, 1.0, 2.0

# rows of the curves, one column a row of the panel
EQUITY, GROSS = range(2)
CURVES = 2

# rows valued together; partial sums of the metrics
LANES = 8

# cells of a mask that are compared together, a multiple of 8, and changes whose columns are kept
CHANGE_CELLS = 1 << 12
CHANGES = 1 << 16

# columns of the events, sorted by their row, and kinds of events
EVENT_ROW, EVENT_COLUMN, EVENT_VALUE, EVENT_PAY = range(4)
SPLITS, DIVIDENDS, PAYMENTS, DELISTINGS = range(4)

# a row behind all others
NEVER = 1 << 62

# `status` of an account
FINE, OVERWEIGHT, INFINITE = 0, 1, 2

# kinds of targets
DENSE, MASK_CHANGE, MASK_SCHEDULE = 0, 1, 2

# kinds of logged fills, and the columns of the log: row, column, shares, price, commission, slippage, kind
FILL_ORDER, FILL_DELISTING, FILL_SPLIT, FILL_CLOSING = 0, 1, 2, 3
LOG_COLUMNS = 7

# columns of the segments: first and last row, first session and how many, whether all is closed at the end, and where their
# daily returns begin among those of all segments
FIRST, LAST, SESSION, DAYS, CLOSES, RETURNS = range(6)

ACCOUNT = np.dtype(
    [
        (name, np.float64)
        for name in (
            "cash", "claims", "after_bar", "commission", "slippage", "financing", "notional", "turnover", "row_notional",
            "row_longs", "row_shorts", "trades", "wins", "gains", "losses", "cuts", "ruined", "value", "longs", "shorts",
        )
    ]
    + [(name, np.int64) for name in ("status", "status_row", "logged", "open_orders", "positions", "short_positions")],
    align=True,
)  # fmt: skip
"""Scalars of a running trial: money, sums, counts; `status` tells why the weights were refused."""

RULES = np.dtype(
    [
        (name, np.float64)
        for name in (
            "capital", "max_leverage", "delisting_return", "fixed", "per_share", "per_dollar", "minimum", "slippage",
            "spread", "price_impact", "volume_limit", "borrow", "margin", "interest", "daily_risk_free", "periods",
        )
    ]
    + [
        (name, np.int64)
        for name in (
            "whole", "decision_sizing", "reduce_first", "after_bar", "split_at_cost", "dividend_mode", "delist_at_end",
            "delay", "financing", "simple", "track_basis", "near_rounding", "hold_limits",
        )
    ],
    align=True,
)  # fmt: skip
"""Settings and costs as the ledger reads them; `max_leverage` is infinite where nothing is cut, `slippage` a fraction of the
price, `simple` where an order that meets a bar is filled whole at a price and a commission that do not depend on the order (see
`simple_nb`)."""


class Market(NamedTuple):
    """Arrays of a panel that the ledger reads (T rows, N assets, S sessions).

    Attributes
    ----------
    mark : ndarray, shape (N, T)
    price : ndarray, shape (T, N)
        The series that orders fill at.
    at_close : int
        Whether that series is the close.
    gapless : int
        Whether it is, and no bar is missing between an asset's first and last: the mark is the price on all of these rows.
    volume : ndarray, shape (T, N)
    traded : int
        Whether every bar has a volume above zero.
    listing : ndarray of int64, shape (2, N)
        First and last row with a bar.
    previous_close : ndarray of int64, shape (T,)
        Last row of the session before; -1 in the first session.
    days : ndarray, shape (T,)
        Calendar days since the session before, on the first row of a session; else 0.
    event_rows : ndarray of int64
        Rows with a split, a dividend, a payment or a delisting, in order.
    event_starts : ndarray of int64, shape (event rows + 1, 4)
        Where the splits, dividends, payments and delistings of each of these rows begin in their arrays.
    splits : ndarray, shape (E, 3)
        Row, column, new shares per old share.
    dividends : ndarray, shape (E, 4)
        Row, column, cash a share, pay row (-1: unknown).
    payments : ndarray of int64, shape (E, 2)
        Pay row and position in `dividends`, for known pay rows, in their order.
    delistings : ndarray of int64, shape (E, 2)
        Row after the last bar, and column.
    closes : ndarray of int64, shape (S,)
        Last row of each session.
    """

    mark: FloatArray
    price: FloatArray
    at_close: int
    gapless: int
    volume: FloatArray
    traded: int
    listing: IntArray
    previous_close: IntArray
    days: FloatArray
    event_rows: IntArray
    event_starts: IntArray
    splits: FloatArray
    dividends: FloatArray
    payments: IntArray
    delistings: IntArray
    closes: IntArray


class Targets(NamedTuple):
    """What strategies want, trial by trial: dense weights, or masks with their slots and their scheduled rows.

    Attributes
    ----------
    weights : ndarray, shape (trials, T, N)
        Empty where there are masks.
    masks : ndarray of int64, shape (trials,)
        Address of each C-contiguous mask, a byte a cell, which somebody keeps until it is traded.
    """

    kind: int
    weights: FloatArray
    masks: IntArray
    slots: int
    scheduled: BoolArray


class Target(NamedTuple):
    """What a strategy wants in one trial; what is unused is empty."""

    kind: int
    weights: FloatArray
    mask: ByteArray
    slots: int
    scheduled: BoolArray


class Book(NamedTuple):
    """Buffers of one trial at a time, allocated once a worker and panel.

    Attributes
    ----------
    arrivals : ndarray of int64
        Rows on which orders arrive, in order, and `NEVER` behind them.
    starts, changes : ndarray of int64
        Columns that change on those rows: ``changes[starts[k] : starts[k + 1]]``, if there are so many.
    """

    account: Record
    cells: FloatArray
    decided: FloatArray
    claims: FloatArray
    arrivals: IntArray
    starts: IntArray
    changes: IntArray
    change: ByteArray
    found: IntArray
    queue: IntArray
    sales: IntArray
    purchases: IntArray
    held: IntArray
    curves: FloatArray
    daily: FloatArray
    returns: FloatArray


class Log(NamedTuple):
    """Where a replay writes its fills, positions and cash; empty arrays write nothing."""

    fills: FloatArray
    positions: FloatArray
    cash: FloatArray


def make_book(rows: int, assets: int, dividends: int, delay: int, days: int = 0) -> Book:
    """Buffers for trials of a panel with these sizes; `days` of all segments together, where that is more than `rows`."""
    return Book(
        account=np.zeros(1, ACCOUNT),
        cells=np.zeros((CELLS, assets)),
        decided=np.full((delay + 1, assets), np.nan),
        claims=np.zeros(dividends),
        arrivals=np.zeros(rows + 1, np.int64),
        starts=np.zeros(rows + 1, np.int64),
        changes=np.zeros(min(rows * assets, CHANGES), np.int64),
        change=np.zeros(CHANGE_CELLS, np.uint8),
        found=np.zeros(CHANGE_CELLS // 8 + 1, np.int64),
        queue=np.zeros(assets, np.int64),
        sales=np.zeros(assets, np.int64),
        purchases=np.zeros(assets, np.int64),
        held=np.zeros(assets, np.int64),
        curves=np.zeros((CURVES, rows + LANES)),
        daily=np.zeros((CURVES, rows)),
        returns=np.zeros(max(rows, days)),
    )
