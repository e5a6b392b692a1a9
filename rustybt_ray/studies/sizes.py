"""How many bytes a study's results will take, measured on a few trials of it."""

from dataclasses import replace

import numpy as np

from rustybt_ray._record import record_class
from rustybt_ray.execution.messages import Block, Chunk
from rustybt_ray.studies.batches import to_bytes
from rustybt_ray.studies.records import RECORD
from rustybt_ray.studies.trials import table

MANY = 256
"""Trials of the larger of two batches that are written to tell what a batch costs from what a trial does."""


@record_class(frozen=True)
class Sizes:
    """Bytes a trial, and bytes a batch of them.

    Attributes
    ----------
    block : float
        A trial's arrays in a block, moments included.
    moments : float
        Of these, its moments.
    table : float
        A row of ``Study.trials``.
    record, journal : float
        A record of the journal, and what each trial adds to it.
    """

    block: float
    moments: float
    table: float
    record: float
    journal: float

    @classmethod
    def of(cls, chunk: Chunk, block: Block) -> "Sizes":
        """Measured on some finished trials, at least one."""
        many_chunk, many = _repeated(chunk, block, MANY)
        one, whole = len(to_bytes(*_repeated(chunk, block, 1))), len(to_bytes(many_chunk, many))
        journal = (whole - one) / (MANY - 1)
        return cls(
            block=sum(array.nbytes for array in many.arrays.values()) / MANY,
            moments=many.moments.nbytes / MANY,
            table=table(many, many_chunk.columns, ["worker-1"] * MANY).estimated_size() / MANY,
            record=RECORD.size + one - journal,
            journal=journal,
        )

    def journal_of(self, trials: int, batches: int, *, in_process: bool) -> int:
        """Bytes that so many trials add to a journal; those of this process are also noted before they run."""
        begun = batches * RECORD.size + trials * np.dtype(np.int64).itemsize if in_process else 0
        return round(batches * self.record + trials * self.journal + begun)


def _repeated(chunk: Chunk, block: Block, count: int) -> tuple[Chunk, Block]:
    """`count` trials like those given, numbered anew."""
    places = np.resize(np.arange(len(block)), count)
    numbers = np.arange(count, dtype=np.int64)
    columns = {name: [values[place] for place in places.tolist()] for name, values in chunk.columns.items()}
    errors = {
        i: block.errors[number] for i, number in enumerate(block.numbers[places].tolist()) if number in block.errors
    }
    repeated = replace(block.take(places), numbers=numbers, errors=errors)
    return Chunk(0, numbers, columns), repeated
