"""A search that goes on: what a journal knows is told, not run again."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from rustybt_ray._typing import IntArray
from rustybt_ray.exceptions import RunError
from rustybt_ray.execution.messages import Block, Chunk
from rustybt_ray.execution.ports import Columns, TrialSource
from rustybt_ray.studies.trials import merge

BATCH = 4096
NOTHING = np.empty(0, np.int64)


class ResumedSource:
    """A trial source that leaves out what was recorded.

    The search gives the same trials in the same order as before; recorded ones are told to it and taken in by `keep` as
    they come up, the others are given to the driver.

    Parameters
    ----------
    source : TrialSource
        The search, new.
    blocks : iterable of Block
        What was recorded.
    keep : callable
        Takes a block of recorded trials and their parameters.
    params : iterable of dict of str to list, optional
        The parameters of each block as recorded: a search that learns must choose the same again.

    Raises
    ------
    RunError
        If it does not.
    """

    def __init__(
        self,
        source: TrialSource,
        blocks: Iterable[Block],
        keep: Callable[[Block, dict[str, list[Any]]], None],
        params: Iterable[Columns] = (),
    ) -> None:
        self.source, self.keep = source, keep
        recorded = list(blocks)
        self._known = merge(recorded)
        owners = np.array([block.worker for block in recorded for _ in range(len(block))], dtype=object)
        order = np.argsort(np.concatenate([NOTHING, *(block.numbers for block in recorded)]), kind="stable")
        self._owners = owners[order]
        self._chosen: dict[int, dict[str, Any]] = {}
        for block, columns in zip(recorded, params, strict=False):
            for i, number in enumerate(block.numbers.tolist()):
                self._chosen[number] = {name: values[i] for name, values in columns.items()}
        self._waiting: list[Chunk] = []
        self._come_up = 0
        self._recover()

    @property
    def remaining(self) -> int | None:
        """Trials yet to give; None if the search does not know."""
        left = self.source.remaining
        if left is None:
            return None
        return left - (len(self._known) - self._come_up) + sum(map(len, self._waiting))

    @property
    def lag(self) -> int | None:
        """Trials that may be under way at a time; None: any number."""
        return self.source.lag

    def ask(self, count: int) -> tuple[IntArray, Columns]:
        """Up to `count` trials that are not recorded."""
        while not self._waiting:
            if not self._advance(count):
                return NOTHING, {}
        chunk = self._waiting.pop(0)
        if len(chunk) > count:
            self._waiting.insert(0, chunk.part(0, count, len(chunk)))
            chunk = chunk.part(0, 0, count)
        return chunk.numbers, chunk.columns

    def tell(self, chunk: Chunk, block: Block) -> None:
        """Hand the results of finished trials back to the search."""
        self.source.tell(chunk, block)

    def _recover(self) -> None:
        """Take in all that is recorded, as far as the search gives it without new results."""
        while self._come_up < len(self._known) and self._advance(BATCH):
            pass

    def _advance(self, count: int) -> bool:
        """Ask the search once and part its trials; whether it gave any."""
        numbers, columns = self.source.ask(count)
        if not len(numbers):
            return False
        at = np.searchsorted(self._known.numbers, numbers)
        inside = at < len(self._known)
        known = np.zeros(len(numbers), np.bool_)
        known[inside] = self._known.numbers[at[inside]] == numbers[inside]
        if known.any():
            self._take_in(_chosen(numbers, columns, known), at[known])
        if not known.all():
            self._waiting.append(_chosen(numbers, columns, ~known))
        return True

    def _take_in(self, chunk: Chunk, rows: IntArray) -> None:
        part, owners = self._known.take(rows), self._owners[rows]
        if self._chosen:
            self._compare(chunk)
        for worker in dict.fromkeys(owners.tolist()):
            mine = owners == worker
            self.keep(part.take(mine, worker), _chosen(chunk.numbers, chunk.columns, mine).columns)
        self.source.tell(chunk, part)
        self._come_up += len(part)

    def _compare(self, chunk: Chunk) -> None:
        for i, number in enumerate(chunk.numbers.tolist()):
            asked, recorded = chunk.params(i), self._chosen[number]
            # a journal gives values of several types in a column back as their texts
            if any(recorded.get(name) not in (value, ascii(value)) for name, value in asked.items()):
                what = f"the search chooses {asked} for trial {number}, which was recorded with {recorded}"
                remedy = "Use the packages and the processor that the study was begun with, or begin another."
                raise RunError(what, "the journal", remedy)


def _chosen(numbers: IntArray, columns: Columns, which: np.ndarray) -> Chunk:
    places = np.flatnonzero(which).tolist()
    return Chunk(0, numbers[which], {name: [values[i] for i in places] for name, values in columns.items()})
