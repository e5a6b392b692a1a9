"""A driver that is slow enough to be killed: goes on with the study of tests/api/test_resume.py in a run directory.

Arguments: the directory, how long a trial takes in seconds, and the executor.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "api"))

import test_resume

if __name__ == "__main__":
    _, run_dir, seconds, executor = sys.argv
    os.environ["TRIAL_TAKES"] = seconds
    study = test_resume.sweep(test_resume.sample_panel(), run_dir, resume=True, executor=executor, n_jobs=2)
    print(study.stopped, study.n_trials, study.executor)
