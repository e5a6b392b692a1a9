"""A crew at work: what its workers are told, and what they report. Everything here runs on the Ray thread."""

import logging
import sys
from collections.abc import Iterable
from typing import Any

import ray

from actors.bundle_store import SharedPanels
from actors.calls import PLACED, READY, SETUP, Answer, read
from actors.census import ANSWER, store_bytes
from actors.faults import breaks_study, cause_of, is_suspect, lost_node, no_room, put, store_is_full
from actors.roster import Member
from actors.runtime import Session
from actors.staff import Staff
from rustybt_ray.config import OptimizationConfig
from rustybt_ray.data.panel import Panel
from rustybt_ray.exceptions import ExecutionError
from rustybt_ray.execution.events import ChunkDone, ChunkFailed, WorkerDied, WorkerReady
from rustybt_ray.execution.messages import Block, Chunk, Job
from rustybt_ray.execution.ports import Report

log = logging.getLogger("rustybt_ray.workers")


class Crew:
    """Workers of one session.

    Parameters
    ----------
    session : Session
    config : OptimizationConfig
    runner : callable, optional
        Passed to each worker.
    name : str, optional
        Of a pool whose workers outlive this process: those that are there are taken over.

    Raises
    ------
    ExecutionError
        If another driver uses the pool of that name.
    """

    def __init__(
        self, session: Session, config: OptimizationConfig, runner: Any = None, name: str | None = None
    ) -> None:
        self.config = config
        self.panels = SharedPanels(put, config.pool_size, store_bytes)
        self.restarts = self.trials = self.chunks = 0
        self._job: Any = None
        self._any_ready = self._ever_ready = False
        self.staff = Staff(session, config, runner, name)

    @property
    def size(self) -> int:
        """Workers that the CPUs of today allow."""
        return self.staff.size

    def open(self, panel: Panel, name: str | None = None) -> None:
        """Place a panel and open it in every worker."""
        placed = self.panels.place(panel, name)
        for member in self.staff.roster.placed:
            self.staff.call(member, SETUP, member.actor.open, placed.scalars, placed.fields, placed.name)

    def prepare(self, job: Job) -> None:
        """Give every worker the job, and start those that are missing; what earlier jobs left in flight is forgotten."""
        self.staff.calls.forget_work()
        self._job, self._any_ready = put(job), False
        self.staff.patience.begin()
        if self.staff.session.elastic:
            self.staff.census.settle(ANSWER)
        for member in self.staff.roster.placed:
            self._take_job(member)
        self.staff.fit()

    def submit(self, number: int, chunk: Chunk) -> None:
        """Send a chunk to a worker; one that has gone meanwhile is reported as dead anyway."""
        if (member := self.staff.roster.get(number)) is not None:
            self.staff.call(member, chunk.number, member.actor.run, chunk)

    def turn(self, timeout: float) -> list[Report]:
        """Start workers that are due or have room now, wait for an answer, and report what came."""
        if self.staff.session.elastic:
            self.staff.census.look()
        wait = self.staff.patience.due_births(timeout)
        self.staff.fit()
        return self._reports(self.staff.calls.collect(wait)) + self._overdue()

    def replace(self, number: int) -> None:
        """End a worker and start another, unless the cluster has no place for it any more."""
        self.staff.dismiss(number)
        self.staff.patience.postpone()
        self.restarts += 1

    def abandon(self) -> None:
        """End the workers that still run a chunk; the next job starts others."""
        for number in self.staff.calls.at_work:
            self.staff.dismiss(number)

    def leave(self) -> None:
        """As `close`, but the workers of a named pool wait for their next driver, unless they run a chunk."""
        self.abandon()
        self.staff.leave()
        self._reset()

    def close(self) -> None:
        """End all workers and let the panels go."""
        self.staff.end()
        self._reset()

    def _reset(self) -> None:
        self._job = None
        self.panels = SharedPanels(put, self.config.pool_size, store_bytes)

    def ask_figures(self) -> dict[Any, Member]:
        """Calls that ask each worker for its figures; one that runs a chunk answers after it."""
        return {member.actor.statistics.remote(): member for member in self.staff.roster.placed}

    @staticmethod
    def answered(asked: Iterable[Any], timeout: float) -> list[Any]:
        """Those calls that are answered, all of them or as many as within `timeout` seconds."""
        calls = list(asked)
        return list(ray.wait(calls, num_returns=len(calls), timeout=timeout)[0]) if calls else []

    def statistics(self, asked: dict[Any, Member]) -> dict[str, Any]:
        """Figures of the pool and of each worker that has answered."""
        answered = self.answered(asked, 0)
        workers = [
            {"name": f"worker-{asked[call].number}", "node": asked[call].node, **value}
            for call, value in zip(answered, read(answered), strict=True)
            if isinstance(value, dict)
        ]
        own: dict[str, Any] = {
            "trials": self.trials,
            "chunks": self.chunks,
            "restarts": self.restarts,
            "panel_bytes": self.panels.nbytes,
        }
        if self.staff.kept is not None:
            own |= {"name": self.staff.kept.pool, "kept": self.staff.kept.taken, "refused": self.staff.kept.refused}
        return {**own, "workers": workers}

    # who works

    def admit(self, limit: float) -> bool:
        """Furnish workers who get their CPU within `limit` seconds; whether others may yet."""
        if len(self.staff.roster.placed) >= min(self.size, len(self.staff.roster)):
            return False
        answers = self.staff.calls.collect_placed(limit)
        for answer in answers or ():
            self._furnish(answer)
        return answers is not None

    def _furnish(self, answer: Answer) -> None:
        """Set up a worker that has got its CPU."""
        member = self.staff.roster.get(answer.worker)
        if member is None:
            return
        workers, name = self.staff.roster.settle(member, answer.value), f"worker-{member.number}"
        self.staff.patience.furnish(member, self.panels.nbytes)
        outlive = self.staff.kept is not None
        self.staff.call(member, SETUP, member.actor.setup, name, self.config, workers, tuple(sys.path), outlive)
        for placed in self.panels:
            self.staff.call(member, SETUP, member.actor.open, placed.scalars, placed.fields, placed.name)
        if self._job is not None:
            self._take_job(member)

    def _take_job(self, member: Member) -> None:
        self.staff.patience.instruct(member)
        self.staff.call(member, READY, member.actor.prepare, self._job)

    # what they report

    def _reports(self, came: list[Answer]) -> list[Report]:
        """Answers first, then deaths, so that a worker's last answer counts."""
        reports: list[Report] = []
        dead: dict[int, BaseException] = {}
        for answer in came:
            if store_is_full(answer.value) and (answer.what >= 0 or not self._any_ready):
                self.staff.calls.hush()
                raise no_room(answer.value)
            if isinstance(answer.value, ray.exceptions.RayTaskError):
                self._raised(answer, reports, dead)
            elif isinstance(answer.value, BaseException):
                dead.setdefault(answer.worker, answer.value)
            elif answer.what >= 0:
                reports.append(self._block(answer))
            elif answer.what == READY:
                reports += self._ready(answer.worker)
            elif answer.what == PLACED:
                self._furnish(answer)
        return reports + [report for number, error in dead.items() for report in self._gone(number, error)]

    def _raised(self, answer: Answer, reports: list[Report], dead: dict[int, BaseException]) -> None:
        """A call raised: the chunk's fault, a worker that cannot run what others can, or a study that nobody can run."""
        error = answer.value
        if answer.what < 0 and self._any_ready:
            log.warning("worker-%d cannot run this study, others can: %s", answer.worker, cause_of(error))
            dead.setdefault(answer.worker, error)
        elif answer.what < 0 or breaks_study(error):
            self.staff.calls.hush()
            remedy = (
                "What the strategy uses must be importable in the workers; executor='inline' runs it in this process."
            )
            raise ExecutionError("a worker cannot run this study", cause_of(error), remedy)
        else:
            reports.append((ChunkFailed(answer.worker, answer.what, cause_of(error)), None))

    def _block(self, answer: Answer) -> Report:
        received: Block = answer.value
        block = received.copied()
        self.chunks += 1
        self.trials += len(block)
        done = ChunkDone(answer.worker, answer.what, float(block.duration.sum()), block.nbytes, block.retire)
        return done, block

    def _ready(self, number: int) -> list[Report]:
        if (member := self.staff.roster.get(number)) is None:
            return []
        self.staff.patience.ready(member)
        if member.node is not None:
            self.staff.census.trust(member.node)
        self._any_ready = self._ever_ready = True
        return [(WorkerReady(number), None)]

    def _gone(self, number: int, error: BaseException) -> list[Report]:
        """A worker whose node went before it ran there is replaced without a word: nobody counted on it."""
        member = self.staff.dismiss(number)
        if member is None:
            return []
        if self.staff.session.elastic and member.node is not None and lost_node(error):
            self.staff.census.doubt(member.node)
        if member.node is None or member.due < float("inf"):
            self.staff.patience.failures += 1
        if member.node is None and self._ever_ready and not is_suspect(error):
            log.debug("worker-%d found no place: %s", number, cause_of(error))
            self.staff.patience.postpone()
            return []
        return [(WorkerDied(number, cause_of(error), is_suspect(error)), None)]

    def _overdue(self) -> list[Report]:
        """Workers with a CPU that are not ready in time are dead; those that wait for one may wait, if any ever ran."""
        late = self.staff.patience.late(self.staff.roster)
        alone = self.staff.patience.is_out(bool(self.staff.roster.placed))
        if not late and not alone:
            return []
        view = self.staff.census.settle(ANSWER)
        free = f"{view.free:g} of Ray's {view.cpus} CPUs are free"
        cause = f"not ready within {self.staff.patience.limit:g} s; {free}"
        if (late and not self._any_ready) or (alone and not self._ever_ready):
            raise ExecutionError(f"none of {self.staff.wanted} workers started", cause, "Free some, or ask for fewer.")
        if alone:
            log.warning("no worker has a CPU: %s; the study waits for one", free)
            self.staff.patience.renew()
        self.staff.patience.failures += bool(late)
        return [(WorkerDied(number, cause, suspect=False), None) for number in late if self.staff.dismiss(number)]
