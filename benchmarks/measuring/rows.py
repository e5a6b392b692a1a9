"""What a benchmark finds: rows, each a figure or a comparison with a baseline."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from measuring.samples import Difference, Summary
from rustybt_ray._typing import FloatArray

Measured = Sequence[float] | FloatArray


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Parameters
    ----------
    key : str
        Name within the benchmark, such as ``"first"``; the page refers to it.
    what : str
        What was measured, for people.
    unit : str
        Of the measurements: ``"ms"``, ``"us"``, ``"MB"``, ``"%"`` and so on.
    ours : array_like
        Measurements of our way, one a run.
    baseline : array_like, optional
        Measurements of the other way.
    paired : bool, default True
        Whether run i of both was made side by side.
    bound : float, optional
        What `ratio`, baseline by ours, must reach; the runner says when it does not.
    note : str, optional
        What a reader must know: a subset that was scaled, say.
    """

    key: str
    what: str
    unit: str
    ours: Measured
    baseline: Measured = ()
    paired: bool = True
    bound: float | None = None
    note: str = ""

    @property
    def difference(self) -> Difference | None:
        """The comparison; None without a baseline of at least two runs."""
        if len(self.baseline) < 2 or len(self.ours) < 2:
            return None
        paired = self.paired and len(self.baseline) == len(self.ours)
        return Difference.of(np.asarray(self.baseline), np.asarray(self.ours), paired)

    def record(self) -> dict[str, Any]:
        """The row with its statistics, for the archive."""
        found: dict[str, Any] = {
            "key": self.key, "what": self.what, "unit": self.unit, "note": self.note, "bound": self.bound,
            "paired": self.paired, "ours": list(map(float, self.ours)), "baseline": list(map(float, self.baseline)),
        }  # fmt: skip
        found["ours_summary"] = asdict(Summary.of(np.asarray(self.ours)))
        if len(self.baseline):
            found["baseline_summary"] = asdict(Summary.of(np.asarray(self.baseline)))
        if (difference := self.difference) is not None:
            found["difference"] = asdict(difference)
        return found


@dataclass(frozen=True)
class Benchmark:
    """A named question.

    Parameters
    ----------
    name : str
        What the command line calls it.
    layer : str
        The archive's file: ``"layer1"``, ``"layer2"``, ``"layer3"``, ``"workers"``, ``"workflows"``, ``"start"``.
    question : str
        One sentence.
    measure : callable
        ``measure(quick)`` checks that both ways find the same, then returns its rows.
    """

    name: str
    layer: str
    question: str
    measure: Callable[[bool], list[Row]]
