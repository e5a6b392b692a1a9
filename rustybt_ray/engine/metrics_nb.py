"""Metrics of one segment from its curves and its account: sums only, no sort. Sums run over sixteen lanes in a fixed order."""

import math

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.engine._jit import kernel
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
def lane_total(lanes: FloatArray, k: int) -> float:
    """Sum of the sixteen lanes of row k, as a tree."""
    lane = lanes[k]
    low = ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]))
    high = ((lane[8] + lane[9]) + (lane[10] + lane[11])) + ((lane[12] + lane[13]) + (lane[14] + lane[15]))
    return low + high


@kernel
def clear_lanes(lanes: FloatArray) -> None:
    """Zero in every lane."""
    for j in range(len(lanes)):
        for k in range(SUM_LANES):
            lanes[j, k] = 0.0


@kernel
def block_sums(returns: FloatArray, lanes: FloatArray) -> tuple[float, float]:
    """Sum and sum of squares of the returns; a lane takes two values in turn, which is what makes LLVM use vectors."""
    clear_lanes(lanes)
    whole = len(returns) // (2 * SUM_LANES) * 2 * SUM_LANES
    for i in range(0, whole, 2 * SUM_LANES):
        for k in range(SUM_LANES):
            total, squares = lanes[0, k], lanes[1, k]
            for turn in range(2):
                value = returns[i + turn * SUM_LANES + k]
                total += value
                squares += value * value
            lanes[0, k], lanes[1, k] = total, squares
    for k in range(len(returns) - whole):
        lanes[0, k % SUM_LANES] += returns[whole + k]
        lanes[1, k % SUM_LANES] += returns[whole + k] * returns[whole + k]
    return lane_total(lanes, 0), lane_total(lanes, 1)


@kernel
def add_powers(lanes: FloatArray, k: int, value: float, mean: float, risk_free: float) -> None:
    """Add the second, third and fourth power around the mean, and the squared shortfall, to lane k."""
    x = value - mean
    square = x * x
    below = min(value - risk_free, 0.0)
    lanes[0, k] += square
    lanes[1, k] += square * x
    lanes[2, k] += square * square
    lanes[3, k] += below * below


@kernel
def centred_sums(
    returns: FloatArray, mean: float, risk_free: float, lanes: FloatArray
) -> tuple[float, float, float, float]:
    """Sums of the second, third and fourth power around the mean, and of squared shortfalls below the risk-free rate."""
    clear_lanes(lanes)
    whole = len(returns) // SUM_LANES * SUM_LANES
    for i in range(0, whole, SUM_LANES):
        for k in range(SUM_LANES):
            add_powers(lanes, k, returns[i + k], mean, risk_free)
    for k in range(len(returns) - whole):
        add_powers(lanes, k, returns[whole + k], mean, risk_free)
    return lane_total(lanes, 0), lane_total(lanes, 1), lane_total(lanes, 2), lane_total(lanes, 3)


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
def drawdown(equity: FloatArray, capital: float) -> tuple[float, int]:
    """Lowest equity / running peak - 1, the capital in the peak, and the longest run of rows below the peak.

    Rows that neither reach the peak nor fall below the worst so far are passed over together, sixteen at a time.
    """
    state = (capital, capital * (1.0 - FLAT), 1.0, 0, 0)
    whole = len(equity) // SUM_LANES * SUM_LANES
    for i in range(0, whole, SUM_LANES):
        peak, edge, worst, run, longest = state
        low, between = worst * peak, 0
        for k in range(SUM_LANES):
            between += 1 if (equity[i + k] < edge) & (equity[i + k] >= low) else 0
        if between == SUM_LANES:
            state = (peak, edge, worst, run + SUM_LANES, max(longest, run + SUM_LANES))
            continue
        for k in range(SUM_LANES):
            state = fall(equity[i + k], state)
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
def find_returns(equity: FloatArray, capital: float, ruined: bool, returns: FloatArray) -> None:
    """Returns of each day on the one before, the first on the capital; zero after ruin."""
    returns[0] = equity[0] / capital - 1.0
    before, after, later = equity[:-1], equity[1:], returns[1:]
    if not ruined:
        for i in range(len(after)):
            later[i] = after[i] / before[i] - 1.0
    else:
        for i in range(len(after)):
            later[i] = after[i] / before[i] - 1.0 if before[i] > 0.0 else 0.0


@kernel
def add_exposure(lanes: FloatArray, k: int, value: float, gross: float) -> None:
    """Add gross exposure over value to lane k of row 0, a held day to row 1, and keep the largest in row 2."""
    exposure = gross / value if gross > 0.0 else 0.0
    lanes[0, k] += exposure
    lanes[1, k] += 1.0 if gross > 0.0 else 0.0
    lanes[2, k] = exposure if exposure > lanes[2, k] else lanes[2, k]


@kernel
def exposures(equity: FloatArray, gross: FloatArray, lanes: FloatArray) -> tuple[float, float, float]:
    """Mean and largest gross exposure over value, and the share of days with a position."""
    clear_lanes(lanes)
    n, largest = len(equity), 0.0
    whole = n // SUM_LANES * SUM_LANES
    for i in range(0, whole, SUM_LANES):
        for k in range(SUM_LANES):
            add_exposure(lanes, k, equity[i + k], gross[i + k])
    for k in range(n - whole):
        add_exposure(lanes, k, equity[whole + k], gross[whole + k])
    for k in range(SUM_LANES):
        largest = max(largest, lanes[2, k])
    return lane_total(lanes, 0) / n, largest, lane_total(lanes, 1) / n


@kernel
def distribution(returns: FloatArray, lanes: FloatArray, risk_free: float, moments: FloatArray) -> float:
    """n, mean, standard deviation, skewness, kurtosis and block sums of the returns into `moments`; the downside deviation."""
    n = len(returns)
    size = n // BLOCKS
    head = n - BLOCKS * size
    total, _ = block_sums(returns[:head], lanes)
    for b in range(BLOCKS):
        low = head + b * size
        moments[5 + b], moments[5 + BLOCKS + b] = block_sums(returns[low : low + size], lanes)
        total += moments[5 + b]
    mean = total / n
    second, third, fourth, below = centred_sums(returns, mean, risk_free, lanes)
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
    rules: Record, account: Record, rows: FloatArray, equity: FloatArray, gross: FloatArray,
    returns: FloatArray, lanes: FloatArray, out: FloatArray, moments: FloatArray,
) -> None:  # fmt: skip
    """Every metric that needs no sort, from the equity by row and the curves by day; fills `returns` with the daily returns."""
    capital, periods, n = rules.capital, rules.periods, len(equity)
    final = equity[n - 1]
    ruined = account.ruined > 0.0
    find_returns(equity, capital, ruined, returns)
    downside = distribution(returns, lanes, rules.daily_risk_free, moments)
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
    out[EXPOSURE], out[MAX_GROSS_LEVERAGE], out[TIME_IN_MARKET] = exposures(equity, gross, lanes)
    out[COMMISSION_PAID], out[SLIPPAGE_PAID] = account.commission, account.slippage
    out[FINANCING_PAID] = account.financing
    out[COSTS_PAID] = account.commission + account.slippage + account.financing
    gain = final - capital + account.commission + account.slippage
    out[BREAK_EVEN_COST] = ratio(1e4 * gain, account.notional)
    out[TRADED_NOTIONAL] = account.notional
    out[N_OPEN_TRADES] = account.positions
    out[N_CUT_ORDERS] = account.cuts
    out[RUINED] = account.ruined
