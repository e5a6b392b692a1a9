"""The search algorithms one point at a time: order, learning, ends, and what they refuse."""

from decimal import Decimal

import numpy as np
import pytest

from rustybt_ray.exceptions import InputError
from rustybt_ray.optimization import (
    BayesianOptimizer,
    CategoricalParameter,
    ContinuousParameter,
    DiscreteParameter,
    GeneticAlgorithm,
    GridSearchAlgorithm,
    ParameterSpace,
    RandomSearchAlgorithm,
)
from rustybt_ray.search.random import RandomSearch
from rustybt_ray.search.samplers import SamplerSearch

SPACE = ParameterSpace(parameters=[
    DiscreteParameter("n", 0, 20, 2),
    ContinuousParameter("x", 0.0, 1.0),
    CategoricalParameter("kind", ["a", "b"]),
])  # fmt: skip
SMALL = ParameterSpace(parameters=[DiscreteParameter("n", 1, 3), CategoricalParameter("kind", ["a", "b"])])


def worth(params):
    return -((params["n"] - 8) ** 2) / 10 - float(params.get("x", 0)) + (params["kind"] == "b")


def run(algorithm, function=worth, most=1000):
    """Points in the order in which they were suggested."""
    asked = []
    while not algorithm.is_complete() and len(asked) < most:
        asked.append(algorithm.suggest())
        algorithm.update(asked[-1], Decimal(str(function(asked[-1]))))
    return asked


def test_random_gives_our_points_with_real_numbers_as_decimals():
    asked = run(RandomSearchAlgorithm(SPACE, n_iter=30, seed=5))
    points = RandomSearch(SPACE.ours, n_trials=30, seed=5).ask(30)
    assert [{**point, "x": float(point["x"])} for point in asked] == [points.row(i) for i in range(30)]
    assert all(isinstance(point["x"], Decimal) and SPACE.validate_params(point) for point in asked)
    assert run(RandomSearchAlgorithm(SPACE, 30, seed=6)) != asked
    assert run(RandomSearchAlgorithm(SPACE, 9)) == run(RandomSearchAlgorithm(SPACE, 9, seed=0))


def test_random_ends_when_a_finite_space_does():
    algorithm = RandomSearchAlgorithm(SMALL, n_iter=50, seed=1)
    asked = run(algorithm)
    assert len(asked) == len({tuple(point.items()) for point in asked}) == 6
    assert algorithm.is_complete()
    with pytest.raises(ValueError, match="suggest must be asked before the search is complete"):
        algorithm.suggest()


def test_bayesian_gives_the_points_of_tpe():
    asked = run(BayesianOptimizer(SPACE, n_iter=20, random_state=3, convergence_patience=1000))
    search = SamplerSearch(SPACE.ours, "tpe", 20, seed=3, lag=1)
    expected = []
    for number in range(20):
        expected.append(search.ask(1).row(0))
        search.tell(np.array([number]), np.array([worth(expected[-1])]))
    assert asked == expected


def test_known_points_are_learned_from_and_are_no_trials():
    known = {"n": 8, "x": 0.25, "kind": "b"}
    arguments = {"n_iter": 25, "random_state": 3, "convergence_patience": 1000}
    algorithm = BayesianOptimizer(SPACE, initial_points=[known], initial_scores=[Decimal("0.75")], **arguments)
    assert algorithm.get_best_result() == (known, Decimal("0.75"))
    asked = run(algorithm)
    assert (len(asked), algorithm.iteration) == (25, 25)
    assert asked != run(BayesianOptimizer(SPACE, **arguments))
    with pytest.raises(InputError, match="initial_scores must be as many as initial_points; received 0"):
        BayesianOptimizer(SPACE, initial_points=[known])
    with pytest.raises(InputError, match="parameter 'n' must be from 0 to 20 by 2; received 7"):
        BayesianOptimizer(SPACE, initial_points=[{**known, "n": 7}], initial_scores=[1])


def test_bayesian_ends_when_nothing_gets_better():
    algorithm = BayesianOptimizer(SPACE, n_iter=50, convergence_patience=4, random_state=1)
    asked = run(algorithm, lambda params: 1.0)
    assert len(asked) == 5
    assert algorithm.is_complete()


def test_genetic_gives_the_points_of_nsga2():
    algorithm = GeneticAlgorithm(SPACE, population_size=6, max_generations=5, seed=2)
    asked = run(algorithm)
    options = {"population_size": 6, "crossover_prob": 0.8, "mutation_prob": 0.2}
    search = SamplerSearch(SPACE.ours, "nsga2", 30, seed=2, lag=1, options=options)
    expected = []
    for number in range(30):
        expected.append(search.ask(1).row(0))
        search.tell(np.array([number]), np.array([worth(expected[-1])]))
    assert [{**point, "x": float(point["x"])} for point in asked] == expected
    history = algorithm.get_generation_history()
    scores = [Decimal(str(worth(point))) for point in asked]
    assert history["best_fitness"] == [max(scores[i : i + 6]) for i in range(0, 30, 6)]
    assert history["generation"] == list(range(5))
    assert algorithm.get_best_score() == max(scores)


def test_genetic_ends_early():
    assert len(run(GeneticAlgorithm(SPACE, 5, 40, patience=2, seed=1), lambda params: 1.0)) == 15
    target = GeneticAlgorithm(SPACE, 5, 40, target_fitness=Decimal("-1"), seed=1)
    asked = run(target)
    assert worth(asked[-1]) >= -1.0
    assert all(worth(point) < -1.0 for point in asked[:-1])
    assert run(GeneticAlgorithm(SPACE, 5, 40, max_time_seconds=0.0)) == []


def test_a_grid_ends_after_rounds_without_a_better_score():
    algorithm = GridSearchAlgorithm(SMALL, early_stopping_rounds=2)
    assert algorithm.learns
    assert not GridSearchAlgorithm(SMALL).learns
    scores = iter([1, 2, 1, 2, 9, 9])
    assert len(run(algorithm, lambda params: next(scores))) == 4


def test_failures_are_worst_and_told_as_such():
    algorithm = RandomSearchAlgorithm(SPACE, n_iter=4, seed=1)
    for score in ("-Infinity", "NaN", "-5", "3"):
        algorithm.update(algorithm.suggest(), Decimal(score))
    assert [score for _, score in algorithm.get_results(2)] == [Decimal(3), Decimal(-5)]


def test_what_the_protocol_refuses():
    algorithm = BayesianOptimizer(SPACE, n_iter=5)
    point = algorithm.suggest()
    with pytest.raises(InputError, match="suggest must be asked with fewer than 1 points open; received 1"):
        algorithm.suggest()
    with pytest.raises(ValueError, match="a point that was suggested and has no score yet"):
        algorithm.update({**point, "n": 0 if point["n"] else 2}, Decimal(1))
    algorithm.update(point, Decimal(1))
    with pytest.raises(ValueError, match="a point that was suggested and has no score yet"):
        algorithm.update(point, Decimal(1))
    with pytest.raises(ValueError, match="results must be asked for after the first update"):
        RandomSearchAlgorithm(SPACE, 3).get_best_params()
    for method, arguments in (("get_state", ()), ("set_state", ({},))):
        with pytest.raises(InputError, match=r"a search's state .*Ours is the journal"):
            getattr(algorithm, method)(*arguments)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GridSearchAlgorithm(SPACE), r"parameter 'x' must be discrete in a grid search.*rb\.Float"),
        (lambda: RandomSearchAlgorithm(SPACE, 0), r"n_iter must be"),
        (lambda: BayesianOptimizer(SPACE, acq_func="LCB"), r"BayesianOptimizer\.acq_func must be left at 'EI'.*search='tpe'"),
        (lambda: BayesianOptimizer(SPACE, kappa=2.5), r"BayesianOptimizer\.kappa must be left at 1\.96"),
        (lambda: GeneticAlgorithm(SPACE, selection="rank"), r"GeneticAlgorithm\.selection must be left.*search='nsga2'"),
        (lambda: GeneticAlgorithm(SPACE, elite_size=3), r"GeneticAlgorithm\.elite_size must be left at None"),
        (lambda: GeneticAlgorithm(SPACE, population_size=1), r"population_size must be"),
        (lambda: BayesianOptimizer(SPACE).plot_objective(), r"a plot of the search must be drawn from its results"),
    ],
)  # fmt: skip
def test_what_has_no_counterpart_names_ours(make, message):
    with pytest.raises(InputError, match=message):
        make()
