"""What the C library does with the arrays that a trial has let go of."""

import numpy as np

KEPT = 1 << 21  # bytes of the largest block that is kept; twice that is handed back
BLOCKS = 8  # that are freed: the heap has no hole for all of them


def keep_freed_blocks() -> None:
    """Have freed arrays of up to 2 MB kept for the next trial, where the C library is glibc; elsewhere nothing happens.

    glibc hands memory back to the system beyond twice the largest block that it has seen freed (mallopt(3),
    M_MMAP_THRESHOLD), which is 256 kB at first: an indicator of eight assets and 25 years is more, and to get its pages back
    costs more than to compute it. No page of the blocks that are freed here is ever touched.
    """
    blocks = [np.empty(KEPT, np.uint8) for _ in range(BLOCKS)]
    del blocks
