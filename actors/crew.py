"""The workers of a pool and what is in flight with them. Everything here runs on the Ray thread."""

import dataclasses
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray

from actors.bundle_store import SharedPanels
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
SLOWEST_RETRY = 10.0  # seconds between two attempts to start a worker
SETUP, READY = -1, -2  # what a call is that is not a chunk


@dataclass(slots=True)
class Member:
    """A worker: its actor, and when it must be ready (infinity once it is)."""

    number: int
    actor: Any
    due: float


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
        self._any_ready = False
        self._actor = ray.remote(BacktestWorker)

    def open(self, panel: Panel, name: str | None = None) -> None:
        """Place a panel and open it in every worker."""
        placed = self.panels.place(panel, name)
        for member in self._members.values():
            self._call(member, SETUP, member.actor.open, placed.scalars, placed.fields, placed.name)

    def prepare(self, job: Job) -> None:
        """Give every worker the job, and start those that are missing; what earlier jobs left in flight is forgotten."""
        self._calls = {call: (number, what) for call, (number, what) in self._calls.items() if what == SETUP}
        self._job, self._any_ready, self._failures = ray.put(job), False, 0
        self._births = []
        for member in self._members.values():
            self._take_job(member)
        for _ in range(self.session.workers - len(self._members)):
            self._hire()

    def submit(self, number: int, chunk: Chunk) -> None:
        """Send a chunk to a worker; one that has gone meanwhile is reported as dead anyway."""
        if (member := self._members.get(number)) is not None:
            self._call(member, chunk.number, member.actor.run, chunk)

    def turn(self, timeout: float) -> list[Report]:
        """Start workers that are due, wait for an answer, and report what came."""
        now = time.monotonic()
        due = [when for when in self._births if when <= now]
        self._births = [when for when in self._births if when > now]
        for _ in due:
            self._hire()
        reports = self._collect(max(0.0, min([timeout, *(when - now for when in self._births)])))
        return reports + self._overdue()

    def replace(self, number: int) -> None:
        """End a worker and start another, later and later while none gets ready."""
        self._dismiss(number)
        wait = min(0.25 * 2**self._failures, SLOWEST_RETRY) if self._failures else 0.0
        self._births.append(time.monotonic() + wait)
        self.restarts += 1

    def abandon(self) -> None:
        """End the workers that still run a chunk; the next job starts others."""
        for number in {number for number, what in self._calls.values() if what >= 0}:
            self._dismiss(number)

    def close(self) -> None:
        """End all workers and let the panels go."""
        for number in list(self._members):
            self._dismiss(number)
        self._job, self._births = None, []
        self.panels = SharedPanels(ray.put, self.config.pool_size, store_bytes)

    def statistics(self) -> dict[str, Any]:
        """Figures of the pool and of each worker that answers within 5 seconds."""
        asked = [member.actor.statistics.remote() for member in self._members.values()]
        answered, _ = ray.wait(asked, num_returns=len(asked), timeout=5.0) if asked else ([], [])
        workers = [value for value in self._read(answered) if isinstance(value, dict)]
        own = {
            "trials": self.trials,
            "chunks": self.chunks,
            "restarts": self.restarts,
            "panel_bytes": self.panels.nbytes,
        }
        return {**own, "workers": workers}

    def _hire(self) -> None:
        self._next += 1
        options = {"num_cpus": 1, "max_restarts": 0, "max_task_retries": 0, **self.session.options}
        limit = START_LIMIT + self.panels.nbytes / SLOWEST_FETCH
        member = Member(self._next, self._actor.options(**options).remote(self.runner), time.monotonic() + limit)
        self._members[member.number] = member
        name = f"worker-{member.number}"
        self._call(member, SETUP, member.actor.setup, name, self.config, self.session.workers, tuple(sys.path))
        for placed in self.panels:
            self._call(member, SETUP, member.actor.open, placed.scalars, placed.fields, placed.name)
        self._take_job(member)

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
                if what < 0 or breaks_study(value):
                    raise self._refused(value)
                answers.append((ChunkFailed(number, what, cause_of(value)), None))
            elif isinstance(value, BaseException):
                dead.setdefault(number, value)
            elif what >= 0:
                answers.append(self._answer(number, what, value))
            elif what == READY:
                self._members[number].due = float("inf")
                self._any_ready, self._failures = True, 0
                answers.append((WorkerReady(number), None))
        return answers + [report for number, error in dead.items() for report in self._gone(number, error)]

    def _answer(self, number: int, chunk: int, block: Block) -> Report:
        block = _copied(block)
        self.chunks += 1
        self.trials += len(block)
        return ChunkDone(number, chunk, float(block.duration.sum()), _nbytes(block), block.retire), block

    def _gone(self, number: int, error: BaseException) -> list[Report]:
        if number in self._members and self._members[number].due < float("inf"):
            self._failures += 1
        known = self._dismiss(number)
        return [(WorkerDied(number, cause_of(error), is_suspect(error)), None)] if known else []

    def _overdue(self) -> list[Report]:
        """Workers that are not ready in time are given up; if none ever was, so is the study."""
        now = time.monotonic()
        late = [member.number for member in self._members.values() if member.due < now]
        if not late:
            return []
        free, total = ray.available_resources().get("CPU", 0), ray.cluster_resources().get("CPU", 0)
        cause = f"not ready within {START_LIMIT:g} s; {free:g} of Ray's {total:g} CPUs are free"
        if not self._any_ready:
            raise ExecutionError(
                f"none of {self.session.workers} workers started", cause, "Free some, or ask for fewer."
            )
        self._failures += 1
        return [(WorkerDied(number, cause, suspect=False), None) for number in late if self._dismiss(number)]

    def _refused(self, error: Any) -> ExecutionError:
        """One clear error for a study that no worker can run; Ray prints those of other workers unless they are read."""
        calls = list(self._calls)
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


def _copied(block: Block) -> Block:
    """The block on arrays of its own: those that came through the object store would keep its memory."""
    return dataclasses.replace(
        block,
        numbers=np.array(block.numbers),
        state=np.array(block.state),
        metrics=np.array(block.metrics),
        moments=np.array(block.moments),
        duration=np.array(block.duration),
    )


def _nbytes(block: Block) -> int:
    arrays = (block.numbers, block.state, block.metrics, block.moments, block.duration)
    texts = sum(len(error.message) + len(error.traceback) for error in block.errors.values())
    return sum(array.nbytes for array in arrays) + texts
