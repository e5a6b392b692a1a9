"""Which trial is best: objective, direction, requirements, and the rules about what is never best."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rustybt_ray._typing import BoolArray, FloatArray, IntArray
from rustybt_ray.exceptions import InputError
from rustybt_ray.execution.messages import COMPLETE, Block

if TYPE_CHECKING:
    from rustybt_ray._expressions import Expression


def objective_values(block: Block, objective: str) -> FloatArray:
    """The objective of each trial, NaN for failed ones.

    Raises
    ------
    InputError
        If no trial has a metric of that name; the message lists those there are.
    """
    if not len(block) or not block.names:
        return np.full(len(block), np.nan)
    if objective not in block.names:
        remedy = "An objective function that returns a number has the metric 'value'."
        raise InputError("objective", f"one of {', '.join(map(repr, block.names))}", objective, remedy)
    return block.metrics[:, block.names.index(objective)]


def eligible(block: Block, objective: str, require: "Sequence[Expression]") -> BoolArray:
    """Trials that may be best: complete, with an objective, not ruined, and meeting every requirement."""
    allowed: BoolArray = (block.state == COMPLETE) & ~np.isnan(objective_values(block, objective))
    if "ruined" in block.names:
        allowed &= block.metrics[:, block.names.index("ruined")] != 1.0
    columns = {name: block.metrics[:, i] for i, name in enumerate(block.names)} if require else {}
    for condition in require:
        allowed &= np.asarray(condition.evaluate(columns), dtype=np.bool_)
    return allowed


def ranking(block: Block, objective: str, direction: str, require: "Sequence[Expression]") -> IntArray:
    """Positions in `block` of the eligible trials, best first; ties go to the lower trial number."""
    values = objective_values(block, objective)
    positions = np.flatnonzero(eligible(block, objective, require))
    keys = -values[positions] if direction == "maximize" else values[positions]
    return positions[np.lexsort((block.numbers[positions], keys))]
