"""Any evaluation fanned out, here: how fast a volatility forecast should forget.

A function whose one argument is called `trial` is an objective function: it sees `trial.params`, `trial.data` and
`trial.seed`, and returns a number, or several by name.
"""

import math
from typing import Any

import numpy as np

import rustybt_ray as rb

WARMUP = 250


def forecast_loss(trial: rb.Trial) -> dict[str, float]:
    """Mean QLIKE loss of exponentially weighted variance forecasts of the first asset."""
    decay = trial.params["decay"]
    prices = np.asarray(trial.data.adjusted("close"))[:, 0]
    returns = np.diff(np.log(prices[~np.isnan(prices)]))
    variance, losses = float(returns[:WARMUP].var()), []
    for squared in (returns[WARMUP:] ** 2).tolist():
        losses.append(squared / variance + math.log(variance))
        variance = decay * variance + (1.0 - decay) * squared
    return {"loss": float(np.mean(losses)), "last_volatility": math.sqrt(252.0 * variance)}


def main(space: dict[str, Any] | None = None, **options: Any) -> rb.Study:
    return rb.optimize(
        forecast_loss,
        bundle=rb.ingest_sample().reference,
        space=space or {"decay": rb.Float(0.80, 0.99, step=0.01)},
        objective="loss",
        direction="minimize",
        **options,
    )


if __name__ == "__main__":
    study = main()
    print(study.top(5))
    print(f"forget with {study.best_params['decay']:.2f}")
