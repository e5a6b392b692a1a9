"""Target weights as an algorithm that orders them and as a target function, and the comparison of the two."""

import numpy as np

import rustybt_ray as rb
from rustybt_ray.engine.settings import Settings
from rustybt_ray.zipline.algorithm import Algorithm
from rustybt_ray.zipline.api import order_target_percent, sid


def ordering(weights, first):
    """The algorithm that orders each row of the weights on its session."""

    def initialize(context):
        context.assets = [sid(column) for column in range(weights.shape[1])]
        context.row = first

    def handle_data(context, data):
        for asset, weight in zip(context.assets, weights[context.row], strict=True):
            if weight == weight:
                order_target_percent(asset, weight)
        context.row += 1

    return Algorithm(initialize, handle_data)


def both_roads(view, weights, first, last, costs, settings=None, capital=1e5):
    """The algorithm's backtest and the target function's."""
    days = [str(np.datetime64(int(view.sessions[row]), "ns").astype("datetime64[D]")) for row in (first, last)]
    rules = {"start": days[0], "end": days[1], "costs": costs, "settings": settings, "capital": capital}
    algorithm = rb.backtest(ordering(weights, first), bundle=view, **rules)
    rules["settings"] = settings or Settings.zipline()
    return algorithm, rb.backtest(lambda data: weights, bundle=view, **rules)


def assert_the_same(algorithm, target, curves=("equity", "cash", "returns", "positions")):
    for name in curves:
        assert getattr(algorithm, name).tobytes() == getattr(target, name).tobytes(), name
    assert list(algorithm.metrics) == list(target.metrics)
    np.testing.assert_array_equal(list(algorithm.metrics.values()), list(target.metrics.values()))
    kept = target.fills.filter(target.fills["kind"] != "split fraction")
    assert algorithm.fills.equals(kept)
