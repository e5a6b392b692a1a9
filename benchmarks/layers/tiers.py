"""The HistoryCache in a sweep: how often each tier has what a trial asks for, how fast, and in how many bytes."""

from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial

import numpy as np

import rustybt_ray as rb
from measuring.rows import Benchmark, Row
from measuring.samples import interleaved, repeated
from rustybt_ray._typing import FloatArray
from rustybt_ray.data.panel import Panel
from rustybt_ray.data.sample import sample_panel
from rustybt_ray.engine.rolling import rolling_mean
from rustybt_ray.search.random import RandomSearch
from rustybt_ray.workspace.asset_cache import Assets
from rustybt_ray.workspace.history_cache import PERMANENT, HistoryCache
from rustybt_ray.workspace.market_data import MarketData

LIMIT = 200_000_000  # bytes: what a cache beside a backtest may take
SMALL = 10  # arrays that the small cache has room for, a tenth of what the sweep makes
VARIABLE = 37  # a window of the LRU tier for the access time
LOOPS = 10_000
SPACE = {"fast": rb.Choice([10, 20, 30, 40, 50]), "slow": rb.Choice([100, 150, 200, 250]), "span": rb.Int(10, 99)}
TRIALS = 400
Asked = tuple[str, int]


def measure(quick: bool) -> list[Row]:
    """Random searches of two averages and a deviation over eight assets and 25 years, one search a seed.

    Hit rates have no baseline: without a cache they are 0. The access time of a hit is set against computing the average
    again by the same compiled loop, on adjusted prices that are at hand.
    """
    panel, seeds = sample_panel(), range(3 if quick else 20)
    check(panel)
    sweeps = [swept(panel, LIMIT, seed) for seed in seeds]
    small = [swept(panel, SMALL * panel.close.nbytes, seed) for seed in seeds]
    rows = [Row("hit_" + str(n), f"hits, window {n} (permanent)", "%", [s.rate(n) for s in sweeps]) for n in PERMANENT]
    variable = [sweep.rate(0) for sweep in sweeps]
    return [
        *rows,
        Row("hit_variable", "hits, other windows (LRU)", "%", variable),
        Row("hit_all", "hits, all windows", "%", [sweep.rate() for sweep in sweeps], note="target: over 60 %"),
        Row("hit_small", f"hits, room for {SMALL} arrays", "%", [s.rate() for s in small], note=told(sweeps)),
        *accesses(panel, 3 if quick else 20),
        Row("size_mb", "size, against its limit", "MB", [s.size for s in sweeps], [LIMIT / 1e6]),
    ]


@dataclass
class Sweep:
    """What a sweep found in the cache.

    Attributes
    ----------
    asked, had : dict of int to int
        By window, 0 for all that are not permanent.
    size : float
        MB at the end.
    arrays : int
        Kept at the end.
    """

    asked: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    had: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    size: float = 0.0
    arrays: int = 0

    def rate(self, window: int | None = None) -> float:
        """Percent of what was asked for that was there."""
        windows = list(self.asked) if window is None else [window]
        return 100.0 * sum(self.had[n] for n in windows) / sum(self.asked[n] for n in windows)


def swept(panel: Panel, limit: int, seed: int) -> Sweep:
    """One search through a new cache of so many bytes."""
    cache, found = HistoryCache(limit), Sweep()
    data = MarketData(panel, cache, Assets.of(panel))
    for trial in trials(seed):
        for name, window in trial:
            place, misses = window if window in PERMANENT else 0, cache.lookups[1]
            getattr(data, name)("close", window)
            found.asked[place] += 1
            found.had[place] += cache.lookups[1] == misses
            assert cache.nbytes <= limit, "the cache is larger than its limit"
    found.size, found.arrays = cache.nbytes / 1e6, len(cache)
    return found


def trials(seed: int) -> list[tuple[Asked, Asked, Asked]]:
    """What the trials of a search ask for, in its order."""
    points = RandomSearch(rb.ParameterSpace(SPACE), TRIALS, seed).ask(TRIALS)
    assert points is not None, "the search gave no points"
    asked = zip(*(points.columns[name] for name in ("fast", "slow", "span")), strict=True)
    return [(("sma", fast), ("sma", slow), ("std", span)) for fast, slow, span in asked]


def told(sweeps: list[Sweep]) -> str:
    """How many arrays a sweep makes, for comparison with the room for fewer."""
    return f"a search makes {np.median([s.arrays for s in sweeps]):.0f}; trials in its order, not near ones together"


def accesses(panel: Panel, runs: int) -> list[Row]:
    """Time of a hit, by window."""
    data = MarketData(panel, HistoryCache(LIMIT), Assets.of(panel))
    prices, rows = data.adjusted("close"), []
    for window in (*PERMANENT, VARIABLE):
        compute, hit = partial(recomputed, panel, prices, window), partial(data.sma, "close", window)
        assert np.array_equal(compute(), hit(), equal_nan=True), "the kept average differs from the computed one"
        times = interleaved(runs, repeated(compute, 10), repeated(hit, LOOPS)) * (1e5, 1e6 / LOOPS)
        key, tier = (str(window), "permanent") if window in PERMANENT else ("variable", "LRU")
        rows.append(Row(f"access_{key}", f"a hit, window {window} ({tier})", "us", times[:, 1], times[:, 0]))
    return rows


def recomputed(panel: Panel, prices: FloatArray, window: int) -> FloatArray:
    """The average in the prices of each row, made anew."""
    made: FloatArray = rolling_mean(prices, window) / panel.factor
    return made


def check(panel: Panel) -> None:
    """What a cache gives, roomy or small, is what is computed without one."""
    roomy, small, none = (
        MarketData(panel, HistoryCache(limit), Assets.of(panel)) for limit in (LIMIT, SMALL * panel.close.nbytes, 0)
    )
    for name, window in [asked for trial in trials(0)[:50] for asked in trial]:
        expected = getattr(none, name)("close", window)
        for data in (roomy, small):
            assert np.array_equal(getattr(data, name)("close", window), expected, equal_nan=True), (name, window)


BENCHMARK = Benchmark("tiers", "layer2", "How often is an indicator there, and what does that save?", measure)
