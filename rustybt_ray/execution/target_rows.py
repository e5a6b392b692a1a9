"""Weight rows that a target function makes of a whole history, or of the history up to a segment's end."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rustybt_ray.data.panel import Panel
from rustybt_ray.execution.messages import CUT, Job
from rustybt_ray.execution.rows import padded, same_rows
from rustybt_ray.workspace.cut_data import CutData
from rustybt_ray.workspace.workspace import Workspace


class TargetRows:
    """Weight rows of a target function: made once on the whole history, or on the panel cut at a segment's end.

    Parameters
    ----------
    job : Job
    function : callable
    panel : Panel
    workspace : Workspace

    Attributes
    ----------
    ends : dict of int to list of int
        Last row of segments, and the segments that end there.
    cut : bool
        Whether rows are made on each segment's own cut.
    """

    def __init__(self, job: Job, function: Callable[..., Any], panel: Panel, workspace: Workspace) -> None:
        self.job, self.function, self.panel, self._workspace = job, function, panel, workspace
        self.ends: dict[int, list[int]] = {}
        for number, (_, last) in enumerate(job.segments):
            self.ends.setdefault(last, []).append(number)
        self._cuts: dict[int, CutData] = {}
        self.cut = job.rows == CUT

    def same(self, params: Mapping[str, Any]) -> bool:
        """Whether the rows of the whole history are bitwise those of the panel cut at each segment's end."""
        return same_rows(self.function, params, self._data(), self.panel, sorted(self.ends), self.job.settings.delay)

    def holds(self, params: Mapping[str, Any], ends: Sequence[int]) -> bool:
        """As `same`, at these ends alone; a trial that fails on the whole history has the rows of its cuts anyway."""
        try:
            return same_rows(self.function, params, self._data(), self.panel, ends, self.job.settings.delay)
        except Exception:
            return True

    def whole(self, params: Mapping[str, Any]) -> Any:
        """The rows of the whole history."""
        return self.function(self._data(), **params)

    def until(self, end: int, params: Mapping[str, Any]) -> Any:
        """The rows that are known at the end of row `end`, and more that order nothing."""
        if end not in self._cuts:
            self._cuts[end] = CutData(self.panel, end, self._workspace.history)
            self._cuts[end].scope = self.job.digest
        return padded(self.function(self._cuts[end], **params), end + 1, self.panel.shape[0])

    def release(self) -> None:
        """Let go of the cuts and of their indicators."""
        for cut in self._cuts.values():
            self._workspace.history.drop(cut.version)
        self._cuts.clear()

    def _data(self) -> Any:
        return self._workspace.data(self.job.version, scope=self.job.digest)
