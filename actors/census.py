"""How many CPUs the cluster has and where, looked up beside the Ray thread: a Ray whose head is gone blocks who asks it."""

import logging
import threading
import time
from dataclasses import dataclass, field

import ray

PERIOD = 1.0  # seconds between two looks at the cluster; one takes about 1 ms
log = logging.getLogger("rustybt_ray.workers")


@dataclass(frozen=True)
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
    """

    def __init__(self, period: float = PERIOD) -> None:
        self.period, self.view = period, view()
        self._next = time.monotonic() + period
        self._looking: threading.Thread | None = None

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
            self.view = view()
        except Exception as error:  # a view that is old is better than a study that ends
            log.debug("the cluster's nodes cannot be listed: %s", error)
