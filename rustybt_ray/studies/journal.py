"""The journal of a run directory: finished trials, appended as they arrive and never rewritten."""

import logging
import os
import time
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import Any

import numpy as np

from rustybt_ray._record import record_class
from rustybt_ray._typing import IntArray
from rustybt_ray.exceptions import RunError
from rustybt_ray.execution.messages import Block, Chunk
from rustybt_ray.studies.batches import from_record, to_bytes
from rustybt_ray.studies.records import BEGUN, BLOCK, encode, file_header, read_entries

log = logging.getLogger("rustybt_ray.journal")
SYNC_SECONDS, SYNC_BYTES = 2.0, 16 << 20
ROOM = "Free some room or choose another run directory; resume=True goes on from what is written."


@record_class
class Recorded:
    """What a journal holds.

    Attributes
    ----------
    blocks : list of (dict of str to list, Block)
        Parameters as columns, and results, in the order of writing.
    suspects : ndarray of int64
        Trials that the driver's own process was running when it ended.
    end : int
        Offset behind the last whole record; 0 if there is none.
    """

    blocks: list[tuple[dict[str, list[Any]], Block]] = field(default_factory=list)
    suspects: IntArray = field(default_factory=lambda: np.empty(0, np.int64))
    end: int = 0

    @property
    def numbers(self) -> IntArray:
        """Numbers of the finished trials, in order."""
        return np.sort(np.concatenate([block.numbers for _, block in self.blocks] or [np.empty(0, np.int64)]))


def read_journal(path: Path) -> Recorded:
    """Everything whole in a journal, also while a driver writes to it.

    Raises
    ------
    RunError
        If it is damaged before its end, of a newer format, or holds what is no batch.
    """
    found = Recorded()
    try:
        for entry in read_entries(path):
            if entry.kind == BLOCK:
                found.blocks.append(from_record(entry.payload, str(path)))
            elif entry.kind == BEGUN:
                found.suspects = np.frombuffer(entry.payload, np.int64)
            found.end = entry.end
    except OSError as error:
        raise RunError("the journal cannot be read", f"{path}: {error.strerror}", "Check the directory.") from error
    found.suspects = np.setdiff1d(found.suspects, found.numbers)
    return found


class Journal:
    """Appends to a journal; the operating system has each block at once, the disk within 2 s or 16 MB.

    So a driver that is killed loses nothing that it was told of, and a machine that loses power 2 s.

    Parameters
    ----------
    path : Path
        Begun if it is not there.
    end : int, default 0
        Offset to append at; what lies behind it is cut off. 0 begins anew.

    Raises
    ------
    RunError
        If it cannot be written.
    """

    def __init__(self, path: Path, end: int = 0) -> None:
        self.path = path
        self._unsynced, self._synced, self._begun = 0, time.monotonic(), False
        try:
            self._file = path.open("r+b" if path.exists() else "xb", buffering=0)
            self._file.truncate(end)
            self._file.seek(end)
            self._end = end
            if not end:
                self._append(file_header())
            self.sync()
        except OSError as error:
            raise self._refusal(error) from error

    def write(self, chunk: Chunk, block: Block) -> None:
        """Append finished trials and their parameters.

        Raises
        ------
        RunError
            If they cannot be written; the journal stays as it was before them.
        """
        self._append(encode(BLOCK, to_bytes(chunk, block)))
        self._begun = False
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%d trials written", len(block), extra={"trials": len(block), "end": self._end})
        self.tick()

    def begin(self, chunk: Chunk) -> None:
        """Note the trials that this process is about to run: if it dies in them, they are run apart from it."""
        self._append(encode(BEGUN, chunk.numbers.astype(np.int64).tobytes()))
        self._begun = True

    def tick(self) -> None:
        """Bring what was written to the disk when its time has come."""
        if self._unsynced and (self._unsynced >= SYNC_BYTES or time.monotonic() - self._synced >= SYNC_SECONDS):
            self.sync()

    def sync(self) -> None:
        """Bring everything written to the disk."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._refusal(error) from error
        self._unsynced, self._synced = 0, time.monotonic()

    def close(self) -> None:
        """Bring everything to the disk and close the file; who comes to this did not die in the trials that were begun."""
        if not self._file.closed:
            try:
                if self._begun:
                    with suppress(RunError):  # a disk that is full is told by who met it first
                        self._append(encode(BEGUN, b""))
                self.sync()
            finally:
                self._file.close()

    def _append(self, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            self._cut()
            raise self._refusal(error) from error
        self._end += len(data)
        self._unsynced += len(data)

    def _cut(self) -> None:
        """Take away a part of a record; if that fails too, the next reader does it."""
        try:
            self._file.truncate(self._end)
            self._file.seek(self._end)
        except OSError:
            pass

    def _refusal(self, error: OSError) -> RunError:
        return RunError("the journal cannot be written", f"{self.path}: {error.strerror or error}", ROOM)
