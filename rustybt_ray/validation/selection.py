"""Which trial a window chooses, and the trials that its choice is compared with.

Arrays are ``[windows, trials]``, trials in the order of their numbers. An objective that a trial has not is NaN; a choice that a
window has not is -1, a gap.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rustybt_ray._typing import BoolArray, FloatArray, IntArray
from rustybt_ray._validation import check_choice, check_count
from rustybt_ray.exceptions import InputError

PROPOSED = 10
"""How many trials train proposes to validation."""
DIRECTIONS = ("maximize", "minimize")


class Selection(NamedTuple):
    """What each window proposed and chose.

    Attributes
    ----------
    chosen : ndarray of int64, shape (windows,)
        Positions of trials; -1 is a gap.
    proposed : ndarray of int64, shape (windows, k)
        Train's best, best first; -1 after the last. `chosen` is one of them.
    """

    chosen: IntArray
    proposed: IntArray


def select(
    train: ArrayLike,
    passes: ArrayLike | None = None,
    *,
    validation: ArrayLike | None = None,
    scores: ArrayLike | None = None,
    direction: str = "maximize",
    k: int = PROPOSED,
) -> Selection:
    """Each window's choice: train proposes its `k` best, validation chooses among them.

    Parameters
    ----------
    train : array_like, shape (windows, trials)
        In-sample objective. A trial without one is never proposed.
    passes : array_like of bool, shape (windows, trials) or (trials,), optional
        Which trials may be chosen: complete, not ruined, and meeting every requirement in train. Default: all.
    validation : array_like, shape (windows, trials), optional
        Objective in the validation segment. Its best among the proposed is chosen, ties go to the better in train; proposed trials
        without one are not chosen, and if none has one the window is a gap. Default: train's best is chosen.
    scores : array_like, shape (windows, trials), optional
        What train ranks by instead of its objective, such as `plateau_on_grid`; NaN is never proposed.
    direction : {"maximize", "minimize"}
    k : int, default 10
        Trials proposed at most; fewer if fewer pass. Ties go to the lower trial number.

    Raises
    ------
    InputError
        If shapes differ, `direction` is neither, or `k` is below 1.

    Examples
    --------
    >>> train = [[3.0, 2.0, 1.0, 0.0], [float("nan")] * 4]
    >>> select(train, validation=[[0.1, 0.4, 0.4, 0.9]] * 2, k=3).chosen.tolist()
    [1, -1]
    """
    objective = as_objective("train", train)
    ranked = objective if scores is None else as_objective("scores", scores, objective.shape)
    k = min(check_count("k", k, low=1), max(objective.shape[1], 1))
    values = _keys(ranked, direction)
    values[np.isnan(objective) | ~as_mask(passes, objective.shape)] = np.nan
    if validation is None:
        proposed = _best(values, k)
        return Selection(proposed[:, 0].copy(), proposed)
    outside = _keys(as_objective("validation", validation, objective.shape), direction)
    proposed = _best(values, k)
    rivals = np.take_along_axis(outside, np.maximum(proposed, 0), axis=1)
    rivals[proposed < 0] = np.nan
    winner = _best(rivals, 1)  # ties go to the lower column, which is the better in train
    chosen = np.take_along_axis(proposed, np.maximum(winner, 0), axis=1)[:, 0]
    return Selection(np.where(winner[:, 0] < 0, -1, chosen), proposed)


def first_kept(chosen: ArrayLike) -> IntArray:
    """The first window's choice in every window from there on; a gap before it, and everywhere if all are gaps."""
    given = np.asarray(chosen, dtype=np.int64)
    made = np.full(given.shape, -1, dtype=np.int64)
    first = int(np.argmax(given >= 0)) if len(given) else 0
    made[first:] = given[first : first + 1]
    return made


def hindsight_best(test: ArrayLike, *, direction: str = "maximize") -> IntArray:
    """Each window's best trial out of sample, which nobody could have known; -1 where all are NaN."""
    found: IntArray = _best(_keys(as_objective("test", test), direction), 1)[:, 0]
    return found


def median_trial(test: ArrayLike, *, direction: str = "maximize") -> IntArray:
    """Each window's middle trial out of sample, the worse of the middle two; -1 where all are NaN.

    Examples
    --------
    >>> median_trial([[0.3, 0.1, float("nan"), 0.2, 0.9]]).tolist()
    [3]
    """
    values = _keys(as_objective("test", test), direction)
    made = np.full(len(values), -1, dtype=np.int64)
    for window, row in enumerate(values):
        there = np.flatnonzero(~np.isnan(row))
        if len(there):
            made[window] = there[np.argsort(row[there], kind="stable")][(len(there) - 1) // 2]
    return made


def as_objective(name: str, values: ArrayLike, shape: tuple[int, ...] | None = None) -> FloatArray:
    """`values` as floats in two dimensions, of this shape if one is given.

    Raises
    ------
    InputError
        If they are not.
    """
    given: FloatArray = np.asarray(values, dtype=np.float64)
    if given.ndim != 2 or not given.shape[1] or (shape is not None and given.shape != shape):
        rule = "of the shape (windows, trials), with a trial" + (
            f" = {shape}, as train is" if shape is not None else ""
        )
        raise InputError(
            name, rule, given.shape, "Pass one row a window and one column a trial, NaN where there is none."
        )
    return given


def as_mask(passes: ArrayLike | None, shape: tuple[int, ...]) -> BoolArray:
    """`passes` as booleans of this shape; all true if there is none.

    Raises
    ------
    InputError
        If it has another shape.
    """
    given = np.asarray(True if passes is None else passes, dtype=np.bool_)
    if given.shape not in ((), shape[1:], shape):
        raise InputError("passes", f"of the shape {shape} or {shape[1:]}", given.shape, "Pass one value a trial.")
    return np.broadcast_to(given, shape)


def as_chosen(chosen: ArrayLike, shape: tuple[int, ...]) -> IntArray:
    """`chosen` as whole numbers, one for each of the windows of this shape.

    Raises
    ------
    InputError
        If one is neither a trial nor -1.
    """
    picks = np.asarray(chosen)
    whole = picks.dtype.kind in "iu" and picks.shape == shape[:1]
    if not whole or ((picks < -1) | (picks >= shape[1])).any():
        rule = f"a trial below {shape[1]}, or -1, for each of {shape[0]} windows"
        raise InputError("chosen", rule, picks.tolist(), "Pass Selection.chosen.")
    return picks.astype(np.int64)


def _keys(objective: FloatArray, direction: str) -> FloatArray:
    """A copy in which more is better."""
    check_choice("direction", direction, DIRECTIONS)
    return objective.copy() if direction == "maximize" else -objective


def _best(values: FloatArray, k: int) -> IntArray:
    """Columns of each row's `k` largest values, largest first, ties by column; -1 after the last that is not NaN."""
    made = np.full((len(values), k), -1, dtype=np.int64)
    for window, row in enumerate(values):
        there = np.flatnonzero(~np.isnan(row))
        if len(there) > k:  # without a sort of all of them; ties with the k-th stay in
            found = row[there]
            there = there[found >= np.partition(found, -k)[-k]]
        order = there[np.argsort(-row[there], kind="stable")][:k]
        made[window, : len(order)] = order
    return made
