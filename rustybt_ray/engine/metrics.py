"""The metrics of a trial: their names and meaning, and those that need the order of the returns.

Daily for every bundle. V_0 is the capital, V_t the closing value of day t = 1..n, ``r_t = V_t / V_(t-1) - 1``, P the
periods a year, ``f = (1 + risk_free)^(1/P) - 1``. What is undefined is NaN, never infinite, never zero. With fewer than
20 daily returns the ratios are NaN. A ruined trial (value at or below zero) has a total and annual return of -1.
"""

import numpy as np

from rustybt_ray._typing import FloatArray
from rustybt_ray._validation import check_choice

METRICS: dict[str, str] = {
    "total_return": "V_n / V_0 - 1",
    "annual_return": "(V_n / V_0)^(P / n) - 1",
    "volatility": "std(r, ddof 1) sqrt(P); exactly 0 for a constant curve",
    "sharpe_ratio": "mean(r - f) / std(r, ddof 1) sqrt(P)",
    "sortino_ratio": "mean(r - f) P / (sqrt(mean(min(r - f, 0)^2)) sqrt(P)); NaN without a loss",
    "max_drawdown": "min(V_t / max(V_0..V_t) - 1), at most 0; every bar counts",
    "max_drawdown_length": "longest run of days below the running peak (by more than rounding), unrecovered to the end",
    "calmar_ratio": "annual_return / abs(max_drawdown); NaN without a drawdown",
    "skewness": "m3 / m2^1.5 of r, ddof 0",
    "kurtosis": "m4 / m2^2 of r, ddof 0, not in excess",
    "n_trades": "closed round trips, from flat to flat or through zero",
    "win_rate": "share of round trips with a profit, after costs and with dividends; NaN without a trade",
    "profit_factor": "sum of gains / abs(sum of losses) of round trips; NaN without a loss",
    "turnover": "one way, a year: sum_t (bought + sold) / 2 / V_(t-1) x P / n",
    "exposure": "mean of gross exposure / V_t at the closes",
    "time_in_market": "share of days with a position at the close",
    "max_gross_leverage": "largest gross exposure / V_t at the closes",
    "commission_paid": "money",
    "slippage_paid": "money: abs(fill - reference price) x shares",
    "financing_paid": "money: borrow and margin less interest on cash",
    "costs_paid": "commission, slippage and financing",
    "break_even_cost": "basis points a side: 10^4 (V_n - V_0 + commission + slippage) / traded notional",
    "traded_notional": "money bought and sold",
    "n_open_trades": "positions held at the end",
    "n_cut_orders": "orders that buying power cut",
    "ruined": "1 if the value fell to zero or below",
}
"""Metrics that every trial has, and their formulas."""

ORDERED: dict[str, str] = {
    "value_at_risk": "5th percentile of r, linear",
    "cvar": "mean of the floor(0.05 (n - 1)) + 1 smallest r",
    "tail_ratio": "abs(95th percentile) / abs(5th percentile) of r, linear",
}
"""Metrics that need a sort: for trials that are shown, or when asked for."""

NAMES = tuple(METRICS)
MOMENTS = 37
FLAT = 1e-14  # a standard deviation, a loss or a drawdown below this is rounding


def ordered_metrics(returns: FloatArray) -> tuple[float, float, float]:
    """value_at_risk, cvar and tail_ratio of daily returns.

    Parameters
    ----------
    returns : ndarray, shape (n,)
        Daily returns, as fractions.

    Returns
    -------
    tuple of float
        The first two are daily returns; the third is NaN for fewer than 20 returns or where the 5th percentile is 0.

    Examples
    --------
    >>> [round(value, 6) for value in ordered_metrics(np.linspace(-0.05, 0.05, 21))]
    [-0.045, -0.0475, 1.0]
    """
    ranked = np.sort(returns)
    low, high = np.percentile(ranked, [5.0, 95.0])
    worst = ranked[: int(0.05 * (len(ranked) - 1)) + 1]
    tail = abs(high) / abs(low) if abs(low) >= FLAT and len(ranked) >= 20 else float("nan")
    return float(low), float(worst.mean()), float(tail)


def check_metric(name: str, argument: str = "objective") -> str:
    """`name` if it is a metric.

    Raises
    ------
    InputError
        If it is none; the message lists them.
    """
    return check_choice(argument, name, (*METRICS, *ORDERED))
