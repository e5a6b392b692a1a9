"""How long a trial may take, told from inside: an alarm in its own process knows the line that it was at.

What never comes back to Python is ended with its worker, by the driver.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

WARMING = 5.0
"""Seconds that a worker may take besides for its first chunk: it loads kernels and the strategy's libraries."""


class TrialTimedOut(BaseException):
    """A trial took too long. No Exception, so that code that goes on after every Exception is ended too."""


@contextmanager
def at_most(seconds: float, beside: float = 0.0) -> Iterator[None]:
    """Raise `TrialTimedOut` where the code inside is after so many seconds, and those `beside` that do not count.

    There is no limit where there are no alarms: they are of the main thread alone, and Windows has none.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> NoReturn:
        raise TrialTimedOut(f"it took longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds + beside)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *timer)
