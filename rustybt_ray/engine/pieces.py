"""Pieces of a stitched curve: what the ledger of one segment leaves, and the metrics of many joined."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.engine.metrics import FLAT, METRICS, ORDERED, ordered_metrics
from rustybt_ray.engine.structures import EQUITY, GROSS, LAST, SESSION, Book

FEW = 20  # daily returns a ratio needs
RELATIVE = ("beta", "alpha", "tracking_error", "information_ratio")
"""Metrics against a benchmark."""
SUMS = (
    "trades", "wins", "gains", "losses", "notional", "turnover", "commission", "slippage", "financing", "cuts", "ruined",
)  # fmt: skip


class Piece(NamedTuple):
    """One segment of a curve.

    Attributes
    ----------
    returns : ndarray of float64, shape (days,)
        Daily returns, the first on the capital.
    exposure : ndarray of float64, shape (days,)
        Gross value of the positions over value at each close.
    sums : dict of str to float
        Round trips, money traded and paid, `turnover` as the sum of what was bought and sold over the value before.
    open_trades : int
        Positions at the end.
    gain : float
        Final value less capital, in money.
    """

    returns: FloatArray
    exposure: FloatArray
    sums: dict[str, float]
    open_trades: int
    gain: float


def piece_of(book: Book, closes: IntArray, segment: IntArray, returns: FloatArray, capital: float) -> Piece:
    """What the ledger holds of the segment that ran last; `closes` are the last rows of the panel's sessions."""
    first, days = int(segment[SESSION]), len(returns)
    rows = closes[first : first + days]
    equity, gross = book.curves[EQUITY, rows], book.curves[GROSS, rows]
    exposure = np.divide(gross, equity, out=np.zeros(days), where=gross > 0.0)
    account = book.account[0]
    sums = {name: float(account[name]) for name in SUMS}
    gain = float(book.curves[EQUITY, int(segment[LAST])]) - capital
    return Piece(returns.copy(), exposure, sums, int(account["positions"]), gain)


def chained(returns: FloatArray, capital: float) -> FloatArray:
    """Value at each close of daily returns in a row: ``capital x (1 + r_1) ... (1 + r_t)``."""
    made: FloatArray = np.cumprod(1.0 + returns) * np.float64(capital)
    return made


def stitched_metrics(pieces: Sequence[Piece], periods: float, risk_free: float) -> dict[str, float]:
    """Every metric of `metrics.METRICS` and `metrics.ORDERED` of pieces in a row.

    What is about the curve is that of the chained daily returns. Counts and money are sums over the pieces, each of which
    started with the capital; rates of round trips are those of all of them together.

    Parameters
    ----------
    pieces : sequence of Piece
        At least one, in time order.
    periods : float
        Trading days a year.
    risk_free : float
        Annual rate, a fraction.
    """
    returns = np.concatenate([piece.returns for piece in pieces])
    exposure = np.concatenate([piece.exposure for piece in pieces])
    sums = {name: math.fsum(piece.sums[name] for piece in pieces) for name in SUMS}
    made = _of_returns(returns, periods, risk_free, ruined=sums["ruined"] > 0.0)
    made |= dict(zip(ORDERED, ordered_metrics(returns), strict=True))
    trades, notional = sums["trades"], sums["notional"]
    paid = sums["commission"] + sums["slippage"]
    gain = math.fsum(piece.gain for piece in pieces) + paid
    made |= {
        "n_trades": trades,
        "win_rate": sums["wins"] / trades if trades else math.nan,
        "profit_factor": sums["gains"] / sums["losses"] if sums["losses"] else math.nan,
        "turnover": sums["turnover"] / 2.0 * periods / len(returns),
        "exposure": float(exposure.mean()),
        "time_in_market": float((exposure > 0.0).mean()),
        "max_gross_leverage": float(exposure.max()),
        "commission_paid": sums["commission"],
        "slippage_paid": sums["slippage"],
        "financing_paid": sums["financing"],
        "costs_paid": paid + sums["financing"],
        "break_even_cost": 1e4 * gain / notional if notional else math.nan,
        "traded_notional": notional,
        "n_open_trades": float(pieces[-1].open_trades),
        "n_cut_orders": sums["cuts"],
        "ruined": float(sums["ruined"] > 0.0),
    }
    return {name: made[name] for name in (*METRICS, *ORDERED)}


def relative_metrics(returns: FloatArray, benchmark: FloatArray, periods: float, risk_free: float) -> dict[str, float]:
    """beta, alpha, tracking_error and information_ratio of daily returns against a benchmark's of the same days.

    NaN where undefined: fewer than 20 days, a benchmark whose variance is below 1e-30, no difference between the two.
    """
    made = dict.fromkeys(RELATIVE, math.nan)
    if len(returns) < FEW:
        return made
    free = daily_rate(risk_free, periods)
    own, other, difference = returns - free, benchmark - free, returns - benchmark
    spread = float(np.var(other, ddof=1))
    if spread >= 1e-30:
        made["beta"] = beta = float(np.cov(own, other, ddof=1)[0, 1]) / spread
        made["alpha"] = (1.0 + float((own - beta * other).mean())) ** periods - 1.0
    deviation = float(difference.std(ddof=1))
    if deviation >= FLAT:
        made["tracking_error"] = deviation * math.sqrt(periods)
        made["information_ratio"] = float(difference.mean()) / deviation * math.sqrt(periods)
    return made


def daily_rate(risk_free: float, periods: float) -> float:
    """``(1 + risk_free)^(1/P) - 1``."""
    return float((1.0 + risk_free) ** (1.0 / periods) - 1.0)


def _of_returns(returns: FloatArray, periods: float, risk_free: float, *, ruined: bool) -> dict[str, float]:
    n, nothing = len(returns), math.nan
    final = float(np.prod(1.0 + returns))
    mean, deviation = float(returns.mean()), float(returns.std(ddof=1)) if n > 1 else nothing
    deviation = 0.0 if deviation < FLAT else deviation
    excess, root = mean - daily_rate(risk_free, periods), math.sqrt(periods)
    below = float(np.sqrt((np.minimum(returns - daily_rate(risk_free, periods), 0.0) ** 2).mean()))
    depth, longest = _drawdown(returns)
    depth = -1.0 if ruined else depth
    annual = -1.0 if ruined else final ** (periods / n) - 1.0
    centred = returns - mean
    variance = float((centred**2).mean())
    enough, moves = n >= FEW, n > 1 and deviation > 0.0
    return {
        "total_return": -1.0 if ruined else final - 1.0,
        "annual_return": annual,
        "volatility": deviation * root,
        "sharpe_ratio": excess / deviation * root if enough and moves else nothing,
        "sortino_ratio": excess * periods / (below * root) if enough and below >= FLAT else nothing,
        "max_drawdown": depth,
        "max_drawdown_length": float(longest),
        "calmar_ratio": annual / abs(depth) if enough and depth <= -FLAT else nothing,
        "skewness": float((centred**3).mean()) / variance**1.5 if moves else nothing,
        "kurtosis": float((centred**4).mean()) / variance**2 if moves else nothing,
    }


def _drawdown(returns: FloatArray) -> tuple[float, int]:
    """Lowest value over its running peak less 1, and the longest run of days below the peak by more than rounding."""
    value = np.concatenate([[1.0], np.cumprod(1.0 + returns)])
    peak = np.maximum.accumulate(value)
    under = value < peak * (1.0 - FLAT)
    if not under.any():
        return 0.0, 0
    ends = np.flatnonzero(~under)
    runs = np.diff(np.append(ends, len(value))) - 1
    return float((value[under] / peak[under]).min()) - 1.0, int(runs.max())
