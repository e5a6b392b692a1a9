"""A planted optimum is found by each search with the budget that is to be expected; those that learn need less."""

import math

import numpy as np
import pytest
from scipy import stats

import rustybt_ray as rb
from rustybt_ray.data.sample import sample_panel

PANEL = sample_panel()
SPACE = {"n": rb.Int(1, 100), "x": rb.Float(-1.0, 1.0), "r": rb.Float(1e-4, 1.0, log=True)}
SHARE = 0.02
"""Of the space, by the measure that random search draws with: where `hill` is above `HIGH`."""
HIGH = -((4 * SHARE / (4 / 3 * math.pi)) ** (2 / 3))
BUDGET = math.ceil(math.log(0.01) / math.log(1.0 - SHARE))
"""Trials in which random search gets there with 99 %."""


def hill(trial):
    """0 at its top, n = 37, x = 0.3, r = 0.01; minus the square of the distance in half-axes of 100, 1 and 2 decades."""
    n, x, r = (trial.params[name] for name in ("n", "x", "r"))
    return -(((n - 37) / 100) ** 2) - (x - 0.3) ** 2 - ((math.log10(r) + 2) / 2) ** 2


def best(search, n_trials, seed):
    study = rb.optimize(
        hill, bundle=PANEL, space=SPACE, search=search, n_trials=n_trials, seed=seed, executor="inline", progress=False
    )
    assert study.n_trials == n_trials
    return study.best_value


def test_the_region_is_as_large_as_it_says():
    draws = np.random.default_rng(1).random((400_000, 3))
    n, x, decades = np.floor(draws[:, 0] * 100) + 1, 2 * draws[:, 1] - 1, -4 * draws[:, 2]
    inside = -(((n - 37) / 100) ** 2) - (x - 0.3) ** 2 - ((decades + 2) / 2) ** 2 > HIGH
    assert inside.mean() == pytest.approx(SHARE, rel=0.05)


def test_the_grid_finds_it_exactly():
    space = {"n": rb.Int(1, 100, step=4), "x": rb.Float(-1.0, 1.0, step=0.1), "r": [1e-4, 1e-3, 1e-2, 0.1, 1.0]}
    study = rb.optimize(hill, bundle=PANEL, space=space, executor="inline", progress=False)
    assert study.best_params == {"n": 37, "x": 0.3, "r": 0.01}
    assert study.best_value == 0.0


@pytest.mark.parametrize("search", ["random", "sobol", "lhs", "tpe", "cmaes", "nsga2"])
def test_every_search_finds_it_with_the_budget_that_random_search_needs(search):
    assert [seed for seed in range(3) if best(search, BUDGET, seed) < HIGH] == []


def test_searches_that_learn_find_it_with_a_third_of_that_budget():
    assert [seed for seed in range(3) if best("tpe", BUDGET // 3, seed) < HIGH] == []


@pytest.mark.slow
@pytest.mark.parametrize("search", ["tpe", "cmaes"])
def test_searches_that_learn_are_better_than_random_on_average(search, capsys):
    seeds = range(24)
    gains = np.array([best(search, 120, seed) - best("random", 120, seed) for seed in seeds])
    middle, error = gains.mean(), stats.sem(gains)
    low, high = stats.t.interval(0.99, len(gains) - 1, loc=middle, scale=error)
    with capsys.disabled():
        print(
            f"\n{search}: {middle:.4f} above random after 120 trials, 99 % interval {low:.4f} to {high:.4f}, 24 seeds"
        )
    assert low > 0.0
