"""The real data sets beside the repository; skipped where they are not."""

import numpy as np
import polars as pl
import pytest

from rustybt_ray.data.ingest import ingest


def test_mag7(store, shared):
    bundle = ingest("mag-7", shared / "mag7", root=store.root)
    assert (bundle.bars, bundle.rows, bundle.splits, bundle.dividends) == (42_801, 6_289, 18, 190)
    assert (bundle.first_session, bundle.last_session, bundle.calendar) == ("2000-01-03", "2024-12-31", "XNYS")
    assert bundle.warnings == ("AAPL 2000-09-29: the close is 0.4813 of the one before, near 1/2: is a split missing?",)
    frames = []
    for path in sorted((shared / "mag7").glob("*.csv")):
        frames.append(
            pl.read_csv(path, try_parse_dates=True, schema_overrides={"volume": pl.Float64}).with_columns(
                symbol=pl.lit(path.stem)
            )
        )
    assert ingest("mag-7", pl.concat(frames), root=store.root).version == bundle.version


@pytest.mark.parametrize(
    ("dividend_per", "strangers"), [("old", {"CAT", "DXC", "ETN", "EXPE", "IRM", "JCI"}), ("new", {"CAT"})]
)
def test_the_universe_follows_the_vendors_adjusted_close(store, shared, dividend_per, strangers):
    path = shared / "universe" / "universe_daily.parquet"
    bundle = ingest("universe", path, root=store.root, dividend_per=dividend_per)
    assert (bundle.bars, bundle.assets, bundle.splits, bundle.dividends) == (1_793_741, 341, 410, 20_969)
    panel = store.open("universe")
    vendor = pl.read_parquet(path, columns=["date", "symbol", "adj_close"]).pivot(
        on="symbol", index="date", values="adj_close"
    )
    vendor = vendor.sort("date").select(panel.symbols).to_numpy()
    adjusted = panel.close * panel.factor
    last = panel.listing[1], np.arange(341)
    error = np.nanmax(np.abs(adjusted / adjusted[last] * vendor[last] / vendor - 1.0), axis=0)
    assert {panel.symbols[at] for at in np.flatnonzero(error > 1e-4)} == strangers


def test_bitcoin_minutes(store, shared):
    bundle = ingest("btc", shared / "intraday" / "BTCUSDT_1m_2022_2024.parquet", root=store.root)
    assert (bundle.rows, bundle.sessions, bundle.symbols, bundle.daily) == (1_578_160, 1_096, ("BTC",), False)
    assert (bundle.periods_per_year, bundle.fractional, bundle.calendar) == (365, True, "UTC days")
