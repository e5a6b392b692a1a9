import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustybt_ray._expressions import parse
from rustybt_ray.execution.messages import Block
from rustybt_ray.studies.leaders import Leaders
from rustybt_ray.studies.selection import ranking
from rustybt_ray.studies.trials import merge

VALUES = st.sampled_from([0.0, 1.0, 2.0, 3.0, np.nan, np.inf])
TRIAL = st.tuples(VALUES, VALUES, st.sampled_from([0.0, 0.0, 1.0]), st.sampled_from([0, 0, 1]))


def block_of(numbers, trials, names=("score", "other", "ruined")):
    rows = np.array([trial[:3] for trial in trials], float)[:, : len(names)]
    state = np.array([trial[3] for trial in trials], np.uint8)
    moments = np.full((len(trials), 37), np.nan)
    return Block(np.array(numbers, np.int64), names, state, rows, moments, np.ones(len(trials)), {}, "w")


@given(st.lists(TRIAL, min_size=1, max_size=30), st.data())
def test_they_are_the_first_of_the_whole_ranking(trials, data):
    direction = data.draw(st.sampled_from(["maximize", "minimize"]))
    require = [parse("other > 0.5")] if data.draw(st.booleans()) else []
    order = data.draw(st.permutations(range(len(trials))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(trials)), max_size=4)))
    leaders = Leaders("score", direction, require, size=5)
    blocks = []
    for low, high in zip([0, *cuts], [*cuts, len(trials)], strict=True):
        if low < high:
            part = order[low:high]
            blocks.append(block_of(part, [trials[i] for i in part]))
            leaders.add(blocks[-1], {"p": [10 * i for i in part]})
    whole = merge(blocks)
    first = ranking(whole, "score", direction, require)[:5]
    rows = leaders.rows()
    assert [row["trial"] for row in rows] == whole.numbers[first].tolist()
    assert [row["p"] for row in rows] == [10 * row["trial"] for row in rows]
    assert leaders.values == whole.metrics[first, 0].tolist()
    assert len(leaders) == len(rows)


def test_blocks_without_the_objective_or_a_required_metric_do_not_qualify():
    leaders = Leaders("score", "maximize", [parse("other > 0.5")], size=3)
    leaders.add(block_of([0], [(5.0, 0.0, 0.0, 1)], names=()), {"p": [1]})
    leaders.add(block_of([1], [(4.0, 0.0, 0.0, 0)], names=("score",)), {"p": [2]})
    assert leaders.rows() == []
    leaders.add(block_of([2], [(3.0, 1.0, 0.0, 0)], names=("score", "other")), {"p": [3]})
    assert leaders.params == [{"p": 3}]


@pytest.mark.parametrize("size", [1, 2])
def test_no_more_are_kept_than_asked_for(size):
    leaders = Leaders("score", "maximize", size=size)
    for i in range(6):
        leaders.add(block_of([i], [(float(i), 0.0, 0.0, 0)]), {"p": [i]})
    assert [row["trial"] for row in leaders.rows()] == [5, 4][:size]
    assert len(leaders._params) == size
