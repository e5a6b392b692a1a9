"""Cross-sectional momentum: each month, hold the assets that rose most."""

from typing import Any

import rustybt_ray as rb


def rank_momentum(data: Any, lookback: int, share: float) -> rb.Weights:
    """Each month, equal money in the `share` of the assets that rose most over `lookback` sessions."""
    ranks = data.rank(data.momentum("close", lookback))
    return rb.equal_weight(ranks > 1.0 - share, rebalance="monthly", slots=1)


def main(space: dict[str, Any] | None = None, **options: Any) -> rb.Study:
    return rb.optimize(
        rank_momentum,
        bundle=rb.ingest_sample().reference,
        space=space or {"lookback": rb.Int(20, 260, step=20), "share": rb.Float(0.25, 0.75, step=0.25)},
        objective="calmar_ratio",
        costs=rb.Costs(commission=rb.PerDollar(0.001), slippage=rb.FixedBasisPoints(2)),
        require=["max_drawdown > -0.9"],
        **options,
    )


if __name__ == "__main__":
    study = main()
    print(study.top(10))
    print(f"causal: {study.causal}")
