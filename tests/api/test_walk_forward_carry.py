"""`positions="carry"`: the chosen rows joined, one ledger over all."""

import numpy as np
import pytest
from forward_cases import COSTS, crossover, dense, market, walk

import rustybt_ray as rb
from rustybt_ray.engine.backtest import simulate
from rustybt_ray.workspace.workspace import Workspace


def rows_of(panel, strategy, params):
    workspace = Workspace()
    workspace.open(panel)
    return strategy(workspace.data(panel.version), **params)


@pytest.mark.parametrize("delay", [0, 2])
@pytest.mark.parametrize("strategy", [crossover, dense])
def test_one_ledger_runs_the_rows_that_each_window_chose(strategy, delay):
    panel = market()
    found = walk(panel, strategy, positions="carry", settings=rb.Settings(delay=delay))
    joined = np.zeros(panel.shape, np.bool_) if strategy is crossover else np.full(panel.shape, np.nan)
    for window in found.layout:
        weights = rows_of(panel, strategy, found.choice(window.number).params)
        part = slice(window.test.first - 1 - delay, window.test.last - delay)
        joined[part] = (weights.mask if strategy is crossover else weights)[part]
    target = rb.equal_weight(joined) if strategy is crossover else joined
    first, last = found.layout[0].test.first, found.layout[-1].test.last
    known = simulate(panel, target, first, last, costs=COSTS, settings=rb.Settings(delay=delay))
    assert found.out_of_sample["returns"].to_numpy().tobytes() == known.returns.tobytes()
    for name in ("total_return", "n_trades", "costs_paid", "max_drawdown", "exposure", "n_open_trades"):
        assert found.metrics[name] == pytest.approx(known.metrics[name], rel=1e-9)


def test_a_gap_is_cash_and_positions_survive_the_edges_of_tests():
    free = walk(positions="carry")
    bound = sorted(free.trials.group_by("window").max()["train_max_drawdown"])[1] + 1e-9
    found = walk(positions="carry", require=f"max_drawdown > {bound}")
    assert 0 < found.n_gaps < len(found.layout)
    curve = found.out_of_sample
    gaps = np.flatnonzero(curve["gap"])
    assert (curve["exposure"].to_numpy()[gaps] == 0.0).all()
    edges = free.out_of_sample.group_by("window", maintain_order=True).last()["exposure"][:-1]
    assert (edges > 0.0).any()


def test_masks_and_numbers_join_as_plain_weights():
    def mixed(data, fast, slow):
        weights = crossover(data, fast, slow)
        return weights if fast == 2 else np.asarray(rb.equal_weight(weights.mask, rebalance="daily"))

    found = walk(strategy=mixed, positions="carry")
    assert found.out_of_sample["exposure"].max() > 0.0
    assert found.metrics["n_trades"] > 0
