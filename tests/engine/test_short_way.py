"""The short way through a row's orders gives the bits of the long way, which a replay always takes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.engine.backtest import Simulator, record
from rustybt_ray.engine.costs import Costs, FixedBasisPoints, NoCommission, PerDollar, PerShare
from rustybt_ray.engine.metrics import MOMENTS, NAMES
from rustybt_ray.engine.settings import Settings
from rustybt_ray.engine.weights import Weights, equal_weight

DAY = 86_400_000_000_000


def market(seed, rows, assets, gaps):
    rng = np.random.default_rng(seed)
    close = np.exp(np.cumsum(rng.normal(0, 0.03, (rows, assets)), axis=0)) * rng.choice([3.0, 40.0, 900.0], assets)
    close[rng.random((rows, assets)) < gaps] = np.nan
    close[: rng.integers(0, rows), 0] = np.nan
    volume = np.where(np.isnan(close), np.nan, np.where(rng.random((rows, assets)) < gaps, 0.0, 1e6))
    splits = [(int(rng.integers(1, rows)), int(rng.integers(assets)), 2.0)]
    dividends = [(int(rng.integers(1, rows)), int(rng.integers(assets)), 0.02)]
    time = np.arange(rows) * DAY
    names = [f"A{i}" for i in range(assets)]
    return panel_from_arrays(time, names, close, close, close, close, volume, splits, dividends), rng


@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(3, 60),
    assets=st.integers(1, 9),
    gaps=st.sampled_from([0.0, 0.1]),
    kind=st.sampled_from(["change", "daily", "weekly", "dense", "short"]),
    shares=st.sampled_from(["whole", "fractional"]),
    commission=st.sampled_from([NoCommission(), PerDollar(0.001), PerShare(0.01), PerShare(0.01, minimum=1.0)]),
    points=st.sampled_from([0.0, 25.0]),
    capital=st.sampled_from([1e4, 1e6]),
)
@settings(max_examples=300)
def test_the_short_way_gives_the_bits_of_the_long_way(
    seed, rows, assets, gaps, kind, shares, commission, points, capital
):
    panel, rng = market(seed, rows, assets, gaps)
    mask = rng.random((rows, assets)) < 0.6
    if kind in ("dense", "short"):
        values = rng.dirichlet(np.ones(assets + 1), rows)[:, :assets]
        values[rng.random((rows, assets)) < 0.3] = np.nan
        weights = Weights(values=values if kind == "dense" else values * rng.choice([-1.0, 1.0], assets))
    else:
        weights = equal_weight(mask, rebalance=kind)
    costs = Costs(commission, FixedBasisPoints(points))
    rules = {"costs": costs, "settings": Settings(shares=shares), "capital": capital}
    simulator = Simulator(panel, ((0, rows - 1),), **rules)
    short, moments = np.empty((1, len(NAMES))), np.empty((1, MOMENTS))
    simulator.run(weights, short, moments)
    long = record(simulator, weights).metrics
    assert short[0].tobytes() == np.array([long[name] for name in NAMES]).tobytes()


@pytest.mark.parametrize("kind", ["change", "daily"])
def test_segments_run_together_give_the_bits_of_segments_run_alone(kind):
    panel, rng = market(3, 300, 5, 0.0)
    weights = equal_weight(rng.random((300, 5)) < 0.5, rebalance=kind)
    segments = ((0, 99), (50, 250), (250, 299), (299, 299))
    together, moments = np.empty((4, len(NAMES))), np.empty((4, MOMENTS))
    Simulator(panel, segments).run(weights, together, moments)
    for segment, row in zip(segments, together, strict=True):
        alone, own = np.empty((1, len(NAMES))), np.empty((1, MOMENTS))
        Simulator(panel, (segment,)).run(weights, alone, own)
        assert alone[0].tobytes() == row.tobytes()
