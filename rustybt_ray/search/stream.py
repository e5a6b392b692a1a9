"""Points from a stream of candidates: what grid and random search share."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.exceptions import InputError
from rustybt_ray.search.protocol import Points
from rustybt_ray.search.space import Columns, ParameterSpace


class StreamSearch(ABC):
    """Numbers the points of a stream of blocks, all of them valid, and gives them as they are asked for.

    The blocks' sizes are the stream's own affair, so that the points do not depend on how they are asked for.

    Parameters
    ----------
    space : ParameterSpace
    limit : int or None
        Points at most.
    """

    lag: int | None = None

    def __init__(self, space: ParameterSpace, limit: int | None) -> None:
        self.space, self.limit = space, limit
        self._given = self._found = 0
        self._ready: list[tuple[int, Columns]] = []
        self._ended = False
        self._blocks = self._stream()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return self.space.names

    def ask(self, count: int) -> Points | None:
        """The next `count` points; None at the end.

        Raises
        ------
        InputError
            If the whole space was searched and no point meets the constraints.
        """
        count = min(count, self._limit - self._given) if self._limit is not None else count
        self._find(count)
        parts: list[Columns] = []
        taken = 0
        while taken < count and self._ready:
            size, columns = self._ready.pop(0)
            wanted = min(size, count - taken)
            parts.append({name: column[:wanted] for name, column in columns.items()})
            if wanted < size:
                self._ready.insert(0, (size - wanted, {name: column[wanted:] for name, column in columns.items()}))
            taken += wanted
        self._found -= taken
        if not taken:
            return None
        numbers = np.arange(self._given, self._given + taken)
        self._given += taken
        return Points(numbers, {name: [v for part in parts for v in part[name].tolist()] for name in self.names})

    def tell(self, numbers: IntArray, values: FloatArray) -> None:
        """These searches do not learn."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """The specification as JSON takes it."""

    @abstractmethod
    def _stream(self) -> Iterator[tuple[int, Columns]]:
        """Blocks of candidates' sizes and columns; an empty block when a stretch of candidates held no valid point."""

    def _find(self, count: int, stretches: int | None = None) -> None:
        """Read the stream until `count` points are ready, it ends, or `stretches` blocks were read."""
        while self._found < count and not self._ended and stretches != 0:
            stretches = None if stretches is None else stretches - 1
            size, columns = next(self._blocks, (-1, {}))
            if size < 0:
                self._ended = True
            elif size:
                self._ready.append((size, columns))
                self._found += size
        if self._ended and not self._given and not self._found:
            remedy = "Loosen the constraint or widen the space."
            raise InputError("space", "one with a point that meets its constraints", self.space.describe(), remedy)

    @property
    def _limit(self) -> int | None:
        return self.limit
