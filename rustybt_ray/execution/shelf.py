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
        self._parts: list[tuple[int, int]] = []
        self._places: dict[int, int] = {}

    def __len__(self) -> int:
        return sum(high - low for low, high in self._parts)

    def put(self, numbers: IntArray, columns: dict[str, Any], size: int) -> None:
        """Fill the empty shelf; trials that travel together are to be `size` at a time."""
        order = near(columns, size) if columns and len(numbers) > size else None
        if order is not None:
            numbers, columns = numbers[order], {name: _picked(values, order) for name, values in columns.items()}
        self._numbers, self._columns, self._places = numbers, columns, {}
        self._parts = [(0, len(numbers))] if len(numbers) else []

    def take(self, worker: int, size: int) -> tuple[IntArray, dict[str, Any]]:
        """Up to `size` trials for a worker; the shelf must not be empty."""
        place = self._places.get(worker)
        found = next((i for i, (low, _) in enumerate(self._parts) if low == place), None)
        if found is None:
            found = max(range(len(self._parts)), key=lambda i: self._parts[i][1] - self._parts[i][0])
            low, high = self._parts[found]
            if low in self._places.values() and high - low > 1:  # somebody goes on there: leave them the first half
                middle = low + (high - low + 1) // 2
                self._parts[found : found + 1] = [(low, middle), (middle, high)]
                found += 1
        low, high = self._parts[found]
        end = min(low + size, high)
        self._parts[found : found + 1] = [(end, high)] if end < high else []
        self._places[worker] = end
        return self._numbers[low:end], {name: values[low:end] for name, values in self._columns.items()}

    def clear(self) -> None:
        """Forget all trials."""
        self._parts = []


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
        known: dict[str, int] = {}
        return np.array([known.setdefault(repr(value), len(known)) for value in values], np.int64)


def _picked(values: Any, order: IntArray) -> Any:
    return values[order] if isinstance(values, np.ndarray) else [values[i] for i in order.tolist()]
