import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rustybt_ray.execution.events import (
    TIMED_OUT,
    Abort,
    Ask,
    Asked,
    Cancelled,
    ChunkDone,
    ChunkFailed,
    Late,
    Record,
    RecordCrash,
    Replace,
    Run,
    TimedOut,
    WorkerDied,
    WorkerReady,
)
from rustybt_ray.execution.policy import ChunkPolicy
from rustybt_ray.execution.state import BARREN, LOSSES, DriverState


def fixed(size, depth=2, ahead=0):
    """A policy whose chunks always have the same number of trials."""
    return ChunkPolicy(first=size, depth=depth, growth=1.0, target=1e9, ahead=ahead)


def make(trials=8, size=2, workers=1, depth=2, ahead=0):
    return Harness(DriverState(fixed(size, depth, ahead), workers, trials), trials)


class Harness:
    """Answers `Ask` from a counter and keeps what each instruction said."""

    def __init__(self, state, trials):
        self.state, self.trials, self.given = state, trials, 0
        self.ended, self.orders = [], []
        self.columns = lambda numbers: {"p": [10 * n for n in numbers]}

    def feed(self, event):
        made = self.obey(self.state.handle(event))
        while orders := self.state.dispatch():
            made += self.obey(orders)
        return made

    def obey(self, orders):
        for order in orders:
            match order:
                case Ask(count):
                    numbers = np.arange(self.given, min(self.given + count, self.trials))
                    self.given += len(numbers)
                    columns = self.columns(numbers.tolist())
                    self.state.handle(Asked(numbers, columns, self.trials - self.given))
                case Record(chunk):
                    self.ended += chunk.numbers.tolist()
                case RecordCrash(chunk, _):
                    assert len(chunk) == 1
                    self.ended += chunk.numbers.tolist()
        return [order for order in orders if not isinstance(order, Ask)]

    def flying(self, worker):
        return list(self.state.running[worker])


def runs(orders):
    return [(order.worker, order.chunk.numbers.tolist()) for order in orders if isinstance(order, Run)]


def test_each_worker_gets_one_chunk_before_any_gets_two():
    harness = make(trials=20)
    harness.state.handle(WorkerReady(1))
    harness.state.handle(WorkerReady(2))
    orders = harness.feed(ChunkDone(9, 9))
    assert [worker for worker, _ in runs(orders)][:2] in ([1, 2], [2, 1])
    assert sorted(worker for worker, _ in runs(orders)) == [1, 1, 2, 2]


def test_the_search_is_asked_only_for_what_runs_now():
    harness = make(trials=100, size=3)
    harness.feed(WorkerReady(1))
    assert harness.given == 6


def test_an_answer_is_recorded_and_makes_room_for_the_next_chunk():
    harness = make()
    first = harness.feed(WorkerReady(1))
    assert runs(first) == [(1, [0, 1]), (1, [2, 3])]
    orders = harness.feed(ChunkDone(1, first[0].chunk.number))
    assert orders[0] == Record(first[0].chunk)
    assert runs(orders) == [(1, [4, 5])]


def test_answers_that_come_twice_or_from_the_dead_are_ignored():
    harness = make()
    first, second = harness.feed(WorkerReady(1))
    harness.feed(ChunkDone(1, first.chunk.number))
    assert harness.feed(ChunkDone(1, first.chunk.number)) == []
    harness.feed(WorkerDied(1, "SIGKILL"))
    assert harness.feed(ChunkDone(1, second.chunk.number)) == []
    assert harness.feed(WorkerDied(1, "SIGKILL")) == []
    assert harness.feed(WorkerReady(1)) == []
    assert harness.ended == [0, 1]


def test_a_dead_workers_chunks_run_first_elsewhere_and_only_the_head_is_the_suspect():
    harness = make()
    harness.feed(WorkerReady(1))
    assert harness.feed(WorkerDied(1, "SIGKILL")) == [Replace(1)]
    assert [(piece.chunk.numbers.tolist(), piece.strikes) for piece in harness.state.waiting] == [
        ([0, 1], 1),
        ([2, 3], 0),
    ]
    assert runs(harness.feed(WorkerReady(2))) == [(2, [0, 1]), (2, [2, 3])]


def test_the_head_is_the_oldest_chunk_that_is_not_done():
    harness = make()
    first, _ = harness.feed(WorkerReady(1))
    harness.feed(ChunkDone(1, first.chunk.number))
    harness.feed(WorkerDied(1, "SIGKILL"))
    assert [(piece.chunk.numbers.tolist(), piece.strikes) for piece in harness.state.waiting] == [
        ([2, 3], 1),
        ([4, 5], 0),
    ]


def test_a_chunk_that_kills_twice_is_halved_and_keeps_its_parameters():
    harness = make(trials=4, size=4)
    for worker in (1, 2):
        harness.feed(WorkerReady(worker))
        harness.feed(WorkerDied(worker, "segfault"))
    assert [piece.chunk.columns for piece in harness.state.waiting] == [{"p": [0, 10]}, {"p": [20, 30]}]


def kill_whenever(harness, poison, limit=200):
    """A worker dies as soon as the head of its queue holds the poisoned trial; else it answers. Returns the deaths."""
    deaths, worker, crashes = 0, 0, []
    for _ in range(limit):
        if harness.state.finished:
            return deaths, crashes
        if not harness.state.running:
            worker += 1
            harness.feed(WorkerReady(worker))
        head = next(iter(harness.state.running[worker].values())).chunk
        if poison in head.numbers:
            orders = harness.feed(WorkerDied(worker, "segfault"))
            deaths += 1
        else:
            orders = harness.feed(ChunkDone(worker, head.number))
        crashes += [order for order in orders if isinstance(order, RecordCrash)]
    raise AssertionError("never ended")


@pytest.mark.parametrize(("size", "expected"), [(1, 2), (2, 2 + 2), (8, 2 + 2 + 2), (64, 2 + 5 + 2)])
def test_one_poisoned_trial_costs_two_deaths_one_a_halving_and_two_alone(size, expected):
    harness = make(trials=64, size=size)
    deaths, crashes = kill_whenever(harness, poison=37)
    assert [(order.chunk.numbers.tolist(), order.cause) for order in crashes] == [([37], "segfault")]
    assert sorted(harness.ended) == list(range(64))
    assert deaths == expected


def test_a_single_trial_is_an_error_only_when_it_was_alone_twice():
    harness = make(trials=1, size=1)
    harness.feed(WorkerReady(1))
    assert harness.feed(WorkerDied(1, "one")) == [Replace(1)]
    harness.feed(WorkerReady(2))
    orders = harness.feed(WorkerDied(2, "two"))
    assert [type(order) for order in orders] == [RecordCrash, Replace]
    assert orders[0].cause == "two"
    assert harness.state.finished


def test_a_trial_whose_answer_went_with_the_worker_that_the_next_one_ended_is_not_blamed():
    harness = make(trials=3, size=1)
    assert runs(harness.feed(WorkerReady(1))) == [(1, [0]), (1, [1])]
    harness.feed(WorkerDied(1, "segfault"))  # in trial 1; the answer of trial 0 was on its way
    (again,) = harness.feed(WorkerReady(2))
    assert runs([again]) == [(2, [0])]
    orders = harness.feed(ChunkDone(2, again.chunk.number))
    assert orders[0] == Record(again.chunk)
    assert runs(orders) == [(2, [1]), (2, [2])]


def test_a_trial_that_must_be_alone_waits_for_an_idle_worker_before_anything_new_begins():
    harness = make(trials=9, size=1, workers=2)
    harness.feed(WorkerReady(1))
    first, second = harness.feed(WorkerReady(2))
    assert harness.feed(WorkerDied(1, "segfault")) == [Replace(1)]
    assert harness.feed(ChunkDone(2, first.chunk.number)) == [Record(first.chunk)]
    orders = harness.feed(ChunkDone(2, second.chunk.number))
    assert runs(orders) == [(2, [0])]
    assert runs(harness.feed(WorkerReady(3))) == [(3, [1]), (3, [4])]


def test_a_lost_machine_is_not_the_chunks_fault_but_cannot_go_on_for_ever():
    harness = make(trials=1, size=1)
    for worker in range(LOSSES - 1):
        harness.feed(WorkerReady(worker))
        assert harness.feed(WorkerDied(worker, "node", suspect=False)) == [Replace(worker)]
    harness.feed(WorkerReady(99))
    assert isinstance(harness.feed(WorkerDied(99, "node", suspect=False))[0], RecordCrash)


def test_a_chunk_that_a_worker_cannot_run_is_a_suspect_but_the_worker_stays():
    harness = make(trials=2, size=2)
    first = harness.feed(WorkerReady(1))[0]
    again = harness.feed(ChunkFailed(1, first.chunk.number, "MemoryError"))
    assert runs(again) == [(1, [0, 1])]
    assert harness.feed(ChunkFailed(1, first.chunk.number, "MemoryError")) == []
    halves = harness.feed(ChunkFailed(1, again[0].chunk.number, "MemoryError"))
    assert runs(halves) == [(1, [0]), (1, [1])]


def test_workers_that_only_die_end_the_study_with_the_cause():
    harness = make(workers=2)
    for worker in range(BARREN * 2):
        assert harness.feed(WorkerDied(worker, "no module named numba")) == [Replace(worker)]
    assert harness.feed(WorkerDied(99, "no module named numba")) == [Abort("no module named numba")]


def test_workers_that_cannot_start_do_not_end_a_study_that_another_carries():
    harness = make(workers=1)
    harness.feed(WorkerReady(0))
    for worker in range(1, 50):
        assert harness.feed(WorkerDied(worker, "no room")) == [Replace(worker)]


def test_after_a_cancel_nothing_starts_but_what_is_in_flight_counts():
    harness = make()
    first, _ = harness.feed(WorkerReady(1))
    assert harness.feed(Cancelled()) == []
    assert harness.feed(ChunkDone(1, first.chunk.number)) == [Record(first.chunk)]
    assert not harness.state.finished
    assert harness.feed(WorkerDied(1, "SIGKILL")) == []
    assert harness.state.finished
    assert harness.ended == [0, 1]


def test_a_search_that_waits_for_results_is_asked_again_only_after_some():
    state = DriverState(fixed(1), 1, None)
    state.handle(WorkerReady(1))
    assert state.dispatch() == [Ask(1)]
    state.handle(Asked(np.array([0]), {}, None))
    run, ask = state.dispatch()
    assert ask == Ask(1)
    state.handle(Asked(np.array([], np.int64), {}, None))
    assert state.dispatch() == []
    assert not state.finished
    state.handle(ChunkDone(1, run.chunk.number))
    assert state.dispatch() == [Ask(1)]
    state.handle(Asked(np.array([], np.int64), {}, None))
    assert state.finished


def test_trials_under_way_are_shared_out_where_results_decide_what_comes_next():
    state = DriverState(fixed(100), 4, 1000, lag=32)
    for worker in (1, 2, 3, 4):
        state.handle(WorkerReady(worker))
    assert state.dispatch() == [Ask(4)]  # two chunks for each of four workers
    state.handle(Asked(np.arange(4), {"p": [0] * 4}, 996))
    (run, ask) = state.dispatch()
    assert (len(run.chunk), ask) == (4, Ask(4))
    alike = DriverState(fixed(100), 4, 1000)
    alike.handle(WorkerReady(1))
    assert alike.dispatch() == [Ask(100)]


def test_workers_are_starved_while_the_search_waits_and_not_at_its_end():
    state = DriverState(fixed(2), 3, 10, lag=2)
    for worker in (1, 2, 3):
        state.handle(WorkerReady(worker))
    (ask,) = state.dispatch()
    state.handle(Asked(np.arange(2), {"p": [0, 1]}, 8))
    assert state.starved == 0
    (first, second, ask) = state.dispatch()
    assert (first.worker, second.worker) != (None, None)
    state.handle(Asked(np.arange(0), {}, 8))
    assert state.dispatch() == []
    assert state.starved == 1
    state.handle(ChunkDone(first.worker, first.chunk.number))
    assert state.starved == 0  # the search is asked again first
    assert state.dispatch() == [ask]
    state.handle(Asked(np.arange(0), {}, 8))
    assert state.starved == 2
    state.handle(Asked(np.arange(0), {}, 0))
    assert state.starved == 0


def test_a_head_that_takes_too_long_runs_trial_by_trial_and_the_one_alone_is_an_error():
    harness = make(trials=4, size=2)
    harness.feed(WorkerReady(1))
    assert harness.feed(TimedOut(1, 5.0)) == [Replace(1)]
    assert harness.feed(TimedOut(1, 5.0)) == []
    assert runs(harness.feed(WorkerReady(2))) == [(2, [0]), (2, [1])]
    orders = harness.feed(TimedOut(2, 5.0))
    assert [type(order) for order in orders] == [RecordCrash, Replace]
    assert (orders[0].type, orders[0].cause) == (TIMED_OUT, "it took longer than 5 s")
    assert harness.ended == [0]
    assert runs(harness.feed(WorkerReady(3))) == [(3, [1]), (3, [2, 3])]


def two_at_the_end():
    """Worker 1 has the last chunk, worker 2 has nothing."""
    harness = make(trials=1, size=1, workers=2)
    (first,) = harness.feed(WorkerReady(1))
    harness.feed(WorkerReady(2))
    return harness, first.chunk


def test_a_late_chunk_runs_elsewhere_and_the_first_answer_counts():
    harness, chunk = two_at_the_end()
    (copy,) = harness.feed(Late(1))
    assert (copy.worker, copy.chunk.numbers.tolist(), copy.chunk.columns) == (2, [0], chunk.columns)
    assert harness.feed(Late(1)) == []
    assert harness.feed(ChunkDone(2, copy.chunk.number)) == [Record(copy.chunk)]
    assert harness.state.finished
    assert harness.feed(ChunkDone(1, chunk.number)) == []
    assert harness.ended == [0]


@pytest.mark.parametrize("dies", [1, 2])
def test_a_copy_carries_on_alone_when_the_other_worker_dies(dies):
    harness, chunk = two_at_the_end()
    (copy,) = harness.feed(Late(1))
    assert harness.feed(WorkerDied(dies, "SIGKILL")) == [Replace(dies)]
    assert not harness.state.waiting
    left = {1: copy.chunk, 2: chunk}[dies]
    assert harness.feed(ChunkDone(3 - dies, left.number)) == [Record(left)]
    assert harness.state.finished


def test_nobody_idle_means_no_copy():
    harness = make(trials=4, size=2, workers=2)
    harness.feed(WorkerReady(1))
    assert harness.feed(Late(1)) == []
    assert not harness.state.waiting


def test_a_worker_that_retires_gives_back_what_it_had():
    harness = make(trials=8, size=2)
    first, _ = harness.feed(WorkerReady(1))
    assert harness.feed(ChunkDone(1, first.chunk.number, retire=True)) == [Record(first.chunk), Replace(1)]
    assert runs(harness.feed(WorkerReady(2))) == [(2, [2, 3]), (2, [4, 5])]


def test_a_worker_goes_on_with_trials_near_those_it_had():
    harness = make(trials=32, size=4, workers=2, ahead=4)
    harness.columns = lambda numbers: {"fast": [n % 4 for n in numbers], "slow": [n // 4 for n in numbers]}
    harness.feed(WorkerReady(1))
    harness.feed(WorkerReady(2))
    had = {1: set(), 2: set()}
    while flying := {worker: harness.flying(worker) for worker in (1, 2) if harness.flying(worker)}:
        for worker, chunks in flying.items():
            had[worker] |= set(harness.state.running[worker][chunks[0]].chunk.columns["slow"])
            harness.feed(ChunkDone(worker, chunks[0], 1.0, 1))
    assert sorted(harness.ended) == list(range(32))
    assert len(had[1] & had[2]) <= 2  # of 8


def test_trials_with_large_parameters_travel_few_at_a_time():
    harness = Harness(DriverState(ChunkPolicy(first=64, growth=1.0, target=1e9), 1, 64), 64)
    harness.columns = lambda numbers: {"model": ["x" * 250_000 for _ in numbers]}
    harness.feed(WorkerReady(1))
    assert {len(piece.chunk) for piece in harness.state.running[1].values()} == {4}


def test_trials_that_wait_on_the_shelf_count_as_left_and_go_when_the_study_is_cancelled():
    harness = make(trials=20, size=2, ahead=5)
    harness.feed(WorkerReady(1))
    assert harness.given == 10
    assert not harness.state.finished
    harness.feed(Cancelled())
    for chunk in harness.flying(1):
        harness.feed(ChunkDone(1, chunk, 1.0, 1))
    assert harness.state.finished
    assert len(harness.ended) == 4


class AnyOrder(RuleBasedStateMachine):
    """Workers join, answer, answer late and twice, fail and die in any order; the study may be cancelled."""

    ahead = 0

    def __init__(self):
        super().__init__()
        self.harness = make(trials=40, size=5, workers=3, ahead=self.ahead)
        self.fresh = iter(range(10**6))
        self.asked, self.past, self.strikes, self.cancelled = set(), [], {}, False

    @property
    def state(self):
        return self.harness.state

    def feed(self, event):
        orders = self.harness.feed(event)
        for order in orders:
            if isinstance(order, Run):
                assert not self.cancelled
                assert order.worker in self.state.running
                self.past.append((order.worker, order.chunk.number))
            if isinstance(order, RecordCrash):
                assert order.type == TIMED_OUT or self.strikes[order.chunk.numbers[0]] >= 2
        return orders

    def blame(self, worker):
        for number in (
            next(iter(self.state.running[worker].values())).chunk.numbers if self.state.running[worker] else ()
        ):
            self.strikes[number] = self.strikes.get(number, 0) + 1

    @precondition(lambda self: len(self.state.running) < 5)
    @rule()
    def join(self):
        self.feed(WorkerReady(next(self.fresh)))

    @precondition(lambda self: self.state.in_flight)
    @rule(data=st.data(), retire=st.booleans())
    def answer(self, data, retire):
        worker = data.draw(st.sampled_from([w for w in sorted(self.state.running) if self.state.running[w]]))
        chunk = data.draw(st.sampled_from(self.harness.flying(worker)))
        before = self.harness.state.running[worker][chunk]
        orders = self.feed(ChunkDone(worker, chunk, 1.0, 1000, retire))
        assert (Record(before.chunk) in orders) != before.void
        assert (Replace(worker) in orders) == (retire and not self.cancelled)

    @precondition(lambda self: self.state.in_flight)
    @rule(data=st.data())
    def be_late(self, data):
        self.feed(Late(data.draw(st.sampled_from(sorted(self.state.running)))))

    @precondition(lambda self: self.state.in_flight)
    @rule(data=st.data())
    def take_too_long(self, data):
        worker = data.draw(st.sampled_from([w for w in sorted(self.state.running) if self.state.running[w]]))
        head = next(iter(self.state.running[worker].values()))
        alone = len(head.chunk) == 1 and not head.void
        orders = self.feed(TimedOut(worker, 1.0))
        assert self.cancelled or Replace(worker) in orders
        assert alone or not any(isinstance(order, RecordCrash) for order in orders)

    @precondition(lambda self: self.past)
    @rule(data=st.data())
    def answer_late_or_twice(self, data):
        worker, chunk = data.draw(st.sampled_from(self.past))
        if chunk not in self.state.running.get(worker, ()):
            assert not [o for o in self.feed(ChunkDone(worker, chunk)) if isinstance(o, Record)]
            assert self.feed(ChunkFailed(worker, chunk, "late")) == []

    @precondition(lambda self: self.past)
    @rule(data=st.data())
    def ready_again(self, data):
        assert self.feed(WorkerReady(data.draw(st.sampled_from(self.past))[0])) == []

    @precondition(lambda self: self.past)
    @rule(data=st.data())
    def die_again(self, data):
        worker, _ = data.draw(st.sampled_from(self.past))
        if worker not in self.state.running:
            assert self.feed(WorkerDied(worker, "SIGKILL")) == []

    @precondition(lambda self: self.state.running)
    @rule(data=st.data(), suspect=st.booleans())
    def die(self, data, suspect):
        worker = data.draw(st.sampled_from(sorted(self.state.running)))
        self.blame(worker)
        orders = self.feed(WorkerDied(worker, "SIGKILL", suspect))
        assert self.cancelled or Replace(worker) in orders

    @precondition(lambda self: self.state.in_flight)
    @rule(data=st.data())
    def fail(self, data):
        worker = data.draw(st.sampled_from([w for w in sorted(self.state.running) if self.state.running[w]]))
        self.blame(worker)
        self.feed(ChunkFailed(worker, self.harness.flying(worker)[0], "MemoryError"))

    @rule(dice=st.integers(0, 20))
    def cancel(self, dice):
        if dice == 20:
            self.cancelled = True
            assert not runs(self.feed(Cancelled()))

    @invariant()
    def in_flight_is_bounded_and_no_trial_is_twice(self):
        flying = [piece for pieces in self.state.running.values() for piece in pieces.values()]
        assert all(len(pieces) <= self.state.policy.depth for pieces in self.state.running.values())
        pieces = {piece.chunk.number: piece for piece in [*flying, *self.state.waiting] if not piece.void}
        assert not any(piece.void for piece in self.state.waiting)
        # of two copies that are under way, one counts
        once = [p for p in pieces.values() if p.twin not in pieces or p.chunk.number < p.twin]
        assert all(pieces[p.twin].twin == p.chunk.number for p in pieces.values() if p.twin in pieces)
        numbers = [n for piece in once for n in piece.chunk.numbers.tolist()]
        shelf = self.state._shelf
        kept = [n for low, high in shelf._parts.items() for n in shelf._numbers[low:high].tolist()]
        assert len(shelf) == len(kept)
        everywhere = numbers + kept + self.harness.ended
        assert len(everywhere) == len(set(everywhere))
        if not self.cancelled:
            assert sorted(everywhere) == list(range(self.harness.given))
            alone = bool(self.state.waiting) and self.state.waiting[0].alone
            depth = 1 if alone else self.state.policy.depth
            free = any(
                len(pieces) < depth and not any(piece.alone and not piece.void for piece in pieces.values())
                for pieces in self.state.running.values()
            )
            held = [list(pieces.values()) for pieces in self.state.running.values()]
            assert all(not piece.alone or piece.void or len(pieces) == 1 for pieces in held for piece in pieces)
            assert not (free and (self.state.waiting or kept or self.harness.given < self.harness.trials))

    def teardown(self):
        while not self.state.finished:
            if not self.state.in_flight:
                self.feed(WorkerReady(next(self.fresh)))
            worker = next(w for w, pieces in self.state.running.items() if pieces)
            self.feed(ChunkDone(worker, self.harness.flying(worker)[0]))
        assert len(self.harness.ended) == len(set(self.harness.ended))
        if not self.cancelled:
            assert sorted(self.harness.ended) == list(range(40))


class AnyOrderAhead(AnyOrder):
    """The same with trials that wait on the shelf."""

    ahead = 2


TestAnyOrder, TestAnyOrderAhead = AnyOrder.TestCase, AnyOrderAhead.TestCase
TestAnyOrder.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestAnyOrderAhead.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
