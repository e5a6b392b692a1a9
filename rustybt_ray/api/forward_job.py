"""From what `walk_forward` is asked to windows, and to a job whose segments are those of all windows."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rustybt_ray._validation import check_choice
from rustybt_ray.api.prepare import Prepared
from rustybt_ray.engine.metrics import METRICS, ORDERED
from rustybt_ray.exceptions import InputError, StrategyError
from rustybt_ray.execution.messages import HISTORY, Job
from rustybt_ray.strategies.strategy import OBJECTIVE, ZIPLINE
from rustybt_ray.studies.coordinates import coordinates
from rustybt_ray.studies.forward_choices import PLATEAU, SELECTIONS
from rustybt_ray.studies.forward_files import days_text
from rustybt_ray.studies.forward_frames import SHOWN, check_forward_names
from rustybt_ray.studies.spec import StudySpec
from rustybt_ray.validation.forward import Expanding, Rolling
from rustybt_ray.validation.segments import Windows, rows_of

FLAT, CARRY = "flat", "carry"
POSITIONS = (FLAT, CARRY)
CARRIED_BYTES = 1 << 30
"""Bytes of all metrics of all segments above which only those are carried that choose and that tables of windows show."""


@dataclass(frozen=True)
class Forward:
    """A walk-forward that could begin."""

    asked: Prepared
    job: Job
    spec: StudySpec
    layout: Windows


def prepare_forward(asked: Prepared, windows: Any, purge: int, embargo: int, positions: str, select: str) -> Forward:
    """Check what `walk_forward` has beyond `optimize`, and lay the windows out.

    Raises
    ------
    InputError, StrategyError
        If an argument is at fault, no window fits, or the strategy has no backtest of its own.
    """
    kind, strategy = asked.spec.kind, asked.loaded.strategy
    if kind == OBJECTIVE:
        what = f"{strategy.name} is an objective function, which sees all data at once: it cannot walk forward"
        raise StrategyError(what, "walk_forward", "Pass a target function f(data, **params), or use optimize.")
    if asked.spec.aims or asked.ends:
        received = "several objectives" if asked.spec.aims else "successive halving"
        remedy = "Each window chooses one trial by one objective, and every trial runs in every window."
        raise InputError("walk_forward", "asked for one objective and another search than halving", received, remedy)
    check_choice("positions", positions, POSITIONS)
    check_choice("select", select, SELECTIONS)
    if kind == ZIPLINE and positions == CARRY:
        remedy = "Each test of an algorithm runs it from its own beginning: leave positions out."
        raise InputError("positions", "'flat' of a zipline algorithm", positions, remedy)
    if not isinstance(windows, Rolling | Expanding):
        remedy = "Say rb.Rolling(train='3y', test='6mo'), or rb.Expanding."
        raise InputError("windows", "a Rolling or an Expanding", windows, remedy)
    check_forward_names(asked.search.names, (*METRICS, *ORDERED))
    if select == PLATEAU:
        _check_ordered(asked)
    panel, (first, last) = asked.panel, asked.job.segments[0]
    begin, end = int(panel.session[first]), int(panel.session[last])
    layout = windows.windows(panel.sessions[begin : end + 1], purge, embargo)
    parts = [part for part in layout.parts if part != "stitched"]
    bounds = np.stack([layout.bounds(part) for part in parts], axis=1).reshape(-1, 2)
    rows = rows_of(bounds, panel.session, offset=begin)
    flat = positions == FLAT
    job = replace(
        asked.job,
        segments=tuple((int(low), int(high)) for low, high in rows),
        closing=tuple(flat and part == "test" for part in parts) * len(layout),
        carried=_carried(asked, len(rows)),
        windowed=True,
        keep_returns=False,
        rows=HISTORY,
    )
    said = {"windows": windows.describe(), "purge": purge, "embargo": embargo}
    said |= {"positions": positions, "select": select}
    spec = replace(asked.spec, walk_forward=said, sessions=days_text(layout))
    return Forward(asked, job, spec, layout)


def rows_of_piece(layout: Windows, panel: Any, first: int) -> list[tuple[int, int]]:
    """First and last row of each window's part of the stitched curve; `first` is the study's first row."""
    rows = rows_of(layout.bounds("stitched"), panel.session, offset=int(panel.session[first]))
    return [(int(low), int(high)) for low, high in rows]


def _carried(asked: Prepared, segments: int) -> tuple[str, ...]:
    """Metrics that blocks carry: all, unless there would be too many."""
    names = asked.job.names
    trials = asked.search.remaining
    if trials is not None and trials * segments * len(names) * 8 <= CARRIED_BYTES:
        return names
    needed = {asked.spec.objective, "ruined", *SHOWN}.union(*(condition.names for condition in asked.conditions))
    return tuple(name for name in names if name in needed)


def _check_ordered(asked: Prepared) -> None:
    names = asked.search.names
    record = asked.spec.search
    values = record.get("points") or {name: [] for name in names}
    found = coordinates(record, values)
    if names and len(found.unordered) == len(names):
        remedy = "Use select='best'."
        raise InputError("select='plateau'", "used with an ordered parameter, an Int or a Float", list(names), remedy)
