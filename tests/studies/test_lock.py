import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from rustybt_ray.exceptions import RunError
from rustybt_ray.studies.lock import RunLock, holder

HOLD = """
import sys, time
from pathlib import Path
from rustybt_ray.studies.lock import RunLock, holder
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


def test_who_holds_it_can_be_asked_without_taking_it(tmp_path, other):
    before = (tmp_path / "lock").read_bytes()
    found = holder(tmp_path)
    assert found is not None
    assert (found.pid, found.host) == (other.pid, socket.gethostname())
    assert str(found).startswith(f"process {other.pid} on ")
    assert (tmp_path / "lock").read_bytes() == before


def test_nobody_holds_a_lock_that_was_released_or_never_made(tmp_path):
    assert holder(tmp_path) is None
    lock = RunLock(tmp_path)
    assert holder(tmp_path).pid == os.getpid()
    lock.release()
    assert holder(tmp_path) is None


def test_what_a_killed_driver_left_in_the_lock_counts_for_nothing(tmp_path, other):
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # ended, and not yet taken leave of by its parent
    if Path("/proc/self/stat").exists():
        assert holder(tmp_path) is None
    other.wait()
    assert json.loads((tmp_path / "lock").read_text())["pid"] == other.pid
    assert holder(tmp_path) is None


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="births of processes cannot be seen")
def test_another_process_with_the_same_number_is_not_the_driver(tmp_path):
    lock = RunLock(tmp_path)
    content = json.loads((tmp_path / "lock").read_text())
    (tmp_path / "lock").write_text(json.dumps(content | {"born": content["born"] - 1}))
    assert holder(tmp_path) is None
    (tmp_path / "lock").write_text(json.dumps({name: content[name] for name in ("host", "pid", "started")}))
    assert holder(tmp_path) is not None
    lock.release()


def test_a_driver_on_another_machine_is_taken_at_its_word(tmp_path):
    (tmp_path / "lock").write_text(json.dumps({"host": "elsewhere", "pid": 2**22 + 5, "started": "2026-01-01"}))
    assert str(holder(tmp_path)) == f"process {2**22 + 5} on elsewhere, since 2026-01-01"
    (tmp_path / "lock").write_text('{"host": "else')
    assert holder(tmp_path) is None
