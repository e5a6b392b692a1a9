"""vectorbt, either engine.

    python peer_vectorbt.py FOLDER numba|rust

Its fastest documented way: averages of all windows by one `MA.run`, signals by broadcasting, one `Portfolio` over many
columns; the 20 pairs of one fast window at a time on eight assets, so that the arrays stay in cache, and all pairs at once on
one. Total return, Sharpe ratio and drawdown of each pair. Signals move one session down: they fill at the next close.
"""

import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import vectorbt as vbt

from averages import OWN, Averages, given
from serving import Call, serve
from tasks import CAPITAL, FAST, FEE, GRID

warnings.filterwarnings("ignore")
LEVELS = ["fast_window", "slow_window"]
Pairs = list[tuple[int, int]]
Run = Callable[[pd.DataFrame, Pairs, str, Averages], np.ndarray]


def signals(close: pd.DataFrame, pairs: Pairs, engine: str, averages: Averages) -> pd.DataFrame:
    """Whether to hold, one column a pair and symbol."""
    if averages:
        names = [*LEVELS, "symbol"]
        columns = pd.MultiIndex.from_tuples(
            [(*pair, symbol) for pair in pairs for symbol in close.columns], names=names
        )
        above = [(averages[fast] > averages[slow])[:, : close.shape[1]] for fast, slow in pairs]
        return pd.DataFrame(np.hstack(above), index=close.index, columns=columns).vbt.signals.fshift(1)
    fast = vbt.MA.run(close, [fast for fast, _ in pairs], short_name="fast", engine=engine)
    slow = vbt.MA.run(close, [slow for _, slow in pairs], short_name="slow", engine=engine)
    return fast.ma_above(slow).vbt.signals.fshift(1)


def sleeve(close: pd.DataFrame, pairs: Pairs, engine: str, averages: Averages) -> np.ndarray:
    """A share of the capital each, all in or all out."""
    hold = signals(close, pairs, engine, averages)
    made = vbt.Portfolio.from_signals(
        close, hold, ~hold, init_cash=CAPITAL / close.shape[1], fees=FEE, freq="1D", group_by=LEVELS, engine=engine
    )
    return metrics(made)


def target(close: pd.DataFrame, pairs: Pairs, engine: str, averages: Averages) -> np.ndarray:
    """One cash pool, an eighth of the value at each entry, whole shares, sales before purchases."""
    hold = signals(close, pairs, engine, averages)
    states = hold.to_numpy()
    flips = np.zeros(states.shape, dtype=bool)
    flips[1:] = states[1:] != states[:-1]
    size = np.where(flips, states / close.shape[1], np.nan)
    made = vbt.Portfolio.from_orders(
        close, pd.DataFrame(size, index=close.index, columns=hold.columns), size_type="targetpercent",
        size_granularity=1.0, init_cash=CAPITAL, fees=FEE, freq="1D", cash_sharing=True, group_by=LEVELS, engine=engine,
        call_seq=sales_first(flips & ~states, close.shape[1]),
    )  # fmt: skip
    return metrics(made)


def sales_first(sales: np.ndarray, assets: int) -> np.ndarray:
    """The columns of each group in the order of their orders: this session's exits, then the others."""
    rank = (~sales).reshape(len(sales), -1, assets)
    return np.argsort(rank, axis=2, kind="stable").reshape(len(sales), -1)


def metrics(made: vbt.Portfolio) -> np.ndarray:
    """Total returns; the other two are computed because ours are."""
    made.sharpe_ratio()
    made.max_drawdown()
    returns: np.ndarray = made.total_return().to_numpy()
    return returns


def main() -> None:
    folder, engine = Path(sys.argv[1]), sys.argv[2]
    # forced, Rust refuses to shift booleans; "auto" takes it wherever it can
    vbt.settings["engine"] = "auto" if engine == "rust" else engine
    vbt.settings.returns["year_freq"] = "252 days"
    with np.load(folder / "panel.npz") as data:
        columns = pd.Index(data["symbols"], name="symbol")
        close = pd.DataFrame(data["close"], index=pd.DatetimeIndex(data["dates"]), columns=columns)
    one = close.iloc[:, :1]
    calls: dict[str, Call] = {}
    for end, averages in (("", OWN), ("_given", given(folder))):
        calls |= {
            f"w1_sleeve{end}": partial(by_fast_window, sleeve, close, engine, averages),
            f"w1_target{end}": partial(by_fast_window, target, close, engine, averages),
            f"w2_sleeve{end}": partial(sleeve, one, GRID, engine, averages),
        }
    serve(calls)


def by_fast_window(run: Run, close: pd.DataFrame, engine: str, averages: Averages) -> list[float]:
    parts = [run(close, [pair for pair in GRID if pair[0] == fast], engine, averages) for fast in FAST]
    return [float(value) for value in np.concatenate(parts)]


if __name__ == "__main__":
    main()
