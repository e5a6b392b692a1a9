"""Cross-sectional momentum: each month, hold the assets that rose most."""

from typing import Any

import numpy as np

import rustybt_ray as rb


def rank_momentum(data: Any, lookback: int, hold: int) -> rb.Weights:
    """At each month's first session, equal money in the `hold` assets with the highest return over `lookback` days."""
    rose = np.nan_to_num(np.asarray(data.returns(lookback)), nan=-np.inf)
    place = np.argsort(np.argsort(-rose, axis=1, kind="stable"), axis=1, kind="stable")
    return rb.equal_weight((place < hold) & np.isfinite(rose), rebalance="monthly", slots=hold)


def main(space: dict[str, Any] | None = None, **options: Any) -> rb.Study:
    return rb.optimize(
        rank_momentum,
        bundle=rb.ingest_sample().reference,
        space=space or {"lookback": rb.Int(20, 260, step=20), "hold": rb.Int(1, 4)},
        objective="calmar_ratio",
        costs=rb.Costs(commission=rb.PerDollar(0.001), slippage=rb.FixedBasisPoints(2)),
        require=["max_drawdown > -0.9"],
        **options,
    )


if __name__ == "__main__":
    study = main()
    print(study.top(10))
    print(f"causal: {study.causal}")
