"""From a panel, costs and settings to what the kernels read."""

import math
from weakref import WeakKeyDictionary

import numpy as np

from rustybt_ray._typing import BoolArray, FloatArray, IntArray
from rustybt_ray._validation import check_choice, check_number
from rustybt_ray.data.panel import Panel
from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.settings import DIVIDENDS, FILLS, Settings
from rustybt_ray.engine.structures import RULES, Market

COMPLICATIONS = (
    "fixed", "minimum", "spread", "price_impact", "volume_limit", "decision_sizing", "after_bar", "split_at_cost",
)  # fmt: skip
DAY = 86_400_000_000_000  # nanoseconds


_markets: WeakKeyDictionary[Panel, dict[tuple[str, bool], Market]] = WeakKeyDictionary()


def market_of(panel: Panel, fill: str, exact: bool = False) -> Market:
    """The panel's arrays as the ledger reads them, for orders that fill at "next_close" or "next_open"; made once a panel.

    With `exact`, as zipline has it, a dividend whose pay date is no session has no pay row, and an asset lives as long as its
    source has rows; without, the row is the first one after that date, and an asset lives from its first to its last bar.

    Raises
    ------
    InputError
        If `fill` is neither.
    """
    check_choice("fill", fill, FILLS)
    known = _markets.setdefault(panel, {})
    if (fill, exact) not in known:
        known[fill, exact] = make_market(panel, fill, exact)
    return known[fill, exact]


def make_market(panel: Panel, fill: str, exact: bool = False) -> Market:
    """The panel's arrays as the ledger reads them."""
    first, last = panel.life if exact else panel.listing
    sessions = panel.session
    starts = np.append(True, sessions[1:] != sessions[:-1])
    gaps = np.diff(panel.sessions, prepend=panel.sessions[:1]) / DAY
    delisted = np.flatnonzero((last >= 0) & (sessions[np.maximum(last, 0)] < sessions[-1]))
    delisted = delisted[np.argsort(last[delisted], kind="stable")]
    pay_row = _exactly(panel)[0] if exact else panel.dividend_pay
    columns = (panel.dividend_row, panel.dividend_column, panel.dividend_amount, pay_row)
    payments, delistings = _payments(pay_row), np.column_stack([last[delisted] + 1, delisted])
    by_row = (panel.split_row, panel.dividend_row, payments[:, 0], delistings[:, 0])
    event_rows = _event_rows(panel, pay_row, last[delisted] + 1)
    return Market(
        mark=panel.mark,
        price=panel.close if fill == "next_close" else panel.open,
        at_close=int(fill == "next_close"),
        gapless=int(fill == "next_close" and _is_gapless(panel, first, last)),
        volume=panel.volume,
        traded=int(((panel.volume > 0.0) | np.isnan(panel.close)).all()),
        listing=_frozen(np.stack([first, last])),
        previous_close=_frozen(np.append(-1, panel.last_rows[:-1])[sessions]),
        days=_frozen(np.where(starts, gaps[sessions], 0.0)),
        event_rows=_frozen(event_rows),
        event_starts=_frozen(_event_starts(event_rows, by_row, len(panel.time))),
        splits=_frozen(np.column_stack([panel.split_row, panel.split_column, panel.split_ratio]).astype(np.float64)),
        dividends=_frozen(np.column_stack(columns).astype(np.float64)),
        payments=payments,
        delistings=_frozen(delistings),
        closes=_frozen(panel.last_rows),
    )


def make_rules(panel: Panel, capital: float, costs: Costs, settings: Settings) -> np.ndarray:
    """Costs and settings as the ledger reads them, a structured array of one `RULES`.

    Raises
    ------
    InputError
        If `capital` is not a positive number.
    """
    check_number("capital", capital, low=0.0, strict=True)
    periods = settings.periods_per_year or panel.periods_per_year
    values = {
        "capital": capital,
        "max_leverage": math.inf if settings.max_leverage is None else settings.max_leverage,
        "delisting_return": settings.delisting_return,
        "borrow": costs.borrow,
        "margin": costs.margin,
        "interest": costs.cash,
        "daily_risk_free": (1.0 + settings.risk_free) ** (1.0 / periods) - 1.0,
        "periods": periods,
        "whole": settings.shares == "whole" or (settings.shares == "auto" and not panel.fractional),
        "decision_sizing": settings.sizing == "decision",
        "reduce_first": settings.sequence == "reduce first",
        "after_bar": settings.commissions == "after bar",
        "split_at_cost": settings.split_fraction == "cost basis",
        "dividend_mode": DIVIDENDS.index(settings.dividends),
        "delist_at_end": settings.delisting == "session end",
        "delay": settings.delay,
        "track_basis": settings.kept or settings.split_fraction == "cost basis",
        "near_rounding": settings.rounding == "order",
        "hold_limits": settings.limit_fills == "at limit",
        "financing": bool(costs.borrow or costs.margin or costs.cash),
        **costs.commission.charges()._asdict(),
        **costs.slippage.impact()._asdict(),
    }
    plain = not any(values[name] for name in COMPLICATIONS)
    # at 10,000 basis points a sale would fill at nothing, which leaves its order open
    values["simple"] = plain and values["reduce_first"] and values["max_leverage"] == 1.0 and values["slippage"] < 1.0
    return np.array([tuple(values[name] for name in RULES.names or ())], RULES)


def make_segments(
    panel: Panel, segments: tuple[tuple[int, int], ...], closing: tuple[bool, ...] | None = None
) -> IntArray:
    """Segments of rows as the kernels read them (see `structures`); `closing` says which end without a position."""
    rows = np.array(segments, dtype=np.int64).reshape(-1, 2)
    sessions = panel.session[rows]
    days = sessions[:, 1] - sessions[:, 0] + 1
    closes = np.array(closing if closing is not None else [False] * len(rows), dtype=np.int64)
    return _frozen(np.column_stack([rows, sessions[:, 0], days, closes, np.cumsum(days) - days]))


def scheduled_rows(panel: Panel, schedule: str) -> BoolArray:
    """Last row of every session, or of the first session of each ISO week or month, shape (T,)."""
    days = panel.sessions // DAY
    if schedule == "weekly":
        period = (days + 3) // 7  # 1970-01-01 was a Thursday
    elif schedule == "monthly":
        period = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    else:
        period = days
    rows = np.zeros(len(panel.time), dtype=np.bool_)
    rows[panel.last_rows[np.append(True, period[1:] != period[:-1])]] = True
    return _frozen(rows)


def stock_dividends(panel: Panel, exact: bool = False) -> tuple[FloatArray, IntArray]:
    """Dividends in shares, and when they arrive; `exact` as in `market_of`.

    Returns
    -------
    dividends : ndarray, shape (E, 5)
        Row of the ex-date, column, ratio, column of the shares paid, row of the pay date (-1: never); sorted by row.
    payments : ndarray of int64, shape (E, 2)
        Pay row and position in `dividends`, for known pay rows, in their order.
    """
    rows = _exactly(panel)[1] if exact else (panel.stock_row, panel.stock_pay)
    columns = rows[0], panel.stock_column, panel.stock_ratio, panel.stock_payment, rows[1]
    table = np.column_stack(columns).astype(np.float64)[rows[0] >= 0]
    return _frozen(table), _payments(table[:, 4].astype(np.int64))


def _exactly(panel: Panel) -> tuple[IntArray, tuple[IntArray, IntArray]]:
    """Pay rows of dividends, and rows of ex- and pay dates of those in shares, by zipline's rule."""
    # loaded here because zipline's rules alone need it
    from rustybt_ray.data.payouts import exact_pay_rows, exact_stock_rows

    return exact_pay_rows(panel), exact_stock_rows(panel)


def _payments(pay_row: IntArray) -> IntArray:
    """Known pay rows in their order, and the position of each."""
    known = np.flatnonzero(pay_row >= 0)
    known = known[np.argsort(pay_row[known], kind="stable")]
    return _frozen(np.column_stack([pay_row[known], known]))


def _is_gapless(panel: Panel, first: IntArray, last: IntArray) -> bool:
    """Whether each asset that has been listed has a bar on every row from its first to its last."""
    bars = np.isfinite(panel.close).sum(axis=0)
    return bool((bars == np.where(last >= 0, last - first + 1, 0)).all())


def _event_rows(panel: Panel, pay_row: IntArray, delistings: IntArray) -> IntArray:
    rows = np.concatenate([panel.split_row, panel.dividend_row, pay_row, delistings])
    has_event = np.zeros(len(panel.time), np.bool_)
    has_event[rows[(rows >= 0) & (rows < len(panel.time))]] = True
    return np.flatnonzero(has_event)


def _event_starts(event_rows: IntArray, by_row: tuple[IntArray, ...], rows: int) -> IntArray:
    """Where the events of each row begin among all of their kind, and where the last ones end."""
    return np.stack([np.searchsorted(of_kind, np.append(event_rows, rows)) for of_kind in by_row], axis=1)


def _frozen(array: np.ndarray) -> np.ndarray:
    made = np.ascontiguousarray(array)
    made.flags.writeable = False
    return made
