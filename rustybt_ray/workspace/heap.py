"""What the C library does with the arrays that a trial has let go of."""

import numpy as np

KEPT = 1 << 21  # bytes of the largest block that is kept; twice that is handed back
BLOCKS = 8  # that are freed: the heap has no hole for all of them


def keep_freed_blocks(nbytes: int) -> None:
    """Have freed arrays of `nbytes`, if that is at most 2 MB, kept for the next trial; elsewhere than with glibc nothing happens.

    glibc hands memory back to the system beyond twice the largest block that it has seen freed (mallopt(3),
    M_MMAP_THRESHOLD), which is 256 kB at first: an indicator of eight assets and 25 years is more, and to get its pages back
    costs more than to compute it. No page of the blocks that are freed here is ever touched. Larger arrays take so long that
    their pages do not count, and a process that needs none of this keeps no memory for it.
    """
    if nbytes <= KEPT:
        blocks = [np.empty(KEPT, np.uint8) for _ in range(BLOCKS)]
        del blocks
