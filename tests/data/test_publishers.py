"""Publishers that race, and publishers that die."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rustybt_ray.data.staging import ASIDE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and locks are POSIX's")

START = """
import sys, time
import numpy as np
from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.data.store import BundleStore

def panel(seed):
    price = np.random.default_rng(seed).uniform(10, 20, (50, 4))
    days = np.datetime64("2020-01-01") + np.arange(50)
    return panel_from_arrays(days, "ABCD", price, price + 1, price - 1, price, np.rint(price))

store = BundleStore(sys.argv[1])
"""
RACE = (
    START
    + """
print("ready", flush=True)
sys.stdin.readline()
for number in range(15):
    store.publish("p", panel(number % int(sys.argv[2])))
"""
)
STUCK = (
    START
    + """
import rustybt_ray.data.store as module

module.place = lambda *_: (print("ready", flush=True), time.sleep(600))
store.publish("p", panel(99))
"""
)


@pytest.fixture
def launch(store):
    """Start a script as a process of its own and wait until it says that it is ready."""
    started = []

    def start(script, *arguments):
        command = [sys.executable, "-c", script, str(store.root), *map(str, arguments)]
        root = str(Path(__file__).parents[2])
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": root}, **pipes)
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("contents", [1, 3])
def test_two_at_once_do_not_corrupt(store, launch, contents):
    processes = [launch(RACE, contents) for _ in range(2)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        assert process.wait(timeout=60) == 0
    bundles = store.list()
    assert len(bundles) == contents
    for bundle in bundles:
        assert store.verify(bundle.reference) == bundle
    assert not list((store.root / ASIDE).iterdir())


def test_a_killed_publisher_leaves_the_old_version_and_its_remains_are_swept(store, launch, make_panel):
    old = store.publish("p", make_panel())
    process = launch(STUCK)
    assert store.verify("p") == old
    store.publish("q", make_panel())
    assert len(folders(store)) == 1, "a publisher that is alive was disturbed"
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=60)
    assert store.verify("p") == old
    assert [bundle.name for bundle in store.list()] == ["p", "q"]
    store.publish("q", make_panel(1))
    assert not list((store.root / ASIDE).iterdir())


def test_what_has_no_lock_is_swept_when_it_is_old(store, make_panel):
    store.publish("p", make_panel())
    young, old = (store.root / ASIDE / name for name in ("young", "old"))
    for folder in (young, old):
        folder.mkdir()
    lock = store.root / ASIDE / "gone.lock"
    lock.touch()
    long_ago = time.time() - 2 * 86_400
    for path in (old, lock):
        os.utime(path, (long_ago, long_ago))
    store.publish("p", make_panel(1))
    assert list((store.root / ASIDE).iterdir()) == [young]


def folders(store):
    return [path for path in (store.root / ASIDE).iterdir() if path.is_dir()]
