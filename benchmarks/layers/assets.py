"""The list of a bundle's assets: kept by bundle version, against built from the bars for every backtest."""

from collections.abc import Callable

import numpy as np
import polars as pl

from layers.markets import long_frame, wide_market
from measuring.rows import Benchmark, Row
from measuring.samples import interleaved, repeated
from rustybt_ray.data.panel import Panel
from rustybt_ray.workspace.asset_cache import AssetCache, Assets

ASSETS, BACKTESTS, HITS = 50, 100, 10_000
Listing = dict[str, tuple[int, int]]


def measure(quick: bool) -> list[Row]:
    """First access, an access that finds the list, and 100 backtests that ask once each.

    The baseline groups the long frame of the bundle once: symbols with their first and last date. It does so in every
    backtest, as a function that is given bars and nothing else must.
    """
    panel = wide_market(ASSETS, 1260 if quick else None)
    frame, (runs, wholes) = long_frame(panel), (5, 5) if quick else (30, 10)
    assert listing_of(AssetCache().get(panel), panel) == built(frame), "the two lists differ"
    fresh = [reopened(panel) for _ in range(runs + wholes)]
    warm = AssetCache()
    warm.get(panel).columns  # noqa: B018 - the table of symbols is made when it is first asked for

    def first() -> None:
        AssetCache().get(fresh.pop()).columns  # noqa: B018

    def hundred() -> None:
        kept, opened = AssetCache(), fresh.pop()
        for _ in range(BACKTESTS):
            kept.get(opened).columns  # noqa: B018

    def build() -> None:
        built(frame)

    def many(times: int) -> Callable[[], None]:
        return repeated(build, times)

    shape = f"{ASSETS} assets, {len(frame):,} bars"
    firsts = interleaved(runs, build, first) * 1e3
    hits = interleaved(runs, many(3), repeated(lambda: warm.get(panel).columns, HITS)) * (1e3 / 3, 1e3 / HITS)
    whole = interleaved(wholes, many(BACKTESTS), hundred) * 1e3
    return [
        Row("first", "first access", "ms", firsts[:, 1], firsts[:, 0], note=shape),
        Row("cached", "cached access", "ms", hits[:, 1], hits[:, 0], note="the baseline has no cache and builds anew"),
        Row("hundred", f"{BACKTESTS} backtests, one access each", "ms", whole[:, 1], whole[:, 0]),
    ]


def built(frame: pl.DataFrame) -> Listing:
    """The list as a careful user makes it of bars: one pass over two columns."""
    ends = frame.lazy().group_by("symbol").agg(pl.col("date").min().alias("first"), pl.col("date").max().alias("last"))
    found = ends.sort("symbol").with_columns(pl.col("first", "last").to_physical()).collect()
    return {symbol: (first, last) for symbol, first, last in found.rows()}


def listing_of(table: Assets, panel: Panel) -> Listing:
    """Our table in the same form: days since 1970."""
    days = panel.dates.view("datetime64[ns]").astype("datetime64[D]").astype(np.int64)
    ends = zip(days[table.first_row].tolist(), days[table.last_row].tolist(), strict=True)
    return dict(zip(table.columns, ends, strict=True))


def reopened(panel: Panel) -> Panel:
    """The panel as a worker opens it: nothing that was computed from it before is there."""
    return Panel.from_arrays(*panel.to_arrays())


BENCHMARK = Benchmark("assets", "layer1", "What does keeping the list of assets save?", measure)
