"""Successive halving: from runs, one a trial and rung, to trials."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rustybt_ray._record import record_class
from rustybt_ray._typing import IntArray
from rustybt_ray.execution.messages import COMPLETE, PRUNED, Block

if TYPE_CHECKING:
    import polars as pl

COLUMNS = ("rung", "sessions")
"""What the table of such a study has besides."""


@record_class(frozen=True)
class Rungs:
    """How runs are numbered, and how long they are.

    Attributes
    ----------
    stride : int
        The run of trial i in rung r has the number ``r * stride + i``.
    sessions : tuple of int
        Sessions of each rung.
    """

    stride: int
    sessions: tuple[int, ...]

    @classmethod
    def of(cls, search: Mapping[str, Any]) -> "Rungs | None":
        """Of a study's search; None if it has no rungs."""
        if "sessions" not in search:
            return None
        return cls(int(search["stride"]), tuple(search["sessions"]))

    def trials(self, runs: IntArray) -> IntArray:
        """The trial of each run."""
        return runs % self.stride

    def rungs(self, runs: IntArray) -> IntArray:
        """The rung of each run, from 0."""
        return runs // self.stride

    def last_runs(self, runs: IntArray) -> IntArray:
        """Positions of the last run of each trial, in the order of the trials; `runs` rise."""
        trials = self.trials(runs)
        order = np.lexsort((runs, trials))
        ends = np.append(np.diff(trials[order]) != 0, True)[: len(runs)]
        last: IntArray = order[ends]
        return last

    def numbered(self, block: Block) -> Block:
        """Runs with the numbers of their trials."""
        errors = {number % self.stride: error for number, error in block.errors.items()}
        return replace(block, numbers=self.trials(block.numbers), errors=errors)

    def settled(self, block: Block) -> Block:
        """Runs as trials: numbered so, and pruned where they had a part of the history alone."""
        whole = self.rungs(block.numbers) == len(self.sessions) - 1
        state = np.where((block.state == COMPLETE) & ~whole, PRUNED, block.state).astype(np.uint8)
        return replace(self.numbered(block), state=state)

    def add_columns(self, frame: "pl.DataFrame", runs: IntArray) -> "pl.DataFrame":
        """The table of these runs with their rung, from 0, and the sessions that they had."""
        import polars as pl

        rungs = self.rungs(runs).tolist()
        sessions = [self.sessions[rung] for rung in rungs]
        return frame.with_columns(pl.Series("rung", rungs, pl.Int64), pl.Series("sessions", sessions, pl.Int64))
