"""What each window of a walk-forward chose, from the metrics of all trials in all windows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rustybt_ray._expressions import Expression
from rustybt_ray._typing import BoolArray, FloatArray, IntArray
from rustybt_ray.execution.messages import Block
from rustybt_ray.search.protocol import present
from rustybt_ray.studies.coordinates import Coordinates, coordinates
from rustybt_ray.studies.selection import eligible
from rustybt_ray.studies.spec import StudySpec
from rustybt_ray.validation import figures
from rustybt_ray.validation.segments import Windows
from rustybt_ray.validation.selection import Selection, first_kept, hindsight_best, median_trial, select
from rustybt_ray.validation.stability import Stability, parameter_stability

BEST, PLATEAU = "best", "plateau"
SELECTIONS = (BEST, PLATEAU)


@dataclass(frozen=True)
class Choices:
    """The choice of each window.

    Parameters
    ----------
    spec : StudySpec
    layout : Windows
    block : Block
        All finished trials, in the order of their numbers.
    columns : dict of str to list
        Their parameters.
    require : sequence of Expression
        What a trial must meet in train.
    """

    spec: StudySpec
    layout: Windows
    block: Block
    columns: dict[str, list[Any]]
    require: Sequence[Expression]

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """Segments of a window, in their order."""
        return tuple(part for part in self.layout.parts if part != "stitched")

    @cached_property
    def cube(self) -> FloatArray:
        """Metrics by trial, window, part and name."""
        block, shape = self.block, (len(self.block), len(self.layout), len(self.parts), len(self.block.names))
        return np.full(shape, np.nan) if block.windows is None else block.windows.reshape(shape)

    def objective(self, part: str) -> FloatArray:
        """The objective in a part of each window, shape (windows, trials)."""
        return self.metric(self.spec.objective, part)

    def metric(self, name: str, part: str) -> FloatArray:
        """A metric in a part of each window, shape (windows, trials); NaN where it is not carried."""
        if name not in self.block.names:
            return np.full((len(self.layout), len(self.block)), np.nan)
        return np.ascontiguousarray(self.cube[:, :, self.parts.index(part), self.block.names.index(name)].T)

    @cached_property
    def passes(self) -> BoolArray:
        """Which trials each window may choose, by their train: complete, not ruined, meeting every requirement."""
        made = np.zeros((len(self.layout), len(self.block)), np.bool_)
        for window in range(len(made)):
            metrics = self.cube[:, window, self.parts.index("train")]
            train = Block(
                self.block.numbers, self.block.names, self.block.state, metrics, self.block.moments, self.block.duration,
                {}, "",
            )  # fmt: skip
            made[window] = eligible(train, self.spec.objective, self.require)
        return made

    @cached_property
    def selection(self) -> Selection:
        """Positions of the trials that each window proposed and chose."""
        if not len(self.block):
            gaps = np.full(len(self.layout), -1, np.int64)
            return Selection(gaps, gaps[:, None])
        said, train = self.spec.walk_forward or {}, self.objective("train")
        scores = None
        if said.get("select") == PLATEAU:
            sound = np.where(self.metric("ruined", "train") == 1.0, np.nan, train)
            scores = self.places.plateaus(sound, self.spec.direction)
        validation = self.objective("validate") if "validate" in self.parts else None
        return select(train, self.passes, validation=validation, scores=scores, direction=self.spec.direction)

    @property
    def chosen(self) -> IntArray:
        """Position of each window's choice; -1 is a gap."""
        return self.selection.chosen

    @cached_property
    def places(self) -> Coordinates:
        """Where the trials lie in the space."""
        return coordinates(self.spec.search, self.columns)

    def compared(self) -> dict[str, IntArray]:
        """Positions of the trials, window by window, of the curves that the chosen ones are compared with."""
        if not len(self.block):
            return dict.fromkeys(("first_kept", "median_trial", "hindsight_best"), self.chosen)
        test, direction = self.objective("test"), self.spec.direction
        return {
            "first_kept": first_kept(self.chosen),
            "median_trial": median_trial(test, direction=direction),
            "hindsight_best": hindsight_best(test, direction=direction),
        }

    def failed_in_test(self, places: IntArray) -> BoolArray:
        """Of a trial a window, which ones ended in an error in that window's test."""
        if not len(self.block):
            return places < 0
        values = self.metric("total_return", "test")
        picked: FloatArray = np.take_along_axis(values, np.maximum(places, 0)[:, None], axis=1)[:, 0]
        return (places >= 0) & np.isnan(picked)

    def params(self, place: int) -> dict[str, Any]:
        """Parameters of the trial at a position."""
        return present({name: values[place] for name, values in self.columns.items()})

    def most_chosen(self) -> int | None:
        """Position of the trial that most windows chose, of several the first; None if all are gaps."""
        found, counts = np.unique(self.chosen[self.chosen >= 0], return_counts=True)
        return int(found[counts.argmax()]) if len(found) else None

    def of_chosen(self, values: FloatArray) -> FloatArray:
        """Of values by window and trial those of each window's choice; NaN for a gap."""
        if not values.shape[1]:
            return np.full(len(values), np.nan)
        picked = np.take_along_axis(values, np.maximum(self.chosen, 0)[:, None], axis=1)[:, 0]
        return np.where(self.chosen < 0, np.nan, picked)

    @cached_property
    def efficiency(self) -> figures.Efficiency:
        """Out-of-sample over in-sample objective; NaN for an objective that depends on the horizon or is minimised."""
        if self.spec.objective not in figures.HORIZON_FREE or self.spec.direction != "maximize":
            return figures.Efficiency(np.nan, 0)
        inside, outside = (self.of_chosen(self.objective(part)) for part in ("train", "test"))
        return figures.efficiency(inside, outside)

    @cached_property
    def percentiles(self) -> FloatArray:
        """Where each window's choice stands among all trials out of sample."""
        if not len(self.block):
            return np.full(len(self.layout), np.nan)
        return figures.percentiles(self.objective("test"), self.chosen, direction=self.spec.direction)

    @cached_property
    def skill(self) -> figures.Mean:
        """Mean of the percentiles with its t interval."""
        if not len(self.block):
            return figures.mean_interval(self.percentiles)
        return figures.selection_skill(self.objective("test"), self.chosen, direction=self.spec.direction)

    @cached_property
    def rank_correlations(self) -> FloatArray:
        """Of train and test, in each window."""
        if not len(self.block):
            return np.full(len(self.layout), np.nan)
        return figures.rank_correlations(self.objective("train"), self.objective("test"))

    @cached_property
    def stability(self) -> Stability:
        """How alike the chosen parameters are, one value a parameter."""
        if not len(self.block) or not self.columns:
            return Stability(np.full(len(self.columns), np.nan), np.full(len(self.columns), np.nan))
        return parameter_stability(self.places.units, self.chosen, self.places.unordered)
