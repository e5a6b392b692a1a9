"""Trials that the search gave and nobody runs yet, near ones beside each other: a worker goes on where it was.

Trials with the same values of a parameter use the same indicators. A worker that keeps to a part of the space finds them in its
HistoryCache, where trials in the order of the search would push each other's out.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rustybt_ray._typing import IntArray


class Shelf:
    """One window of trials; a worker takes the next ones from its place, or goes to the largest part that is left.

    Examples
    --------
    >>> shelf = Shelf()
    >>> shelf.put(np.arange(6), {"fast": [5, 6, 5, 6, 5, 6], "slow": [9, 9, 9, 9, 9, 9]}, size=3)
    >>> shelf.take(worker=1, size=2)[0].tolist(), shelf.take(worker=2, size=2)[0].tolist()
    ([0, 2], [3, 5])
    >>> shelf.take(worker=1, size=1), len(shelf)
    ((array([4]), {'fast': [5], 'slow': [9]}), 1)
    """

    def __init__(self) -> None:
        self._numbers: IntArray = np.empty(0, np.int64)
        self._columns: dict[str, Any] = {}
        self._parts: dict[int, int] = {}  # first place of each part that is left, and the place behind it
        self._places: dict[int, int] = {}  # where each worker goes on
        self._left = 0

    def __len__(self) -> int:
        return self._left

    def put(self, numbers: IntArray, columns: dict[str, Any], size: int) -> None:
        """Fill the empty shelf; trials that travel together are to be `size` at a time."""
        order = near(columns, size) if columns and len(numbers) > size else None
        if order is not None:
            numbers, columns = numbers[order], {name: _picked(values, order) for name, values in columns.items()}
        self._numbers, self._columns, self._places = numbers, columns, {}
        self._left = len(numbers)
        self._parts = {0: self._left} if self._left else {}

    def take(self, worker: int, size: int) -> tuple[IntArray, dict[str, Any]]:
        """Up to `size` trials for a worker; the shelf must not be empty."""
        low = self._places.get(worker, -1)
        if low not in self._parts:
            low = self._largest()
        high = self._parts.pop(low)
        end = min(low + size, high)
        if end < high:
            self._parts[end] = high
        self._places[worker] = end
        self._left -= end - low
        return self._numbers[low:end], {name: values[low:end] for name, values in self._columns.items()}

    def _largest(self) -> int:
        """Where the largest part that is left begins; where somebody goes on, its second half."""
        low, high = max(self._parts.items(), key=lambda part: part[1] - part[0])
        if high - low > 1 and low in self._places.values():
            self._parts[low] = middle = low + (high - low + 1) // 2
            self._parts[middle] = high
            return middle
        return low

    def clear(self) -> None:
        """Forget all trials."""
        self._parts, self._left = {}, 0


def near(columns: dict[str, Any], size: int) -> IntArray:
    """An order in which each run of `size` trials has few different values of each parameter.

    The trials are halved at the median of the parameter with the most different values, and so are the halves, until they
    have `size` trials (as in a k-d tree: Bentley 1975).
    """
    codes = [_codes(values) for values in columns.values()]
    count = len(codes[0]) if codes else 0
    parts, order = [np.arange(count)], []
    while parts:
        part = parts.pop()
        different = [np.count_nonzero(np.bincount(code[part])) for code in codes] if len(part) > size else []
        if max(different, default=1) == 1:
            order.append(part)
            continue
        code = codes[int(np.argmax(different))][part]
        part = part[np.argsort(code, kind="stable")]
        parts += [part[len(part) // 2 :], part[: len(part) // 2]]
    return np.concatenate(order) if order else np.arange(count)


def _codes(values: Sequence[Any]) -> IntArray:
    """Numbers from 0 in the order of the values, or of their first appearance where they have none."""
    try:
        numbers = np.asarray(values, dtype=np.float64)
        return np.unique(numbers, return_inverse=True)[1].reshape(-1)
    except (TypeError, ValueError):
        keys = [repr(value) if value.__hash__ is None else value for value in values]
        known = {key: code for code, key in enumerate(dict.fromkeys(keys))}
        return np.array([known[key] for key in keys], np.int64)


def _picked(values: Any, order: IntArray) -> Any:
    return values[order] if isinstance(values, np.ndarray) else [values[i] for i in order.tolist()]
