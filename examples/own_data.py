"""Data of one's own: any polars, pandas or Arrow table with one row a bar becomes a bundle."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

import rustybt_ray as rb


def make_bars(days: int = 750) -> pl.DataFrame:
    """Two assets that swing around a rising line: date, symbol, open, high, low, close, volume."""
    first = date(2020, 1, 6)
    dates = [first + timedelta(weeks=day // 5, days=day % 5) for day in range(days)]
    frames = []
    for symbol, period in (("FLOW", 40), ("EBBS", 90)):
        steps = np.arange(days)
        close = np.round(100.0 + 0.05 * steps + 8.0 * np.sin(2.0 * np.pi * steps / period), 2)
        bars = {"open": close, "high": close + 0.5, "low": close - 0.5, "close": close}
        frames.append(pl.DataFrame({"date": dates, "symbol": [symbol] * days, **bars, "volume": [100_000] * days}))
    return pl.concat(frames)


def above_average(data: Any, window: int) -> rb.Weights:
    """Hold each asset at 1/N while it closes above its average."""
    return rb.equal_weight(np.asarray(data.close) > data.sma("close", window))


def main() -> rb.Backtest:
    bundle = rb.ingest("own-data", make_bars())
    print(f"{bundle.reference}: {', '.join(bundle.symbols)}, {bundle.first_session} to {bundle.last_session}")
    return rb.backtest(
        above_average,
        {"window": 20},
        bundle="own-data",
        costs=rb.Costs(commission=rb.PerShare(0.005, minimum=1.0), slippage=rb.FixedBasisPoints(2)),
    )


if __name__ == "__main__":
    backtest = main()
    print(backtest.fills.tail(5))
    print({name: round(backtest.metrics[name], 4) for name in ("total_return", "sharpe_ratio", "max_drawdown")})
