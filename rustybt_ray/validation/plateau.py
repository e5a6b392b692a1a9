"""Plateaus: the mean objective over a trial and its neighbours, so that a lone peak is not chosen.

A neighbour without an objective counts as the worst that its window has seen. A trial without one has no plateau, nor has one
with less than half of its neighbours: both are NaN, and never chosen.
"""

from collections.abc import Iterator
from itertools import product
from math import prod

import numpy as np
from numpy.typing import ArrayLike

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray._validation import check_choice
from rustybt_ray.exceptions import InputError
from rustybt_ray.validation.selection import DIRECTIONS, as_objective

NAME = "select='plateau'"
REMEDY = "Use select='best', or a finer space."


def plateau_on_grid(
    objective: ArrayLike, positions: ArrayLike, choices: ArrayLike | None = None, *, direction: str = "maximize"
) -> FloatArray:
    """Plateaus of trials on a grid: neighbours are within one step in every ordered dimension.

    Parameters
    ----------
    objective : array_like, shape (windows, trials)
        NaN for failed trials.
    positions : array_like of int, shape (trials, d)
        Each trial's place on the grid of each ordered dimension: ``(value - low) / step``.
    choices : array_like of int, shape (trials, c), optional
        Number of the value of each dimension without an order: neighbours have the same.
    direction : {"maximize", "minimize"}
        What the worst is.

    Returns
    -------
    ndarray of float64, shape (windows, trials)
        At least half of the ``3^d - 1`` neighbours must exist; constraints and edges take some away.

    Raises
    ------
    InputError
        If there is no ordered dimension, no trial has half of its neighbours, or shapes differ.

    Examples
    --------
    The lone peak at 1 loses to the plateau at 4:

    >>> plateau_on_grid([[0.0, 9.0, 0.0, 5.0, 6.0, 5.0]], np.arange(6)[:, None]).round(2).tolist()
    [[4.5, 3.0, 4.67, 3.67, 5.33, 5.5]]
    """
    given, filled = _filled(objective, direction)
    places, groups = _coordinates(positions, choices, given.shape[1], np.int64)
    sums, counts = filled.copy(), np.zeros(given.shape[1], dtype=np.int64)
    for neighbour in _grid_neighbours(places, groups):
        there = np.flatnonzero(neighbour >= 0)
        counts[there] += 1
        for window, row in enumerate(filled):
            sums[window, there] += row[neighbour[there]]
    return _means(given, sums, counts, 3 ** places.shape[1] - 1)


def plateau_nearby(
    objective: ArrayLike, units: ArrayLike, choices: ArrayLike | None = None, *, direction: str = "maximize"
) -> FloatArray:
    """Plateaus of trials that are on no grid: neighbours are the 2d nearest, ties by trial number.

    Parameters
    ----------
    objective : array_like, shape (windows, trials)
        NaN for failed trials.
    units : array_like, shape (trials, d)
        Each trial's place in each ordered dimension, scaled to [0, 1]; distance is Euclidean.
    choices, direction
        As in `plateau_on_grid`.

    Returns
    -------
    ndarray of float64, shape (windows, trials)
        At least half of the 2d must exist: there may be fewer trials of the same choices.

    Raises
    ------
    InputError
        If there is no ordered dimension, a coordinate is not finite, no trial has half of its neighbours, or shapes differ.
    """
    given, filled = _filled(objective, direction)
    places, groups = _coordinates(units, choices, given.shape[1], np.float64)
    if bad := np.argwhere(~np.isfinite(places)).tolist():
        remedy = (
            "The pair is (trial, dimension); give a parameter that a trial has not a place of its own, such as 0.5."
        )
        raise InputError("units", "finite", (*bad[0], float(places[tuple(bad[0])])), remedy)
    count = 2 * places.shape[1]
    sums, counts = filled.copy(), np.zeros(given.shape[1], dtype=np.int64)
    for group in np.unique(groups).tolist():
        members = np.flatnonzero(groups == group)
        near = members[_nearest(places[members], min(count, len(members) - 1))]
        counts[members] = near.shape[1]
        for window, row in enumerate(filled):
            for column in near.T:
                sums[window, members] += row[column]
    return _means(given, sums, counts, count)


def _filled(objective: ArrayLike, direction: str) -> tuple[FloatArray, FloatArray]:
    """The objective, and a copy with each window's worst in place of NaN."""
    check_choice("direction", direction, DIRECTIONS)
    given = as_objective("objective", objective)
    worst = (np.fmin if direction == "maximize" else np.fmax).reduce(given, axis=1, initial=np.nan)
    return given, np.where(np.isnan(given), worst[:, None], given)


def _coordinates(places: ArrayLike, choices: ArrayLike | None, trials: int, kind: type) -> tuple[np.ndarray, IntArray]:
    """Ordered coordinates [trials, d], and the number of each trial's combination of choices."""
    ordered: np.ndarray = np.asarray(places, dtype=kind)
    others = np.zeros((trials, 0), dtype=np.int64) if choices is None else np.asarray(choices, dtype=np.int64)
    for name, array in (("coordinates", ordered), ("choices", others)):
        if array.ndim != 2 or len(array) != trials:
            raise InputError(name, f"of the shape ({trials}, dimensions)", array.shape, "Pass one row a trial.")
    if not ordered.shape[1]:
        raise InputError(NAME, "used with an ordered parameter, an Int or a Float", "none", "Use select='best'.")
    if not others.shape[1]:
        return ordered, np.zeros(trials, dtype=np.int64)
    return ordered, np.unique(others, axis=0, return_inverse=True)[1].reshape(trials)


def _grid_neighbours(places: IntArray, groups: IntArray) -> Iterator[IntArray]:
    """For each of the 3^d - 1 directions the trial that is there, or -1."""
    codes = [_codes(column) for column in places.T]
    widths = [int(code.max(initial=0)) + 1 for code in codes]  # place 0 is free: one step off either end leads there
    if prod(widths) * (int(groups.max(initial=0)) + 1) >= 2**62:
        raise InputError(NAME, "used on a smaller grid", f"one of {widths} places", "Use fewer parameters at a time.")
    strides = [prod(widths[:dimension]) for dimension in range(len(widths))]
    keys = groups * prod(widths)
    for code, stride in zip(codes, strides, strict=True):
        keys = keys + code * stride
    order = np.argsort(keys, kind="stable")
    rising = keys[order]
    for step in product((-1, 0, 1), repeat=len(codes)):
        if not any(step):
            continue
        wanted = keys + sum(way * stride for way, stride in zip(step, strides, strict=True))
        at = np.minimum(np.searchsorted(rising, wanted), len(rising) - 1)
        yield np.where(rising[at] == wanted, order[at], -1)


def _codes(column: IntArray) -> IntArray:
    """Small numbers from 1 of which two differ by 1 exactly where the values do."""
    values, inverse = np.unique(column, return_inverse=True)
    apart = np.minimum(np.diff(values), 2)
    codes: IntArray = np.concatenate([[1], 1 + np.cumsum(apart)])[inverse.reshape(column.shape)]
    return codes


def _nearest(points: FloatArray, count: int) -> IntArray:
    """Positions of the `count` nearest other points of each, nearest first, ties by position."""
    made = np.zeros((len(points), count), dtype=np.int64)
    if not count:
        return made
    from scipy.spatial import cKDTree

    tree = cKDTree(points)
    reach = tree.query(points, k=count + 1)[0][:, -1]
    within = tree.query_ball_point(
        points, reach * (1.0 + 1e-9)
    )  # ties at the rim, which a tree breaks in its own order
    for position, found in enumerate(within):
        near = np.array(sorted(found), dtype=np.int64)
        near = near[near != position]
        distance = ((points[near] - points[position]) ** 2).sum(axis=1)
        made[position] = near[np.argsort(distance, kind="stable")][:count]
    return made


def _means(objective: FloatArray, sums: FloatArray, counts: IntArray, most: int) -> FloatArray:
    enough = 2 * counts >= most
    if not enough.any():
        rule = f"used where some trial has at least half of its {most} neighbours"
        raise InputError(NAME, rule, f"{len(counts)} trials with {int(counts.max(initial=0))} at most", REMEDY)
    means: FloatArray = np.where(enough & ~np.isnan(objective), sums / (counts + 1), np.nan)
    return means
