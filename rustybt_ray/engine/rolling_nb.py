"""Rolling kernels on [rows, assets]: causal, each row's result depends on earlier rows alone, bit for bit.

A window with a missing value is NaN, and so are the rows before an asset's first full window; once a window is full again its
value is there again.
"""

import math

import numpy as np

from rustybt_ray._typing import FloatArray
from rustybt_ray.engine._jit import entry


@entry
def rolling_sum(x: FloatArray, n: int, mean: bool, out: FloatArray) -> None:
    """Sum (or mean) of the last n rows: a running sum from the first value on, add before take away."""
    rows, assets = x.shape
    total, count = np.zeros(assets), np.zeros(assets, np.int64)
    # the sum of an asset begins at its first value, so that what is before it changes no bit
    for t in range(rows):
        for a in range(assets):
            new = x[t, a]
            if new == new:
                total[a] += new
                count[a] += 1
        if t >= n:
            for a in range(assets):
                old = x[t - n, a]
                if old == old:
                    total[a] -= old
                    count[a] -= 1
        for a in range(assets):
            out[t, a] = (total[a] / n if mean else total[a]) if count[a] == n else np.nan


@entry
def rolling_deviation(x: FloatArray, n: int, score: bool, out: FloatArray) -> None:
    """Standard deviation (ddof 1) of the last n rows, or how many of them the last value is from their mean; two passes."""
    rows, assets = x.shape
    for a in range(assets):
        for t in range(n - 1, rows):
            total, count = 0.0, 0
            for i in range(t - n + 1, t + 1):
                if x[i, a] == x[i, a]:
                    total += x[i, a]
                    count += 1
            if count < n:
                continue
            mean, squares = total / n, 0.0
            for i in range(t - n + 1, t + 1):
                squares += (x[i, a] - mean) ** 2
            deviation = math.sqrt(squares / (n - 1))
            if not score:
                out[t, a] = deviation
            elif deviation > 1e-14 * abs(mean):
                out[t, a] = (x[t, a] - mean) / deviation


@entry
def rolling_extreme(x: FloatArray, n: int, sign: float, out: FloatArray) -> None:
    """Largest of the last n rows (sign 1) or smallest (sign -1), by a queue of candidates."""
    rows, assets = x.shape
    queue = np.zeros(rows, np.int64)
    for a in range(assets):
        head = tail = count = 0
        for t in range(rows):
            if x[t, a] == x[t, a]:
                count += 1
                while tail > head and sign * x[queue[tail - 1], a] <= sign * x[t, a]:
                    tail -= 1
                queue[tail] = t
                tail += 1
            if t >= n and x[t - n, a] == x[t - n, a]:
                count -= 1
            while head < tail and queue[head] <= t - n:
                head += 1
            if count == n:
                out[t, a] = x[queue[head], a]


@entry
def exponential(x: FloatArray, n: int, alpha: float, out: FloatArray) -> None:
    """Exponential average: the mean of the first n values, then alpha of each new value; a missing row is NaN and skipped."""
    rows, assets = x.shape
    for a in range(assets):
        count, total, value = 0, 0.0, 0.0
        for t in range(rows):
            new = x[t, a]
            if new != new:
                continue
            count += 1
            if count <= n:
                total += new
                value = total / n
            else:
                value += alpha * (new - value)
            if count >= n:
                out[t, a] = value


@entry
def relative_strength(x: FloatArray, n: int, out: FloatArray) -> None:
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


@entry
def true_range(high: FloatArray, low: FloatArray, close: FloatArray, out: FloatArray) -> None:
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


@entry
def rolling_correlation(x: FloatArray, y: FloatArray, n: int, out: FloatArray) -> None:
    """Pearson's correlation of the last n rows, column by column, in two passes; NaN where one of them is constant."""
    rows, assets = x.shape
    for a in range(assets):
        for t in range(n - 1, rows):
            sx, sy = 0.0, 0.0
            for i in range(t - n + 1, t + 1):
                sx += x[i, a]
                sy += y[i, a]
            mx, my = sx / n, sy / n
            xx, yy, xy = 0.0, 0.0, 0.0
            for i in range(t - n + 1, t + 1):
                dx, dy = x[i, a] - mx, y[i, a] - my
                xx += dx * dx
                yy += dy * dy
                xy += dx * dy
            if xx > 1e-24 * n * mx * mx and yy > 1e-24 * n * my * my:
                out[t, a] = min(max(xy / math.sqrt(xx * yy), -1.0), 1.0)


@entry
def rank_rows(x: FloatArray, out: FloatArray) -> None:
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
