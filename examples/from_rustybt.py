"""Code in the words of `rustybt.optimization`: with a backtest of one's own, and with the ledger in its place."""

from typing import Any

import rustybt_ray as rb
from rustybt_ray.optimization import DiscreteParameter, ObjectiveFunction, Optimizer, ParameterSpace
from rustybt_ray.optimization.search import RandomSearchAlgorithm

SPACE = ParameterSpace(
    parameters=[
        DiscreteParameter(name="fast", min_value=5, max_value=50, step=5),
        DiscreteParameter(name="slow", min_value=60, max_value=250, step=10),
    ]
)


def run_backtest(params: dict[str, Any]) -> dict[str, Any]:
    """As rustybt wants it: a dict of parameters in, a dict with `performance_metrics` out."""
    result = rb.backtest(sma_crossover, params, bundle="sample-mag-7")
    return {"performance_metrics": result.metrics}


def sma_crossover(data: Any, fast: int, slow: int) -> rb.Weights:
    """The same as a strategy of ours, whose backtests need no function around them."""
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))


def main(trials: int = 20) -> tuple[Optimizer, Optimizer]:
    rb.ingest_sample()
    objective = ObjectiveFunction(metric="sharpe_ratio", higher_is_better=True)
    theirs = Optimizer(SPACE, RandomSearchAlgorithm(SPACE, trials, seed=42), objective, run_backtest, trials)
    search = RandomSearchAlgorithm(SPACE, trials, seed=42)
    ours = Optimizer(SPACE, search, objective, sma_crossover, trials, bundle="sample-mag-7")
    for optimizer in (theirs, ours):
        best = optimizer.optimize()
        print(f"{best.params}: {best.score:.4f}")
    return theirs, ours


if __name__ == "__main__":
    main()
