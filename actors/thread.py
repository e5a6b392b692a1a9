"""The one thread that starts, calls and shuts down Ray: its daemons die with the thread that started them."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

from rustybt_ray.exceptions import ExecutionError

Result = TypeVar("Result")


class RayThread:
    """Runs calls one after another on a thread that lives as long as the process.

    It is a daemon thread: a process that ends does not wait for it.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="rustybt_ray", daemon=True)
        self._thread.start()

    def call(self, function: Callable[..., Result], *args: Any, limit: float | None = None) -> Result:
        """The function's result, or what it raises; the caller waits, and Ctrl-C reaches it while it does.

        Raises
        ------
        ExecutionError
            If it has not answered within `limit` seconds: the thread may hang for ever in a Ray whose head is gone.
        """
        if threading.current_thread() is self._thread:
            return function(*args)
        future: Future[Result] = Future()
        self._calls.put((future, lambda: function(*args)))
        return answer_of(future, limit, "Ray does not answer")

    def _serve(self) -> None:
        while True:
            future, call = self._calls.get()
            try:
                future.set_result(call())
            except BaseException as error:
                future.set_exception(error)
            # a result that the loop variables keep would outlive its Ray references
            del future, call


def answer_of(future: "Future[Result]", limit: float | None, silence: str) -> Result:
    """A future's result, or what it raises; ExecutionError, which says `silence`, if there is neither within `limit` seconds."""
    try:
        return future.result(limit)
    except TimeoutError:
        if future.done():
            raise
        what = f"{silence} within {limit:g} s"
        raise ExecutionError(what, "its head process may be gone", "Start a new session.") from None


_lock = threading.Lock()
_thread: RayThread | None = None


def ray_thread() -> RayThread:
    """The thread of this process, made when it is first asked for."""
    global _thread
    with _lock:
        if _thread is None:
            _thread = RayThread()
        return _thread
