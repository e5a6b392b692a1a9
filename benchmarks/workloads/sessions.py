"""A grid search as the ancestor ran one: each session of each trial reads the bundle and filters its frame.

Each part has a function of its own, so that a profile can tell them apart. Trades and metrics are those of
`baselines.Account`.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from baselines import CAPITAL, Account, Metrics, metrics
from rustybt_ray._typing import BoolArray, FloatArray
from rustybt_ray.data.panel import Panel

PARTS = {
    "asset_list": "assets", "filtered": "filtering", "constructed": "frames", "opened": "bundle",
}  # fmt: skip
"""What the functions of this module are part of; what is in none of them is computation."""


def written(panel: Panel, folder: Path) -> Path:
    """The bundle as a long table."""
    path, symbols = folder / "sessions.parquet", list(panel.symbols)
    columns = {
        "session": np.repeat(panel.time, len(symbols)),
        "symbol": symbols * len(panel.time),
        **{name: getattr(panel, name).ravel() for name in ("open", "high", "low", "close", "volume")},
    }
    pl.DataFrame(columns).filter(pl.col("close").is_not_nan()).write_parquet(path)
    return path


def trial(path: Path, times: list[int], fast: int, slow: int) -> Metrics:
    """One trial over these sessions."""
    symbols = asset_list(opened(path))
    account, equity = Account(len(symbols)), [CAPITAL]
    wanted = np.zeros(len(symbols), bool)
    for t, now in enumerate(times):
        bars = opened(path)
        histories = [
            constructed(filtered(bars, symbol, times[max(t - slow + 1, 0)], now)) for symbol in asset_list(bars)
        ]
        if t:
            prices = np.array([history["close"].get(now, 0.0) for history in histories])
            if (wanted != account.held).any():
                account.follow(wanted, prices)
            equity.append(account.value(prices))
        wanted = signals(histories, fast, slow)
    return metrics(np.array(equity))


def opened(path: Path) -> pl.DataFrame:
    """The bundle."""
    return pl.read_parquet(path)


def asset_list(bars: pl.DataFrame) -> list[str]:
    """Its assets."""
    return bars["symbol"].unique().sort().to_list()


def filtered(bars: pl.DataFrame, symbol: str, first: int, last: int) -> pl.DataFrame:
    """One asset's bars of these sessions."""
    return bars.filter((pl.col("symbol") == symbol) & pl.col("session").is_between(first, last))


def constructed(rows: pl.DataFrame) -> Any:
    """The pandas frame that a strategy gets."""
    return rows.to_pandas().set_index("session")


def signals(histories: list[Any], fast: int, slow: int) -> BoolArray:
    """Which assets' fast average is above their slow one; the strategy."""
    return np.array([mean(history, fast) > mean(history, slow) for history in histories])


def mean(history: Any, n: int) -> float:
    """Mean of the last n closes; NaN where there are fewer."""
    closes: FloatArray = history["close"].to_numpy()[-n:]
    return float(closes.mean()) if len(closes) == n else math.nan
