"""raptorbt.

    python peer_raptorbt.py FOLDER

One `batch_single_backtest` a symbol over all pairs, its documented sweep: Rust, on all cores. The portfolio is the sum of the
symbols' equity curves, of which numpy makes Sharpe ratio and drawdown. Averages by `raptorbt.sma`, once a window. Signals
move one session down and fill at that bar's close: the next close.
"""

import sys
from pathlib import Path

import numpy as np
import raptorbt

from averages import OWN, WINDOWS, Averages, given
from serving import serve
from tasks import CAPITAL, FEE, GRID


def sweep(close: np.ndarray, stamps: np.ndarray, averages: Averages = OWN) -> list[float]:
    """Total return of each pair, a sleeve a column."""
    equity = np.zeros((len(GRID), len(close)))
    stake = CAPITAL / close.shape[1]
    config = raptorbt.BacktestConfig(
        initial_capital=stake, fees=FEE, fill_timing="same_bar_close", periods_per_year=252.0
    )
    for place, column in enumerate(close.T):
        first = int(np.argmax(np.isfinite(column)))  # bars before a listing are left out: it takes no NaN
        price = np.ascontiguousarray(column[first:])
        ours = {window: values[first:, place] for window, values in averages.items()}
        pairs = signals(ours or {window: raptorbt.sma(price, window) for window in WINDOWS})
        items = [raptorbt.BatchSingleItem(str(i), *pair, 1, 1.0, "X") for i, pair in enumerate(pairs)]
        found = raptorbt.batch_single_backtest(
            stamps[first:], price, price, price, price, np.ones(len(price)), items, config
        )
        for i, (_, result) in enumerate(found):
            equity[i, :first] += stake
            equity[i, first:] += result.equity_curve()
    returns = equity[:, 1:] / equity[:, :-1] - 1.0
    returns.mean(axis=1) / returns.std(axis=1, ddof=1) * np.sqrt(252.0)
    (equity / np.maximum.accumulate(equity, axis=1)).min(axis=1)
    return [float(value) for value in equity[:, -1] / CAPITAL - 1.0]


def signals(averages: Averages) -> list[tuple[np.ndarray, np.ndarray]]:
    """Entries and exits of each pair."""
    made = []
    for fast, slow in GRID:
        hold = np.zeros(len(averages[fast]), dtype=bool)
        np.greater(averages[fast][:-1], averages[slow][:-1], out=hold[1:])
        made.append((hold, ~hold))
    return made


def main() -> None:
    folder = Path(sys.argv[1])
    with np.load(folder / "panel.npz") as data:
        close, stamps = data["close"], data["dates"].astype("datetime64[ns]").astype(np.int64)
    ours = given(folder)
    serve(
        {
            "w1_sleeve": lambda: sweep(close, stamps),
            "w1_sleeve_given": lambda: sweep(close, stamps, ours),
            "w2_sleeve": lambda: sweep(close[:, :1], stamps),
            "w2_sleeve_given": lambda: sweep(close[:, :1], stamps, ours),
        }
    )


if __name__ == "__main__":
    main()
