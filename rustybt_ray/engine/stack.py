"""Weights of several trials that one call of the ledger trades."""

import time
from typing import Any

import numpy as np

from rustybt_ray._typing import FloatArray
from rustybt_ray.engine.backtest import NO_TARGET, Simulator
from rustybt_ray.engine.metrics import MOMENTS, NAMES
from rustybt_ray.engine.structures import Target
from rustybt_ray.engine.weights import Weights


class Stack:
    """Masks of equal slots and schedule, or one trial's weights of another kind.

    They are copied: before they are traded the strategy makes the next ones, which may be in the same array.

    Parameters
    ----------
    simulator : Simulator
        Trades them; it is used by one thread at a time.
    size : int
        Trials at most.

    Attributes
    ----------
    places : list of int
        Whose weights are here.
    out, moments : ndarray, shape (trials * segments, ...)
        What `Simulator.run_stack` fills.
    seconds : float
        How long the last `trade` took.
    errors : dict of int to Exception
        What trials failed with, by their number on the stack.
    """

    def __init__(self, simulator: Simulator, size: int) -> None:
        self.simulator, self.size = simulator, size
        self.places: list[int] = []
        self.errors: dict[int, BaseException] = {}
        self.seconds = 0.0
        runs = size * len(simulator.segments)
        self.out: FloatArray = np.full((runs, len(NAMES)), np.nan)
        self.moments: FloatArray = np.full((runs, MOMENTS), np.nan)
        self._masks = np.empty((size, *simulator.panel.shape), np.bool_)
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
        if isinstance(weights, Weights) and weights.mask is not None and weights.shape == self._masks.shape[1:]:
            like = weights.slots, weights.rebalance
            if like != self._like:
                if count:
                    return False
                self._targets, self._like = self.simulator.mask_target(self._bytes, weights), like
            self._masks[count] = weights.mask
        elif count:
            return False
        else:
            target, self._like = self.simulator.target(weights), None
            self._targets = target._replace(weights=target.weights.copy())
        self.places.append(place)
        return True

    def trade(self) -> None:
        """Trade all that is here."""
        began = time.perf_counter()
        try:
            self.errors.update(self.simulator.run_stack(self._targets, len(self.places), self.out, self.moments))
        except Exception as error:
            self.errors.update(dict.fromkeys(range(len(self.places)), error))
        self.seconds = time.perf_counter() - began

    def clear(self) -> None:
        """Nothing waits here."""
        self.places.clear()
        self.errors.clear()

    def release(self) -> None:
        """Let go of weights of another kind than masks."""
        self._targets, self._like = NO_TARGET, None
        self.simulator.release()
