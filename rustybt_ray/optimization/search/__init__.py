"""rustybt's search algorithms, each one of ours."""

from rustybt_ray.optimization.search.bayesian_search import BayesianOptimizer
from rustybt_ray.optimization.search.genetic_algorithm import GeneticAlgorithm
from rustybt_ray.optimization.search.grid_search import GridSearchAlgorithm
from rustybt_ray.optimization.search.random_search import RandomSearchAlgorithm

__all__ = ["BayesianOptimizer", "GeneticAlgorithm", "GridSearchAlgorithm", "RandomSearchAlgorithm"]
