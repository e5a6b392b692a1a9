"""An alarm that ends a trial where it is, and nothing after it."""

import signal
import threading
import traceback

import pytest

from rustybt_ray.execution.events import TIMED_OUT
from rustybt_ray.execution.stopwatch import TrialTimedOut, at_most


def forever():
    while True:
        try:
            while True:
                pass
        except Exception:
            continue


def test_code_that_never_returns_ends_where_it_is():
    with pytest.raises(TrialTimedOut, match=r"^it took longer than 0\.02 s$") as raised, at_most(0.02):
        forever()
    assert "forever" in [frame.name for frame in traceback.extract_tb(raised.value.__traceback__)]
    assert TrialTimedOut.__name__ == TIMED_OUT


@pytest.mark.parametrize("error", [None, ValueError])
def test_what_rang_before_rings_afterwards(error):
    """The test runner has an alarm of its own; it is set again, or none is."""
    handler, (left, _) = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    with pytest.raises(error) if error else at_most(60.0), at_most(7000.0):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 1000.0
        if error:
            raise error
    assert signal.getitimer(signal.ITIMER_REAL)[0] <= left
    assert signal.getsignal(signal.SIGALRM) is handler


def test_another_thread_has_no_alarm():
    handler, seen = signal.getsignal(signal.SIGALRM), []

    def work():
        with at_most(7000.0):
            seen.append(signal.getsignal(signal.SIGALRM) is handler)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]
