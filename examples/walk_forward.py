"""A walk-forward: each window chooses on its train and validation, and is judged on the test that follows."""

from typing import Any

from sma_crossover import sma_crossover

import rustybt_ray as rb


def main(space: dict[str, Any] | None = None, **options: Any) -> rb.WalkForward:
    return rb.walk_forward(
        sma_crossover,
        bundle=rb.ingest_sample().reference,
        space=space or {"fast": rb.Int(5, 50, step=5), "slow": rb.Int(60, 250, step=10)},
        windows=rb.Rolling(train="3y", validate="6mo", test="6mo"),
        purge=5,
        costs=rb.Costs(commission=rb.PerDollar(0.001)),
        **options,
    )


if __name__ == "__main__":
    found = main()
    print(found.windows)
    print(found.comparisons.select("what", "total_return", "sharpe_ratio", "max_drawdown"))
    print(found.skill, found.efficiency, *found.notes, sep="\n")
