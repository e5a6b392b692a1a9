"""What a search is told of finished trials, and which points reach the driver."""

import numpy as np
import pytest

from rustybt_ray.api.searches import Source
from rustybt_ray.exceptions import StrategyError
from rustybt_ray.execution.messages import COMPLETE, FAILED, Block, Chunk
from rustybt_ray.search.conditional import DrawnSearch, FunctionSpace
from rustybt_ray.search.grid import GridSearch
from rustybt_ray.search.space import Int, ParameterSpace


class Told(GridSearch):
    def __init__(self):
        super().__init__(ParameterSpace({"n": Int(1, 9)}))
        self.numbers, self.values = None, None

    def tell(self, numbers, values):
        self.numbers, self.values = numbers, values


def block_of(names, metrics, state=None):
    count = len(metrics)
    state = np.array(state or [COMPLETE] * count, np.uint8)
    return Block(np.arange(count) + 5, names, state, np.array(metrics), np.zeros((count, 0)), np.zeros(count), {}, "w")


def told(objectives, block):
    search = Told()
    Source(search, objectives).tell(Chunk(0, block.numbers, {}), block)
    assert search.numbers.tolist() == block.numbers.tolist()
    return search.values


def test_objectives_in_the_order_asked():
    block = block_of(("a", "b", "c"), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert told("b", block).tolist() == [[2.0], [5.0]]
    assert told(("c", "a"), block).tolist() == [[3.0, 1.0], [6.0, 4.0]]


def test_failed_ruined_and_missing_values_are_undefined():
    block = block_of(("a", "ruined"), [[1.0, 0.0], [2.0, 1.0], [np.nan, np.nan]], [COMPLETE, COMPLETE, FAILED])
    assert np.array_equal(told("a", block), [[1.0], [np.nan], [np.nan]], equal_nan=True)
    assert np.isnan(told("b", block)).all()
    assert np.isnan(told("a", block_of((), np.empty((2, 0)), [FAILED, FAILED]))).all()


def test_each_new_set_of_names_is_checked_once():
    def space(trial):
        return {"a": 1} if trial.number % 2 else {"a": 1, "b": 2}

    seen = []
    source = Source(DrawnSearch(FunctionSpace(space), 10), "value", lambda names: seen.append(names))
    while source.remaining:
        source.ask(3)
    assert seen == [("a", "b"), ("a",)]

    def refuse(names):
        raise StrategyError("no", "names", "none")

    with pytest.raises(StrategyError):
        Source(DrawnSearch(FunctionSpace(space), 10), "value", refuse).ask(1)


def test_names_of_a_static_space_were_checked_before():
    source = Source(GridSearch(ParameterSpace({"n": Int(1, 9)})), "value", lambda names: 1 / 0)
    assert len(source.ask(100)[0]) == 9
    assert source.lag is None
