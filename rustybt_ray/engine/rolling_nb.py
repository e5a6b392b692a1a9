"""Rolling kernels on [rows, assets]: causal, each row's result depends on earlier rows alone, bit for bit.

A window with a missing value is NaN, and so are the rows before an asset's first full window; once a window is full again its
value is there again. Inner loops run over the assets of a row, which are contiguous, so that they are vectorised. Where a
value of a window is not a running sum, a window is the end of one block of n rows and the beginning of the next: what
follows each row of the last block is made once, backwards, when the block is complete. That costs the same for every n and
never subtracts what has left the window.

What a kernel needs to remember comes from outside as `scratch`; its content does not matter unless the docstring says so.
"""

import math

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.engine._jit import as_vector, kernel
from rustybt_ray.engine.structures import LANES

P1, P2, P3, P4, P5, P6, P7 = (np.uint64(i) for i in range(1, 8))
SUM_CELLS = 64  # of the rows of a narrow panel that are summed together


@kernel
def is_plain(x: FloatArray, low: int, high: int) -> bool:
    """Whether no value of the rows [low, high) follows a missing one of its asset, and none is infinite."""
    assets = x.shape[1]
    flat, odd = as_vector(x, np.float64), 0
    now, before = flat[low * assets : high * assets], flat[(low - 1) * assets : (high - 1) * assets]
    for i in range(len(now)):
        size = abs(now[i])
        odd += 1 if (size == np.inf) | ((size < np.inf) & (not abs(before[i]) < np.inf)) else 0
    return odd == 0


@kernel
def sum_lanes(x: FloatArray, n: int, low: int, high: int, divisor: float, total: FloatArray, out: FloatArray) -> None:
    """The rows [low, high) of eight assets, as a vector; written out so that the compiler keeps their sums in registers."""
    s0, s1, s2, s3, s4, s5, s6, s7 = (
        total[0], total[1], total[2], total[3], total[4], total[5], total[6], total[7]
    )  # fmt: skip
    for t in range(low, high):
        k, j = np.uint64(t * LANES), np.uint64(max(t - n, 0) * LANES)
        s0 = s0 + x[k] - x[j]
        s1 = s1 + x[k + P1] - x[j + P1]
        s2 = s2 + x[k + P2] - x[j + P2]
        s3 = s3 + x[k + P3] - x[j + P3]
        s4 = s4 + x[k + P4] - x[j + P4]
        s5 = s5 + x[k + P5] - x[j + P5]
        s6 = s6 + x[k + P6] - x[j + P6]
        s7 = s7 + x[k + P7] - x[j + P7]
        out[k], out[k + P1], out[k + P2], out[k + P3] = s0 / divisor, s1 / divisor, s2 / divisor, s3 / divisor
        out[k + P4], out[k + P5], out[k + P6], out[k + P7] = s4 / divisor, s5 / divisor, s6 / divisor, s7 / divisor
    total[0], total[1], total[2], total[3], total[4], total[5], total[6], total[7] = s0, s1, s2, s3, s4, s5, s6, s7


@kernel
def sum_plain(x: FloatArray, n: int, low: int, high: int, divisor: float, total: FloatArray, out: FloatArray) -> None:
    """The rows [low, high) of a narrow panel, which are plain and in which no sum is set again."""
    assets = x.shape[1]
    values, made = as_vector(x, np.float64), as_vector(out, np.float64)
    if assets == LANES:
        sum_lanes(values, n, low, high, divisor, total, made)
        return
    for a in range(assets):
        s = total[a]
        for t in range(low, high):
            k = np.uint64(t * assets + a)
            s = s + values[k] - values[np.uint64(max(t - n, 0) * assets + a)]
            made[k] = s / divisor
        total[a] = s


@kernel
def sum_row(
    x: FloatArray, n: int, t: int, due: int, divisor: float, total: FloatArray, start: IntArray, out: FloatArray
) -> int:
    """Row t, whatever is in it; the row on which a sum is set again next, given the one known so far.

    Division has a loop of its own: in one loop with the sum the row's store delays the next row's load.
    """
    rows, assets = x.shape
    row, old, before, result = x[t], x[max(t - n, 0)], x[max(t - 1, 0)], out[t]
    began = t == 0
    for a in range(assets):
        began |= (abs(row[a]) < np.inf) & (not abs(before[a]) < np.inf)
    for a in range(assets):
        new = row[a] if abs(row[a]) < np.inf else np.nan
        total[a] = total[a] + new - old[a]
    for a in range(assets):
        result[a] = total[a] / divisor
    if began:
        for a in range(assets):
            if abs(row[a]) < np.inf and (t == 0 or not abs(before[a]) < np.inf):
                start[a] = t
                due = min(due, t + n - 1)
    if t != due:
        return due
    due = rows
    for a in range(assets):
        if start[a] == t - n + 1:
            fresh = 0.0
            for i in range(t - n + 1, t + 1):
                fresh += x[i, a] if abs(x[i, a]) < np.inf else np.nan
            total[a] = fresh
            result[a] = fresh / divisor
        elif start[a] > t - n + 1:
            due = min(due, start[a] + n - 1)
    return due


@kernel
def rolling_sum(x: FloatArray, n: int, divisor: float, total: FloatArray, start: IntArray, out: FloatArray) -> int:
    """Sum of the last n rows over `divisor`: a running sum from the first value on, add before take away, anew after a gap.

    A missing value makes the sum NaN, which lasts until the n-th row after the gap sets it again. Rows of a narrow panel are
    summed some at a time where nothing is missing: with few assets a row, looking costs more than summing.
    """
    rows, assets = x.shape
    due, narrow = rows, 0 < assets <= LANES
    size = SUM_CELLS // assets if narrow else rows
    for a in range(assets):
        total[a], start[a] = np.nan, -1
    for low in range(0, rows, max(size, 1)):
        high = min(low + size, rows)
        if narrow and low > 0 and not low <= due < high and is_plain(x, low, high):
            sum_plain(x, n, low, high, divisor, total, out)
            continue
        for t in range(low, high):
            due = sum_row(x, n, t, due, divisor, total, start, out)
    return 0


@kernel
def add_value(new: FloatArray, mean: FloatArray, squares: FloatArray, k: int) -> None:
    """Make the mean and the squares around it those of k values, `new` being the k-th (Welford 1962); k = 1 begins."""
    for a in range(len(new)):
        if k == 1:
            mean[a] = new[a]
            squares[a] = new[a] - new[a]  # NaN where it is missing
        else:
            d = new[a] - mean[a]
            mean[a] += d / k
            squares[a] += d * (new[a] - mean[a])


@kernel
def rolling_deviation(x: FloatArray, n: int, score: int, scratch: FloatArray, out: FloatArray) -> int:
    """Standard deviation (ddof 1) of the last n rows, or how many of them the last value is from their mean.

    Means and squares of both blocks are joined by Chan, Golub and LeVeque (1979). `scratch` has the shape
    (2, n + 1, assets).
    """
    rows, assets = x.shape
    if n > rows:
        return 0
    mean, squares = scratch[0], scratch[1]
    head_mean, head_squares = mean[n], squares[n]
    for t in range(rows):
        k = t % n + 1
        add_value(x[t], head_mean, head_squares, k)
        if t >= n - 1:
            # with k = n the first block has no row left and weighs nothing
            before, weight = k % n, k * (n - k) / n
            row, result = x[t], out[t]
            for a in range(assets):
                d = head_mean[a] - mean[before, a] if k < n else 0.0
                total = head_squares[a] + (squares[before, a] + d * d * weight if k < n else 0.0)
                centre = head_mean[a] - d * ((n - k) / n)
                deviation = math.sqrt(total / (n - 1))
                if score:
                    steady = not deviation > 1e-14 * abs(centre)
                    result[a] = np.nan if steady else (row[a] - centre) / deviation
                else:
                    result[a] = deviation
        if k == n:
            for i in range(n - 1, 0, -1):
                if i < n - 1:
                    for a in range(assets):
                        mean[i, a], squares[i, a] = mean[i + 1, a], squares[i + 1, a]
                add_value(x[t - n + 1 + i], mean[i], squares[i], n - i)
    return 0


@kernel
def rolling_extreme(x: FloatArray, n: int, sign: float, scratch: FloatArray, out: FloatArray) -> int:
    """Largest of the last n rows (sign 1) or smallest (sign -1), block by block (van Herk 1992); `scratch`: (n + 1, assets)."""
    rows, assets = x.shape
    if n > rows:
        return 0
    after, head = scratch, scratch[n]
    for t in range(rows):
        k, row, result = t % n + 1, x[t], out[t]
        for a in range(assets):
            new = sign * row[a]
            head[a] = head[a] if k > 1 and not (new > head[a] or new != new) else new
        if t >= n - 1:
            ends = after[k % n]
            for a in range(assets):
                best = head[a] if k == n or not (ends[a] > head[a] or ends[a] != ends[a]) else ends[a]
                result[a] = sign * best
        if k == n:
            for i in range(n - 1, 0, -1):
                made, later, values = after[i], after[min(i + 1, n - 1)], x[t - n + 1 + i]
                for a in range(assets):
                    new = sign * values[a]
                    made[a] = later[a] if i < n - 1 and not (new > later[a] or new != new) else new
    return 0


@kernel
def exponential(x: FloatArray, n: int, alpha: float, scratch: FloatArray, out: FloatArray) -> int:
    """Exponential average: the mean of the first n values, then alpha of each new value; a missing row is NaN and skipped.

    `scratch` has the shape (2, assets).
    """
    rows, assets = x.shape
    value, count = scratch[0], scratch[1]  # value is the sum until there are n values
    for a in range(assets):
        value[a], count[a] = 0.0, 0.0
    for t in range(rows):
        row, result = x[t], out[t]
        for a in range(assets):
            new, old, k = row[a], value[a], count[a] + 1.0
            made = old + new if k <= n else old + alpha * (new - old)
            made = made / n if k == n else made
            there = new == new
            value[a] = made if there else old
            count[a] = k if there else count[a]
            result[a] = made if there and k >= n else np.nan
    return 0


@kernel
def relative_strength(x: FloatArray, n: int, out: FloatArray) -> int:
    """Wilder's RSI: 100 gain / (gain + loss), each averaged by 1/n after a mean of the first n changes; 50 without change."""
    rows, assets = x.shape
    for a in range(assets):
        count, gain, loss, last = 0, 0.0, 0.0, np.nan
        for t in range(rows):
            new = x[t, a]
            if new != new:
                continue
            if last == last:
                change = new - last
                up, down = max(change, 0.0), max(-change, 0.0)
                count += 1
                if count <= n:
                    gain += up / n
                    loss += down / n
                else:
                    gain += (up - gain) / n
                    loss += (down - loss) / n
                if count >= n:
                    out[t, a] = 100.0 * gain / (gain + loss) if gain + loss > 0.0 else 50.0
            last = new
    return 0


@kernel
def true_range(high: FloatArray, low: FloatArray, close: FloatArray, out: FloatArray) -> int:
    """Wilder's true range against the last close that there was; high - low on the first bar."""
    rows, assets = close.shape
    for a in range(assets):
        last = np.nan
        for t in range(rows):
            if close[t, a] == close[t, a]:
                span = high[t, a] - low[t, a]
                if last == last:
                    span = max(span, abs(high[t, a] - last), abs(low[t, a] - last))
                out[t, a] = span
                last = close[t, a]
    return 0


@kernel
def add_pair(x: FloatArray, y: FloatArray, state: FloatArray, k: int) -> None:
    """Make the rows of `state` those of k pairs: mean of x, mean of y, squares of x, squares of y, products."""
    for a in range(len(x)):
        if k == 1:
            state[0, a], state[1, a] = x[a], y[a]
            state[2, a], state[3, a] = x[a] - x[a], y[a] - y[a]
            state[4, a] = state[2, a] + state[3, a]
        else:
            dx, dy = x[a] - state[0, a], y[a] - state[1, a]
            state[0, a] += dx / k
            state[1, a] += dy / k
            state[2, a] += dx * (x[a] - state[0, a])
            state[3, a] += dy * (y[a] - state[1, a])
            state[4, a] += dx * (y[a] - state[1, a])


@kernel
def rolling_correlation(x: FloatArray, y: FloatArray, n: int, scratch: FloatArray, out: FloatArray) -> int:
    """Pearson's correlation of the last n rows, column by column; NaN where one is constant; `scratch`: (n + 1, 5, assets)."""
    rows, assets = x.shape
    if n > rows:
        return 0
    after, head = scratch, scratch[n]
    for t in range(rows):
        k = t % n + 1
        add_pair(x[t], y[t], head, k)
        if t >= n - 1:
            before, share = after[k % n], (n - k) / n
            for a in range(assets):
                dx = head[0, a] - before[0, a] if k < n else 0.0
                dy = head[1, a] - before[1, a] if k < n else 0.0
                mx, my = head[0, a] - dx * share, head[1, a] - dy * share
                xx = head[2, a] + (before[2, a] + dx * dx * k * share if k < n else 0.0)
                yy = head[3, a] + (before[3, a] + dy * dy * k * share if k < n else 0.0)
                xy = head[4, a] + (before[4, a] + dx * dy * k * share if k < n else 0.0)
                if xx > 1e-24 * n * mx * mx and yy > 1e-24 * n * my * my:
                    out[t, a] = min(max(xy / math.sqrt(xx * yy), -1.0), 1.0)
        if k == n:
            for i in range(n - 1, 0, -1):
                if i < n - 1:
                    for part in range(5):
                        for a in range(assets):
                            after[i, part, a] = after[i + 1, part, a]
                add_pair(x[t - n + 1 + i], y[t - n + 1 + i], after[i], n - i)
    return 0


@kernel
def rank_rows(x: FloatArray, out: FloatArray) -> int:
    """Rank of each asset in its row, in (0, 1]: mid-rank over the number of values; NaN stays NaN."""
    rows, assets = x.shape
    for t in range(rows):
        count = 0
        for a in range(assets):
            count += 1 if x[t, a] == x[t, a] else 0
        for a in range(assets):
            if x[t, a] == x[t, a]:
                below, same = 0, 0
                for b in range(assets):
                    below += 1 if x[t, b] < x[t, a] else 0
                    same += 1 if x[t, b] == x[t, a] else 0
                out[t, a] = (below + (same + 1) / 2.0) / count
    return 0
