"""A small search, a small panel, and jobs on it, for tests of pools and of the driver."""

import os
import signal
import time

import numpy as np
from hand import panel_of

from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.settings import Settings
from rustybt_ray.engine.weights import equal_weight
from rustybt_ray.execution.messages import Job
from rustybt_ray.strategies.shipping import pack


class Counting:
    """A search of the points 0, 1, 2, ... that keeps what it was asked and told."""

    lag = None

    def __init__(self, count, columns=None):
        self.count, self.given, self.told = count, 0, []
        self.columns = columns or (lambda numbers: {"p": numbers})

    @property
    def remaining(self):
        return self.count - self.given

    def ask(self, count):
        numbers = np.arange(self.given, min(self.given + count, self.count))
        self.given += len(numbers)
        return numbers, self.columns(numbers.tolist())

    def tell(self, chunk, block):
        assert chunk.numbers.tolist() == block.numbers.tolist()
        self.told += block.numbers.tolist()


def pairs(numbers):
    """Parameters of a moving average crossover, one pair a number."""
    return {"fast": [2 + n % 5 for n in numbers], "slow": [8 + n // 5 for n in numbers]}


def wave_panel(rows=120, assets=3):
    steps = np.random.default_rng(5).standard_normal((assets, rows)) * 0.02
    return panel_of(np.round(50.0 * np.exp(np.cumsum(steps, axis=1)), 2).tolist())


def job_on(panel, function, kind="objective", digest=None):
    return Job(
        version=panel.version,
        strategy=pack(function),
        digest=digest or f"{function.__name__}-{id(function)}",
        kind=kind,
        segments=((0, len(panel.time) - 1),),
        capital=100_000.0,
        costs=Costs(),
        fill="next_close",
        settings=Settings(),
        seed=3,
    )


def crossover(data, fast, slow):
    return equal_weight(data.sma("close", fast) > data.sma("close", slow))


def square(trial):
    return {"square": trial.params["p"] ** 2, "seed": trial.seed}


def shifted(trial):
    return {"square": trial.params["p"] ** 2 + 0.5, "seed": trial.seed}


def fails_on_multiples_of_five(trial):
    if trial.params["p"] % 5 == 0:
        raise ValueError(f"no trades with {trial.params['p']}")
    return trial.params["p"]


def slow_square(trial):
    time.sleep(0.02)
    return trial.params["p"] ** 2


def kills_its_worker_at_13(trial):
    if trial.params["p"] == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return trial.params["p"] ** 2


def hangs_at_3(trial):
    if trial.params["p"] == 3:
        time.sleep(600)
    return trial.params["p"] ** 2


def values_of(blocks, name="value"):
    """A metric by trial number; asserts that no trial is there twice."""
    found = {}
    for block in blocks:
        column = block.metrics[:, block.names.index(name)] if name in block.names else [None] * len(block)
        for number, value in zip(block.numbers.tolist(), column, strict=True):
            assert number not in found
            found[number] = value
    return found


def errors_of(blocks):
    return {number: error for block in blocks for number, error in block.errors.items()}


class GoingOn(Counting):
    """A search that has trials until `enough()`, so that a study lasts until what it waits for has happened."""

    def __init__(self, enough, columns=None, most=10_000):
        super().__init__(most, columns)
        self.enough = enough

    @property
    def remaining(self):
        return None if self.given < self.count and not self.enough() else 0
