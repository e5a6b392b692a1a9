"""Weights of several trials that one call of the ledger trades."""

import ctypes
import time
from sys import getrefcount
from typing import Any

import numpy as np

from rustybt_ray._typing import BoolArray, FloatArray
from rustybt_ray.engine.backtest import NO_TARGETS, Simulator
from rustybt_ray.engine.metrics import MOMENTS, NAMES
from rustybt_ray.engine.native import address_of
from rustybt_ray.engine.structures import DAYS, Targets
from rustybt_ray.engine.weights import BOOL, Weights


class Stack:
    """Masks of equal slots and schedule, or one trial's weights of another kind.

    They are traded where they lie if nobody else holds them. The strategy's own arrays may be what it makes its next weights
    in, before these have been traded: those are copied.

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
        self._waits = aside or size > 1  # whether the strategy goes on before they are traded
        self._shape = simulator.panel.shape
        # written by ctypes, which takes half of NumPy's time for a number
        self._table = (ctypes.c_int64 * size)()
        self._addresses = np.frombuffer(memoryview(self._table), np.int64)
        self._masks: list[BoolArray] = []
        self._copies: BoolArray = np.empty((0, *self._shape), np.bool_)
        self._targets: Targets = NO_TARGETS
        self._like: Any = None  # slots and schedule of the masks

    @property
    def full(self) -> bool:
        """Whether nothing more goes here before it is traded."""
        return len(self.places) == self.size or (self._like is None and bool(self.places))

    def put(self, place: int, handed: list[Any]) -> bool:
        """Take a trial's weights out of the list, which is all that holds them, if they go with those that are here.

        Raises
        ------
        WeightsError
            If they do not fit the panel.
        """
        weights, references = _taken(handed)
        count, lent = len(self.places), references == ALONE or not self._waits
        if isinstance(weights, Weights) and weights.mask is not None and weights.mask.shape == self._shape:
            like = weights.slots, weights.rebalance
            if like != self._like:
                if count:
                    handed.append(weights)
                    return False
                self._targets, self._like = self._simulator.mask_targets(self._addresses, weights), like
            self._keep(count, weights.mask, lent)
        elif count:
            handed.append(weights)
            return False
        else:
            target, self._like = self._simulator.target(weights), None
            self._targets = target._replace(weights=target.weights.copy()) if self._waits else target
        self.places.append(place)
        return True

    def _keep(self, number: int, mask: BoolArray, lent: bool) -> None:
        """Keep a mask, or a copy of one that somebody else may write, until it has been traded."""
        flags = mask.flags
        if not (lent and flags.c_contiguous and (flags.owndata or not self._waits) and mask.dtype is BOOL):
            if not len(self._copies):
                self._copies = np.empty((self.size, *self._shape), np.bool_)
            self._copies[number] = mask
            mask = self._copies[number]
        self._masks.append(mask)
        self._table[number] = address_of(mask)

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
        self._masks.clear()
        self.errors.clear()

    def release(self) -> None:
        """Let go of weights of another kind than masks."""
        self._targets, self._like = NO_TARGETS, None


def _taken(handed: list[Any]) -> tuple[Any, tuple[int, int]]:
    """The weights in the list, and how many hold them and their mask."""
    weights = handed.pop()
    mask = weights.mask if isinstance(weights, Weights) else None
    return weights, (getrefcount(weights), getrefcount(mask))


ALONE = _taken([Weights(mask=np.empty((0, 0), np.bool_))])[1]
"""What `_taken` counts where nobody else holds them."""
