"""The workers of a pool and what is in flight with them. Everything here runs on the Ray thread."""

import logging
import sys
import time
from dataclasses import dataclass
from typing import Any

import ray

from actors.bundle_store import SharedPanels
from actors.census import Census
from actors.faults import breaks_study, cause_of, is_suspect
from actors.runtime import Session, store_bytes
from actors.worker import BacktestWorker
from rustybt_ray.config import OptimizationConfig
from rustybt_ray.data.panel import Panel
from rustybt_ray.exceptions import ExecutionError
from rustybt_ray.execution.events import ChunkDone, ChunkFailed, WorkerDied, WorkerReady
from rustybt_ray.execution.messages import Block, Chunk, Job
from rustybt_ray.execution.ports import Report

START_LIMIT = 60.0  # seconds for a worker to start, fetch a small panel and load a strategy
SLOWEST_FETCH = 50e6  # bytes a second of a panel that comes over the network
ANSWER = 2.0  # seconds that the cluster gets to say which nodes it has
SLOWEST_RETRY = 10.0  # seconds between two attempts to start a worker
SETUP, READY, PLACED = -1, -2, -3  # what a call is that is not a chunk
log = logging.getLogger("rustybt_ray.workers")


@dataclass(slots=True)
class Member:
    """A worker: its actor, the node it was placed on, and when it must be ready (infinity once it is).

    One without a node waits for a CPU, for as long as that takes; it has no job and no panel yet.
    """

    number: int
    actor: Any
    node: str | None = None
    due: float = float("inf")


class Crew:
    """Workers of one session.

    Parameters
    ----------
    session : Session
    config : OptimizationConfig
    runner : callable, optional
        Passed to each worker.
    """

    def __init__(self, session: Session, config: OptimizationConfig, runner: Any = None) -> None:
        self.session, self.config, self.runner = session, config, runner
        self.panels = SharedPanels(ray.put, config.pool_size, store_bytes)
        self.restarts = self.trials = self.chunks = 0
        self._members: dict[int, Member] = {}
        self._calls: dict[Any, tuple[int, int]] = {}
        self._births: list[float] = []
        self._job: Any = None
        self._next = self._failures = 0
        self._any_ready = self._ever_ready = False
        self._patience = float("inf")
        self._census = Census()
        self._actor = ray.remote(BacktestWorker)

    @property
    def size(self) -> int:
        """Workers that the CPUs of today allow."""
        wanted, cpus = self.session.workers, self._census.view.cpus
        return max(1, cpus if wanted is None else min(wanted, cpus))

    def open(self, panel: Panel, name: str | None = None) -> None:
        """Place a panel and open it in every worker."""
        placed = self.panels.place(panel, name)
        for member in self._placed():
            self._call(member, SETUP, member.actor.open, placed.scalars, placed.fields, placed.name)

    def prepare(self, job: Job) -> None:
        """Give every worker the job, and start those that are missing; what earlier jobs left in flight is forgotten."""
        self._calls = {call: owner for call, owner in self._calls.items() if owner[1] in (SETUP, PLACED)}
        self._job, self._any_ready, self._failures = ray.put(job), False, 0
        self._births, self._patience = [], time.monotonic() + START_LIMIT
        if self.session.elastic:
            self._census.settle(ANSWER)
        for member in self._placed():
            self._take_job(member)
        self._fit()

    def submit(self, number: int, chunk: Chunk) -> None:
        """Send a chunk to a worker; one that has gone meanwhile is reported as dead anyway."""
        if (member := self._members.get(number)) is not None:
            self._call(member, chunk.number, member.actor.run, chunk)

    def turn(self, timeout: float) -> list[Report]:
        """Start workers that are due or have room now, wait for an answer, and report what came."""
        if self.session.elastic:
            self._census.look()
        now = time.monotonic()
        self._births = [when for when in self._births if when > now]
        self._fit()
        reports = self._collect(max(0.0, min([timeout, *(when - now for when in self._births)])))
        return reports + self._overdue()

    def replace(self, number: int) -> None:
        """End a worker and start another, unless the cluster has no place for it any more."""
        self._dismiss(number)
        self._expect()
        self.restarts += 1

    def abandon(self) -> None:
        """End the workers that still run a chunk; the next job starts others."""
        for number in {number for number, what in self._calls.values() if what >= 0}:
            self._dismiss(number)

    def close(self) -> None:
        """End all workers and let the panels go."""
        for member in self._members.values():
            ray.kill(member.actor)
        self._members, self._calls, self._births, self._job = {}, {}, [], None
        self._census.rest(1.0)
        self.panels = SharedPanels(ray.put, self.config.pool_size, store_bytes)

    def statistics(self) -> dict[str, Any]:
        """Figures of the pool and of each worker that answers within 5 seconds."""
        self._admit(5.0)
        asked = {member.actor.statistics.remote(): member for member in self._placed()}
        answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=5.0) if asked else ([], [])
        found = zip(answered, self._read(answered), strict=True)
        workers = [
            {"name": f"worker-{asked[call].number}", "node": asked[call].node, **value}
            for call, value in found
            if isinstance(value, dict)
        ]
        own = {
            "trials": self.trials,
            "chunks": self.chunks,
            "restarts": self.restarts,
            "panel_bytes": self.panels.nbytes,
        }
        return {**own, "workers": workers}

    def _wanted(self) -> int:
        """Workers to have, those that wait for a CPU included: a cluster that scales by itself adds nodes for them."""
        return self._census.view.cpus if self.session.workers is None else self.session.workers

    def _fit(self) -> None:
        """As many workers as are wanted now: hire those that are missing, let go of those that wait for too few CPUs."""
        wanted = self._wanted()
        for _ in range(wanted - len(self._members) - len(self._births)):
            self._hire()
        surplus = len(self._members) - wanted
        if surplus > 0:
            waiting = [member.number for member in self._members.values() if member.node is None]
            for number in waiting[-surplus:]:
                self._dismiss(number)

    def _placed(self) -> list[Member]:
        return [member for member in self._members.values() if member.node is not None]

    def _hire(self) -> None:
        self._next += 1
        options = {"num_cpus": 1, "max_restarts": 0, "max_task_retries": 0, **self.session.options}
        member = Member(self._next, self._actor.options(**options).remote(self.runner))
        self._members[member.number] = member
        self._call(member, PLACED, member.actor.node)

    def _admit(self, limit: float) -> None:
        """Furnish workers that start while no study runs, for `limit` seconds at most."""
        until = time.monotonic() + limit
        while len(self._placed()) < min(self.size, len(self._members)) and (left := until - time.monotonic()) > 0:
            done, _ = ray.wait([call for call, (_, what) in self._calls.items() if what == PLACED], timeout=left)
            for call, node in zip(done, self._read(done), strict=True):
                if isinstance(node, BaseException):
                    return
                self._furnish(self._members[self._calls.pop(call)[0]], node)

    def _furnish(self, member: Member, node: str) -> None:
        """Set up a worker that has got its CPU; what its node caches is shared by one more."""
        member.node, member.due = node, time.monotonic() + self._limit()
        workers, name = self._share(node, member), f"worker-{member.number}"
        self._call(member, SETUP, member.actor.setup, name, self.config, workers, tuple(sys.path))
        for placed in self.panels:
            self._call(member, SETUP, member.actor.open, placed.scalars, placed.fields, placed.name)
        if self._job is not None:
            self._take_job(member)

    def _share(self, node: str, newcomer: Member | None = None) -> int:
        """Divide a node's cache bytes among the workers that are on it now; how many they are."""
        there = [member for member in self._members.values() if member.node == node]
        for member in there:
            if member is not newcomer:
                self._call(member, SETUP, member.actor.share, len(there))
        return len(there)

    def _limit(self) -> float:
        """Seconds for a worker that has a CPU to be ready."""
        return START_LIMIT + self.panels.nbytes / SLOWEST_FETCH

    def _take_job(self, member: Member) -> None:
        member.due = max(time.monotonic() + START_LIMIT, member.due if member.due < float("inf") else 0.0)
        self._call(member, READY, member.actor.prepare, self._job)

    def _call(self, member: Member, what: int, method: Any, *args: Any) -> None:
        self._calls[method.remote(*args)] = (member.number, what)

    def _dismiss(self, number: int) -> bool:
        """End a worker and forget its calls; whether it was there."""
        member = self._members.pop(number, None)
        if member is None:
            return False
        self._calls = {call: owner for call, owner in self._calls.items() if owner[0] != number}
        ray.kill(member.actor)
        if member.node is not None:
            self._share(member.node)
        return True

    def _collect(self, timeout: float) -> list[Report]:
        """Answers first, then deaths, so that a worker's last answer counts."""
        calls = list(self._calls)
        if not calls:
            time.sleep(timeout)
            return []
        done, _ = ray.wait(calls, num_returns=1, timeout=timeout)
        if done and len(calls) > 1:
            done, _ = ray.wait(calls, num_returns=len(calls), timeout=0)
        answers: list[Report] = []
        dead: dict[int, BaseException] = {}
        for call, value in zip(done, self._read(done), strict=True):
            number, what = self._calls.pop(call)
            if isinstance(value, ray.exceptions.RayTaskError):
                if what < 0 and self._any_ready:
                    log.warning("worker-%d cannot run this study, others can: %s", number, cause_of(value))
                    dead.setdefault(number, value)
                elif what < 0 or breaks_study(value):
                    raise self._refused(value)
                else:
                    answers.append((ChunkFailed(number, what, cause_of(value)), None))
            elif isinstance(value, BaseException):
                dead.setdefault(number, value)
            elif what >= 0:
                answers.append(self._answer(number, what, value))
            elif what == READY:
                self._members[number].due = float("inf")
                self._any_ready, self._ever_ready, self._failures = True, True, 0
                answers.append((WorkerReady(number), None))
            elif what == PLACED:
                self._furnish(self._members[number], value)
        return answers + [report for number, error in dead.items() for report in self._gone(number, error)]

    def _answer(self, number: int, chunk: int, block: Block) -> Report:
        block = block.copied()
        self.chunks += 1
        self.trials += len(block)
        return ChunkDone(number, chunk, float(block.duration.sum()), block.nbytes, block.retire), block

    def _expect(self) -> None:
        """Hire a worker in the place of one that went, later and later while none gets ready."""
        wait = min(0.25 * 2.0 ** min(self._failures, 16), SLOWEST_RETRY) if self._failures else 0.0
        self._births.append(time.monotonic() + wait)

    def _gone(self, number: int, error: BaseException) -> list[Report]:
        """A worker whose node went before it ran there is replaced without a word: nobody counted on it."""
        member = self._members.get(number)
        if member is None:
            return []
        if member.node is None or member.due < float("inf"):
            self._failures += 1
        self._dismiss(number)
        if member.node is None and self._ever_ready and not is_suspect(error):
            log.debug("worker-%d found no place: %s", number, cause_of(error))
            self._expect()
            return []
        return [(WorkerDied(number, cause_of(error), is_suspect(error)), None)]

    def _overdue(self) -> list[Report]:
        """Workers with a CPU that are not ready in time are dead; those that wait for one may wait, if any ever ran."""
        now = time.monotonic()
        late = [member.number for member in self._members.values() if member.due <= now]
        if self._placed():
            self._patience = now + START_LIMIT
        alone = now >= self._patience
        if not late and not alone:
            return []
        view = self._census.settle(ANSWER)
        free = f"{view.free:g} of Ray's {view.cpus} CPUs are free"
        cause = f"not ready within {START_LIMIT:g} s; {free}"
        if (late and not self._any_ready) or (alone and not self._ever_ready):
            raise ExecutionError(f"none of {self._wanted()} workers started", cause, "Free some, or ask for fewer.")
        if alone:
            log.warning("no worker has a CPU: %s; the study waits for one", free)
            self._patience = now + START_LIMIT
        self._failures += bool(late)
        return [(WorkerDied(number, cause, suspect=False), None) for number in late if self._dismiss(number)]

    def _refused(self, error: Any) -> ExecutionError:
        """One clear error for a study that no worker can run; Ray prints those of other workers unless they are read."""
        calls = [call for call, (_, what) in self._calls.items() if what != PLACED]
        done, _ = ray.wait(calls, num_returns=len(calls), timeout=2.0) if calls else ([], [])
        self._read(done)
        return ExecutionError(
            "a worker cannot run this study",
            cause_of(error),
            "What the strategy uses must be importable in the workers; executor='inline' runs it in this process.",
        )

    @staticmethod
    def _read(calls: list[Any]) -> list[Any]:
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
