"""What people write without an optimizer: the same trades as `limit.on_change`, in Python.

`Careful` loads the bundle once, keeps NumPy arrays and walks over the sessions of each trial. `Ancestor` does what the framework
this project follows did before it was optimised: each trial reads the bundle, and each session filters its frame for the
history that the strategy asks for. Both return the metrics a study ranks by. `simulator_loop` is what a careful user of our
own parts writes.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import rustybt_ray as rb
from rustybt_ray._typing import BoolArray, FloatArray
from rustybt_ray.data.panel import Panel
from rustybt_ray.engine.backtest import Simulator
from rustybt_ray.engine.metrics import MOMENTS, NAMES
from rustybt_ray.workspace.workspace import Workspace

CAPITAL, FEE = 1_000_000.0, 0.001
Metrics = dict[str, float]


class Account:
    """Cash and whole shares; an entry is 1/N of the value, as far as the cash goes, and sales come first."""

    def __init__(self, assets: int) -> None:
        self.cash, self.assets = CAPITAL, assets
        self.shares = np.zeros(assets)
        self.held = np.zeros(assets, bool)

    def value(self, prices: FloatArray) -> float:
        """Cash and positions."""
        return self.cash + float(self.shares @ prices)

    def follow(self, wanted: BoolArray, prices: FloatArray) -> None:
        """Trade the assets whose signal changed."""
        changed = np.flatnonzero(wanted != self.held).tolist()
        worth = self.value(prices)
        for a in changed:
            if self.held[a]:
                self.cash += self.shares[a] * prices[a] * (1.0 - FEE)
                self.shares[a], self.held[a] = 0.0, False
        for a in changed:
            if wanted[a]:
                size = math.floor(worth / self.assets / prices[a] + 1e-9)
                size = min(size, math.floor(self.cash / (prices[a] * (1.0 + FEE)) + 1e-9))
                self.cash -= size * prices[a] * (1.0 + FEE)
                self.shares[a], self.held[a] = size, True


class Careful:
    """The bundle once, then a loop over sessions for each trial.

    Parameters
    ----------
    panel : Panel
        Daily bars without events.
    """

    def __init__(self, panel: Panel) -> None:
        frame = pl.DataFrame(panel.close, schema=list(panel.symbols)).fill_nan(None)
        self.closes = frame
        # before its first bar an asset has a price that nobody trades at
        self.prices = frame.fill_null(strategy="backward").to_numpy()

    def run(self, fast: int, slow: int) -> Metrics:
        """One trial."""
        above = self._average(fast) > self._average(slow)
        account, prices = Account(above.shape[1]), self.prices
        equity = np.empty(len(prices))
        equity[0] = CAPITAL
        for t in range(1, len(prices)):
            wanted, now = above[t - 1], prices[t]
            if (wanted != account.held).any():
                account.follow(wanted, now)
            equity[t] = account.value(now)
        return metrics(equity)

    def _average(self, n: int) -> FloatArray:
        return self.closes.select(pl.all().rolling_mean(n)).to_numpy()


class Ancestor:
    """The bundle's file read by each trial, its frame filtered in each session.

    Parameters
    ----------
    panel : Panel
    folder : Path
        Where the long table is written that trials read.
    """

    def __init__(self, panel: Panel, folder: Path) -> None:
        self.path, self.symbols = folder / "bars.parquet", list(panel.symbols)
        self.sessions: list[int] = panel.time.tolist()
        columns = {
            "session": np.repeat(panel.time, len(self.symbols)),
            "symbol": self.symbols * len(panel.time),
            **{name: getattr(panel, name).ravel() for name in ("open", "high", "low", "close", "volume")},
        }
        pl.DataFrame(columns).filter(pl.col("close").is_not_nan()).write_parquet(self.path)

    def run(self, fast: int, slow: int, sessions: int | None = None) -> Metrics:
        """One trial, of the first `sessions` alone if given."""
        bars, times = pl.read_parquet(self.path), self.sessions[:sessions]
        account = Account(len(self.symbols))
        wanted, equity = np.zeros(len(self.symbols), bool), [CAPITAL]
        for t, session in enumerate(times):
            window = bars.filter(pl.col("session").is_between(times[max(t - slow + 1, 0)], session))
            if t:
                today = window.filter(pl.col("session") == session)
                prices = self._row(today, "close")
                if (wanted != account.held).any():
                    account.follow(wanted, np.nan_to_num(prices))
                equity.append(account.value(np.nan_to_num(prices)))
            wanted = self._mean(window, fast) > self._mean(window, slow)
        return metrics(np.array(equity))

    def _mean(self, window: pl.DataFrame, n: int) -> FloatArray:
        """Mean of the last n closes of each asset; NaN where there are fewer."""
        recent = window.group_by("symbol").agg(pl.col("close").tail(n))
        found = recent.filter(pl.col("close").list.len() == n).with_columns(pl.col("close").list.mean())
        return self._row(found, "close")

    def _row(self, frame: pl.DataFrame, column: str) -> FloatArray:
        values = dict(zip(frame["symbol"].to_list(), frame[column].to_list(), strict=True))
        return np.array([values.get(symbol, math.nan) for symbol in self.symbols])


def metrics(equity: FloatArray) -> Metrics:
    """What a study ranks by, from the value at each close."""
    returns = np.diff(equity) / equity[:-1]
    peak = np.maximum.accumulate(equity)
    years, total = len(returns) / 252.0, float(equity[-1] / equity[0])
    deviation, downside = float(returns.std(ddof=1)), float(np.sqrt(np.mean(np.minimum(returns, 0.0) ** 2)))
    depth, mean = float((equity / peak - 1.0).min()), float(returns.mean())
    return {
        "total_return": total - 1.0,
        "annual_return": total ** (1.0 / years) - 1.0,
        "volatility": deviation * math.sqrt(252.0),
        "sharpe_ratio": mean / deviation * math.sqrt(252.0) if deviation > 0.0 else math.nan,
        "sortino_ratio": mean / downside * math.sqrt(252.0) if downside > 0.0 else math.nan,
        "max_drawdown": depth,
    }


def simulator_loop(
    strategy: Callable[..., Any], panel: Panel, points: list[dict[str, int]], segment: tuple[int, int]
) -> list[float]:
    """Workspace, simulator, a loop that keeps every metric of each trial; total returns."""
    workspace = Workspace(rb.OptimizationConfig())
    workspace.open(panel)
    data = workspace.data(panel.version)
    simulator = Simulator(panel, (segment,), costs=rb.Costs(rb.PerDollar(FEE)))
    found, out, moments = [], np.empty((1, len(NAMES))), np.empty((1, MOMENTS))
    for point in points:
        simulator.run(strategy(data, **point), out, moments)
        found.append(dict(zip(NAMES, out[0].tolist(), strict=True)))
    return [row["total_return"] for row in found]
