import numpy as np
import pytest

from rustybt_ray.execution.events import Late, TimedOut
from rustybt_ray.execution.messages import Chunk
from rustybt_ray.execution.policy import ChunkPolicy
from rustybt_ray.execution.watch import LATE_EXTRA, LATE_FACTOR, MESSAGE, WARMING, Watch


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def chunk(number, trials=1):
    return Chunk(number, np.arange(trials), {})


@pytest.fixture
def clock():
    return Clock()


def knowing(seconds):
    policy = ChunkPolicy()
    policy.observe(10, 10 * seconds, 100)
    return policy


def warm(watch, worker=1):
    watch.sent(worker, chunk(-1))
    watch.answered(worker, -1)
    return watch


def test_a_worker_loads_its_libraries_in_its_first_chunk(clock):
    watch = Watch(knowing(1.0), trial_timeout=3.0, speculate=False, clock=clock)
    watch.sent(1, chunk(1))
    clock.now += 3.0 + MESSAGE + WARMING
    assert watch.overdue() == []
    clock.now += 0.01
    assert watch.overdue() == [TimedOut(1, 3.0)]
    watch.gone(1)
    watch.sent(1, chunk(1))
    clock.now += 3.0 + MESSAGE + WARMING
    assert watch.overdue() == []


def test_a_trial_that_is_alone_may_take_its_time_and_no_more(clock):
    watch = warm(Watch(knowing(1.0), trial_timeout=3.0, speculate=False, clock=clock))
    watch.sent(1, chunk(1))
    clock.now += 3.0 + MESSAGE
    assert watch.overdue() == []
    clock.now += 0.01
    assert watch.overdue() == [TimedOut(1, 3.0)]


def test_a_chunk_may_take_the_time_of_its_trials_besides(clock):
    watch = warm(Watch(knowing(1.0), trial_timeout=3.0, speculate=False, clock=clock))
    watch.sent(1, chunk(1, trials=10))
    clock.now += 13.0 + MESSAGE
    assert watch.overdue() == []
    clock.now += 0.01
    assert watch.overdue() == [TimedOut(1, 3.0)]


def test_the_time_of_a_chunk_begins_when_the_one_before_is_answered(clock):
    watch = Watch(knowing(1.0), trial_timeout=3.0, speculate=False, clock=clock)
    watch.sent(1, chunk(1))
    watch.sent(1, chunk(2))
    clock.now += 3.0 + WARMING
    watch.answered(1, 1)
    clock.now += 3.0
    assert watch.overdue() == []
    watch.gone(1)
    clock.now += 100.0
    assert watch.overdue() == []


def test_late_is_several_times_the_expected_and_unknown_is_never_late(clock):
    known, new = (Watch(policy, clock=clock) for policy in (knowing(1.0), ChunkPolicy()))
    for watch in (known, new):
        watch.sent(7, chunk(1, trials=2))
    clock.now += LATE_FACTOR * 2.0 + LATE_EXTRA
    assert known.overdue() == []
    clock.now += 0.01
    assert known.overdue() == [Late(7)]
    assert known.overdue() == [Late(7)]
    assert new.overdue() == []
