"""What a worker keeps between chunks; what it computes is tested by the contracts of the pools."""

import gc
import signal
import time
import weakref
from dataclasses import replace

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


def test_each_call_is_held_to_its_limit_by_itself_and_weights_to_none():
    """Together the calls take longer than the limit; before and behind them there is none."""
    alarms = []

    def strategy(data, p):
        alarms.append(signal.getitimer(signal.ITIMER_REAL)[0])
        time.sleep(p)
        return equal_weight(data.close > 0.0)

    workspace = Workspace(OptimizationConfig())
    workspace.open(PANEL)
    runner = ChunkRunner(workspace)
    job = replace(job_on(PANEL, len, kind="target", digest="two"), trial_timeout=0.5)
    runner.prepare(job, strategy)
    runner.run(Chunk(1, np.arange(1), {"p": [0.0]}))
    block = runner.run(Chunk(2, np.arange(6), {"p": [0.15, 0.15, 0.15, 0.15, 2.0, 0.15]}))
    assert [error.type for error in block.errors.values()] == ["TrialTimedOut"]
    assert list(block.errors) == [4]
    assert all(0.4 < alarm <= 0.5 for alarm in alarms[1:])
    assert not 0.0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 0.5  # that of the test's own runner may be set


class TestTheLedger:
    """One that a runner has let go serves the next with the same rules, and never two at a time."""

    def runs(self, workspace, runner, capital=1e6):
        runner.prepare(replace(job_on(PANEL, len, kind="target", digest="three"), capital=capital), self.strategy)
        block = runner.run(Chunk(1, np.arange(3), {"p": [1, 2, 3]}))
        return block.metrics, runner._simulator

    @staticmethod
    def strategy(data, p):
        return equal_weight(data.close > data.sma("close", p + 1))

    def opened(self):
        workspace = Workspace(OptimizationConfig())
        workspace.open(PANEL)
        return workspace

    def test_is_taken_over_with_the_same_results(self):
        workspace = self.opened()
        first, second = ChunkRunner(workspace), ChunkRunner(workspace)
        metrics, ledger = self.runs(workspace, first)
        first.release()
        again, taken = self.runs(workspace, second)
        assert taken is ledger
        fresh, _ = self.runs(self.opened(), ChunkRunner(self.opened()))
        assert again.tobytes() == metrics.tobytes() == fresh.tobytes()

    def test_is_not_shared_while_it_is_used(self):
        workspace = self.opened()
        first, second = ChunkRunner(workspace), ChunkRunner(workspace)
        _, ledger = self.runs(workspace, first)
        _, other = self.runs(workspace, second)
        assert other is not ledger

    def test_of_other_rules_is_not_taken(self):
        workspace = self.opened()
        runner = ChunkRunner(workspace)
        metrics, ledger = self.runs(workspace, runner)
        other, another = self.runs(workspace, runner, capital=1e3)
        assert another is not ledger
        assert other.tobytes() != metrics.tobytes()
        fresh, _ = self.runs(self.opened(), ChunkRunner(self.opened()), capital=1e3)
        assert other.tobytes() == fresh.tobytes()
