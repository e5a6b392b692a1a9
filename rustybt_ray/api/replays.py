"""The stitched curves: chosen trials run again on the sessions that chose nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from rustybt_ray._typing import IntArray
from rustybt_ray.api.forward_job import FLAT, Forward, rows_of_piece
from rustybt_ray.engine.backtest import Simulator
from rustybt_ray.engine.metrics import MOMENTS, NAMES
from rustybt_ray.engine.pieces import Piece, chained, piece_of, relative_metrics, stitched_metrics
from rustybt_ray.engine.weights import Weights
from rustybt_ray.execution.chunk import rules
from rustybt_ray.execution.messages import CUT, HISTORY, Job
from rustybt_ray.execution.target_rows import TargetRows
from rustybt_ray.strategies.strategy import TARGET
from rustybt_ray.studies.forward_choices import Choices
from rustybt_ray.studies.walk_forward import CHOSEN, LABELS, Curves, curve_frame
from rustybt_ray.workspace.workspace import Workspace

if TYPE_CHECKING:
    from rustybt_ray.data.panel import Panel
    from rustybt_ray.zipline.runner import AlgorithmRunner

Params = Mapping[int, dict[str, Any]]
Part = tuple[Any, int, int]
"""Weights or None, and the first and last row that they are wanted for."""
GAP = -1


class Replays:
    """Runs pieces of stitched curves in this process.

    Parameters
    ----------
    forward : Forward
    job : Job
        As it was run: with where weight rows are from.
    known : Workspace
        Where the panel is open.
    """

    def __init__(self, forward: Forward, job: Job, known: Workspace) -> None:
        self.panel, self.strategy = forward.asked.panel, forward.asked.loaded.strategy
        self.layout, self.capital, self._segments = forward.layout, job.capital, job.segments
        self.flat = (forward.spec.walk_forward or {})["positions"] == FLAT
        self.segments = rows_of_piece(forward.layout, self.panel, forward.asked.job.segments[0][0])
        self.job = replace(job, segments=tuple(self.segments), closing=(self.flat,) * len(self.segments))
        whole = (self.segments[0][0], self.segments[-1][1])
        self.whole = replace(job, segments=(whole,), closing=(self.flat,))
        self._rows = TargetRows(self.job, self.strategy.function, self.panel, known)
        self._made: dict[tuple[int, int], Piece] = {}
        self._last: tuple[int, Any] = (GAP, None)

    @property
    def rows(self) -> str | None:
        """Where weight rows are from: "history" or "cut"; None for algorithms, which have none."""
        if self.strategy.kind != TARGET:
            return None
        return CUT if self._rows.cut else HISTORY

    def leaks(self, choices: Choices) -> tuple[int, ...]:
        """Windows whose choice decides otherwise on the panel cut at its train's or validation's end: these figures knew the test.

        The trial that was looked at before the run may be honest where others are not.
        """
        if self.rows != HISTORY:
            return ()
        found = []
        for window, place in enumerate(choices.chosen.tolist()):
            parts = len(choices.parts)
            ends = [last for _, last in self._segments[window * parts : (window + 1) * parts - 1]]
            if place != GAP and not self._rows.holds(choices.params(place), ends):
                found.append(window)
        return tuple(found)

    def curves(self, choices: Choices) -> Curves:
        """All curves of `LABELS`, and their metrics."""
        numbers = choices.block.numbers
        trials = {CHOSEN: choices.chosen, **choices.compared()}
        trials = {name: np.where(choices.failed_in_test(places), GAP, places) for name, places in trials.items()}
        used = {place for places in trials.values() for place in places.tolist()} - {GAP}
        params = {place: choices.params(place) for place in used}
        trials = {name: self._that_run(places, params) for name, places in trials.items()}
        pieces = {name: self._pieces(places, params) for name, places in trials.items()}
        pieces["buy_and_hold"] = [self._buy_and_hold()]
        self._rows.release()
        periods = float(self.job.settings.periods_per_year or self.panel.periods_per_year)
        returns = {name: np.concatenate([piece.returns for piece in pieces[name]]) for name in LABELS}
        metrics = {
            name: stitched_metrics(pieces[name], periods, self.job.settings.risk_free)
            | relative_metrics(returns[name], returns["buy_and_hold"], periods, self.job.settings.risk_free)
            for name in LABELS
        }
        equity = {name: chained(values, self.capital) for name, values in returns.items()}
        lengths = [window.stitched.n_sessions for window in self.layout]
        ran = trials[CHOSEN]
        chosen = np.where(ran == GAP, GAP, numbers[ran]) if len(numbers) else ran
        first = self.layout.curve
        frame = curve_frame(
            days=self.layout.days[first.first : first.stop],
            windows=np.repeat(np.arange(len(lengths)), lengths),
            trials=np.repeat(chosen, lengths),
            returns=returns[CHOSEN],
            equity=equity[CHOSEN],
            exposure=np.concatenate([piece.exposure for piece in pieces[CHOSEN]]),
            others={name: values for name, values in equity.items() if name != CHOSEN},
        )
        return Curves(frame, metrics)

    def _that_run(self, places: IntArray, params: Params) -> IntArray:
        """The places, a gap where a trial fails on its part of the curve.

        A trial that ran in a test may fail on the first part of it, which ends earlier where tests overlap.
        """
        made = places.copy()
        for place in dict.fromkeys(places.tolist()):  # all windows of one, so that its rows are made once
            for window in np.flatnonzero(places == place).tolist():
                if not self._runs(window, place, params):
                    made[window] = GAP
        return made

    def _runs(self, window: int, place: int, params: Params) -> bool:
        """Whether a trial has a piece in a window; it is kept."""
        if (window, place) in self._made:
            return True
        if not self.flat and self.layout[window].stitched == self.layout[window].test:
            return True  # its rows are those of the test, in which it ran
        try:
            self._made[window, place] = self._piece(window, place, params)
        except MemoryError:
            raise
        except (Exception, SystemExit):
            return False
        return True

    def _pieces(self, places: IntArray, params: Params) -> list[Piece]:
        if not self.flat:
            return [self._joined(places, params)]
        for window in np.flatnonzero(places == GAP).tolist():
            if (window, GAP) not in self._made:
                self._made[window, GAP] = self._piece(window, GAP, params)
        return [self._made[window, place] for window, place in enumerate(places.tolist())]

    def _piece(self, window: int, place: int, params: Params) -> Piece:
        """A window's piece, of the trial at `place`; cash for a gap."""
        out, moments = np.empty((len(self.segments), len(NAMES))), np.empty((len(self.segments), MOMENTS))
        if place != GAP and self.strategy.kind != TARGET:
            self._algorithms.run_one(self.strategy.function, params[place], window, out, moments)
            runner: Simulator | AlgorithmRunner = self._algorithms
        else:
            weights = self._none if place == GAP else self._rows_of(place, window, params)
            if errors := self._simulator.run_each(weights, out, moments, only=window):
                raise errors[window]
            runner = self._simulator
        returns = runner.segment_returns(window)
        return piece_of(runner.book_of(window), self.panel.last_rows, runner.segments[window], returns, self.capital)

    def _joined(self, places: IntArray, params: Params) -> Piece:
        """One ledger over the rows of all windows, each of the trial at its place."""
        lag = 1 + self.job.settings.delay
        parts = [
            (None if place == GAP else self._rows_of(place, window, params), max(low - lag, 0), high - lag)
            for window, (place, (low, high)) in enumerate(zip(places.tolist(), self.segments, strict=True))
        ]
        return self._run_whole(join(parts, self.panel.shape))

    def _buy_and_hold(self) -> Piece:
        return self._run_whole(equal_holdings(self.panel, max(self.segments[0][0] - 1 - self.job.settings.delay, 0)))

    def _rows_of(self, place: int, window: int, params: Params) -> Any:
        """A trial's rows, as its test had them."""
        if self._rows.cut:
            return self._rows.until(self.segments[window][1], params[place])
        if self._last[0] != place:
            try:
                self._last = place, self._rows.whole(params[place])
            except Exception:  # it fails in a year to come: see WindowTrials
                self._last = place, None
        weights = self._last[1]
        return weights if weights is not None else self._rows.until(self.segments[window][1], params[place])

    @cached_property
    def _simulator(self) -> Simulator:
        return Simulator(self.panel, **rules(self.job))

    @cached_property
    def _algorithms(self) -> "AlgorithmRunner":
        from rustybt_ray.zipline.runner import AlgorithmRunner

        return AlgorithmRunner(self.panel, **rules(self.job))

    @cached_property
    def _none(self) -> Any:
        """Weights that order nothing."""
        return np.full(self.panel.shape, np.nan)

    def _run_whole(self, weights: Any) -> Piece:
        simulator = Simulator(self.panel, **rules(self.whole))
        simulator.run(weights, np.empty((1, len(NAMES))), np.empty((1, MOMENTS)))
        returns, segment = simulator.segment_returns(0), simulator.segments[0]
        return piece_of(simulator.book, self.panel.last_rows, segment, returns, self.capital)


def join(parts: Sequence[Part], shape: tuple[int, int]) -> Any:
    """Rows of several weights as one; nothing is held where there are none.

    Masks of one kind stay a mask, which orders an asset where the joined mask changes; values of one schedule keep it; all
    others become plain arrays.
    """
    given = [weights for weights, _, _ in parts if weights is not None]
    made = [weights if isinstance(weights, Weights) else Weights(values=np.asarray(weights)) for weights in given]
    kinds = {(weights.mask is not None, weights.slots, weights.rebalance) for weights in made}
    masks, slots, rebalance = next(iter(kinds)) if len(kinds) == 1 else (False, None, None)
    joined: np.ndarray = np.zeros(shape, np.bool_) if masks else np.full(shape, np.nan)
    for weights, low, high in parts:
        if weights is None:
            joined[low : high + 1] = 0
        elif masks:
            joined[low : high + 1] = np.asarray(weights.mask)[low : high + 1]
        else:
            own = weights.values if isinstance(weights, Weights) and len(kinds) == 1 else None
            joined[low : high + 1] = np.asarray(weights if own is None else own)[low : high + 1]
    return Weights(joined if masks else None, None if masks else joined, slots, rebalance)


def equal_holdings(panel: "Panel", row: int) -> Any:
    """Weights of buy-and-hold decided from `row` on: equal money in all listed assets, reset when one lists or delists."""
    first, last = panel.listing
    rows = np.arange(panel.shape[0])[:, None]
    listed = (first <= rows) & (rows <= last)
    changes = np.any(listed[1:] != listed[:-1], axis=1, keepdims=True)
    orders = np.concatenate([np.zeros((1, 1), np.bool_), changes])
    orders[row] = True
    share = listed / np.maximum(listed.sum(axis=1, keepdims=True), 1)
    return np.where(orders, share, np.nan)
