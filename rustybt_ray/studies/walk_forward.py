"""A walk-forward: what each window chose, and the curve that nobody fitted to."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from rustybt_ray._expressions import Expression
from rustybt_ray.exceptions import InputError
from rustybt_ray.studies.forward_choices import Choices
from rustybt_ray.studies.forward_frames import trials_frame, windows_frame
from rustybt_ray.studies.spec import StudySpec
from rustybt_ray.studies.study import Study
from rustybt_ray.studies.trials import FrozenTrial
from rustybt_ray.validation.figures import Efficiency, Mean, mean_interval
from rustybt_ray.validation.segments import Windows

if TYPE_CHECKING:
    import polars as pl

CHOSEN = "chosen"
LABELS = {
    CHOSEN: "chosen, out of sample",
    "first_kept": "first window's choice kept",
    "median_trial": "each window's median trial",
    "buy_and_hold": "buy and hold",
    "hindsight_best": "hindsight best (not available to you)",
}
"""The curves by their names, and what they are."""
BASE = ("session", "window", "trial", "gap", "returns", "equity", "exposure")


@dataclass(frozen=True)
class Curves:
    """The stitched curves.

    Attributes
    ----------
    frame : polars.DataFrame
        A row a session: `BASE`, then the equity of each other curve of `LABELS`.
    metrics : dict of str to dict of str to float
        By curve and name.
    """

    frame: "pl.DataFrame"
    metrics: dict[str, dict[str, float]]


class WalkForward:
    """The windows of a walk-forward, their choices, and what these earned on sessions that chose nothing.

    Attributes
    ----------
    study : Study
        The trials; its own metrics and best are those of the first train.
    layout : Windows
        Where the windows lie: ``rustybt_ray.validation.drawing.draw(wf.layout)``.
    causal : True, str or None
        Whether decisions of the parameters that were chosen most often ignore the future, else the first session that moved;
        None if it was not checked (zipline algorithms, no choice).
    rows : {"history", "cut"} or None
        Whether weight rows of the whole history served every segment, or each segment had those of the panel cut at its end.
    leaks : tuple of int
        Windows whose choice was made by figures that knew later bars: the trial that was looked at before the others ran
        did not, but this one does. Their part of the curve is not out of sample.
    """

    def __init__(
        self,
        study: Study,
        layout: Windows,
        require: Sequence[Expression] = (),
        *,
        rows: str | None = None,
        leaks: Sequence[int] = (),
        curves: Curves | None = None,
    ) -> None:
        self.study, self.layout, self.rows = study, layout, rows
        self.curves, self.leaks = curves, tuple(leaks)
        self._require = tuple(require)

    @property
    def spec(self) -> StudySpec:
        """What was asked."""
        return self.study.spec

    @property
    def causal(self) -> bool | str | None:
        """As the attributes say."""
        return self.study.causal

    @property
    def stopped(self) -> str | None:
        """Why it ended before its last trial: "interrupted", "timeout" or "stopped"; the windows choose from what is there."""
        return self.study.stopped

    @property
    def executor(self) -> str:
        """Where the last trial ran: "inline" or "ray"."""
        return self.study.executor

    @property
    def elapsed(self) -> float:
        """Seconds."""
        return self.study.elapsed

    @property
    def n_trials(self) -> int:
        """Number of finished parameter sets."""
        return self.study.n_trials

    @property
    def n_failed(self) -> int:
        """Number of those that failed in every segment."""
        return self.study.n_failed

    @cached_property
    def choices(self) -> Choices:
        """What each window chose, by position among the trials."""
        return Choices(self.spec, self.layout, self.study._merged, self.study._columns, self._require)

    @cached_property
    def trials(self) -> "pl.DataFrame":
        """One row a trial and window: parameters, metrics of train, validate and test (prefixed so), and whether it was chosen."""
        return trials_frame(self.choices)

    @cached_property
    def windows(self) -> "pl.DataFrame":
        """One row a window: dates, whether it is a gap or partial, the choice, its objective in each part, and its place."""
        return windows_frame(self.choices)

    def choice(self, window: int) -> FrozenTrial | None:
        """The trial that a window chose; None for a gap.

        Raises
        ------
        InputError
            If there is no such window.
        """
        if not 0 <= window < len(self.layout):
            raise InputError("window", f"a number from 0 to {len(self.layout) - 1}", window, "See wf.windows.")
        place = int(self.choices.chosen[window])
        return None if place < 0 else self.study.trial(int(self.choices.block.numbers[place]))

    @property
    def out_of_sample(self) -> "pl.DataFrame":
        """The stitched curve, a row a session: window, trial (null in a gap), daily return, equity, exposure.

        Raises
        ------
        InputError
            If the walk-forward was read from a directory in which it had not ended.
        """
        return self._ended.frame.select(BASE)

    @property
    def equity(self) -> "pl.DataFrame":
        """The equity of the stitched curve and of those it is compared with, a column each; errors as of `out_of_sample`."""
        import polars as pl

        others = [name for name in LABELS if name != CHOSEN]
        return self._ended.frame.select("session", pl.col("equity").alias(CHOSEN), *others)

    @property
    def metrics(self) -> dict[str, float]:
        """Every metric of the stitched curve, from its chained daily returns; errors as of `out_of_sample`.

        Money and counts are sums over the windows, each of which starts with the capital; beta, alpha, tracking_error and
        information_ratio are against buy-and-hold.
        """
        return self._ended.metrics[CHOSEN]

    @property
    def comparisons(self) -> "pl.DataFrame":
        """The metrics of the stitched curve and of those it is compared with, one row each; errors as of `out_of_sample`.

        The first window's choice kept, each window's median trial, buy-and-hold, and the best in hindsight, which was not
        available to you.
        """
        import polars as pl

        found = self._ended.metrics
        rows = [{"curve": name, "what": LABELS[name], **found[name]} for name in LABELS]
        return pl.DataFrame(rows, infer_schema_length=None)

    @property
    def efficiency(self) -> Efficiency:
        """Mean out-of-sample objective over mean in-sample objective of the chosen; NaN where that has no meaning."""
        return self.choices.efficiency

    @property
    def skill(self) -> Mean:
        """Mean place of the chosen among all trials of its window out of sample, with a t interval; 0.5: choosing was worthless."""
        return self.choices.skill

    @property
    def rank_correlation(self) -> Mean:
        """Mean over windows of Spearman's correlation of all trials' in-sample and out-of-sample objective."""
        return mean_interval(self.choices.rank_correlations)

    @property
    def stability(self) -> "pl.DataFrame":
        """How alike chosen parameters are, a row each: 1 the same, 0 as if drawn by lot."""
        import polars as pl

        overall, consecutive = self.choices.stability
        columns = {"parameter": list(self.choices.columns), "overall": overall, "consecutive": consecutive}
        return pl.DataFrame(columns, schema_overrides={"parameter": pl.String})

    @property
    def n_gaps(self) -> int:
        """Windows without a choice."""
        return int(np.count_nonzero(self.choices.chosen < 0))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know: partial tests, arguments without effect, gaps, weight rows that knew the future."""
        return (*self.layout.notes, *_notes(self))

    def __repr__(self) -> str:
        said = self.spec.walk_forward or {}
        name, value = self.spec.objective, self.curves.metrics[CHOSEN].get(self.spec.objective) if self.curves else None
        shown = f", out of sample {name}={value:.4g}" if value is not None else ""
        which = f"{self.spec.strategy['name']} on {self.spec.bundle}"
        return (
            f"WalkForward({which}, {len(self.layout)} windows x {self.n_trials} trials, {said.get('positions')}{shown})"
        )

    @property
    def _ended(self) -> Curves:
        if self.curves is None:
            remedy = "Call walk_forward again with resume=True; windows and trials show what is there."
            raise InputError("the stitched curve", "of a walk-forward that has ended", "one that was cut off", remedy)
        return self.curves


def _notes(found: WalkForward) -> list[str]:
    made, choices = [], found.choices
    if purge := (found.spec.walk_forward or {}).get("purge"):
        made.append(f"purge = {purge}: the {purge} sessions before each segment that follows another belong to none.")
    if gaps := np.flatnonzero(choices.chosen < 0).tolist():
        which = f"Window {gaps[0]} has" if len(gaps) == 1 else f"{len(gaps)} windows, the first is {gaps[0]}, have"
        made.append(f"{which} no trial that qualifies: cash, marked as a gap.")
    made += [
        f"Window {window}: the chosen trial failed in the test; cash, marked as a gap in the curve."
        for window in _failed(found)
    ]
    if found.leaks:
        which = ", ".join(map(str, found.leaks[:5])) + (", ..." if len(found.leaks) > 5 else "")
        made.append(f"NOT OUT OF SAMPLE: the choice of window {which} decides otherwise where later bars are cut off.")
    if found.rows == "cut":
        made.append(
            "Weight rows of the whole history are not those of an earlier day: each segment has those of its own cut."
        )
    if partly := sum(
        1 for i in choices.block.errors if choices.block.state[np.searchsorted(choices.block.numbers, i)] == 0
    ):
        made.append(f"{partly} trials failed in some segments and not in others; see the column error of wf.trials.")
    return made


def _failed(found: WalkForward) -> list[int]:
    """Windows whose choice failed in the test, or on its part of the curve."""
    choices = found.choices
    if found.curves is None:
        failed: list[int] = np.flatnonzero(choices.failed_in_test(choices.chosen)).tolist()
        return failed
    frame = found.curves.frame
    cash = frame.filter(frame["gap"])["window"].unique().sort().to_list()
    return [window for window in cash if choices.chosen[window] >= 0]


def curve_frame(
    days: Any, windows: Any, trials: Any, returns: Any, equity: Any, exposure: Any, others: dict[str, Any]
) -> "pl.DataFrame":
    """The frame of `Curves`; trial -1 is a gap."""
    import polars as pl

    frame = pl.DataFrame(
        {
            "session": np.asarray(days).astype("datetime64[D]"),
            "window": windows,
            "trial": pl.Series("trial", [None if trial < 0 else trial for trial in trials.tolist()], dtype=pl.Int64),
            "gap": trials < 0,
            "returns": returns,
            "equity": equity,
            "exposure": exposure,
            **others,
        }
    )
    return frame.select(*BASE, *others)
