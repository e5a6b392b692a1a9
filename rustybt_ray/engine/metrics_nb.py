"""Metrics of one segment from its curves and its account: sums only, no sort. Sums run over lanes in a fixed order."""

import math

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.engine._jit import extremes, kernel, local_zeros
from rustybt_ray.engine.metrics import FLAT
from rustybt_ray.engine.structures import LANES, Record

BLOCKS = 16
FEW = 20  # daily returns a ratio needs
DAYS = 16  # whose returns are made together
TOGETHER = 32  # rows of which only the largest and the smallest value are looked at, if these tell enough

# columns of a metrics row, in the order of `metrics.METRICS`
(
    TOTAL_RETURN, ANNUAL_RETURN, VOLATILITY, SHARPE_RATIO, SORTINO_RATIO, MAX_DRAWDOWN, MAX_DRAWDOWN_LENGTH,
    CALMAR_RATIO, SKEWNESS, KURTOSIS, N_TRADES, WIN_RATE, PROFIT_FACTOR, TURNOVER, EXPOSURE, TIME_IN_MARKET,
    MAX_GROSS_LEVERAGE, COMMISSION_PAID, SLIPPAGE_PAID, FINANCING_PAID, COSTS_PAID, BREAK_EVEN_COST, TRADED_NOTIONAL,
    N_OPEN_TRADES, N_CUT_ORDERS, RUINED,
) = range(26)  # fmt: skip


@kernel
def lane_total(lane: FloatArray) -> float:
    """Sum of eight lanes, as a tree."""
    return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]))


@kernel
def add_powers(
    total: FloatArray, squares: FloatArray, cubes: FloatArray, fourths: FloatArray, short: FloatArray, k: int, x: float,
    below: float,
) -> None:  # fmt: skip
    """Add a number's powers and the square of a shortfall to lane k."""
    square = x * x
    total[k] += x
    squares[k] += square
    cubes[k] += square * x
    fourths[k] += square * square
    short[k] += below * below


@kernel
def power_sums(
    returns: FloatArray, centre: float, risk_free: float, cubes: FloatArray, fourths: FloatArray, short: FloatArray
) -> tuple[float, float]:
    """Sum and sum of squares of the returns less `centre`; higher powers, and squared shortfalls, are added to lanes."""
    total, squares = local_zeros(LANES, np.float64), local_zeros(LANES, np.float64)
    whole = len(returns) // LANES * LANES
    for i in range(0, whole, LANES):
        for k in range(LANES):
            value = returns[i + k]
            add_powers(total, squares, cubes, fourths, short, k, value - centre, min(value - risk_free, 0.0))
    for k in range(len(returns) - whole):
        value = returns[whole + k]
        add_powers(total, squares, cubes, fourths, short, k, value - centre, min(value - risk_free, 0.0))
    return lane_total(total), lane_total(squares)


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
def fall_together(
    equity: FloatArray, t: int, state: tuple[float, float, float, int, int]
) -> tuple[float, float, float, int, int]:
    """State after the eight rows from `t` on: peak, edge and lowest value / peak as in `fall`, `behind`, and the most rows below.

    `behind` is a row behind the last one that reached the peak, with no other that did in between.
    """
    peak, edge, worst, behind, longest = state
    top, bottom = extremes(equity[t : t + LANES], LANES)
    if top < edge:
        return peak, edge, bottom / peak if bottom < worst * peak else worst, behind, longest
    if t + LANES - behind + TOGETHER > longest:
        first = t
        while equity[first] < edge:
            first += 1
        longest = max(longest, first - run_start(equity, edge, behind))
    # runs between two peaks among these are shorter than eight
    if bottom < worst * max(peak, top) or longest < LANES:
        fallen = (peak, edge, worst, 0, longest)
        for k in range(t, t + LANES):
            fallen = fall(equity[k], fallen)
        worst, longest = fallen[2], max(longest, fallen[4])
    return max(peak, top), max(peak, top) * (1.0 - FLAT), worst, t + LANES, longest


@kernel
def run_start(equity: FloatArray, edge: float, behind: int) -> int:
    """The row behind the last one before `behind` that reached the peak."""
    while behind > 0 and equity[behind - 1] < edge:
        behind -= 1
    return behind


@kernel
def drawdown(equity: FloatArray, capital: float) -> tuple[float, int]:
    """Lowest equity / running peak - 1, the capital in the peak, and the longest run of rows below the peak.

    Of 32 rows together only the largest and the smallest value are looked at, unless these could be a new depth after a new
    peak, or end a run that is longer than all before.
    """
    peak, edge, worst, behind, longest = capital, capital * (1.0 - FLAT), 1.0, 0, 0
    whole = len(equity) // TOGETHER * TOGETHER
    for i in range(0, whole, TOGETHER):
        top, bottom = extremes(equity[i : i + TOGETHER], TOGETHER)
        reached, deeper = top >= edge, bottom < worst * max(peak, top)
        if reached and (deeper or i + TOGETHER - behind + TOGETHER > longest):
            state = (peak, edge, worst, behind, longest)
            for t in range(i, i + TOGETHER, LANES):
                state = fall_together(equity, t, state)
            peak, edge, worst, behind, longest = state
        elif deeper:
            worst = bottom / peak
        else:
            behind = i + TOGETHER if reached else behind
            peak = max(peak, top)
            edge = peak * (1.0 - FLAT)
    run = whole - run_start(equity, edge, behind)
    fallen = (peak, edge, worst, run, max(longest, run))
    for k in range(whole, len(equity)):
        fallen = fall(equity[k], fallen)
    return fallen[2] - 1.0, fallen[4]


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
    """Fill the returns of each day; mean and largest gross exposure over value, and the share of days with a position.

    A return, the first on the capital, is the gain times one over the value before, which gives the exposure too: one
    division a day, and no gain is exactly zero. After ruin both are zero. The returns of sixteen days are made apart from
    where they go, which might be where the next are read.
    """
    inverse, gains = local_zeros(DAYS, np.float64), local_zeros(DAYS, np.float64)
    # eight lanes, of which each gets two days: those of sixteen find no room in the registers
    total, most = local_zeros(LANES, np.float64), local_zeros(LANES, np.float64)
    held, n = local_zeros(LANES, np.float64), len(equity)
    returns[0] = (equity[0] - capital) / capital
    whole = (n - 1) // DAYS * DAYS
    for i in range(0, whole, DAYS):
        values, after, sizes = equity[i : i + DAYS], equity[i + 1 : i + 1 + DAYS], gross[i : i + DAYS]
        made = returns[i + 1 : i + 1 + DAYS]
        for k in range(DAYS):
            inverse[k] = 1.0 / values[k] if values[k] > 0.0 else 0.0
        for k in range(LANES):
            add_exposure(total, most, held, k, sizes[k] * inverse[k])
        for k in range(LANES):
            add_exposure(total, most, held, k, sizes[LANES + k] * inverse[LANES + k])
        for k in range(DAYS):
            gains[k] = (after[k] - values[k]) * inverse[k]
        for k in range(DAYS):
            made[k] = gains[k]
    for k in range(n - whole):
        t = whole + k
        one_over = 1.0 / equity[t] if equity[t] > 0.0 else 0.0
        add_exposure(total, most, held, k % LANES, gross[t] * one_over)
        if t + 1 < n:
            returns[t + 1] = (equity[t + 1] - equity[t]) * one_over
    return lane_total(total) / n, extremes(most, LANES)[0], lane_total(held) / n


@kernel
def about_mean(n: int, mean: float, squares: float, cubes: float, fourths: float) -> tuple[float, float, float]:
    """Sums of the second, third and fourth power around the mean, from those around zero."""
    square = mean * mean
    second, third = squares - n * square, cubes - 3.0 * mean * squares + 2.0 * n * mean * square
    return second, third, fourths - 4.0 * mean * cubes + 6.0 * square * squares - 3.0 * n * square * square


@kernel
def distribution(returns: FloatArray, risk_free: float, moments: FloatArray) -> float:
    """n, mean, standard deviation, skewness, kurtosis and block sums of the returns into `moments`; the downside deviation.

    Powers are summed around zero, in the same pass as the blocks. That loses no digits as long as the mean is smaller than the
    deviation; else they are summed again, around the mean.
    """
    cubes, fourths, short = (
        local_zeros(LANES, np.float64), local_zeros(LANES, np.float64), local_zeros(LANES, np.float64)
    )  # fmt: skip
    n = len(returns)
    size = n // BLOCKS
    head = n - BLOCKS * size
    total, squares = power_sums(returns[:head], 0.0, risk_free, cubes, fourths, short)
    for b in range(BLOCKS):
        low = head + b * size
        block, block_squares = power_sums(returns[low : low + size], 0.0, risk_free, cubes, fourths, short)
        moments[5 + b], moments[5 + BLOCKS + b] = block, block_squares
        total += block
        squares += block_squares
    mean, below = total / n, lane_total(short)
    second, third, fourth = about_mean(n, mean, squares, lane_total(cubes), lane_total(fourths))
    if not second > n * mean * mean:
        for k in range(LANES):
            cubes[k] = fourths[k] = 0.0
        _, second = power_sums(returns, mean, risk_free, cubes, fourths, short)
        third, fourth = lane_total(cubes), lane_total(fourths)
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
