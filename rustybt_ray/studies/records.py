"""The bytes of a journal: a header, then records with a length and a checksum each, so that a torn end is found and cut.

header   "RBTJRNAL", format (u32)
record   mark (8 bytes), kind (u32), length of the payload (u64), CRC-32 of kind, length and payload (u32), payload
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from rustybt_ray._record import record_class
from rustybt_ray.exceptions import RunError

FORMAT = 1
MAGIC, MARK = b"RBTJRNAL", b"\x89RBLK\r\n\x1a"
HEADER, RECORD = struct.Struct("<8sI"), struct.Struct("<8sIQI")
BLOCK, BEGUN = 1, 2
"""Kinds of records: finished trials; trials that the driver's own process is about to run."""


@record_class(frozen=True)
class Entry:
    """A record: its kind, its payload, and the offset behind it."""

    kind: int
    payload: bytes
    end: int


def file_header() -> bytes:
    """What a journal begins with."""
    return HEADER.pack(MAGIC, FORMAT)


def encode(kind: int, payload: bytes) -> bytes:
    """A record as bytes."""
    return RECORD.pack(MARK, kind, len(payload), _checksum(kind, payload)) + payload


def read_entries(path: Path, start: int = 0) -> Iterator[Entry]:
    """The records of a journal in order; what a crash tore off at its end is left out.

    Parameters
    ----------
    path : Path
    start : int, default 0
        Offset behind the last record that is known already.

    Raises
    ------
    RunError
        If the file is no journal, of a newer format, or damaged before its end.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEADER.size)
        if head != file_header() and file_header().startswith(head.rstrip(b"\0")) and not any(file.read()):
            return  # a crash tore the header off
        _check_header(path, head)
        offset = max(start, HEADER.size)
        file.seek(offset)
        while offset < size:
            entry = _read(path, file, offset, size)
            if entry is None:
                return
            yield entry
            offset = entry.end


def _check_header(path: Path, found: bytes) -> None:
    magic, number = HEADER.unpack(found.ljust(HEADER.size, b"\0"))
    if magic != MAGIC:
        raise RunError("this file is not a journal", str(path), "Choose another run directory.")
    if number > FORMAT:
        what = f"the journal has format {number}, this version reads up to {FORMAT}"
        raise RunError(what, str(path), "Use the rustybt_ray that wrote it, or a newer one.")


def _read(path: Path, file: BinaryIO, offset: int, size: int) -> Entry | None:
    """The record at `offset`; None where the file was torn off in it."""
    head = file.read(RECORD.size)
    if len(head) < RECORD.size:
        return None
    mark, kind, length, checksum = RECORD.unpack(head)
    end = offset + RECORD.size + length
    if mark == MARK and end <= size:
        payload = file.read(length)
        if _checksum(kind, payload) == checksum:
            return Entry(kind, payload, end)
    # nothing behind it: the end that a crash tore off, which a file system may have filled with zeros; what a driver has
    # appended since `size` was taken does not count, or a record half written then would look like damage
    file.seek(offset + len(MARK))
    if MARK not in file.read(max(size - file.tell(), 0)):
        return None
    what = f"the journal is damaged at byte {offset:,} of {size:,}"
    remedy = "Restore the file from a copy, or begin in another run directory; nothing was changed."
    raise RunError(what, str(path), remedy)


def _checksum(kind: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(struct.pack("<IQ", kind, len(payload))))
