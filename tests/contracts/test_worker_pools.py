"""What the driver may expect of any worker pool."""

import pytest
from fake_pool import FakePool
from hypothesis import example, given, settings
from hypothesis import strategies as st
from trials import (
    Counting,
    crossover,
    errors_of,
    fails_on_multiples_of_five,
    job_on,
    pairs,
    shifted,
    square,
    values_of,
    wave_panel,
)

from rustybt_ray.exceptions import ExecutionError, StrategyError
from rustybt_ray.execution.driver import run
from rustybt_ray.execution.events import ChunkDone, WorkerDied, WorkerReady
from rustybt_ray.execution.inline import InlinePool
from rustybt_ray.execution.messages import Chunk
from rustybt_ray.studies.trials import merge

PANEL = wave_panel()


@pytest.fixture(scope="module")
def ray_pool():
    from actors.pool import PersistentWorkerPool

    with PersistentWorkerPool(n_jobs=2) as pool:
        yield pool


@pytest.fixture(params=["inline", "fake", pytest.param("ray", marks=pytest.mark.ray)])
def pool(request):
    if request.param == "ray":
        made = request.getfixturevalue("ray_pool")
    else:
        made = InlinePool() if request.param == "inline" else FakePool(seed=1)
    made.open(PANEL)
    return made


class TestEveryPool:
    def test_runs_every_trial_once(self, pool):
        source = Counting(60)
        outcome = run(source, job_on(PANEL, square), pool)
        assert values_of(outcome.blocks, "square") == {n: n**2 for n in range(60)}
        assert sorted(source.told) == list(range(60))
        assert outcome.stopped is None

    def test_gives_the_same_bits_as_one_process(self, pool):
        job = job_on(PANEL, crossover, kind="target")
        alone = InlinePool()
        alone.open(PANEL)
        expected = merge(run(Counting(40, pairs), job, alone).blocks)
        found = merge(run(Counting(40, pairs), job, pool).blocks)
        assert found.names == expected.names
        for name in ("numbers", "state", "metrics", "moments"):
            assert getattr(found, name).tobytes() == getattr(expected, name).tobytes()
        assert not found.errors
        assert len({tuple(row) for row in found.metrics.tolist()}) > 10

    def test_hands_over_a_trials_own_error(self, pool):
        outcome = run(Counting(23), job_on(PANEL, fails_on_multiples_of_five), pool)
        errors = errors_of(outcome.blocks)
        assert sorted(errors) == [0, 5, 10, 15, 20]
        assert (errors[15].type, errors[15].message) == ("ValueError", "no trades with 15")
        assert "fails_on_multiples_of_five" in errors[15].traceback
        assert sorted(values_of(outcome.blocks)) == list(range(23))

    def test_serves_one_job_after_another(self, pool):
        for function, extra in ((square, 0.0), (shifted, 0.5), (square, 0.0)):
            outcome = run(Counting(12), job_on(PANEL, function), pool)
            assert values_of(outcome.blocks, "square") == {n: n**2 + extra for n in range(12)}

    def test_nothing_of_an_abandoned_job_reaches_the_next(self, pool):
        def stop_after_some():
            return len(source.told) >= 4

        source = Counting(500)
        first = run(source, job_on(PANEL, square), pool, stop=stop_after_some)
        assert first.stopped == "stopped"
        assert 4 <= len(source.told) < 500
        assert sorted(values_of(first.blocks, "square")) == sorted(source.told)
        second = run(Counting(12), job_on(PANEL, shifted), pool)
        assert values_of(second.blocks, "square") == {n: n**2 + 0.5 for n in range(12)}

    def test_an_empty_search_is_no_study(self, pool):
        assert run(Counting(0), job_on(PANEL, square), pool).blocks == []


class TestReliablePools:
    """What the fake breaks on purpose."""

    @pytest.fixture(params=["inline", pytest.param("ray", marks=pytest.mark.ray)])
    def pool(self, request):
        made = InlinePool() if request.param == "inline" else request.getfixturevalue("ray_pool")
        made.open(PANEL)
        return made

    @staticmethod
    def reports(pool, count, turns=300):
        found = []
        for _ in range(turns):
            found += pool.poll(0.2)
            if len(found) >= count:
                return found
        raise AssertionError(f"only {found}")

    def test_each_worker_is_ready_once_and_answers_in_order(self, pool):
        pool.prepare(job_on(PANEL, square))
        ready = self.reports(pool, pool.size)
        workers = [event.worker for event, block in ready]
        assert all(isinstance(event, WorkerReady) and block is None for event, block in ready)
        assert len(set(workers)) == pool.size
        source = Counting(100)
        for number in (1, 2, 3):
            pool.submit(workers[0], Chunk(number, *source.ask(4)))
            if pool.policy.depth == 1:
                assert [event.chunk for event, _ in self.reports(pool, 1)] == [number]
        if pool.policy.depth > 1:
            answers = self.reports(pool, 3)
            assert [event.chunk for event, _ in answers] == [1, 2, 3]
            assert all(isinstance(event, ChunkDone) and event.worker == workers[0] for event, _ in answers)
            assert [block.numbers.tolist() for _, block in answers][1] == [4, 5, 6, 7]
            assert all(event.nbytes > 0 and event.seconds >= 0 for event, _ in answers)
        assert pool.poll(0.0) == []

    def test_a_strategy_that_cannot_be_loaded_ends_the_study_with_one_error(self, pool):
        job = job_on(PANEL, square)
        broken = type(job)(**{**vars(job), "strategy": b"not a strategy", "digest": "broken"})
        with pytest.raises((ExecutionError, StrategyError), match="the strategy cannot be loaded here"):
            run(Counting(500), broken, pool)
        assert len(run(Counting(3), job, pool).blocks) > 0


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    size=st.integers(1, 5),
    deaths=st.sampled_from([0.0, 0.05, 0.3]),
    late=st.sampled_from([0.0, 0.5, 0.9]),
    trials=st.integers(0, 40),
)
@example(seed=72045, size=3, deaths=0.0, late=0.5, trials=28)  # a late failure of a chunk that runs again on its worker
def test_no_disorder_loses_or_doubles_a_trial(seed, size, deaths, late, trials):
    pool = FakePool(seed, size, deaths=deaths, late=late)
    pool.open(PANEL)
    outcome = run(Counting(trials), job_on(PANEL, square, digest="square"), pool)
    found = values_of(outcome.blocks, "square")
    errors = errors_of(outcome.blocks)
    assert sorted(found) == list(range(trials))
    assert all(found[n] == n**2 for n in found if n not in errors)
    assert all(error.type == "WorkerCrashed" for error in errors.values())
    if not any(isinstance(event, WorkerDied) for event in pool.log):
        assert all("MemoryError: by dice" in error.message for error in errors.values())
