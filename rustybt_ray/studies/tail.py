"""A journal read while it grows: every record once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rustybt_ray.exceptions import RunError
from rustybt_ray.execution.messages import Block
from rustybt_ray.studies.batches import from_record
from rustybt_ray.studies.records import BLOCK, HEADER, read_entries


class JournalTail:
    """Reads what was appended to a journal since it last looked.

    Parameters
    ----------
    path : Path
        Need not be there yet.

    Attributes
    ----------
    end : int
        Offset behind the last record that was read.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.end = path, 0

    def read(self) -> Iterator[tuple[dict[str, list[Any]], Block]]:
        """Parameters and results of the trials that are new, a block at a time.

        Raises
        ------
        RunError
            If the journal cannot be read, is damaged, of a newer format, or shorter than before.
        """
        try:
            size = self.path.stat().st_size if self.path.exists() else 0
            if size < self.end:
                what = f"the journal had {self.end:,} bytes and has {size:,}"
                raise RunError(what, str(self.path), "Someone has replaced it: look again from the start.")
            if size <= max(self.end, HEADER.size):
                return
            for entry in read_entries(self.path, self.end):
                self.end = entry.end
                if entry.kind == BLOCK:
                    yield from_record(entry.payload, str(self.path))
        except OSError as error:
            raise RunError("the journal cannot be read", f"{self.path}: {error.strerror}", "Check it.") from error
