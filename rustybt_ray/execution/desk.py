"""Where target functions' weights are traded: here, trial by trial."""

import time
from typing import Any

import numpy as np

from rustybt_ray.engine.backtest import Simulator
from rustybt_ray.engine.metrics import MOMENTS, NAMES
from rustybt_ray.engine.structures import DAYS
from rustybt_ray.execution.pace import Pace


class Desk:
    """Trades the weights of each trial at once.

    Parameters
    ----------
    simulator : Simulator
    pace : Pace
        Learns what trials take.

    Attributes
    ----------
    trades : Trades or WindowTrades
        Where the results of the chunk that runs are kept.
    helpers : int
        Threads that trade beside the strategy's.
    """

    trades: Any
    helpers = 0

    def __init__(self, simulator: Simulator, pace: Pace) -> None:
        self.simulator, self.pace = simulator, pace
        segments, self._days = len(simulator.segments), int(simulator.segments[0, DAYS])
        # the same two for all trials: the ledger need not be told anew where they are
        self._metrics, self._moments = np.full((segments, len(NAMES)), np.nan), np.full((segments, MOMENTS), np.nan)

    def trade(self, place: int, handed: list[Any]) -> None:
        """Trade the weights of the trial at a place of its chunk, now or with those of others.

        They are in a list, which is emptied, so that nothing else of ours holds them.

        Raises
        ------
        WeightsError
            If they do not fit the panel, or if they are traded now and refused.
        """
        began = time.perf_counter()
        self.simulator.run(handed.pop(), self._metrics, self._moments)
        self.trades.keep(place, self._metrics, self._moments, self.simulator.returns(self._days))
        self.pace.traded(1, self.trades.took(place, began) - began)

    def finish(self) -> None:
        """Trade what waits, and let go of all weights."""
        self.simulator.release()

    def shared(self, began: float, trials: int) -> None:
        """Let the pace know what so many trials took since `began`, if threads shared them."""
        if self.helpers:
            self.pace.seconds = (time.perf_counter() - began) / trials

    def close(self) -> None:
        """Nothing is left open."""
