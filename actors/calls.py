"""Calls in flight with workers, and their answers. Everything here runs on the Ray thread."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import ray

from rustybt_ray._record import record_class

SETUP, READY, PLACED = -1, -2, -3  # what a call is that is not a chunk
HOUSEKEEPING = (SETUP, PLACED)


@record_class(frozen=True)
class Answer:
    """What came back from a call: the worker's number, the chunk's or the kind of call, and its value or what it raised."""

    worker: int
    what: int
    value: Any


class Calls:
    """Calls whose answers nobody has taken yet."""

    def __init__(self) -> None:
        self._owners: dict[Any, tuple[int, int]] = {}

    def make(self, worker: int, what: int, method: Any, *args: Any) -> None:
        """Call a method of a worker's actor."""
        self._owners[method.remote(*args)] = (worker, what)

    def collect(self, timeout: float) -> list[Answer]:
        """Answers that are there, or the first that comes within `timeout` seconds."""
        calls = list(self._owners)
        if not calls:
            time.sleep(timeout)
            return []
        done, _ = ray.wait(calls, num_returns=1, timeout=timeout)
        if done and len(calls) > 1:
            done, _ = ray.wait(calls, num_returns=len(calls), timeout=0)
        return self._take(done, read(done))

    def collect_placed(self, timeout: float) -> list[Answer] | None:
        """Workers who found a node, without other answers; None if one cannot, which stays to be collected."""
        done, _ = ray.wait(self._calls(lambda owner: owner[1] == PLACED), timeout=timeout)
        values = read(done)
        return None if any(isinstance(value, BaseException) for value in values) else self._take(done, values)

    def hush(self) -> None:
        """Read what waits or comes within 2 seconds, for Ray prints errors that nobody read."""
        calls = self._calls(lambda owner: owner[1] != PLACED)
        done, _ = ray.wait(calls, num_returns=len(calls), timeout=2.0) if calls else ([], [])
        read(done)

    def forget(self, worker: int) -> None:
        """Whatever is in flight with a worker."""
        self._keep(lambda owner: owner[0] != worker)

    def forget_work(self) -> None:
        """Whatever belongs to a job."""
        self._keep(lambda owner: owner[1] in HOUSEKEEPING)

    def clear(self) -> None:
        """Forget everything."""
        self._owners = {}

    @property
    def at_work(self) -> set[int]:
        """Workers that have a chunk."""
        return {worker for worker, what in self._owners.values() if what >= 0}

    def _calls(self, wanted: Callable[[tuple[int, int]], bool]) -> list[Any]:
        return [call for call, owner in self._owners.items() if wanted(owner)]

    def _keep(self, wanted: Callable[[tuple[int, int]], bool]) -> None:
        self._owners = {call: owner for call, owner in self._owners.items() if wanted(owner)}

    def _take(self, done: Iterable[Any], values: Iterable[Any]) -> list[Answer]:
        return [Answer(*self._owners.pop(call), value) for call, value in zip(done, values, strict=True)]


def read(calls: list[Any]) -> list[Any]:
    """Values of finished calls, what they raised in its place."""
    try:
        return list(ray.get(calls))
    except Exception:
        return [_value(call) for call in calls]


def _value(call: Any) -> Any:
    try:
        return ray.get(call)
    except Exception as error:
        return error
