"""A driver that is slow enough to be killed: goes on with the study of tests/api/test_resume.py in a run directory."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "api"))

import test_resume

if __name__ == "__main__":
    import rustybt_ray.execution.chunk as chunk

    # the same strategy, and so the same study, on a slower machine
    once = chunk.Simulator.run
    chunk.Simulator.run = lambda *args, **options: (time.sleep(0.03), once(*args, **options))[1]
    study = test_resume.sweep(test_resume.sample_panel(), sys.argv[1], resume=True)
    print(study.stopped, study.n_trials)
