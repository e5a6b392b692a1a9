"""A driver of the study of tests/api/test_learning.py that is slow enough to be killed; it goes on in a run directory.

Arguments: the directory, how long a trial takes in seconds, and the executor.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "api"))

import test_learning

if __name__ == "__main__":
    _, run_dir, seconds, executor = sys.argv
    os.environ["TRIAL_TAKES"] = seconds
    study = test_learning.learn(run_dir=run_dir, resume=True, executor=executor, n_jobs=2)
    print(study.stopped, study.n_trials)
