"""Trials under a limit of memory, in processes of their own: the limit is the process's."""

import subprocess
import sys
import textwrap

import pytest

from rustybt_ray._validation import check_bytes
from rustybt_ray.exceptions import InputError

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit is one of Linux")


def alone(code):
    begin = "import numpy as np\nfrom rustybt_ray.execution.memory import TrialMemory, held\nMB = 10**6\n"
    done = subprocess.run(
        [sys.executable, "-c", begin + textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")


def test_a_trial_may_take_what_the_limit_says_and_no_more_whatever_is_held_already():
    out = alone("""
        kept = np.ones(300 * MB, np.uint8)
        memory = TrialMemory(100 * MB)
        with memory.trial():
            fits = np.ones(90 * MB, np.uint8)
        with memory.trial():
            again = np.ones(90 * MB, np.uint8)
        try:
            with memory.trial():
                np.ones(110 * MB, np.uint8)
        except MemoryError as error:
            print(error)
        outside = np.ones(200 * MB, np.uint8)
        print("went on")
    """)
    assert out[0].startswith("it needs more than memory_limit=100,000,000 bytes (Unable to allocate 105. MiB")
    assert out[1] == "went on"


def test_what_is_left_behind_counts_without_what_is_meant_to_stay():
    out = alone("""
        memory = TrialMemory(100 * MB)
        cache = np.ones(150 * MB, np.uint8)
        print(memory.overgrown(kept=cache.nbytes))
        left = [np.ones(90 * MB, np.uint8)]
        more = np.ones(50 * MB, np.uint8)
        print(memory.overgrown(kept=cache.nbytes + more.nbytes))
        left.append(np.ones(20 * MB, np.uint8))
        print(memory.overgrown(kept=cache.nbytes + more.nbytes))
        left.clear()
        print(memory.overgrown(kept=cache.nbytes + more.nbytes))
    """)
    assert out[:4] == ["False", "False", "True", "False"]


@pytest.mark.parametrize(
    ("given", "found"),
    [(1000, 1000), ("500MB", 500_000_000), ("1.5 GiB", 3 << 29), ("64 kb", 64_000), ("7b", 7), (2.0, 2)],
)
def test_sizes(given, found):
    assert check_bytes("memory_limit", given) == found


@pytest.mark.parametrize("given", ["500", "MB", "-1GB", "1 PB", 0, -5, True, None, "0.1b", float("nan")])
def test_no_sizes(given):
    with pytest.raises(InputError, match=r"memory_limit must be a number.*; received"):
        check_bytes("memory_limit", given)
