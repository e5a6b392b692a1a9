"""A small market and strategies for walk-forwards."""

import os
import time

import numpy as np

import rustybt_ray as rb
from rustybt_ray.data.build import panel_from_arrays

SESSIONS, ASSETS = 260, 3
SPACE = {"fast": rb.Int(2, 5), "slow": rb.Choice([8, 13, 21])}
WINDOWS = rb.Rolling(train=80, test=30)
SEARCHED = {
    "grid": {},
    "tpe": {
        "search": "tpe",
        "space": {"fast": rb.Int(2, 9), "slow": rb.Int(10, 40)},
        "n_trials": 24,
        "lag": 4,
        "seed": 5,
    },
}
"""Searches of walk-forwards by name."""
COSTS = rb.Costs(rb.PerDollar(0.001), rb.FixedBasisPoints(5.0))


def arrays(seed=3, sessions=SESSIONS):
    """Opens, highs, lows, closes and volumes of a random walk."""
    dice = np.random.default_rng(seed)
    close = 50.0 * np.exp(np.cumsum(dice.normal(0.0005, 0.02, (sessions, ASSETS)), axis=0))
    opened = close * np.exp(dice.normal(0.0, 0.005, close.shape))
    return [opened, np.fmax(opened, close), np.fmin(opened, close), close, np.full(close.shape, 1e6)]


def market(seed=3, changed=None, by=1.07, sessions=SESSIONS):
    """A panel with a split and dividends; the bar of the row `changed` is `by` times as high."""
    values = arrays(seed, sessions)
    if changed is not None:
        for field in values[:4]:
            field[changed] *= by
    time = np.busday_offset("2015-01-01", np.arange(sessions), roll="forward").astype("datetime64[ns]")
    splits, dividends = [(120, 1, 2.0)], [(60, 0, 0.4), (170, 2, 0.7)]
    return panel_from_arrays(time, "ABC", *values, splits, dividends, periods_per_year=252, fractional=False)


def crossover(data, fast, slow):
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))


def slow_crossover(data, fast, slow):
    """The same strategy, and so the same walk-forward, on a slower machine."""
    time.sleep(float(os.environ.get("TRIAL_TAKES", "0")))
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))


def dense(data, fast, slow):
    """Weights as plain numbers."""
    strength = data.sma("close", fast) / data.sma("close", slow) - 1.0
    return np.where(strength > 0.0, 1.0 / 3.0, 0.0)


def global_scale(data, fast, slow):
    """Knows the highest price of all data."""
    level = data.sma("close", fast) / np.nanmax(data.close, axis=0) * slow
    return rb.equal_weight(level > 4.0)


def peeking(data, fast, slow):
    """Holds what has risen by the end of all data: on each day it knows the last close there is."""
    return rb.equal_weight(np.broadcast_to(data.close[-1] * (1.0 + slow / 1000.0) > data.close, data.shape))


def walk(panel=None, strategy=crossover, **options):
    defaults = {"space": SPACE, "windows": WINDOWS, "costs": COSTS, "executor": "inline", "progress": False}
    return rb.walk_forward(strategy, bundle=market() if panel is None else panel, **{**defaults, **options})


def same(first, second):
    """Whether two walk-forwards are the same to the last bit, but for times and places."""
    return (
        first.trials.equals(second.trials)
        and first.windows.equals(second.windows)
        and first.curves.frame.equals(second.curves.frame)
        and repr(first.curves.metrics) == repr(second.curves.metrics)
        and first.causal == second.causal
    )
