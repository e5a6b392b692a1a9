"""A driver that is slow enough to be killed: goes on with a walk-forward in a run directory.

Arguments: the directory, how long a trial takes in seconds, the executor, and the search.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from forward_cases import SEARCHED, slow_crossover, walk

if __name__ == "__main__":
    _, run_dir, seconds, executor, search = sys.argv
    os.environ["TRIAL_TAKES"] = seconds
    found = walk(strategy=slow_crossover, run_dir=run_dir, resume=True, executor=executor, n_jobs=2, **SEARCHED[search])
    print(found.stopped, found.n_trials, found.executor)
