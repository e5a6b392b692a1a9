"""Arrays that trials let go of are not handed back to the system, to be got again page by page."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import numpy as np
from types import SimpleNamespace
from rustybt_ray.workspace.workspace import Workspace

cells = {"small": 50_000, "large": 500_000}[sys.argv[1]]
Workspace().open(SimpleNamespace(close=np.empty(cells), nbytes=8 * cells, version="v"))

def trial():
    arrays = [np.ones(50_000) for _ in range(3)]
    return arrays[0] > arrays[1]

trial()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    trial()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have other rules")
def test_pages_of_freed_arrays_stay():
    def faults(*arguments):
        run = subprocess.run([sys.executable, "-c", FAULTS, *arguments], capture_output=True, text=True, check=True)
        return int(run.stdout)

    assert faults("large") > 20 * 100  # three arrays of 98 pages each time
    assert faults("small") < 100
