"""A mask is its dense weights, also where it has more cells than the kernel compares at once."""

import numpy as np
import pytest

from rustybt_ray.data.sample import sample_panel
from rustybt_ray.engine import structures
from rustybt_ray.engine.backtest import Simulator, simulate
from rustybt_ray.engine.metrics import MOMENTS, NAMES
from rustybt_ray.engine.settings import Settings
from rustybt_ray.engine.structures import CHANGE_CELLS
from rustybt_ray.engine.weights import equal_weight

PANEL = sample_panel()


@pytest.mark.parametrize("first", [0, 1, 511, 4000])
@pytest.mark.parametrize("every", [1, 3, 40, 700])
def test_a_mask_orders_what_its_dense_weights_order(first, every):
    assert PANEL.close.size > 3 * CHANGE_CELLS
    dice = np.random.default_rng(every)
    mask = np.repeat(dice.random((len(PANEL.time) // every + 1, PANEL.shape[1])) < 0.4, every, axis=0)
    mask = np.ascontiguousarray(mask[: len(PANEL.time)])
    if first:
        mask[:first] = dice.random((first, PANEL.shape[1])) < 0.5  # nobody looks there
        mask[first - 1] = False  # before a segment nothing is held: dense weights order what is true in its first row
    one, other = (
        simulate(PANEL, weights, first, 6000) for weights in (equal_weight(mask), np.asarray(equal_weight(mask)))
    )
    assert np.array_equal(list(one.metrics.values()), list(other.metrics.values()), equal_nan=True)
    assert np.array_equal(one.log, other.log)
    assert np.array_equal(one.equity, other.equity)
    changes = np.flatnonzero((mask[first:6000] != np.vstack([0 * mask[:1], mask[first:5999]])).any(axis=1))
    assert len(np.unique(one.fills["row"])) >= 0.5 * len(changes)


@pytest.mark.parametrize("places", [1, 700])
@pytest.mark.parametrize("settings", [Settings(), Settings(shares="fractional", delay=1)])
def test_changes_beyond_those_that_are_kept_are_found_again(monkeypatch, places, settings):
    weights = equal_weight(np.random.default_rng(places).random(PANEL.shape) < 0.4)
    whole = metrics_of(weights, settings)
    monkeypatch.setattr(structures, "CHANGES", places)
    assert np.array_equal(metrics_of(weights, settings), whole, equal_nan=True)
    assert whole[NAMES.index("n_trades")] > places


def metrics_of(weights, settings):
    simulator = Simulator(PANEL, ((5, 6000),), settings=settings)
    out, moments = np.empty((1, len(NAMES))), np.empty((1, MOMENTS))
    simulator.run(weights, out, moments)
    return out[0]
