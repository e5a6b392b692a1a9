"""A search that learns, over a space in which each kind of average has parameters of its own.

The space is a function: what a trial has depends on what was chosen before. It needs Optuna: pip install 'rustybt_ray[optuna]'.
"""

from typing import Any

import rustybt_ray as rb


def space(trial: Any) -> dict[str, Any]:
    kind = trial.suggest_categorical("kind", ["sma", "ema"])
    fast = trial.suggest_int("fast", 5, 50)
    if kind == "sma":
        return {"kind": kind, "fast": fast, "slow": fast + trial.suggest_int("gap", 10, 200)}
    return {"kind": kind, "fast": fast, "ratio": trial.suggest_float("ratio", 1.5, 8.0)}


def crossover(data: Any, kind: str, fast: int, slow: int = 0, ratio: float = 0.0) -> rb.Weights:
    """Hold each asset at 1/N while its fast average is above its slow one."""
    if kind == "sma":
        return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))
    return rb.equal_weight(data.ema("close", fast) > data.ema("close", round(ratio * fast)))


def main(n_trials: int = 200, **options: Any) -> rb.Study:
    return rb.optimize(
        crossover,
        bundle=rb.ingest_sample().reference,
        space=space,
        search="tpe",
        n_trials=n_trials,
        objective=["sharpe_ratio", "max_drawdown"],
        costs=rb.Costs(rb.PerDollar(0.001)),
        **options,
    )


if __name__ == "__main__":
    study = main()
    print(study.pareto)
    print(f"chosen in {study.choosing:.1f} s; workers waited {study.waited:.1f} s for results")
