"""Workers of a named pool, which outlive the driver that started them: found again, tried, taken over or ended."""

import logging
import sys
from collections.abc import Mapping
from typing import Any

import ray

from actors.calls import read
from actors.faults import cause_of
from actors.lease import Lease, holder_of
from actors.naming import NAMESPACE, pools_in, worker_of, workers_in
from rustybt_ray._record import record_class

ANSWER = 10.0  # seconds for a worker to end what its last driver gave it, two chunks at most
log = logging.getLogger("rustybt_ray.workers")


@record_class(frozen=True)
class Found:
    """A worker that another driver left: its number, its actor and its node."""

    number: int
    actor: Any
    node: str


class Kept:
    """The workers of one name, and the right to use them.

    Parameters
    ----------
    pool : str

    Raises
    ------
    ExecutionError
        If another driver uses them.
    """

    def __init__(self, pool: str) -> None:
        self.pool = pool
        self._lease = Lease(pool)
        self.taken = self.refused = self.last = 0

    def options(self, number: int) -> dict[str, Any]:
        """What makes an actor outlive its driver and be found again."""
        return {"name": worker_of(self.pool, number), "namespace": NAMESPACE, "lifetime": "detached"}

    def take(self, build: Mapping[str, str], most: int | None) -> list[Found]:
        """Workers to go on with, at most `most`; the others are ended, each with a line in the log that says why."""
        actors = self._actors()
        self.last = max(actors, default=0)
        asked = {actor.adopt.remote(build, tuple(sys.path)): number for number, actor in actors.items()}
        done, _ = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER) if asked else ([], [])
        answers = {asked[call]: answer for call, answer in zip(done, read(done), strict=True)}
        found: list[Found] = []
        for number, actor in sorted(actors.items()):
            why_not, node = _judged(answers.get(number))
            if not why_not and len(found) == most:
                why_not = f"no more than {most} wanted"
            if why_not:
                log.warning("worker-%d of the pool %r is ended: %s", number, self.pool, why_not)
                ray.kill(actor)
            else:
                found.append(Found(number, actor, node))
        self.taken, self.refused = len(found), len(actors) - len(found)
        log.info("the pool %r has %d workers of its last driver", self.pool, self.taken, extra={"kept": self.taken})
        return found

    def leave(self, actors: list[Any]) -> None:
        """Let the workers go on without this driver; they let go of its panels, which end with it."""
        calls = [actor.release.remote() for actor in actors]
        done, _ = ray.wait(calls, num_returns=len(calls), timeout=ANSWER) if calls else ([], [])
        read(done)
        self.release()

    def release(self) -> None:
        """Give the name back; the workers stay."""
        self._lease.release()

    def end(self) -> int:
        """End all workers of the name, and give it back; how many there were."""
        actors = self._actors()
        for actor in actors.values():
            ray.kill(actor)
        self.release()
        return len(actors)

    def _actors(self) -> dict[int, Any]:
        """Actors by number, as Ray lists them; one that ends meanwhile is left out."""
        found = {}
        for number, name in workers_in(self.pool, _named()).items():
            try:
                found[number] = ray.get_actor(name, namespace=NAMESPACE)
            except ValueError:
                log.debug("%s has ended", name)
        return found


def end(pool: str) -> int:
    """End the workers of a pool; how many there were.

    Raises
    ------
    ExecutionError
        If a driver uses them.
    """
    return Kept(pool).end()


def listing() -> list[dict[str, Any]]:
    """The named pools of the cluster: `name`, `workers`, and the `driver` that uses it, None if none does."""
    names = _named()
    return [
        {"name": pool, "workers": len(workers_in(pool, names)), "driver": holder_of(pool)} for pool in pools_in(names)
    ]


def _named() -> list[str]:
    """Names of our actors."""
    listed = ray.util.list_named_actors(all_namespaces=True)
    return [each["name"] for each in listed if each["namespace"] == NAMESPACE]


def _judged(answer: Any) -> tuple[str, str]:
    """Why a worker is not taken, or its node."""
    if answer is None:
        return f"it did not answer within {ANSWER:g} s", ""
    if isinstance(answer, BaseException):
        return cause_of(answer), ""
    return str(answer["differs"]), str(answer["node"])
