"""Points from a stream of valid candidates: what grid and random search share."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray._validation import check_count
from rustybt_ray.exceptions import InputError
from rustybt_ray.search.protocol import Points
from rustybt_ray.search.space import Columns, ParameterSpace, describe_conditions

Block: TypeAlias = tuple[int, Columns]


class StreamSearch(ABC):
    """Numbers the points of a stream and gives them as they are asked for.

    The sizes of the stream's blocks are its own affair, so that the points do not depend on how they are asked for.

    Parameters
    ----------
    space : ParameterSpace
    limit : int or None
        Points at most.
    """

    lag: int | None = None
    seconds = 0.0

    def __init__(self, space: ParameterSpace, limit: int | None) -> None:
        self.space = space
        self.limit = None if limit is None else check_count("n_trials", limit, low=1)
        self._given = self._found = 0
        self._ready: deque[Block] = deque()
        self._ended = False
        self._blocks = self._stream()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return self.space.names

    def ask(self, count: int) -> Points | None:
        """The next `count` points, fewer at the end; None after it.

        Raises
        ------
        InputError
            If no point of the space meets the constraints.
        """
        count = count if self.limit is None else min(count, self.limit - self._given)
        self._find(count)
        parts = list(self._take(count))
        taken = sum(size for size, _ in parts)
        if not taken:
            return None
        numbers = np.arange(self._given, self._given + taken)
        self._given += taken
        columns = {name: np.concatenate([part[name] for _, part in parts]).tolist() for name in self.names}
        return Points(numbers, columns)

    def tell(self, numbers: IntArray, values: FloatArray) -> None:  # noqa: B027 (nothing to do, on purpose)
        """These searches do not learn."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """The specification as JSON takes it."""

    @abstractmethod
    def _stream(self) -> Iterator[Block]:
        """Sizes and columns of valid points, in order; size 0 for a stretch of candidates without any."""

    def _find(self, count: int, stretches: int | None = None) -> None:
        """Read the stream until `count` points are ready, it ends, or `stretches` blocks were read."""
        while self._found < count and not self._ended and stretches != 0:
            stretches = None if stretches is None else stretches - 1
            block = next(self._blocks, None)
            if block is None:
                self._ended = True
            elif block[0]:
                self._ready.append(block)
                self._found += block[0]
        if self._ended and not self._given and not self._found:
            raise self._nothing("it holds no such point")

    def _take(self, count: int) -> Iterator[Block]:
        """Blocks of `count` points in all, or of those that are ready."""
        while count > 0 and self._ready:
            size, columns = self._ready.popleft()
            if size > count:
                self._ready.appendleft((size - count, {name: column[count:] for name, column in columns.items()}))
                size, columns = count, {name: column[:count] for name, column in columns.items()}
            count -= size
            self._found -= size
            yield size, columns

    def _nothing(self, why: str) -> InputError:
        remedy = f"Of {self.space.size or 'unlimited'} combinations of {', '.join(self.names)}, {why}."
        remedy += " Loosen the constraint or widen the space."
        conditions = describe_conditions(self.space.conditions)
        return InputError("space", "one with a point that meets its constraints", conditions, remedy)
