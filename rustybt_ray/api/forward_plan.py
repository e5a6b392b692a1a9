"""Where the windows of a walk-forward would lie, before anything runs."""

import inspect
from dataclasses import dataclass
from typing import Any

from rustybt_ray._typing import StrategyFunction
from rustybt_ray.api.forward_job import prepare_forward
from rustybt_ray.api.prepare import prepare
from rustybt_ray.api.walk_forward import walk_forward
from rustybt_ray.validation.segments import Windows


@dataclass(frozen=True)
class WindowPlan:
    """What `walk_forward` would run.

    Attributes
    ----------
    layout : Windows
    trials : int or None
        Parameter sets; None if the search does not know before its end.
    segments : int
        Segments that each runs in.
    sessions : int
        Sessions of all of them together.
    """

    layout: Windows
    trials: int | None
    segments: int
    sessions: int


def plan_windows(strategy: StrategyFunction | str, **options: Any) -> WindowPlan:
    """The windows of `walk_forward` with the same arguments; no trial runs and nothing is written.

    Raises
    ------
    InputError, StrategyError, BundleError
        As `walk_forward` would.
    """
    said = inspect.signature(walk_forward).bind(strategy, **options)
    said.apply_defaults()
    given = said.arguments
    asked = prepare(**{name: given[name] for name in inspect.signature(prepare).parameters})
    own = {name: given[name] for name in ("windows", "purge", "embargo", "positions", "select")}
    forward = prepare_forward(asked, **own)
    segments, session = forward.job.segments, asked.panel.session
    sessions = sum(int(session[last] - session[first]) + 1 for first, last in segments)
    return WindowPlan(forward.layout, asked.search.remaining, len(segments), sessions)
