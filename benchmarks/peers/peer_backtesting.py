"""backtesting.py.

    python peer_backtesting.py FOLDER

`Backtest.optimize`, its documented sweep, over all pairs on one asset: it starts a pool of a process a core by itself and
always computes its thirty statistics. Fractional shares, `trade_on_close` with the averages of the bar before: the next close.
"""

import multiprocessing
import os
import sys
import warnings
from pathlib import Path

os.environ["TQDM_DISABLE"] = "1"

import backtesting
import numpy as np
import pandas as pd
from backtesting import Strategy
from backtesting.lib import FractionalBacktest

from averages import given
from serving import serve
from tasks import CAPITAL, FAST, FEE, GRID, SLOW

warnings.filterwarnings("ignore")


given_here: dict[int, np.ndarray] = {}


def average(values: np.ndarray, window: int) -> np.ndarray:
    """Its own, or ours while `given_here` has them; its processes are forked from this one."""
    if given_here:
        return given_here[window][:, 0]
    found: np.ndarray = pd.Series(values).rolling(window).mean().to_numpy()
    return found


class Cross(Strategy):
    """In while the fast average is above the slow one, out otherwise."""

    fast = 5
    slow = 60

    def init(self) -> None:
        """Averages, once a run."""
        self.quick = self.I(average, self.data.Close, self.fast)
        self.calm = self.I(average, self.data.Close, self.slow)

    def next(self) -> None:
        """What the bar before says, at this bar's close."""
        if self.quick[-2] > self.calm[-2]:
            if not self.position:
                self.buy()
        elif self.position:
            self.position.close()


def main() -> None:
    backtesting.Pool = multiprocessing.Pool  # what it asks scripts to set for processes
    folder = Path(sys.argv[1])
    with np.load(folder / "panel.npz") as data:
        columns = {name.title(): data[name][:, 0] for name in ("open", "high", "low", "close", "volume")}
        frame = pd.DataFrame(columns, index=pd.DatetimeIndex(data["dates"]))
    test = FractionalBacktest(
        frame, Cross, cash=CAPITAL, commission=FEE, trade_on_close=True, exclusive_orders=False, finalize_trades=False
    )

    def sweep() -> list[float]:
        heat = test.optimize(fast=list(FAST), slow=list(SLOW), maximize="Return [%]", return_heatmap=True)[1]
        return [float(heat[pair]) / 100.0 for pair in GRID]

    def with_ours() -> list[float]:
        given_here.update(given(folder))
        found = sweep()
        given_here.clear()
        return found

    serve({"w2_sleeve": sweep, "w2_sleeve_given": with_ours})


if __name__ == "__main__":
    main()
