"""A target function, and 200 pairs of its parameters over the sample bundle."""

from typing import Any

import rustybt_ray as rb


def sma_crossover(data: Any, fast: int, slow: int) -> rb.Weights:
    """Hold each asset at 1/N while its fast average is above its slow one."""
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))


def main(space: dict[str, Any] | None = None, **options: Any) -> rb.Study:
    return rb.optimize(
        sma_crossover,
        bundle=rb.ingest_sample().reference,
        space=space or {"fast": rb.Int(5, 50, step=5), "slow": rb.Int(60, 250, step=10)},
        objective="sharpe_ratio",
        costs=rb.Costs(commission=rb.PerDollar(0.001)),
        **options,
    )


if __name__ == "__main__":
    study = main()
    print(study.top(10))
    print(study.best_trial)
