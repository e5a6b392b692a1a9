"""How many CPUs the cluster has and where, looked up beside the Ray thread: a Ray whose head is gone blocks who asks it."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import field
from typing import TypeVar

import ray

from actors.thread import answer_of
from rustybt_ray._record import record_class

Found = TypeVar("Found")
PERIOD = 1.0  # seconds between two looks at the cluster; one takes about 1 ms
ANSWER = 2.0  # seconds that the cluster gets to say which nodes it has, where an old view will do
LIMIT = 20.0  # seconds for an answer without which nothing can go on
DOUBT = 30.0  # seconds for which a node that lost a worker may still be listed though it is gone; Ray needs about 14
log = logging.getLogger("rustybt_ray.workers")


@record_class(frozen=True)
class View:
    """What a look at the cluster saw.

    Attributes
    ----------
    nodes : dict of str to int
        Whole CPUs of each living node, by node id.
    free : float
        CPUs that nobody holds.
    """

    nodes: dict[str, int] = field(default_factory=dict)
    free: float = 0.0

    @property
    def cpus(self) -> int:
        """Workers that fit on the cluster."""
        return sum(self.nodes.values())


def ask(question: Callable[[], Found], limit: float | None = None) -> Found:
    """What the cluster answers, asked on a thread of its own, which is left alone if no answer comes.

    Raises
    ------
    ExecutionError
        If there is no answer within `limit` seconds, by default `LIMIT`.
    """
    answer: Future[Found] = Future()

    def look() -> None:
        try:
            answer.set_result(question())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=look, name="rustybt_ray-look", daemon=True).start()
    return answer_of(answer, LIMIT if limit is None else limit, "the cluster does not say what it has")


def store_bytes() -> float:
    """Bytes of the smallest object store of the cluster's machines; ExecutionError if it does not answer."""
    found = ask(lambda: [node["Resources"] for node in ray.nodes() if node["Alive"]])
    sizes = [float(resources.get("object_store_memory", 0.0)) for resources in found]
    return min((size for size in sizes if size), default=0.0)


def cpus() -> int:
    """CPUs of the cluster; ExecutionError if it does not answer."""
    return ask(view).cpus


def free_cpus() -> float:
    """CPUs that nobody holds; ExecutionError if the cluster does not answer."""
    return ask(view).free


def view() -> View:
    """Look now, and wait for the answer."""
    nodes = {node["NodeID"]: int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]}
    return View(nodes, float(ray.available_resources().get("CPU", 0.0)))


class Census:
    """The latest view of a cluster; one that cannot be renewed stays as it is.

    Parameters
    ----------
    period : float, default PERIOD
        Seconds between two looks.

    Raises
    ------
    ExecutionError
        If the first look gets no answer.
    """

    def __init__(self, period: float = PERIOD) -> None:
        self.period, self._seen = period, ask(view)
        self._doubts: dict[str, float] = {}
        self._next = time.monotonic() + period
        self._looking: threading.Thread | None = None

    @property
    def view(self) -> View:
        """The latest view, without the nodes in doubt."""
        seen, now = self._seen, time.monotonic()
        self._doubts = {node: until for node, until in self._doubts.items() if until > now and node in seen.nodes}
        if not self._doubts:
            return seen
        return View({node: count for node, count in seen.nodes.items() if node not in self._doubts}, seen.free)

    def doubt(self, node: str) -> None:
        """A worker was lost with its node: Ray lists a machine that was cut off or killed for a while.

        It is not counted until Ray has struck it off, `trust` or `DOUBT` seconds have passed.
        """
        self._doubts[node] = time.monotonic() + DOUBT

    def trust(self, node: str) -> None:
        """A worker answers from this node."""
        self._doubts.pop(node, None)

    def look(self) -> View:
        """The latest view; begins another look if its time has come, and waits for nothing."""
        if time.monotonic() >= self._next and not self._busy():
            self._begin()
        return self.view

    def settle(self, limit: float) -> View:
        """A view of now, or the latest one if the cluster does not answer within `limit` seconds."""
        if not self._busy():
            self._begin()
        self.rest(limit)
        return self.view

    def rest(self, limit: float) -> None:
        """Wait up to `limit` seconds for a look that is under way."""
        if self._looking is not None:
            self._looking.join(limit)

    def _busy(self) -> bool:
        return self._looking is not None and self._looking.is_alive()

    def _begin(self) -> None:
        self._next = time.monotonic() + self.period
        self._looking = threading.Thread(target=self._ask, name="rustybt_ray-census", daemon=True)
        self._looking.start()

    def _ask(self) -> None:
        try:
            self._seen = view()
        except Exception as error:  # a view that is old is better than a study that ends
            log.debug("the cluster's nodes cannot be listed: %s", error)
