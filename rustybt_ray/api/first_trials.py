"""A search whose first trials were looked at before it began."""

import numpy as np

from rustybt_ray._typing import IntArray
from rustybt_ray.execution.messages import Block, Chunk
from rustybt_ray.execution.ports import Columns, TrialSource


class FirstTrials:
    """Gives the trials of a source as it does; `first` looks at some before.

    Parameters
    ----------
    source : TrialSource
    """

    def __init__(self, source: TrialSource) -> None:
        self._source = source
        self._held: list[Chunk] = []

    @property
    def lag(self) -> int | None:
        """Trials that may be under way at a time; None: any number."""
        return self._source.lag

    @property
    def remaining(self) -> int | None:
        """Trials yet to give; None if it is not known."""
        left = self._source.remaining
        return None if left is None else left + sum(map(len, self._held))

    def first(self, count: int) -> list[Chunk]:
        """Up to `count` first trials, each as a chunk, as far as the search gives them without results."""
        while (left := count - sum(map(len, self._held))) > 0:
            numbers, columns = self._source.ask(left)
            if not len(numbers):
                break
            self._held.append(Chunk(0, numbers, columns))
        return [chunk.part(0, place, place + 1) for chunk in self._held for place in range(len(chunk))][:count]

    def ask(self, count: int) -> tuple[IntArray, Columns]:
        """Up to `count` more trials."""
        if not self._held:
            return self._source.ask(count)
        chunk = self._held.pop(0)
        if len(chunk) > count:
            self._held.insert(0, chunk.part(0, count, len(chunk)))
            chunk = chunk.part(0, 0, count)
        return np.asarray(chunk.numbers), chunk.columns

    def tell(self, chunk: Chunk, block: Block) -> None:
        """Hand the results of finished trials back."""
        self._source.tell(chunk, block)
