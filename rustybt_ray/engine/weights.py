"""Target weights: what a target function returns. A mask with its share and schedule, or plain numbers."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rustybt_ray._typing import BoolArray, FloatArray
from rustybt_ray._validation import check_choice, check_count
from rustybt_ray.exceptions import InputError, WeightsError

BOOL = np.dtype(np.bool_)
SCHEDULES = ("daily", "weekly", "monthly")
REBALANCES = ("change", *SCHEDULES)
Rebalance = Literal["change", "daily", "weekly", "monthly"]
Slots = int | Literal["listed"] | None


class Weights:
    """Target weights of a trial: a mask or values, the share of a true cell, and the rows that order.

    Made by `equal_weight`, `on_change` and `on_schedule`; ``numpy.asarray`` gives the plain array that trades the same
    from the first row of a bundle on (slower).

    Attributes
    ----------
    mask : ndarray of bool, shape (T, N), or None
        Where an asset is held.
    values : ndarray of float64, shape (T, N), or None
        Target weights; NaN orders nothing.
    slots : int, "listed" or None
        The N of 1 / N; None means all columns.
    rebalance : {"change", "daily", "weekly", "monthly"} or None
        Which rows order; None: every row that is not NaN.
    """

    __slots__ = ("mask", "rebalance", "slots", "values")

    def __init__(
        self,
        mask: BoolArray | None = None,
        values: FloatArray | None = None,
        slots: Slots = None,
        rebalance: Rebalance | None = None,
    ) -> None:
        self.mask, self.values, self.slots, self.rebalance = mask, values, slots, rebalance

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and assets."""
        return np.shape(self.mask if self.mask is not None else self.values)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        kind = "mask" if self.mask is not None else "values"
        return f"Weights({kind} {self.shape}, slots={self.slots!r}, rebalance={self.rebalance!r})"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if self.rebalance in ("weekly", "monthly") or self.slots == "listed":
            what = f"{self!r} has no plain array of its own: its schedule or its slots come from the bundle"
            raise WeightsError(what, "numpy.asarray", "Return it as it is; the ledger reads the bundle's calendar.")
        if self.mask is None:
            return np.asarray(self.values, dtype=dtype)
        count = self.mask.sum(axis=1, keepdims=True)
        slots = self.mask.shape[1] if self.slots is None else self.slots
        weights = np.where(self.mask, 1.0 / np.maximum(np.maximum(slots, count), 1), 0.0)
        if self.rebalance == "change":
            before = np.vstack([np.zeros_like(self.mask[:1]), self.mask[:-1]])
            weights[self.mask == before] = np.nan
        return weights.astype(dtype) if dtype is not None else weights


def equal_weight(mask: ArrayLike, *, rebalance: Rebalance = "change", slots: Slots = None) -> Weights:
    """Hold each asset at 1 / N where `mask` is true.

    Parameters
    ----------
    mask : array_like of bool, shape (T, N)
        Decided at each row's close.
    rebalance : {"change", "daily", "weekly", "monthly"}, default "change"
        "change" orders an asset when it enters or leaves; the others order every asset on each session, on the first
        session of each ISO week or of each month.
    slots : int, "listed" or None, default None
        The weight is 1 / max(slots, number true in the row): by default slots are all columns, listed or not, so that cash
        is held until all are listed; "listed" counts the columns listed on the row.

    Returns
    -------
    Weights

    Raises
    ------
    InputError
        If `mask` is not a two-dimensional array of bool, or an option is none of those named.

    Examples
    --------
    >>> import numpy as np
    >>> np.asarray(equal_weight(np.array([[True, False], [True, True], [False, True]])))
    array([[0.5, nan],
           [nan, 0.5],
           [0. , nan]])
    """
    array = np.asarray(mask)
    if (array.dtype is not BOOL and array.dtype != BOOL) or array.ndim != 2:
        remedy = "Pass a comparison such as data.sma('close', 20) > data.sma('close', 100)."
        raise InputError("mask", "a two-dimensional array of bool", f"{array.dtype} {array.shape}", remedy)
    if rebalance not in REBALANCES:
        check_choice("rebalance", rebalance, REBALANCES)
    if slots is not None and slots != "listed":
        slots = check_count("slots", slots, low=1, remedy="Or use slots='listed', or leave it out for all columns.")
    return Weights(array, None, slots, rebalance)


def on_change(weights: ArrayLike) -> Weights:
    """Order an asset only where its weight differs from its last weight that is not NaN (0 before the first).

    Parameters
    ----------
    weights : array_like, shape (T, N)
        Target weights; NaN orders nothing.

    Raises
    ------
    InputError
        If `weights` is not two-dimensional.

    Examples
    --------
    >>> import numpy as np
    >>> np.asarray(on_change([[0.0], [0.5], [0.5], [np.nan], [0.5], [0.0]])).T
    array([[nan, 0.5, nan, nan, nan, 0. ]])
    """
    values = _values(weights)
    rows = np.where(np.isnan(values), -1, np.arange(len(values))[:, None])
    last = np.maximum.accumulate(rows, axis=0)
    before = np.vstack([np.full((1, values.shape[1]), -1), last[:-1]])
    old = np.where(before >= 0, np.take_along_axis(values, np.maximum(before, 0), axis=0), 0.0)
    return Weights(values=np.where(values != old, values, np.nan))


def on_schedule(weights: ArrayLike, schedule: Literal["daily", "weekly", "monthly"]) -> Weights:
    """Order on the first session of each ISO week or month only (the last one is not known on the day).

    Parameters
    ----------
    weights : array_like, shape (T, N)
        Target weights; NaN orders nothing.
    schedule : {"daily", "weekly", "monthly"}

    Raises
    ------
    InputError
        If `weights` is not two-dimensional or the schedule is none of those named.
    """
    check_choice("schedule", schedule, SCHEDULES)
    return Weights(values=_values(weights), rebalance=schedule)


def _values(weights: ArrayLike) -> FloatArray:
    values = np.ascontiguousarray(weights, dtype=np.float64)
    if values.ndim != 2:
        raise InputError("weights", "two-dimensional", values.shape, "One row a bar, one column an asset.")
    return values
