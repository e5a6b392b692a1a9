"""Several objectives: which trials no other beats in all of them, and an order of all trials."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rustybt_ray._typing import BoolArray, FloatArray, IntArray
from rustybt_ray.execution.messages import Block
from rustybt_ray.studies.selection import eligible, objective_values

if TYPE_CHECKING:
    from rustybt_ray._expressions import Expression


def fronts(values: FloatArray) -> IntArray:
    """The non-domination rank of each row, more being better in every column (Deb et al. 2002).

    A row dominates another if it is nowhere less and somewhere more. Rows that none dominates have rank 0; those that only
    rows of rank 0 dominate, rank 1; and so on. Equal rows have the same rank.

    Parameters
    ----------
    values : ndarray of float64, shape (k, objectives)
        Without NaN.

    Returns
    -------
    ndarray of int64, shape (k,)

    Notes
    -----
    Two objectives take k log k steps; more take efficient non-dominated sorting with binary search (Zhang et al. 2015).

    Examples
    --------
    >>> fronts(np.array([[1.0, 3.0], [2.0, 2.0], [1.0, 2.0], [0.0, 0.0]])).tolist()
    [0, 0, 1, 2]
    """
    rows, places = np.unique(-values, axis=0, return_inverse=True)  # the best first; each after all that dominate it
    rank = _two(-rows) if values.shape[1] == 2 else _many(-rows)
    ranks: IntArray = rank[places.reshape(-1)]
    return ranks


def _two(rows: FloatArray) -> IntArray:
    """A row is dominated by a front if that has a second value at least as large: all before it have such a first one."""
    ranks, highest = np.empty(len(rows), np.int64), list[float]()  # of each front: minus its largest second value
    for i, second in enumerate(rows[:, 1].tolist()):
        front = bisect_right(highest, -second)
        if front == len(highest):
            highest.append(-second)
        else:
            highest[front] = -second
        ranks[i] = front
    return ranks


def _many(rows: FloatArray) -> IntArray:
    """If a front dominates a row, so do those before it: the first that does not is found by halving."""
    ranks, members = np.empty(len(rows), np.int64), list[list[int]]()
    for i, row in enumerate(rows):
        low, high = 0, len(members)
        while low < high:
            middle = (low + high) // 2
            if bool(np.all(rows[members[middle]] >= row, axis=1).any()):
                low = middle + 1
            else:
                high = middle
        if low == len(members):
            members.append([])
        members[low].append(i)
        ranks[i] = low
    return ranks


def ranking_of_several(
    block: Block, objectives: Sequence[str], directions: Sequence[str], require: "Sequence[Expression]"
) -> tuple[IntArray, IntArray]:
    """Positions in `block` of the eligible trials, and the front of each.

    They are ordered by their front, in a front by the first objective, the best first; ties go to the lower trial number.
    """
    signs = np.array([1.0 if direction == "maximize" else -1.0 for direction in directions])
    allowed: BoolArray = np.ones(len(block), np.bool_)
    for objective in objectives:
        allowed &= eligible(block, objective, require)
    positions = np.flatnonzero(allowed)
    values = np.column_stack([objective_values(block, name)[positions] for name in objectives]) * signs
    front = fronts(values)
    order = np.lexsort((block.numbers[positions], -values[:, 0], front))
    return positions[order], front[order]
