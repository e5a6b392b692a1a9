"""What a study is after: one objective or several, each with its direction."""

from collections.abc import Sequence
from typing import Any

from rustybt_ray._validation import check_choice
from rustybt_ray.engine.metrics import check_metric
from rustybt_ray.exceptions import InputError
from rustybt_ray.strategies.strategy import TRADED

DIRECTIONS = ("maximize", "minimize")


def read_objectives(objective: Any, direction: Any, kind: str) -> tuple[tuple[str, str], ...]:
    """Pairs of an objective and its direction; one direction may stand for all.

    Raises
    ------
    InputError
        If there is none, one is no metric or named twice, or there are more or fewer directions.
    """
    given = (objective,) if objective is None or isinstance(objective, str) else objective
    if not isinstance(given, Sequence) or not given:
        raise InputError("objective", "a metric, or a list of some", objective, "Say objective='sharpe_ratio'.")
    names = [name or ("sharpe_ratio" if kind in TRADED else "value") for name in given]
    directions = [direction] * len(names) if isinstance(direction, str) else list(direction)
    if len(directions) != len(names):
        rule = f"one direction, or one for each of the {len(names)} objectives"
        raise InputError("direction", rule, direction, "Say direction=['maximize', 'minimize'].")
    for name in directions:
        check_choice("direction", name, DIRECTIONS)
    if len(set(names)) < len(names):
        raise InputError("objective", "a list in which each is named once", objective, "Remove the repeated one.")
    if kind in TRADED:
        for name in names:
            check_metric(name)
    return tuple(zip(names, directions, strict=True))
