"""The table of trials as polars gets it: columns as lists while a process has shown few, as arrays from then on."""

import numpy as np
import pytest
from blocks import block_of

from rustybt_ray.studies import trials

BLOCK, COLUMNS = block_of(range(40)), {"fast": list(range(40)), "kind": ["a", "b"] * 20}


@pytest.fixture
def values(monkeypatch):
    made = trials._Values()
    monkeypatch.setattr(trials, "_values", made)
    return made


def test_both_ways_give_the_same_table(values):
    few = trials.table(BLOCK, COLUMNS, ["inline"] * 40)
    assert values.listed < trials.LISTED
    values.listed = trials.LISTED
    many = trials.table(BLOCK, COLUMNS, ["inline"] * 40)
    assert few.schema == many.schema
    assert few.equals(many)
    for i, name in enumerate(BLOCK.names):
        assert few[name].to_numpy().tobytes() == many[name].to_numpy().tobytes() == BLOCK.metrics[:, i].tobytes()


def test_lists_end_when_they_have_taken_as_long_as_loading_the_other_way(values):
    column = np.arange(trials.SMALL - 1, dtype=np.float64)
    kinds = [type(values(column)) for _ in range(2 + trials.LISTED // len(column))]
    assert kinds == [list] * (trials.LISTED // len(column)) + [np.ndarray] * 2
    assert isinstance(values(column[:3]), np.ndarray)


def test_a_large_column_loads_it_at_once(values):
    assert isinstance(values(np.zeros(trials.SMALL)), np.ndarray)
    assert isinstance(values(np.zeros(3)), np.ndarray)
