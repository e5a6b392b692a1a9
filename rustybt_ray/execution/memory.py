"""What a trial may allocate: a limit that the operating system holds, so that the trial fails and not its machine."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rustybt_ray.exceptions import ExecutionError

STATM = Path("/proc/self/statm")
RESIDENT, SHARED, DATA = 1, 2, 5  # fields, in pages: in memory, of these of files and shared, private and writable


class TrialMemory:
    """Bytes that each trial may allocate beyond what its process holds when it starts.

    A trial that needs more gets a MemoryError (libraries that cannot raise one end the process, which costs the same trial).
    What earlier trials left behind does not count against it, so that the outcome of a trial does not depend on them; but a
    process that holds more than the limit of such leftovers should be replaced.

    Parameters
    ----------
    limit : int
        Bytes, above 0.

    Raises
    ------
    ExecutionError
        If this system has no such limit.
    """

    def __init__(self, limit: int) -> None:
        if not sys.platform.startswith("linux"):
            what, remedy = "memory_limit needs workers on Linux", "Leave it out, or use a cluster of Linux machines."
            raise ExecutionError(what, sys.platform, remedy)
        self.limit = limit
        self._base: int | None = None

    @contextmanager
    def trial(self) -> Iterator[None]:
        """The limit holds inside."""
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = _pages()[DATA] * resource.getpagesize() + self.limit
        resource.setrlimit(resource.RLIMIT_DATA, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
        try:
            yield
        except MemoryError as error:
            why = f"it needs more than memory_limit={self.limit:,} bytes"
            raise MemoryError(f"{why} ({error})" if str(error) else why) from error
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))

    def overgrown(self, kept: int) -> bool:
        """Whether trials left more than the limit behind since the first call, which comes after libraries were loaded.

        `kept` bytes, of the caches, are meant to stay.
        """
        grown = held() - kept
        if self._base is None:
            self._base = grown
        return grown - self._base > self.limit


def held() -> int:
    """Bytes of memory of its own that this process holds; shared panels and files are not its own."""
    pages = _pages()
    return (pages[RESIDENT] - pages[SHARED]) * os.sysconf("SC_PAGE_SIZE")


def _pages() -> list[int]:
    return list(map(int, STATM.read_text(encoding="ascii").split()))
