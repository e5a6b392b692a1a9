"""An algorithm that orders target weights and the target function with the same weights: the same ledger, bit by bit."""

import numpy as np
import pytest
from two_roads import assert_the_same, both_roads
from zipline_goldens import SHARED
from zipline_market import market

from rustybt_ray.data.payouts import CashDates, with_payouts
from rustybt_ray.engine.costs import Costs, FixedBasisPoints, NoSlippage, PerDollar, PerShare, PerTrade, VolumeShare
from rustybt_ray.engine.settings import Settings
from rustybt_ray.zipline.defaults import ZIPLINE_COSTS

COSTS = {
    "zipline's": ZIPLINE_COSTS,
    "per dollar": Costs(PerDollar(0.001), NoSlippage()),
    "volume share": Costs(PerTrade(1.5), VolumeShare(0.025, 0.1)),
    "with a minimum": Costs(PerShare(0.01, 2.0), FixedBasisPoints(20.0, 0.02)),
}
THIN, ROWS = 40.0, 60


def thin_market():
    """Four assets whose volume fills orders in parts; splits both ways, dividends, a blank bar, one that ends."""
    rng = np.random.default_rng(7)
    close = 20.0 * np.exp(np.cumsum(rng.normal(0, 0.03, (ROWS, 4)), axis=0))
    close[25:, 0] /= 3.0
    close[30:, 1] *= 8.0
    close[12, 2] = close[26, 0] = np.nan
    close[45:, 3] = np.nan
    volume = np.ceil(rng.lognormal(0, 1.0, close.shape) * THIN * 30)
    events = {
        "splits": [(25, 0, 3.0), (30, 1, 0.125)],
        "dividends": [(10, 0, 0.4), (11, 1, 0.3), (26, 0, 0.1), (31, 1, 0.7)],
    }
    panel = market(close, volume=volume, **events)
    return with_payouts(panel, [CashDates(e, int(panel.sessions[row])) for e, row in ((1, 15), (3, 31))])


def some_weights(view, first, seed=1):
    """Weights of either sign with gaps, NaN where zipline has no asset to order and before the first session."""
    rng = np.random.default_rng(seed)
    rows = np.arange(view.shape[0])[:, None]
    weights = np.repeat(rng.normal(0.1, 0.15, view.shape), 3, axis=0)[: len(rows)]
    weights[:, 1] = -np.abs(weights[:, 1])
    weights[rng.random(view.shape) < 0.2] = 0.0
    weights[rng.random(view.shape) < 0.3] = np.nan
    weights[(rows < view.life[0]) | (rows > view.life[1]) | (rows < first)] = np.nan
    return weights


@pytest.mark.parametrize("name", COSTS)
@pytest.mark.parametrize("first", [0, 7])
def test_the_same_ledger_where_volume_is_thin(name, first):
    view = thin_market()
    weights = some_weights(view, first)
    algorithm, target = both_roads(view, weights, first, ROWS - 1, COSTS[name])
    assert_the_same(algorithm, target)
    assert algorithm.positions.min() < 0.0 < algorithm.positions.max()
    assert {"order", "delisting"} == set(algorithm.fills["kind"])
    assert algorithm.fills.height > 100


@pytest.mark.parametrize(
    "changes",
    [
        {"dividends": "ex-date"},
        {"dividends": "never"},
        {"split_fraction": "previous close"},
        {"delisting": "morning", "delisting_return": -0.5},
    ],
)
def test_the_same_ledger_under_other_settings(changes):
    view = thin_market()
    settings = Settings.zipline(**changes)
    weights = some_weights(view, 3)
    algorithm, target = both_roads(view, weights, 3, ROWS - 2, COSTS["zipline's"], settings)
    # an algorithm's cash has what dividends owe besides, so that cash and positions are the portfolio's value
    owed = changes.get("dividends") == "ex-date"
    assert_the_same(algorithm, target, ("equity", "returns", "positions", *(() if owed else ("cash",))))
    assert np.any(algorithm.cash != target.cash) == owed
    plain, _ = both_roads(view, weights, 3, ROWS - 2, COSTS["zipline's"])
    assert algorithm.equity.tobytes() != plain.equity.tobytes()


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared")
@pytest.mark.parametrize("name", COSTS)
def test_the_same_ledger_on_mag_7(name, bundle):
    panel = bundle("mag7")
    first, last = panel.rows_between("2005-01-01", None)
    weights = some_weights(panel, first)
    algorithm, target = both_roads(panel, weights, first, last, COSTS[name])
    assert_the_same(algorithm, target)
    inside = [(panel.split_row > first).any(), (panel.dividend_row > first).any()]
    assert inside == [True, True]
    assert (algorithm.positions < 0.0).any()
