"""What is wrong with a source: every error is counted, the first ones are kept to be shown."""

from collections.abc import Callable, Sequence

import numpy as np

from rustybt_ray.exceptions import IngestError

SHOWN = 20


class Findings:
    """Errors of one source, in the order of its files and rows."""

    def __init__(self) -> None:
        self.count = 0
        self._kept: list[tuple[tuple[int, int], str]] = []

    def add(self, text: str, order: tuple[int, int] = (0, 0)) -> None:
        """One error; `order` is the position of its file and its row."""
        self.count += 1
        self._kept.append((order, text))

    def add_where(
        self, wrong: np.ndarray, orders: Callable[[int], tuple[int, int]], text: Callable[[int], str]
    ) -> None:
        """One error for each true position of `wrong`, which are in the order of the source."""
        positions = np.flatnonzero(wrong)
        self.count += len(positions)
        self._kept += [(orders(at), text(at)) for at in positions[:SHOWN].tolist()]

    def stop(self, source: str) -> None:
        """Raise if there is any error.

        Raises
        ------
        IngestError
            With the first errors as its findings, and the count of the rest.
        """
        if not self.count:
            return
        lines = [text for _, text in sorted(self._kept, key=lambda kept: kept[0])[:SHOWN]]
        if self.count > len(lines):
            lines.append(f"and {self.count - len(lines)} more")
        what = "1 error stops the ingest" if self.count == 1 else f"{self.count} errors stop the ingest"
        raise IngestError(what, source, "Nothing was published: correct the source and ingest it again.", tuple(lines))


def some(lines: Sequence[str]) -> list[str]:
    """The first lines and the count of the rest."""
    return some_of(range(len(lines)), lambda at: lines[at])


def some_of(positions: Sequence[int], text: Callable[[int], str]) -> list[str]:
    """The lines of the first positions and the count of the rest."""
    lines = [text(int(at)) for at in positions[:SHOWN]]
    return lines if len(positions) <= SHOWN else [*lines, f"and {len(positions) - SHOWN} more like the last"]
