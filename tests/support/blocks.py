"""Blocks of results for tests of what keeps them."""

import numpy as np

from rustybt_ray.engine.metrics import MOMENTS
from rustybt_ray.execution.messages import COMPLETE, FAILED, Block, Chunk, TrialError

NAMES = ("sharpe_ratio", "total_return")


def block_of(numbers, names=NAMES, failed=(), worker="worker-1"):
    numbers = np.array(numbers, np.int64)
    rng = np.random.default_rng(int(numbers.sum()))
    state = np.where(np.isin(numbers, failed), FAILED, COMPLETE).astype(np.uint8)
    metrics, moments = rng.normal(size=(len(numbers), len(names))), rng.normal(size=(len(numbers), MOMENTS))
    metrics[state == FAILED], moments[state == FAILED] = np.nan, np.nan
    errors = {n: TrialError("ValueError", f"trial {n} \u2713\ud800", "Traceback\n  line") for n in failed}
    return Block(numbers, names, state, metrics, moments, rng.random(len(numbers)), errors, worker)


def chunk_of(numbers, **columns):
    return Chunk(1, np.array(numbers, np.int64), columns or {"fast": [10 * n for n in numbers]})


def same(one, other):
    assert (one.names, one.errors, one.worker) == (other.names, other.errors, other.worker)
    for name in ("numbers", "state", "metrics", "moments", "duration"):
        left, right = getattr(one, name), getattr(other, name)
        assert left.dtype == right.dtype
        assert left.shape == right.shape
        assert left.tobytes() == right.tobytes()
