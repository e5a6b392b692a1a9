"""Our sweep beside the limit: how much of a trial is not the trades themselves.

One core, whole `optimize` calls with all metrics, against a hand-written kernel that knows nothing but these trades. Eight
stocks over 25 years; the same with weights restored every session; one stock; and 300 stocks, which no cache of the processor
holds.
"""

from functools import partial

import numpy as np

import rustybt_ray as rb
from limit import FEE, PAIRS, backfilled, crossover, limit_of
from measuring.rows import Benchmark, Row
from measuring.samples import interleaved
from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.data.panel import Panel
from rustybt_ray.data.sample import sample_panel

COSTS = rb.Costs(rb.PerDollar(FEE))
WIDE = 300


def measure(quick: bool) -> list[Row]:
    """The four sweeps."""
    eight = adjusted(sample_panel())
    wide = widened(eight, WIDE)
    runs, few = (7, 3) if quick else (21, 10)
    return [
        compared("change", "eight stocks, orders when a signal changes", eight, "change", runs, 1.5),
        compared("daily", "eight stocks, weights restored every session", eight, "daily", runs, 1.2),
        compared("one", "one stock", narrowed(eight), "change", runs, None),
        compared("wide", f"{WIDE} stocks", wide, "change", few, 1.5, PAIRS[::20]),
    ]


def compared(
    key: str,
    what: str,
    panel: Panel,
    rebalance: str,
    runs: int,
    bound: float | None,
    points: list[dict[str, int]] = PAIRS,
) -> Row:
    """Nanoseconds of a step, a bar of an asset in a trial; total returns are compared first."""
    limit = limit_of(rebalance, panel.close, backfilled(panel.close), points)
    strategy = crossover(rebalance)
    ours = partial(
        rb.optimize, strategy, bundle=panel, points=points, costs=COSTS, executor="inline", progress=False
    )  # fmt: skip
    found, expected = ours().trials["total_return"].to_numpy(), limit()
    assert np.allclose(found, expected, rtol=1e-9, atol=1e-9), "the limit finds other returns"
    times = interleaved(runs, limit, ours) * 1e9 / (len(points) * panel.close.size)
    return Row(
        key, f"{what}: the limit, ours", "ns", times[:, 1], times[:, 0], bound=None if bound is None else 1.0 / bound
    )


def adjusted(panel: Panel) -> Panel:
    """A panel of adjusted prices, without events."""
    bars = [getattr(panel, name) * panel.factor for name in ("open", "high", "low", "close")]
    return built(panel, list(panel.symbols), [*bars, panel.volume])


def narrowed(panel: Panel) -> Panel:
    """Its first asset alone."""
    fields = [getattr(panel, name)[:, :1] for name in ("open", "high", "low", "close", "volume")]
    return built(panel, list(panel.symbols[:1]), fields)


def widened(panel: Panel, assets: int) -> Panel:
    """More assets: those of the panel, each time on a path of its own around them."""
    rng = np.random.default_rng(0)
    column = np.arange(assets) % panel.shape[1]
    path = np.exp(rng.normal(0.0, 0.01, (panel.shape[0], assets)).cumsum(axis=0))
    bars = [getattr(panel, name)[:, column] * path for name in ("open", "high", "low", "close")]
    return built(panel, [f"S{i:04d}" for i in range(assets)], [*bars, panel.volume[:, column]])


def built(panel: Panel, symbols: list[str], fields: list[np.ndarray]) -> Panel:
    """A panel of the same sessions."""
    return panel_from_arrays(panel.time.astype("datetime64[ns]"), symbols, *fields)


BENCHMARK = Benchmark("sweep", "workflows", "How far is a sweep from the limit of its own trades?", measure)
