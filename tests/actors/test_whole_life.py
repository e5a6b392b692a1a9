"""What a driver process is left with: the caller's Ray, no process of ours, itself."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.ray
ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests" / "support" / "whole_life.py"


def live(what, limit=90):
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{SCRIPT.parent}"}
    for name in ("POLARS_MAX_THREADS", "RAY_ADDRESS"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), what],
        capture_output=True,
        text=True,
        timeout=limit,
        env=environment,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def running(pids):
    """Those of the processes that live; one that is gone but not collected does not."""
    found = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if state != "Z":
            found.append(pid)
    return found


def soon_gone(pids, limit=10.0):
    until = time.monotonic() + limit
    while (left := running(pids)) and time.monotonic() < until:
        time.sleep(0.1)
    return not left


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")


@needs_proc
def test_a_closed_pool_leaves_no_process_and_no_ray():
    found = live("close")
    assert found["trials"] == 12
    assert len(found["during"]) >= 4
    assert found["after"] == []
    assert not found["initialised"]
    assert soon_gone(found["during"])


@needs_proc
def test_a_pool_that_nobody_closed_ends_with_its_process():
    found = live("forget")
    assert found["trials"] == 12
    assert len(found["during"]) >= 4
    assert soon_gone(found["during"])


def test_the_callers_ray_is_used_as_it_is_and_left_running():
    found = live("attach")
    assert (found["size"], found["trials"], found["works"]) == (1, 12, 42)
    assert found["threads"] == [[1.0]]
    assert found["more"] == [12, 1, 1]
    assert found["busy"].startswith("none of 1 workers started (not ready within 1 s; 0 of Ray's 1 CPUs are free)")


@needs_proc
def test_a_start_that_fails_leaves_no_process_and_no_ray():
    found = live("broken_start")
    assert found["said"].startswith("Ray cannot be started on this machine (ValueError: no such node)")
    assert found["after"] == []
    assert not found["initialised"]


@pytest.mark.slow
@needs_proc
def test_a_driver_and_its_study_outlive_rays_head():
    assert live("headless", limit=200) == {"trials": 200}


@pytest.mark.cluster
@needs_proc
def test_a_study_on_a_cluster_outlives_its_head():
    assert live("headless_cluster", limit=200) == {"trials": [200, 12], "size": 2}
