"""What a worker keeps between chunks; what it computes is tested by the contracts of the pools."""

import gc
import weakref

import numpy as np
from trials import job_on, wave_panel

from rustybt_ray.config import OptimizationConfig
from rustybt_ray.engine.weights import equal_weight
from rustybt_ray.execution.chunk import ChunkRunner
from rustybt_ray.execution.messages import Chunk
from rustybt_ray.workspace.workspace import Workspace

PANEL = wave_panel()


def test_weights_do_not_outlive_their_chunk():
    seen = []

    def strategy(data, p):
        mask = data.close > float(p)
        seen.append(weakref.ref(mask))
        return equal_weight(mask)

    workspace = Workspace(OptimizationConfig())
    workspace.open(PANEL)
    runner = ChunkRunner(workspace)
    job = job_on(PANEL, len, kind="target", digest="one")
    runner.prepare(job, strategy)
    first = runner.run(Chunk(1, np.arange(3), {"p": [1, 2, 3]}))
    gc.collect()
    assert len(seen) == 3
    assert all(ref() is None for ref in seen)
    again = runner.run(Chunk(2, np.arange(3), {"p": [1, 2, 3]}))
    assert np.array_equal(first.metrics, again.metrics, equal_nan=True)
