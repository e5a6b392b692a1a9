import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustybt_ray.execution.policy import ChunkPolicy


def grown(policy, seconds, nbytes=100, chunks=12, workers=2):
    """Sizes of successive chunks of a strategy whose trials all take the same time."""
    sizes = []
    for _ in range(chunks):
        size = policy.size(workers, None)
        sizes.append(size)
        policy.observe(size, size * seconds, size * nbytes)
    return sizes


def test_starts_small_and_grows_by_at_most_its_factor():
    sizes = grown(ChunkPolicy(), seconds=1e-4)
    assert sizes[0] == 2
    assert all(later <= 8 * earlier for earlier, later in pairwise(sizes))
    assert sizes[-1] == pytest.approx(2000, abs=1)


@pytest.mark.parametrize(("seconds", "expected"), [(0.05, 4), (0.2, 1), (30.0, 1), (0.004, 50)])
def test_a_chunk_holds_about_a_fifth_of_a_second_of_work(seconds, expected):
    assert grown(ChunkPolicy(), seconds)[-1] == expected


def test_a_first_chunk_that_compiled_is_soon_forgotten():
    policy = ChunkPolicy()
    policy.observe(2, 3.0, 200)
    assert grown(policy, seconds=1e-3, chunks=8)[-1] == pytest.approx(200, rel=0.1)


def test_an_answer_stays_below_the_bytes_of_a_message():
    assert grown(ChunkPolicy(), seconds=1e-4, nbytes=25_000)[-1] == 40


@pytest.mark.parametrize(
    "parameter", ["x" * 10_000, (1.0,) * 1200, {"weights": [0.5] * 600, "name": b"y" * 5000}, np.ones(1250)]
)
def test_a_question_stays_below_the_bytes_of_a_message_too(parameter):
    policy = ChunkPolicy()
    assert grown(policy, seconds=1e-4)[-1] > 1000
    policy.weigh({"fast": [1, 2, 3], "model": [parameter] * 3, "none": []})
    assert 90 <= policy.size(2, None) <= 101
    policy.weigh({"fast": range(50_000), "slow": np.arange(50_000)})
    assert policy.size(2, None) > 1000


def test_of_many_trials_some_are_weighed():
    policy = ChunkPolicy()
    grown(policy, seconds=1e-4)
    policy.weigh({"model": ["x" * 20_000, "x"] * 99})
    assert 50 <= policy.size(2, None) < 1000


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (1e-4, [1, 199]),  # 0.02 s of measured work are given out in any case
        (1e-3, [1, 20, 100, 79]),
        (1e-2, [1, 10] + [10] * 18 + [9]),
    ],
)
def test_in_process_chunks_grow_to_a_tenth_of_a_second(seconds, expected):
    policy, left, sizes = ChunkPolicy.in_process(), 200, []
    while left:
        size = min(policy.size(1, left), left)
        sizes.append(size)
        left -= size
        policy.observe(size, size * seconds, 0)
    assert sizes == expected


def test_one_by_one_they_do_not_grow():
    policy = ChunkPolicy.in_process().one_by_one()
    for _ in range(5):
        assert policy.size(1, 200) == 1
        policy.observe(1, 1e-6, 0)


def test_the_end_of_a_study_is_cut_so_that_workers_finish_together():
    policy = ChunkPolicy()
    policy.observe(100, 1.0, 100_000)
    assert policy.size(4, 10_000) == 20
    assert policy.size(4, 80) == 10
    assert policy.size(1, 80) == 20


def test_but_never_into_chunks_that_cost_more_than_they_balance():
    policy = ChunkPolicy()
    policy.observe(1000, 0.1, 100_000)
    assert policy.size(8, 30) == 200


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.floats(0, 1e4), st.integers(0, 10**9)), max_size=20),
    st.integers(1, 512),
    st.one_of(st.none(), st.integers(0, 10**9)),
)
def test_any_history_gives_a_positive_size_within_the_bytes(history, workers, remaining):
    policy = ChunkPolicy()
    for trials, seconds, nbytes in history:
        policy.observe(trials, seconds, nbytes)
    size = policy.size(workers, remaining)
    assert size >= 1
    seen = [(trials, nbytes) for trials, _, nbytes in history if trials]
    if seen:
        trials, nbytes = seen[-1]
        assert size <= max(1, math.ceil(policy.nbytes / max(nbytes / trials, 1.0)))
