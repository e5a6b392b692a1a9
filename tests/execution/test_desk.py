"""Trials traded one by one, several at a time and on threads beside: the same bits, and nothing left over."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from trials import job_on, wave_panel

import rustybt_ray as rb
from rustybt_ray.config import OptimizationConfig
from rustybt_ray.engine.backtest import Simulator
from rustybt_ray.engine.settings import Settings
from rustybt_ray.engine.stack import Stack
from rustybt_ray.execution.chunk import ChunkRunner
from rustybt_ray.execution.messages import Chunk
from rustybt_ray.execution.pace import Pace
from rustybt_ray.execution.stacked_desk import StackedDesk
from rustybt_ray.workspace.workspace import Workspace

PANEL = wave_panel(rows=90, assets=4)
COUNT = 150


class Fixed(Pace):
    """So many threads and so many trials together, whatever they take."""

    wanted, together = 0, 1

    def helpers(self, trials, cells):
        return self.wanted

    def stack(self, cells, helpers):
        return self.together


def fixed(wanted, together):
    pace = Fixed()
    pace.wanted, pace.together = wanted, together
    return pace


class Mixed:
    """Weights of every kind by turns, all in arrays that the next trial writes again."""

    def __init__(self, interrupted=-1):
        self.interrupted = interrupted
        self.mask, self.values = np.empty(PANEL.shape, bool), np.empty(PANEL.shape)
        self.threads = set()

    def __call__(self, data, p):
        self.threads.add(threading.current_thread())
        if p == self.interrupted:
            raise KeyboardInterrupt
        noise = np.random.default_rng(p).random(PANEL.shape)
        np.greater(noise, 0.5, out=self.mask)
        np.multiply(noise, 0.2, out=self.values)
        match p % 13:
            case 3:
                raise ValueError(f"trial {p}")
            case 4:
                return self.values
            case 5:
                self.values[7, 2] = 3.0  # more than max_leverage
                return self.values
            case 6:
                return rb.on_change(self.values)
            case 7:
                return rb.on_schedule(self.values, "weekly")
            case 8:
                return rb.equal_weight(self.mask, rebalance="monthly", slots="listed")
            case 9:
                return rb.equal_weight(self.mask, slots=9)
            case 10:
                return rb.equal_weight(self.mask[:-1])
            case 11:
                return rb.equal_weight(self.mask, rebalance="daily")
            case 12:
                return "no weights"
        return rb.equal_weight(self.mask)


def run(pace, strategy=None, counts=(COUNT,), **changes):
    """Blocks of one runner that gets chunks of these sizes; its threads are gone when it has let go of its job."""
    strategy = strategy or Mixed()
    workspace = Workspace(OptimizationConfig())
    workspace.open(PANEL)
    runner = ChunkRunner(workspace, pace=pace)
    runner.prepare(replace(job_on(PANEL, len, kind="target", digest="mixed"), **changes), strategy)
    blocks, first = [], 0
    for count in counts:
        numbers = np.arange(first, first + count)
        blocks.append(runner.run(Chunk(first, numbers, {"p": numbers.tolist()})))
        first += count
    helping = ledgers()
    runner.release()
    assert ledgers() == []
    return blocks, helping


def ledgers():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("rustybt_ray-ledger")]


def assert_same(one, other):
    for name in ("numbers", "state", "metrics", "moments", "returns", "windows"):
        left, right = getattr(one, name), getattr(other, name)
        assert (left is None) == (right is None)
        assert left is None or left.tobytes() == right.tobytes(), name
    assert one.errors == other.errors
    assert one.names == other.names
    assert (other.duration > 0.0).all()


JOBS = {
    "plain": {},
    "returns": {"keep_returns": True},
    "ordered": {"ordered": True, "keep_returns": True},
    "two segments": {"segments": ((0, 40), (41, 89))},
    "windows": {"windowed": True, "segments": ((0, 40), (20, 60), (41, 89))},
    "windows, ordered": {
        "windowed": True,
        "segments": ((0, 40), (41, 89)),
        "ordered": True,
        "carried": ("cvar", "n_trades"),
    },
    "orders are kept": {"settings": Settings.zipline()},
}


@pytest.mark.parametrize("changes", JOBS.values(), ids=JOBS)
@pytest.mark.parametrize(("helpers", "together"), [(0, 7), (1, 1), (1, 5), (3, 2)])
def test_the_same_bits_as_one_by_one(changes, helpers, together):
    (alone,), _ = run(fixed(0, 1), **changes)
    strategy = Mixed()
    (shared,), threads = run(fixed(helpers, together), strategy, **changes)
    assert_same(alone, shared)
    assert 0 < len(alone.errors) < COUNT
    assert len(threads) == helpers
    assert strategy.threads == {threading.current_thread()}


class Fresh:
    """Masks by turns: new ones, a cached object written again, views of one array, read-only ones, and in another order."""

    def __init__(self):
        self.kept = rb.equal_weight(np.empty(PANEL.shape, bool))
        self.buffer, self.seen = np.empty((2, *PANEL.shape), bool), {}

    def __call__(self, data, p):
        mask = np.random.default_rng(p).random(PANEL.shape) > 0.5
        match p % 7:
            case 1:
                self.kept.mask[:] = mask
                return self.kept
            case 2:
                self.buffer[1] = mask
                return rb.equal_weight(self.buffer[1])
            case 3:
                mask.flags.writeable = False
            case 4:
                return rb.equal_weight(np.asfortranarray(mask))
            case 5:
                self.seen[p % 3] = mask  # the next of these is written into it
                if p > 90:
                    np.logical_not(mask, out=self.seen[p % 2])
        return rb.equal_weight(mask)


@pytest.mark.parametrize(("helpers", "together"), [(0, 7), (1, 5), (2, 1)])
def test_masks_that_the_strategy_may_write_again_are_copied(helpers, together):
    (alone,), _ = run(fixed(0, 1), Fresh())
    (shared,), _ = run(fixed(helpers, together), Fresh())
    assert alone.errors == {}
    assert_same(alone, shared)


def test_masks_that_nobody_else_holds_are_not_copied():
    simulator = Simulator(PANEL, ((0, 89),))
    stack = Stack(simulator, 4)
    held = np.zeros(PANEL.shape, bool)
    for place in range(3):
        handed = [rb.equal_weight(held if place == 1 else np.zeros(PANEL.shape, bool))]
        where = handed[0].mask.ctypes.data
        assert stack.put(place, handed)
        assert handed == []
        assert (stack._addresses[place] == where) == (place != 1)


def test_threads_join_when_they_pay_and_stay():
    (first, second, third), threads = run(fixed(0, 1), counts=(20, 30, 40))
    pace = fixed(0, 1)
    pace.helpers = lambda trials, cells: 2 if trials == 30 else 0
    (one, two, three), threads = run(pace, counts=(20, 30, 40))
    for left, right in ((first, one), (second, two), (third, three)):
        assert_same(left, right)
    assert len(threads) == 2
    assert pace.seconds > 0.0


def test_an_interrupted_chunk_leaves_the_desk_as_it_was():
    workspace = Workspace(OptimizationConfig())
    workspace.open(PANEL)
    runner = ChunkRunner(workspace, pace=fixed(1, 3))
    runner.prepare(job_on(PANEL, len, kind="target", digest="mixed"), Mixed(interrupted=17))
    with pytest.raises(KeyboardInterrupt):
        runner.run(Chunk(1, np.arange(30), {"p": list(range(30))}))
    again = runner.run(Chunk(2, np.arange(15), {"p": list(range(15))}))
    runner.release()
    (alone,), _ = run(fixed(0, 1), counts=(15,))
    assert_same(alone, again)


def test_without_threads_to_be_had_one_runs_the_trials(monkeypatch):
    start, started = threading.Thread.start, []

    def few(thread):
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    (alone,), _ = run(fixed(0, 1))
    pace = Pace(lambda: 4)
    monkeypatch.setattr(Pace, "helpers", lambda pace, trials, cells: pace.count - 1)
    monkeypatch.setattr(threading.Thread, "start", few)
    (shared,), threads = run(pace)
    assert_same(alone, shared)
    assert threads == []
    assert len(started) == 2
    assert not any(thread.is_alive() for thread in started)


def test_a_study_that_threads_share_has_the_table_of_one_that_they_do_not(monkeypatch):
    made = []

    class Watched(StackedDesk):
        def __init__(self, simulator, pace, size, helpers=0, *, keeps=False):
            made.append(helpers)
            super().__init__(simulator, pace, size, helpers, keeps=keeps)

    monkeypatch.setattr("rustybt_ray.execution.stacked_desk.StackedDesk", Watched)
    monkeypatch.setattr(Pace, "helpers", lambda pace, trials, cells: pace.count - 1 if trials > 1 else 0)
    monkeypatch.setattr("rustybt_ray.api.executors.Place.workers", 3)

    def trend(data, window, slots):
        return rb.equal_weight(data.close > data.sma("close", window), slots=slots)

    space = {"window": rb.Int(2, 30), "slots": rb.Int(1, 6)}
    tables = [
        rb.optimize(trend, bundle=PANEL, space=space, executor=executor, progress=False).trials.drop("duration")
        for executor in ("inline", "auto")
    ]
    assert tables[0].equals(tables[1], null_equal=True)
    assert max(made) == 2
    assert ledgers() == []


def known(threads, deciding=1e-4, trading=2.5e-4):
    pace = Pace(lambda: threads)
    pace.decided(deciding)
    pace.traded(8, 8 * trading)
    return pace


def test_as_many_threads_as_the_strategy_can_feed():
    assert Pace(lambda: 8).helpers(1000, 1000) == 0  # nothing is known yet
    assert known(8).helpers(1000, 1000) == 3
    assert known(2).helpers(1000, 1000) == 1
    assert known(1).helpers(1000, 1000) == 0
    assert known(8).helpers(10, 1000) == 0  # not worth the start
    assert known(8, trading=1.0).helpers(1, 1000) == 0
    assert known(8, deciding=1.0, trading=0.1).helpers(1000, 1000) == 0  # the strategy is nearly all of it
    assert known(8).helpers(1000, 10**8) == 0  # copies would be too large


def test_it_is_undecided_while_there_might_be_threads_and_too_little_was_seen():
    assert Pace(lambda: 8).undecided
    assert not known(8).undecided
    assert not Pace().undecided


def test_a_process_remembers_what_trials_of_a_job_take():
    first = Pace.of("job", lambda: 2)
    first.decided(1e-4)
    first.traded(8, 8 * 2.5e-4)
    assert Pace.of("another job", lambda: 2).helpers(1000, 1000) == 0
    assert Pace.of("job", lambda: 2).helpers(1000, 1000) == 1
    assert Pace.of("job", lambda: 2).helpers(10, 1000) == 0
    Pace.of("job", lambda: 2).seconds = 1e-4  # threads have shared a chunk
    assert Pace.of("job", lambda: 2).helpers(10, 1000) == 1
    for number in range(100):
        Pace.of(number, lambda: 2)
    assert Pace.of("job", lambda: 2).helpers(1000, 1000) == 0


def test_what_the_threads_gain():
    pace = known(8, deciding=1.0, trading=0.1)
    assert pace.gain == 1.0
    pace.seconds = 0.5
    assert pace.gain == pytest.approx(2.2)
    pace.seconds = 2.0
    assert pace.gain == 1.0


def test_small_masks_go_together_and_large_ones_where_threads_wait():
    pace = Pace()
    assert pace.stack(6_500, 0) > 10
    assert pace.stack(52_000, 0) == 5
    assert pace.stack(100_000, 0) == 1
    assert pace.stack(52_000, 1) > 4
    assert pace.stack(10**7, 1) == 1
    assert pace.stack(1, 0) == 32
