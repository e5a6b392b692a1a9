"""The limit: hand-written kernels for the trades of two strategies, and these strategies.

Plain numba, one thread, no fastmath: moving averages of all windows, then for each pair of windows a loop over sessions and
assets on arrays, with total return, Sharpe ratio, drawdown and turnover in the same pass. It knows no events, no missing bars, no
costs but a fee, and one kind of order. What is held against it is one whole `optimize` call: strategy, ledger, 26 metrics, table,
best trial, causality check.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

import rustybt_ray as rb
from rustybt_ray._typing import FloatArray
from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.data.sample import sample_panel

FAST, SLOW = range(5, 51, 5), range(60, 251, 10)
PAIRS = [{"fast": fast, "slow": slow} for fast in FAST for slow in SLOW]
FEE, CAPITAL = 0.001, 1_000_000.0


@njit(error_model="numpy")
def averages(close: FloatArray, windows: Any) -> FloatArray:
    """Moving averages [windows, sessions, assets] by running sums from each asset's first close."""
    sessions, assets = close.shape
    out = np.full((len(windows), sessions, assets), np.nan)
    for a in range(assets):
        first = 0
        while first < sessions and np.isnan(close[first, a]):
            first += 1
        for w, n in enumerate(windows):
            total = 0.0
            for t in range(first, sessions):
                total += close[t, a]
                if t - first >= n:
                    total -= close[t - n, a]
                if t - first >= n - 1:
                    out[w, t, a] = total / n
    return out


@njit(error_model="numpy")
def finish(out: FloatArray, n: int, total: float, squares: float, value: float, worst: float, turnover: float) -> None:
    """Total return, Sharpe ratio, drawdown and turnover from the sums of a pass."""
    mean = total / n
    variance = (squares - n * mean * mean) / (n - 1)
    out[0] = value / CAPITAL - 1.0
    out[1] = mean / np.sqrt(variance) * np.sqrt(252.0) if variance > 0.0 else 0.0
    out[2] = worst - 1.0
    out[3] = turnover


@njit(error_model="numpy")
def on_change(close: FloatArray, fast: FloatArray, slow: FloatArray, out: FloatArray) -> None:
    """Enter at 1/N of the value, leave whole, only where the signal changes; sales before purchases."""
    sessions, assets = close.shape
    cash, shares, held = CAPITAL, np.zeros(assets), np.zeros(assets, np.bool_)
    last = peak = value = CAPITAL
    worst, total, squares, turnover = 1.0, 0.0, 0.0, 0.0
    for t in range(1, sessions):
        changed = False
        for a in range(assets):
            changed |= (fast[t - 1, a] > slow[t - 1, a]) != held[a]
        if changed:
            worth = cash
            for a in range(assets):
                worth += shares[a] * close[t, a]
            for a in range(assets):
                if held[a] and not fast[t - 1, a] > slow[t - 1, a]:
                    held[a] = False
                    cash += shares[a] * close[t, a] * (1.0 - FEE)
                    turnover += shares[a] * close[t, a] / last
                    shares[a] = 0.0
            for a in range(assets):
                if not held[a] and fast[t - 1, a] > slow[t - 1, a]:
                    held[a] = True
                    price = close[t, a]
                    size = np.floor(worth / assets / price + 1e-9)
                    size = min(size, np.floor(cash / (price * (1.0 + FEE)) + 1e-9))
                    cash -= size * price * (1.0 + FEE)
                    shares[a] = size
                    turnover += size * price / last
        value = cash
        for a in range(assets):
            value += shares[a] * close[t, a]
        change = value / last - 1.0
        total += change
        squares += change * change
        last = value
        peak = max(peak, value)
        if value < worst * peak:
            worst = value / peak
    finish(out, sessions - 1, total, squares, value, worst, turnover)


@njit(error_model="numpy")
def every_session(close: FloatArray, fast: FloatArray, slow: FloatArray, out: FloatArray) -> None:
    """Bring every asset to 1/N of the value or to nothing on each session; sales before purchases."""
    sessions, assets = close.shape
    cash, shares, wanted = CAPITAL, np.zeros(assets), np.zeros(assets)
    last = peak = value = CAPITAL
    worst, total, squares, turnover = 1.0, 0.0, 0.0, 0.0
    for t in range(1, sessions):
        worth = cash
        for a in range(assets):
            worth += shares[a] * close[t, a]
        for a in range(assets):
            price = close[t, a]
            wanted[a] = np.floor(worth / assets / price + 1e-9) if fast[t - 1, a] > slow[t - 1, a] else 0.0
            change = wanted[a] - shares[a]
            if change < 0.0:
                cash -= change * price * (1.0 - FEE)
                turnover -= change * price / last
                shares[a] = wanted[a]
        for a in range(assets):
            change = wanted[a] - shares[a]
            if change > 0.0:
                price = close[t, a]
                change = min(change, np.floor(cash / (price * (1.0 + FEE)) + 1e-9))
                cash -= change * price * (1.0 + FEE)
                turnover += change * price / last
                shares[a] += change
        value = cash
        for a in range(assets):
            value += shares[a] * close[t, a]
        change = value / last - 1.0
        total += change
        squares += change * change
        last = value
        peak = max(peak, value)
        if value < worst * peak:
            worst = value / peak
    finish(out, sessions - 1, total, squares, value, worst, turnover)


@njit(error_model="numpy")
def sweep_on_change(close: FloatArray, table: FloatArray, pairs: Any, out: FloatArray) -> None:
    for k in range(len(pairs)):
        on_change(close, table[pairs[k, 0]], table[pairs[k, 1]], out[k])


@njit(error_model="numpy")
def sweep_every_session(close: FloatArray, table: FloatArray, pairs: Any, out: FloatArray) -> None:
    for k in range(len(pairs)):
        every_session(close, table[pairs[k, 0]], table[pairs[k, 1]], out[k])


LIMITS = {"change": sweep_on_change, "daily": sweep_every_session}


def crossover(rebalance: str) -> Callable[..., Any]:
    """The strategy whose trades the limit hard-codes."""

    def sma_crossover(data: Any, fast: int, slow: int) -> Any:
        return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow), rebalance=rebalance)  # type: ignore[arg-type]

    return sma_crossover


def without_events(root: str, npz: Path | None) -> tuple[str, FloatArray]:
    """A bundle of adjusted prices in `root`, and its closes with the time before a listing filled."""
    if npz is not None:
        with np.load(npz) as data:
            fields = {name: data[name] for name in ("open", "high", "low", "close", "volume")}
            time_, symbols = data["dates"].astype("datetime64[ns]"), [str(symbol) for symbol in data["symbols"]]
        fields["volume"] = np.where(np.isnan(fields["close"]), np.nan, np.maximum(np.floor(fields["volume"]), 1.0))
    else:
        panel = sample_panel()
        fields = {name: getattr(panel, name) * panel.factor for name in ("open", "high", "low", "close")}
        fields["volume"] = panel.volume
        time_, symbols = panel.time.astype("datetime64[ns]"), list(panel.symbols)
    panel = panel_from_arrays(time_, symbols, *(fields[name] for name in ("open", "high", "low", "close", "volume")))
    rb.BundleStore(root).publish("limit", panel, source="benchmarks/limit.py")
    return "limit", backfilled(fields["close"])


def limit_of(
    rebalance: str, close: FloatArray, filled: FloatArray, points: list[dict[str, int]]
) -> Callable[[], FloatArray]:
    """The limit's sweep of `points`, which returns their total returns.

    Parameters
    ----------
    rebalance : {"change", "daily"}
    close, filled : ndarray, shape (sessions, assets)
        Closes, and the same with the time before a listing filled.
    points : list of dict
        Windows ``fast`` and ``slow``.
    """
    windows = np.array(sorted({point[name] for point in points for name in ("fast", "slow")}))
    place = {int(window): i for i, window in enumerate(windows)}
    pairs = np.array([(place[point["fast"]], place[point["slow"]]) for point in points])
    out, kernel = np.empty((len(pairs), 4)), LIMITS[rebalance]

    def call() -> FloatArray:
        kernel(filled, averages(close, windows), pairs, out)
        return out[:, 0]

    return call


def backfilled(close: FloatArray) -> FloatArray:
    """Closes with the time before each asset's first bar filled by it."""
    made = close.copy()
    for column in made.T:
        first = int(np.isfinite(column).argmax())
        column[:first] = column[first]
    return made
