"""How stable the chosen parameters are from window to window."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rustybt_ray._typing import FloatArray
from rustybt_ray.exceptions import InputError
from rustybt_ray.validation.selection import as_chosen, as_objective


class Stability(NamedTuple):
    """How alike the chosen parameters are, one value a dimension: 1 the same, 0 as if drawn by lot from the trials, or below.

    Attributes
    ----------
    overall : ndarray of float64, shape (dimensions,)
        Of any two windows.
    consecutive : ndarray of float64, shape (dimensions,)
        Of a window and the next, gaps skipped. Trains that overlap make these alike by themselves.
    """

    overall: FloatArray
    consecutive: FloatArray


def parameter_stability(units: ArrayLike, chosen: ArrayLike, unordered: ArrayLike = ()) -> Stability:
    """How little the chosen parameters move from window to window, compared with trials drawn by lot.

    ``1 - (mean distance between choices) / (mean distance between two trials drawn with replacement)`` in each dimension: the
    distance is ``abs(u - v)`` of unit-scaled values, and 0 or 1 (same or not) where they have no order.

    Parameters
    ----------
    units : array_like, shape (trials, dimensions)
        Each trial's parameters, scaled to [0, 1]; of unordered dimensions any number that names the value.
    chosen : array_like of int, shape (windows,)
        -1 is a gap, and left out.
    unordered : array_like of int, optional
        Which dimensions have no order.

    Returns
    -------
    Stability
        NaN in a dimension that is the same for all trials, and with fewer than two choices.

    Raises
    ------
    InputError
        If `chosen` is not a trial or -1 a window, or a dimension is not there.

    Notes
    -----
    The form is Krippendorff's alpha, ``1 - observed / expected disagreement`` (K. Krippendorff, Content Analysis, 2004), with the
    disagreement expected of the trials. That stability must be corrected for chance, so that a lot scores 0 and
    one choice throughout scores 1, is argued for selections by S. Nogueira, K. Sechidis and G. Brown, "On the Stability of
    Feature Selection Algorithms", Journal of Machine Learning Research 18(174), 2018.

    Examples
    --------
    >>> import numpy as np
    >>> units = np.linspace(0.0, 1.0, 11)[:, None]
    >>> stable = parameter_stability(units, [2, 3, 2, 3])
    >>> stable.overall.round(3).tolist(), stable.consecutive.round(3).tolist()
    ([0.817], [0.725])
    """
    given = as_objective("units", units)
    picks = as_chosen(chosen, (len(np.atleast_1d(chosen)), len(given)))
    picks = picks[picks >= 0]
    loose = set(np.asarray(unordered, dtype=np.int64).tolist())
    if strange := sorted(loose - set(range(given.shape[1]))):
        raise InputError("unordered", f"dimensions below {given.shape[1]}", strange[0], "Dimensions count from 0.")
    table = np.full((2, given.shape[1]), np.nan)
    for dimension, column in enumerate(given.T):
        apart = _differing if dimension in loose else _apart
        values, expected = column[picks], apart(column)
        count = len(values)
        if count < 2 or expected <= 0.0:
            continue
        moves = values[1:] != values[:-1] if dimension in loose else np.abs(np.diff(values))
        # of two different windows: without replacement
        table[:, dimension] = 1.0 - apart(values) * count / (count - 1) / expected, 1.0 - float(moves.mean()) / expected
    return Stability(*table)


def _apart(values: FloatArray) -> float:
    """Mean distance of two values drawn with replacement (Gini's mean difference), by one sort."""
    count = len(values)
    below = np.arange(1, count)
    return 2.0 * float((np.diff(np.sort(values)) * (below * (count - below))).sum()) / max(count, 1) ** 2


def _differing(values: FloatArray) -> float:
    """Share of pairs drawn with replacement that differ."""
    counts = np.unique(values, return_counts=True)[1]
    return 1.0 - int((counts**2).sum()) / max(len(values), 1) ** 2
