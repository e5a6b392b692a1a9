"""Ours and its peers, side by side in one session: results compared first, then runs in turn, ours, theirs, ours, theirs.

    python benchmarks/peers/environments.py                   # once: their environments
    python benchmarks/peers/compare.py                            # all that have one
    python benchmarks/peers/compare.py vectorbt raptorbt          # some
    python benchmarks/peers/compare.py --quick                    # fewer runs, the algorithm over five years
    python benchmarks/peers/compare.py --csvdir DIR               # eight SYMBOL.csv of your own; default: the sample bundle

Each side is a process of its own interpreter that lives through the session; its first run of a workload is compared, not timed.
What is timed is CPU time of all processes of a side, and wall time. Results are kept in profiling-results/.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))

from session import main

if __name__ == "__main__":
    sys.exit(main(__doc__))
