"""Non-domination ranks against their definition, and the order of trials of several objectives."""

import numpy as np
import pytest
from blocks import block_of
from hypothesis import given
from hypothesis import strategies as st

from rustybt_ray._expressions import parse
from rustybt_ray.execution.messages import FAILED
from rustybt_ray.studies.leaders import Leaders
from rustybt_ray.studies.pareto import fronts, ranking_of_several

NUMBERS = st.sampled_from([0.0, 1.0, 2.0, 3.0, -1.5, float("inf")])


def dominates(other, row):
    pairs = list(zip(other, row, strict=True))
    return all(o >= r for o, r in pairs) and any(o > r for o, r in pairs)


def by_definition(rows):
    """Take away those that none dominates, again and again; slow on purpose."""
    left, ranks, rank = dict(enumerate(rows)), {}, 0
    while left:
        free = [i for i, row in left.items() if not any(dominates(other, row) for other in list(left.values()))]
        ranks |= dict.fromkeys(free, rank)
        left = {i: row for i, row in left.items() if i not in free}
        rank += 1
    return [ranks[i] for i in range(len(rows))]


@given(st.integers(1, 4).flatmap(lambda m: st.lists(st.tuples(*[NUMBERS] * m), min_size=1, max_size=40)))
def test_ranks_match_the_definition(rows):
    assert fronts(np.array(rows)).tolist() == by_definition(rows)


@given(st.integers(0, 2**32 - 1), st.integers(2, 3))
def test_ranks_of_distinct_numbers_match_the_definition(seed, objectives):
    rows = np.random.default_rng(seed).normal(size=(60, objectives))
    assert fronts(rows).tolist() == by_definition(rows.tolist())


def of(rows, names=("a", "b"), failed=()):
    block = block_of(range(len(rows)), names, failed)
    block.metrics = np.array(rows, dtype=float)
    block.metrics[block.state == FAILED] = np.nan
    return block


def test_fronts_first_then_the_first_objective_then_the_number():
    block = of([[1, 5], [3, 3], [1, 5], [2, 2], [0, 0], [9, 9], [5, np.nan]], failed=(5,))
    positions, front = ranking_of_several(block, ("a", "b"), ("maximize", "maximize"), ())
    assert positions.tolist() == [1, 0, 2, 3, 4]
    assert front.tolist() == [0, 0, 0, 1, 2]
    positions, front = ranking_of_several(block, ("a", "b"), ("maximize", "minimize"), ())
    assert (positions.tolist(), front.tolist()) == ([1, 3, 4, 0, 2], [0, 0, 0, 1, 1])
    positions, _ = ranking_of_several(block, ("a", "b"), ("maximize", "maximize"), [parse("a < 3", what="require")])
    assert positions.tolist() == [3, 0, 2, 4]


def test_nothing_to_rank():
    positions, front = ranking_of_several(of([[np.nan, 1.0]]), ("a", "b"), ("maximize", "maximize"), ())
    assert (len(positions), len(front)) == (0, 0)


@pytest.mark.parametrize("cut", [1, 3, 10])
def test_leaders_of_several_objectives_are_those_of_all_trials(cut):
    rows = np.random.default_rng(8).normal(size=(60, 2)).round(1)
    whole = of(rows)
    positions, _ = ranking_of_several(whole, ("a", "b"), ("maximize", "minimize"), ())
    leaders = Leaders("a", "maximize", size=7, aims=[("b", "minimize")])
    for low in range(0, 60, cut):
        part = np.arange(low, min(low + cut, 60))
        leaders.add(whole.take(part), {"p": [10 * n for n in part.tolist()]})
    assert [row["trial"] for row in leaders.rows()] == positions[:7].tolist()
    assert len(leaders) == len(leaders.params) == len(leaders.values) == 7
    assert leaders.params[0] == {"p": 10 * positions[0]}
