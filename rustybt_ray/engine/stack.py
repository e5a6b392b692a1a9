"""Weights of several trials that one call of the ledger trades."""

import time
from typing import Any

import numpy as np

from rustybt_ray._typing import FloatArray
from rustybt_ray.engine.backtest import NO_TARGET, Simulator
from rustybt_ray.engine.metrics import MOMENTS, NAMES
from rustybt_ray.engine.structures import DAYS, Target
from rustybt_ray.engine.weights import Weights


class Stack:
    """Masks of equal slots and schedule, or one trial's weights of another kind.

    They are copied where the strategy makes the next ones, which may be in the same array, before these have been traded.

    Parameters
    ----------
    simulator : Simulator
        One of the panel and rules that they are for.
    size : int
        Trials at most.
    aside : bool, default False
        Whether they are traded while the strategy goes on.
    keeps : bool, default False
        Whether the daily returns of all segments are kept, of a stack of one trial.

    Attributes
    ----------
    places : list of int
        Whose weights are here.
    segments : ndarray
        The simulator's.
    out, moments : ndarray, shape (trials * segments, ...)
        What `Simulator.run_stack` fills.
    returns : ndarray, shape (days of all segments,)
    seconds : float
        How long the last `trade` took.
    errors : dict of int to Exception
        What runs failed with, by their number: a trial's are beside each other, one for each segment.
    """

    def __init__(self, simulator: Simulator, size: int, *, aside: bool = False, keeps: bool = False) -> None:
        self.size, self._simulator = size, simulator
        self.places: list[int] = []
        self.errors: dict[int, BaseException] = {}
        self.seconds = 0.0
        self.segments = simulator.segments
        runs = size * len(self.segments)
        self.out: FloatArray = np.full((runs, len(NAMES)), np.nan)
        self.moments: FloatArray = np.full((runs, MOMENTS), np.nan)
        self.returns: FloatArray = np.empty(int(simulator.segments[:, DAYS].sum()) if keeps else 0)
        self._aside, copies = aside, size if aside or size > 1 else 0
        self._masks = np.empty((copies, *simulator.panel.shape), np.bool_)
        self._bytes = self._masks.view(np.uint8)
        self._targets: Target = NO_TARGET
        self._like: Any = None  # slots and schedule of the masks

    @property
    def full(self) -> bool:
        """Whether nothing more goes here before it is traded."""
        return len(self.places) == self.size or (self._like is None and bool(self.places))

    def put(self, place: int, weights: Any) -> bool:
        """Take a trial's weights, if they go with those that are here.

        Raises
        ------
        WeightsError
            If they do not fit the panel.
        """
        count = len(self.places)
        if len(self._masks) and _is_mask(weights, self._masks.shape[1:]):
            like = weights.slots, weights.rebalance
            if like != self._like:
                if count:
                    return False
                self._targets, self._like = self._simulator.mask_target(self._bytes, weights), like
            self._masks[count] = weights.mask
        elif count:
            return False
        else:
            target, self._like = self._simulator.target(weights), None
            self._targets = target._replace(weights=target.weights.copy()) if self._aside else target
        self.places.append(place)
        return True

    def trade(self, simulator: Simulator) -> None:
        """Trade all that is here with a simulator that no other thread uses meanwhile."""
        began, runs = time.perf_counter(), len(self.places) * len(self.segments)
        try:
            self.errors.update(simulator.run_stack(self._targets, 0, runs, self.out, self.moments))
            self.returns[:] = simulator.returns(len(self.returns))
        except Exception as error:
            self.errors.update(dict.fromkeys(range(runs), error))
        self.seconds = time.perf_counter() - began

    def clear(self) -> None:
        """Nothing waits here."""
        self.places.clear()
        self.errors.clear()

    def release(self) -> None:
        """Let go of weights of another kind than masks."""
        self._targets, self._like = NO_TARGET, None


def _is_mask(weights: Any, shape: tuple[int, ...]) -> bool:
    return isinstance(weights, Weights) and weights.mask is not None and weights.shape == shape
