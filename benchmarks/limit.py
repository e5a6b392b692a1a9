"""How far our sweep is from the limit: a hand-written kernel for the same trades.

    python benchmarks/limit.py            # the sweep of 200 pairs over 8 assets and 25 years, orders on change and every session
    python benchmarks/limit.py --quick    # fewer runs, for CI: fails if a ratio is a third above its bound

The limit is plain numba, one thread, no fastmath: moving averages of all windows, then for each pair of windows a loop
over sessions and assets on arrays, with total return, Sharpe ratio, drawdown and turnover in the same pass. It knows no
events, no missing bars, no costs but a fee, and one kind of order. Ours is one whole `optimize` call: strategy, ledger,
26 metrics, table, best trial, causality check. Both run in turn, in one process; the median of the pairwise ratios counts.
Total returns are compared before anything is timed.
"""

import argparse
import gc
import sys
import tempfile
import time
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
FEE, CAPITAL = 0.001, 1_000_000.0
BOUNDS = {"change": 2.0, "daily": 1.5}
NOISE = 4.0 / 3.0  # what a busy machine does to the median of seven pairs


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
    close = fields["close"].copy()
    for column in close.T:
        column[: np.isfinite(column).argmax()] = column[np.isfinite(column).argmax()]
    return "limit", close


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="7 pairs of runs instead of 21")
    parser.add_argument(
        "--npz", type=Path, help="a panel of adjusted prices: dates, symbols, open, high, low, close, volume"
    )
    args = parser.parse_args()
    windows = np.array([*FAST, *SLOW])
    place = {int(window): i for i, window in enumerate(windows)}
    pairs = np.array([(place[fast], place[slow]) for fast in FAST for slow in SLOW])
    space = {"fast": rb.Int(5, 50, step=5), "slow": rb.Int(60, 250, step=10)}
    worst, slack = 0.0, NOISE if args.quick else 1.0
    with tempfile.TemporaryDirectory() as root:
        name, filled = without_events(root, args.npz)
        raw = rb.BundleStore(root).open(name).close
        for case, kernel in LIMITS.items():
            strategy, out = crossover(case), np.empty((len(pairs), 4))

            def limit(kernel: Any = kernel, out: FloatArray = out) -> None:
                kernel(filled, averages(raw, windows), pairs, out)

            def ours(strategy: Any = strategy) -> Any:
                costs = rb.Costs(rb.PerDollar(FEE))
                return rb.optimize(
                    strategy, bundle=name, space=space, costs=costs, executor="inline", root=root, progress=False
                )

            limit()
            mine = ours().trials["total_return"].to_numpy()
            apart = np.abs(mine - out[:, 0]) / (1.0 + np.abs(out[:, 0]))
            if apart.max() > 1e-9:
                print(f"{case}: total returns differ by up to {apart.max():.2e}; nothing was timed")
                return 1
            times = np.array([[clock(ours), clock(limit)] for _ in range(7 if args.quick else 21)])
            ratio = float(np.median(times[:, 0] / times[:, 1]))
            micro = np.median(times, axis=0) / len(pairs) * 1e6
            print(
                f"{case:7} ours {micro[0]:6.0f} us a trial, limit {micro[1]:6.0f} us, ratio {ratio:.2f} "
                f"(bound {BOUNDS[case]}), returns equal to {apart.max():.0e}"
            )
            worst = max(worst, ratio / (BOUNDS[case] * slack))
    return int(worst > 1.0)


def clock(call: Callable[[], Any]) -> float:
    """Seconds of one call."""
    gc.collect()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
