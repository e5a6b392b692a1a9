"""One driver a named pool: an actor that ends with its driver, however that ends, holds the name meanwhile."""

import os
import socket
import time
from typing import Any

import ray

from actors.naming import NAMESPACE, driver_of
from rustybt_ray.exceptions import ExecutionError

ANSWER = 5.0  # seconds for a holder to say who it is
SETTLE = 2.0  # seconds within which Ray ends what a killed driver owned; it takes less than one
SILENCE = 10.0  # the same for a holder that does not answer: its actor may be starting, or be moved


class Holder:
    """Says which driver it belongs to.

    Parameters
    ----------
    driver : str
    """

    def __init__(self, driver: str) -> None:
        self._driver = driver

    def driver(self) -> str:
        """Process, machine, and since when."""
        return self._driver


class Lease:
    """The right to use a pool, from here to `release`.

    Its actor is not detached: Ray ends it with this process, even one that is killed, and that frees the name. Ray gives
    a name to one actor at a time, so that of two drivers that ask at once one is refused.

    Parameters
    ----------
    pool : str
        Name of the pool.

    Raises
    ------
    ExecutionError
        If another driver holds it; the message names its process, machine and start.
    """

    def __init__(self, pool: str) -> None:
        self.pool, self._name = pool, driver_of(pool)
        begin = time.monotonic()
        while (actor := self._take()) is None:
            holder = holder_of(pool)
            if time.monotonic() - begin > (SETTLE if holder else SILENCE):
                what = f"another driver uses the pool {pool!r}: {holder or 'it does not say which'}"
                remedy = (
                    "Wait for it, stop it, or use another name; a machine that was lost is noticed within a minute."
                )
                raise ExecutionError(what, "one at a time", remedy)
            time.sleep(0.1)
        self._actor: Any = actor

    def release(self) -> None:
        """Let others in."""
        ray.kill(self._actor)

    def _take(self) -> Any:
        """The actor, or None if the name is in use. It lives on this node: who loses the one loses the other."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
        options = {"name": self._name, "namespace": NAMESPACE, "num_cpus": 0, "max_restarts": -1}
        now = time.strftime("%Y-%m-%d %H:%M:%S %z")
        me = f"process {os.getpid()} on {socket.gethostname()}, since {now}"
        try:
            return ray.remote(Holder).options(scheduling_strategy=here, **options).remote(me)
        except ValueError:
            return None


def holder_of(pool: str) -> str | None:
    """The driver that uses a pool; None if none does, or its actor does not answer."""
    try:
        actor = ray.get_actor(driver_of(pool), namespace=NAMESPACE)
        return str(ray.get(actor.driver.remote(), timeout=ANSWER))
    except (ValueError, ray.exceptions.RayError):
        return None
