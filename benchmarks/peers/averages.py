"""Our averages, for a second look at a peer's results: whether they differ by its averages alone.

Two averages that tie are told apart by rounding, which is the order of a sum; a trial that takes the other side of a tie ends
elsewhere. Imported by peers' interpreters: NumPy and nothing else.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tasks import FAST, SLOW

WINDOWS = (*FAST, *SLOW)
Averages = Mapping[int, np.ndarray]
"""[sessions, assets] by window; empty where a peer is to compute its own."""
OWN: Averages = {}


def given(folder: Path) -> Averages:
    """Ours, as the session wrote them."""
    return dict(zip(WINDOWS, np.load(folder / "averages.npy"), strict=True))
