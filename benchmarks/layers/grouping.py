"""Bars by asset: columns of a panel, against a long frame that is filtered for each asset in every backtest."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from layers.markets import long_frame, wide_market
from measuring.rows import Benchmark, Row
from measuring.samples import interleaved, repeated
from rustybt_ray._typing import FloatArray
from rustybt_ray.data.panel import FIELDS, Panel
from rustybt_ray.workspace.asset_cache import Assets

ASSETS, BACKTESTS, LOOPS = 50, 100, 20
Bars = tuple[FloatArray, ...]


def measure(quick: bool) -> list[Row]:
    """Finding the bars of each of 50 assets, having their five fields as float64, and both in 100 backtests.

    The baseline filters a long frame in memory once an asset, by an enumeration, and takes each field with `to_numpy`,
    which copies nothing but the volumes (they are whole numbers). `partition` is what a user does who thinks of it: all
    assets in one pass. `contiguous` copies our columns, which lie a panel's width apart, for code that needs them dense.
    """
    panel = wide_market(ASSETS, 1260 if quick else None)
    frame, assets, runs = long_frame(panel), Assets.of(panel), 5 if quick else 20
    groups = list(filtered(frame, panel.symbols))
    places = list(found(assets))
    check(groups, partitioned(frame, panel.symbols), panel, places)

    finding = interleaved(
        runs,
        lambda: list(filtered(frame, panel.symbols)),
        lambda: partitioned(frame, panel.symbols),
        repeated(lambda: list(found(assets)), LOOPS),
    ) * (1e3, 1e3, 1e3 / LOOPS)
    having = interleaved(
        runs,
        repeated(lambda: [converted(group) for group in groups], LOOPS),
        repeated(lambda: [taken(panel, place) for place in places], LOOPS),
        lambda: [dense(taken(panel, place)) for place in places],
    ) * (1e3 / LOOPS, 1e3 / LOOPS, 1e3)
    whole = 1e3 * interleaved(
        5 if quick else 10,
        repeated(lambda: [converted(group) for group in filtered(frame, panel.symbols)], BACKTESTS),
        repeated(lambda: [taken(panel, place) for place in found(assets)], BACKTESTS),
    )
    shape = f"{ASSETS} assets, {len(frame):,} bars"
    return [
        Row("filtering", "bars of each asset found", "ms", finding[:, 2], finding[:, 0], note=shape),
        Row("partition", "the same, the frame partitioned in one pass", "ms", finding[:, 2], finding[:, 1]),
        Row("conversion", "five fields of each as float64", "ms", having[:, 1], having[:, 0], note="ours are views"),
        Row("contiguous", "the same, our columns copied dense", "ms", having[:, 2], having[:, 0]),
        Row("hundred", f"both, {BACKTESTS} backtests", "ms", whole[:, 1], whole[:, 0]),
    ]


def filtered(frame: pl.DataFrame, symbols: tuple[str, ...]) -> Iterator[pl.DataFrame]:
    """The bars of each symbol, one filter each."""
    return (frame.filter(pl.col("symbol") == symbol) for symbol in symbols)


def partitioned(frame: pl.DataFrame, symbols: tuple[str, ...]) -> list[pl.DataFrame]:
    """The bars of each symbol, all in one pass."""
    parts = frame.partition_by("symbol", as_dict=True)
    return [parts[symbol,] for symbol in symbols]


def converted(group: pl.DataFrame) -> Bars:
    """The fields of one asset as float64."""
    return tuple(group[name].cast(pl.Float64).to_numpy() for name in FIELDS)


def found(assets: Assets) -> Iterator[tuple[slice, int]]:
    """Rows and column of each asset in the panel."""
    for symbol in assets.symbols:
        column = assets.column(symbol)
        yield slice(int(assets.first_row[column]), int(assets.last_row[column]) + 1), column


def taken(panel: Panel, place: tuple[slice, int]) -> Bars:
    """The fields of one asset, without a copy."""
    return tuple(getattr(panel, name)[place] for name in FIELDS)


def dense(bars: Bars) -> Bars:
    """The same as arrays of their own."""
    return tuple(np.ascontiguousarray(values) for values in bars)


def check(groups: list[pl.DataFrame], parts: list[pl.DataFrame], panel: Panel, places: list[tuple[slice, int]]) -> None:
    """All ways give the same numbers."""
    for group, part, place in zip(groups, parts, places, strict=True):
        assert group.equals(part), "partitions differ from filters"
        for theirs, ours in zip(converted(group), taken(panel, place), strict=True):
            assert np.array_equal(theirs, ours), "columns of the panel differ from the frame"


BENCHMARK = Benchmark("grouping", "layer1", "What does having bars grouped by asset save?", measure)
