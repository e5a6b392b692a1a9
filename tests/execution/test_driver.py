import signal
import threading
import time

import pytest
from trials import Counting, errors_of, job_on, slow_square, square, values_of, wave_panel

from rustybt_ray.exceptions import ExecutionError, StrategyError
from rustybt_ray.execution.driver import run
from rustybt_ray.execution.events import WorkerDied, WorkerReady
from rustybt_ray.execution.inline import InlinePool
from rustybt_ray.execution.policy import ChunkPolicy
from rustybt_ray.execution.ports import Silent

PANEL = wave_panel()


@pytest.fixture
def pool():
    made = InlinePool()
    made.open(PANEL)
    return made


class Noted(Silent):
    """A listener and a journal that keep the order of what they hear."""

    def __init__(self, on_block=lambda: None):
        self.heard, self.on_block = [], on_block

    def started(self, trials, workers):
        self.heard.append(("started", trials, workers))

    def worker_ready(self, worker):
        self.heard.append(("ready", worker))

    def finished_block(self, chunk, block):
        self.heard.append(("told", len(block)))
        self.on_block()

    def worker_died(self, worker, cause):
        self.heard.append(("died", worker, cause))

    def ended(self, stopped):
        self.heard.append(("ended", stopped))

    def begin(self, chunk):
        self.heard.append(("begun", len(chunk)))

    def tick(self):
        pass

    def write(self, chunk, block):
        assert chunk.numbers.tolist() == block.numbers.tolist()
        assert set(chunk.columns) == {"p"}
        self.heard.append(("written", len(block)))


class Dying:
    """A pool whose workers die while idle, or with whatever they are given."""

    size, policy = 2, ChunkPolicy(first=2)

    def __init__(self, ready):
        self.ready, self.next, self.news, self.given = ready, 0, [], []

    def prepare(self, job):
        self.replace(0)

    def replace(self, worker):
        self.next += 1
        self.news = [(WorkerReady(self.next), None)] if self.ready else [(WorkerDied(self.next, "no libm"), None)]

    def submit(self, worker, chunk):
        self.given.append(chunk.numbers.tolist())
        self.news = [(WorkerDied(worker, "SIGSEGV"), None)]

    def poll(self, timeout):
        news, self.news = self.news, []
        return news

    def abandon(self):
        pass


def test_a_block_is_written_before_anyone_is_told(pool):
    noted = Noted()
    run(Counting(20), job_on(PANEL, square), pool, listener=noted, journal=noted)
    heard = noted.heard
    assert heard[:2] == [("started", 20, 1), ("ready", 0)]
    assert heard[-1] == ("ended", None)
    blocks = heard[2:-1]
    assert [what for what, _ in blocks] == ["begun", "written", "told"] * (len(blocks) // 3)
    assert sum(count for what, count in blocks if what == "told") == 20


def test_stop_is_asked_between_blocks_and_nothing_more_is_begun(pool):
    source = Counting(100)
    outcome = run(source, job_on(PANEL, slow_square), pool, stop=lambda: len(source.told) >= 3)
    assert outcome.stopped == "stopped"
    assert source.given == len(source.told) < 100


def test_a_study_that_is_done_was_not_stopped(pool):
    assert run(Counting(3), job_on(PANEL, square), pool, stop=lambda: True).stopped == "stopped"
    source = Counting(1)
    assert run(source, job_on(PANEL, square), pool, stop=lambda: bool(source.told)).stopped is None


def test_the_timeout_ends_with_what_is_done(pool):
    outcome = run(Counting(10_000), job_on(PANEL, slow_square), pool, timeout=0.1)
    assert outcome.stopped == "timeout"
    found = values_of(outcome.blocks)
    assert 0 < len(found) < 10_000
    assert sorted(found) == list(range(len(found)))


def test_the_first_ctrl_c_returns_what_is_done_and_restores_the_handler(pool):
    before = signal.getsignal(signal.SIGINT)
    noted = Noted(lambda: signal.raise_signal(signal.SIGINT))
    outcome = run(Counting(1000), job_on(PANEL, slow_square), pool, listener=noted)
    assert outcome.stopped == "interrupted"
    assert list(values_of(outcome.blocks)) == [0]
    assert noted.heard[-1] == ("ended", "interrupted")
    assert signal.getsignal(signal.SIGINT) is before


def test_the_second_ctrl_c_is_immediate_and_the_pool_can_be_used_again(pool):
    def twice():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(Counting(1000), job_on(PANEL, slow_square), pool, listener=Noted(twice))
    assert len(values_of(run(Counting(4), job_on(PANEL, square), pool).blocks, "square")) == 4


def test_in_another_thread_the_handler_of_the_main_one_is_left_alone(pool):
    before, found = signal.getsignal(signal.SIGINT), []

    def study():
        noted = Noted(lambda: found.append(signal.getsignal(signal.SIGINT) is before))
        run(Counting(3), job_on(PANEL, square), pool, listener=noted)

    thread = threading.Thread(target=study)
    thread.start()
    thread.join()
    assert found
    assert all(found)


def test_what_a_listener_raises_ends_the_study(pool):
    def broken():
        raise RuntimeError("terminal gone")

    with pytest.raises(RuntimeError, match="terminal gone"):
        run(Counting(10), job_on(PANEL, square), pool, listener=Noted(broken))


def test_workers_that_never_live_end_the_study_with_the_cause():
    noted = Noted()
    with pytest.raises(ExecutionError, match=r"no worker stays alive \(no libm\)"):
        run(Counting(10), None, Dying(ready=False), listener=noted)
    assert len([what for what, *_ in noted.heard if what == "died"]) == 13


def test_trials_that_kill_every_worker_end_as_errors_with_the_cause():
    dying = Dying(ready=True)
    outcome = run(Counting(2), None, dying)
    errors = errors_of(outcome.blocks)
    assert sorted(errors) == [0, 1]
    assert errors[0].type == "WorkerCrashed"
    assert errors[0].message == "the worker ended while it ran this trial: SIGSEGV"
    assert dying.given.count([0]) == 2


def test_inline_has_no_other_process(pool):
    with pytest.raises(ExecutionError, match="the only worker is this process"):
        pool.replace(0)


def test_inline_takes_the_strategy_itself_and_needs_no_bytes():
    calls = []

    def counted(trial):
        calls.append(trial.number)
        return 1.0

    job = job_on(PANEL, square)
    with InlinePool(function=counted) as pool:
        pool.open(PANEL)
        run(Counting(3), type(job)(**{**vars(job), "strategy": b"", "digest": "counted"}), pool)
    assert calls == [0, 1, 2]


def test_inline_says_at_once_that_a_strategy_cannot_be_loaded(pool):
    job = job_on(PANEL, square)
    with pytest.raises(StrategyError, match="the strategy cannot be loaded here"):
        run(Counting(3), type(job)(**{**vars(job), "strategy": b"?", "digest": "?"}), pool)


def test_a_sweep_of_quick_trials_is_a_handful_of_chunks(pool):
    quick = [len(block) for block in run(Counting(200), job_on(PANEL, square), pool).blocks]
    assert quick[0] == 1
    assert len(quick) <= 4


def test_but_a_small_one_comes_first_where_it_decides_how_to_go_on():
    pool = InlinePool(undecided=True)
    pool.open(PANEL)
    quick = [len(block) for block in run(Counting(200), job_on(PANEL, square), pool).blocks]
    assert quick[:2] == [1, 16]
    assert len(quick) <= 6


def test_one_by_one_reports_each_trial_as_it_ends():
    pool = InlinePool(one_by_one=True)
    pool.open(PANEL)
    assert [len(block) for block in run(Counting(7), job_on(PANEL, square), pool).blocks] == [1] * 7


class Silence(Dying):
    """A pool whose only worker takes chunks and never answers."""

    def submit(self, worker, chunk):
        self.given.append(chunk.numbers.tolist())

    def poll(self, timeout):
        time.sleep(0.01 if self.news else timeout / 10)
        return super().poll(timeout)

    def abandon(self):
        self.given.append("abandoned")


class Slow(InlinePool):
    """Answers the second time that it is asked, and is stopped meanwhile."""

    asked = 0

    def poll(self, timeout):
        if self._chunk is not None:
            self.asked += 1
            if self.asked % 2:
                return []
        return super().poll(timeout)


def test_what_is_in_flight_when_a_study_stops_may_still_end():
    pool, source = Slow(), Counting(100)
    pool.open(PANEL)
    outcome = run(source, job_on(PANEL, square), pool, stop=lambda: pool.asked == 1)
    assert outcome.stopped == "stopped"
    assert sorted(values_of(outcome.blocks, "square")) == list(range(source.given)) == [0]


def test_a_drain_is_not_waited_for_longer_than_it_may_take():
    silent = Silence(ready=True)
    outcome = run(Counting(2), None, silent, timeout=0.05)
    assert outcome.stopped == "timeout"
    assert silent.given == [[0], [1], "abandoned"]
