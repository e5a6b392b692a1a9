"""Metrics of one segment from its curves and its account: sums only, no sort. Sums run over sixteen lanes in a fixed order."""

import math

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.engine._jit import kernel, local_zeros
from rustybt_ray.engine.metrics import FLAT
from rustybt_ray.engine.structures import SUM_LANES, Record

BLOCKS = 16
FEW = 20  # daily returns a ratio needs

# columns of a metrics row, in the order of `metrics.METRICS`
(
    TOTAL_RETURN, ANNUAL_RETURN, VOLATILITY, SHARPE_RATIO, SORTINO_RATIO, MAX_DRAWDOWN, MAX_DRAWDOWN_LENGTH,
    CALMAR_RATIO, SKEWNESS, KURTOSIS, N_TRADES, WIN_RATE, PROFIT_FACTOR, TURNOVER, EXPOSURE, TIME_IN_MARKET,
    MAX_GROSS_LEVERAGE, COMMISSION_PAID, SLIPPAGE_PAID, FINANCING_PAID, COSTS_PAID, BREAK_EVEN_COST, TRADED_NOTIONAL,
    N_OPEN_TRADES, N_CUT_ORDERS, RUINED,
) = range(26)  # fmt: skip


@kernel
def lane_total(lane: FloatArray) -> float:
    """Sum of sixteen lanes, as a tree."""
    low = ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]))
    high = ((lane[8] + lane[9]) + (lane[10] + lane[11])) + ((lane[12] + lane[13]) + (lane[14] + lane[15]))
    return low + high


@kernel
def block_sums(returns: FloatArray) -> tuple[float, float]:
    """Sum and sum of squares of the returns."""
    total, squares = local_zeros(SUM_LANES, np.float64), local_zeros(SUM_LANES, np.float64)
    whole = len(returns) // SUM_LANES * SUM_LANES
    for i in range(0, whole, SUM_LANES):
        for k in range(SUM_LANES):
            total[k] += returns[i + k]
            squares[k] += returns[i + k] * returns[i + k]
    for k in range(len(returns) - whole):
        total[k] += returns[whole + k]
        squares[k] += returns[whole + k] * returns[whole + k]
    return lane_total(total), lane_total(squares)


@kernel
def add_powers(
    second: FloatArray, third: FloatArray, fourth: FloatArray, short: FloatArray, k: int, x: float, below: float
) -> None:
    """Add the powers of a distance from the mean, and the square of a shortfall, to lane k."""
    square = x * x
    second[k] += square
    third[k] += square * x
    fourth[k] += square * square
    short[k] += below * below


@kernel
def centred_sums(returns: FloatArray, mean: float, risk_free: float) -> tuple[float, float, float, float]:
    """Sums of the second, third and fourth power around the mean, and of squared shortfalls below the risk-free rate."""
    second, third = local_zeros(SUM_LANES, np.float64), local_zeros(SUM_LANES, np.float64)
    fourth, short = local_zeros(SUM_LANES, np.float64), local_zeros(SUM_LANES, np.float64)
    whole = len(returns) // SUM_LANES * SUM_LANES
    for i in range(0, whole, SUM_LANES):
        for k in range(SUM_LANES):
            value = returns[i + k]
            add_powers(second, third, fourth, short, k, value - mean, min(value - risk_free, 0.0))
    for k in range(len(returns) - whole):
        value = returns[whole + k]
        add_powers(second, third, fourth, short, k, value - mean, min(value - risk_free, 0.0))
    return lane_total(second), lane_total(third), lane_total(fourth), lane_total(short)


@kernel
def fall(value: float, state: tuple[float, float, float, int, int]) -> tuple[float, float, float, int, int]:
    """Peak, what counts as reaching it, lowest value / peak, rows below the peak, and the most of them, after another value."""
    peak, edge, worst, run, longest = state
    if value >= edge:
        return max(peak, value), max(peak, value) * (1.0 - FLAT), worst, 0, longest
    if value < worst * peak:
        worst = value / peak
    return peak, edge, worst, run + 1, max(longest, run + 1)


@kernel
def highest(values: FloatArray) -> float:
    """Largest of sixteen values."""
    eight, four = local_zeros(8, np.float64), local_zeros(4, np.float64)
    for k in range(8):
        eight[k] = values[k] if values[k] > values[k + 8] else values[k + 8]
    for k in range(4):
        four[k] = eight[k] if eight[k] > eight[k + 4] else eight[k + 4]
    return max(max(four[0], four[1]), max(four[2], four[3]))


@kernel
def lowest(values: FloatArray) -> float:
    """Smallest of sixteen values."""
    eight, four = local_zeros(8, np.float64), local_zeros(4, np.float64)
    for k in range(8):
        eight[k] = values[k] if values[k] < values[k + 8] else values[k + 8]
    for k in range(4):
        four[k] = eight[k] if eight[k] < eight[k + 4] else eight[k + 4]
    return min(min(four[0], four[1]), min(four[2], four[3]))


@kernel
def fall_together(
    values: FloatArray, state: tuple[float, float, float, int, int]
) -> tuple[float, float, float, int, int]:
    """`fall` for sixteen values, without looking at each where that moves nothing but the peak and the runs at both ends."""
    peak, edge, worst, run, longest = state
    top, bottom = highest(values), lowest(values)
    if top < edge:
        if bottom < worst * peak:
            worst = bottom / peak
        return peak, edge, worst, run + SUM_LANES, max(longest, run + SUM_LANES)
    top = max(peak, top)
    # runs between two peaks among these are shorter than sixteen
    if bottom < worst * top or longest < SUM_LANES:
        for k in range(SUM_LANES):
            state = fall(values[k], state)
        return state
    reached, first, last = top * (1.0 - FLAT), SUM_LANES, 0
    for k in range(SUM_LANES):
        first = min(first, k if values[k] >= edge else SUM_LANES)
        last = max(last, k if values[k] >= reached else 0)
    return top, reached, worst, SUM_LANES - 1 - last, max(longest, run + first)


@kernel
def drawdown(equity: FloatArray, capital: float) -> tuple[float, int]:
    """Lowest equity / running peak - 1, the capital in the peak, and the longest run of rows below the peak."""
    state = (capital, capital * (1.0 - FLAT), 1.0, 0, 0)
    whole = len(equity) // SUM_LANES * SUM_LANES
    for i in range(0, whole, SUM_LANES):
        state = fall_together(equity[i : i + SUM_LANES], state)
    for k in range(whole, len(equity)):
        state = fall(equity[k], state)
    return state[2] - 1.0, state[4]


@kernel
def gather(curves: FloatArray, closes: IntArray, days: FloatArray) -> None:
    """The curves at the rows `closes`."""
    for c in range(len(curves)):
        for i in range(len(closes)):
            days[c, i] = curves[c, closes[i]]


@kernel
def add_exposure(total: FloatArray, most: FloatArray, held: FloatArray, k: int, exposure: float) -> None:
    """Add an exposure to lane k: to its sum, its largest and its days with a position."""
    total[k] += exposure
    most[k] = exposure if exposure > most[k] else most[k]
    held[k] += 1.0 if exposure > 0.0 else 0.0


@kernel
def walk_days(equity: FloatArray, gross: FloatArray, capital: float, returns: FloatArray) -> tuple[float, float, float]:
    """Fill the returns of each day on the one before, the first on the capital; the mean and the largest gross exposure over
    value, and the share of days with a position.

    A return is the gain times one over the value before, which gives the exposure too: one division a day, and no gain is
    exactly zero. After ruin both are zero. The returns of sixteen days are made apart from where they go, which might be
    where the next are read.
    """  # fmt: skip
    inverse, gains = local_zeros(SUM_LANES, np.float64), local_zeros(SUM_LANES, np.float64)
    total, most = local_zeros(SUM_LANES, np.float64), local_zeros(SUM_LANES, np.float64)
    held, n = local_zeros(SUM_LANES, np.float64), len(equity)
    returns[0] = (equity[0] - capital) / capital
    whole = (n - 1) // SUM_LANES * SUM_LANES
    for i in range(0, whole, SUM_LANES):
        values, after, sizes = equity[i : i + SUM_LANES], equity[i + 1 : i + 1 + SUM_LANES], gross[i : i + SUM_LANES]
        made = returns[i + 1 : i + 1 + SUM_LANES]
        for k in range(SUM_LANES):
            inverse[k] = 1.0 / values[k] if values[k] > 0.0 else 0.0
        for k in range(SUM_LANES):
            add_exposure(total, most, held, k, sizes[k] * inverse[k])
        for k in range(SUM_LANES):
            gains[k] = (after[k] - values[k]) * inverse[k]
        for k in range(SUM_LANES):
            made[k] = gains[k]
    for k in range(n - whole):
        t = whole + k
        one_over = 1.0 / equity[t] if equity[t] > 0.0 else 0.0
        add_exposure(total, most, held, k, gross[t] * one_over)
        if t + 1 < n:
            returns[t + 1] = (equity[t + 1] - equity[t]) * one_over
    return lane_total(total) / n, highest(most), lane_total(held) / n


@kernel
def distribution(returns: FloatArray, risk_free: float, moments: FloatArray) -> float:
    """n, mean, standard deviation, skewness, kurtosis and block sums of the returns into `moments`; the downside deviation."""
    n = len(returns)
    size = n // BLOCKS
    head = n - BLOCKS * size
    total, _ = block_sums(returns[:head])
    for b in range(BLOCKS):
        low = head + b * size
        moments[5 + b], moments[5 + BLOCKS + b] = block_sums(returns[low : low + size])
        total += moments[5 + b]
    mean = total / n
    second, third, fourth, below = centred_sums(returns, mean, risk_free)
    deviation = math.sqrt(second / (n - 1)) if n > 1 else np.nan
    moments[0], moments[1], moments[2] = n, mean, deviation
    if deviation >= FLAT:
        variance = second / n
        moments[3] = third / n / (variance * math.sqrt(variance))
        moments[4] = fourth / n / (variance * variance)
    else:
        moments[2] = 0.0 if n > 1 else np.nan
        moments[3] = moments[4] = np.nan
    return math.sqrt(below / n)


@kernel
def ratio(numerator: float, denominator: float) -> float:
    """The quotient, or NaN where the denominator is zero."""
    return numerator / denominator if denominator != 0.0 else np.nan


@kernel
def summarise(
    rules: Record, account: Record, rows: FloatArray, equity: FloatArray, gross: FloatArray, returns: FloatArray,
    out: FloatArray, moments: FloatArray,
) -> None:  # fmt: skip
    """Every metric that needs no sort, from the equity by row and the curves by day; fills `returns` with the daily returns."""
    capital, periods, n = rules.capital, rules.periods, len(equity)
    final = equity[n - 1]
    ruined = account.ruined > 0.0
    out[EXPOSURE], out[MAX_GROSS_LEVERAGE], out[TIME_IN_MARKET] = walk_days(equity, gross, capital, returns)
    downside = distribution(returns, rules.daily_risk_free, moments)
    depth, longest = drawdown(equity, capital)
    if len(rows) != n:
        depth, _ = drawdown(rows, capital)
    mean, deviation = moments[1], moments[2]
    root = math.sqrt(periods)
    enough = n >= FEW
    depth = -1.0 if ruined else depth
    out[TOTAL_RETURN] = -1.0 if ruined else final / capital - 1.0
    out[ANNUAL_RETURN] = -1.0 if ruined else (final / capital) ** (periods / n) - 1.0
    out[VOLATILITY] = deviation * root
    excess = mean - rules.daily_risk_free
    out[SHARPE_RATIO] = excess / deviation * root if enough and deviation >= FLAT else np.nan
    out[SORTINO_RATIO] = excess * periods / (downside * root) if enough and downside >= FLAT else np.nan
    out[MAX_DRAWDOWN] = depth
    out[MAX_DRAWDOWN_LENGTH] = longest
    out[CALMAR_RATIO] = out[ANNUAL_RETURN] / abs(depth) if enough and depth <= -FLAT else np.nan
    out[SKEWNESS], out[KURTOSIS] = moments[3], moments[4]
    out[N_TRADES] = account.trades
    out[WIN_RATE] = ratio(account.wins, account.trades)
    out[PROFIT_FACTOR] = ratio(account.gains, account.losses)
    out[TURNOVER] = account.turnover / 2.0 * periods / n
    out[COMMISSION_PAID], out[SLIPPAGE_PAID] = account.commission, account.slippage
    out[FINANCING_PAID] = account.financing
    out[COSTS_PAID] = account.commission + account.slippage + account.financing
    gain = final - capital + account.commission + account.slippage
    out[BREAK_EVEN_COST] = ratio(1e4 * gain, account.notional)
    out[TRADED_NOTIONAL] = account.notional
    out[N_OPEN_TRADES] = account.positions
    out[N_CUT_ORDERS] = account.cuts
    out[RUINED] = account.ruined
