"""The calls people make, and how each puts the parts together."""

from rustybt_ray.api.backtest import backtest
from rustybt_ray.api.optimize import optimize
from rustybt_ray.api.plan import plan

__all__ = ["backtest", "optimize", "plan"]
