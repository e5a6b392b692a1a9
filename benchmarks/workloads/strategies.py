"""Strategies of the benchmarks; nothing is imported here that a worker does not need."""

import hashlib
from typing import Any

import rustybt_ray as rb


def burn(trial: Any) -> float:
    """An objective that computes a hash for as long as its `rounds` say: the same work in every process.

    Neither caches nor the layout of memory make one process faster than another.
    """
    return float(hashlib.pbkdf2_hmac("sha256", b"%d" % trial.params["k"], b"", trial.params["rounds"])[0])


def nothing(trial: Any) -> float:
    """An objective that computes nothing: the worker is ready, no more."""
    return 0.0


def hold(data: Any, k: int) -> Any:
    """Weights without an indicator, from a mask of the panel's shape."""
    return rb.equal_weight(data.close > float(k))


def crossover(data: Any, fast: int, slow: int) -> Any:
    """The assets whose fast average is above their slow one."""
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))


def pairs() -> list[dict[str, int]]:
    """The 200 pairs of averages of the record's grid search."""
    return [{"fast": fast, "slow": slow} for fast in range(5, 51, 5) for slow in range(60, 251, 10)]
