"""Ctrl-C while a study runs: the first asks it to end, the second ends it at once."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interruption:
    """A context in which the first SIGINT only sets `requested`; the second does what it did before.

    Outside the main thread, where Python delivers no signals, it changes nothing.

    Attributes
    ----------
    requested : bool
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: Any = None
        self._installed = False

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._on_signal)
            self._installed = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        self._restore()

    def _restore(self) -> None:
        if self._installed:
            self._installed = False
            # a handler that was not installed from Python reads as None and cannot be put back
            signal.signal(signal.SIGINT, self._before if self._before is not None else signal.default_int_handler)
