import json
import os
import subprocess
import sys

import pytest

from rustybt_ray.exceptions import RunError
from rustybt_ray.studies.lock import RunLock

HOLD = """
import sys, time
from pathlib import Path
from rustybt_ray.studies.lock import RunLock
lock = RunLock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds the lock of `tmp_path`."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_driver_is_refused_and_told_who_has_it(tmp_path, other):
    with pytest.raises(RunError, match=rf"another driver .*process {other.pid} on .*, since 20\d\d-"):
        RunLock(tmp_path)


def test_the_lock_goes_with_a_driver_that_is_killed(tmp_path, other):
    other.kill()
    other.wait()
    lock = RunLock(tmp_path)
    assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()
    lock.release()


def test_a_released_lock_is_free_also_in_the_same_process(tmp_path):
    lock = RunLock(tmp_path)
    with pytest.raises(RunError, match=f"process {os.getpid()}"):
        RunLock(tmp_path)
    lock.release()
    lock.release()
    RunLock(tmp_path).release()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_directory_says_so(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match="cannot be written"):
        RunLock(tmp_path)
