"""The workers of a pool at work: who is hired, what they are told, what they report. Runs on the Ray thread."""

import logging
import sys
import time
from typing import Any

import ray

from actors.build import build_of
from actors.bundle_store import SharedPanels
from actors.calls import PLACED, READY, SETUP, Answer, Calls, read
from actors.census import ANSWER, Census, store_bytes
from actors.faults import breaks_study, cause_of, is_suspect, lost_node
from actors.kept import Kept
from actors.patience import Patience
from actors.roster import Member, Roster
from actors.runtime import Session
from actors.worker import BacktestWorker
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
        self.session, self.config, self.runner = session, config, runner
        self.panels = SharedPanels(ray.put, config.pool_size, store_bytes)
        self.roster, self.calls, self.patience = Roster(self._start, self._share), Calls(), Patience()
        self.census = Census()
        self.restarts = self.trials = self.chunks = 0
        self._job: Any = None
        self._any_ready = self._ever_ready = False
        self._actor = ray.remote(BacktestWorker)
        self.kept = Kept(name) if name is not None else None
        if self.kept is not None:
            self._take_over(self.kept)

    @property
    def size(self) -> int:
        """Workers that the CPUs of today allow."""
        wanted, cpus = self.session.workers, self.census.view.cpus
        return max(1, cpus if wanted is None else min(wanted, cpus))

    def open(self, panel: Panel, name: str | None = None) -> None:
        """Place a panel and open it in every worker."""
        placed = self.panels.place(panel, name)
        for member in self.roster.placed:
            self._call(member, SETUP, member.actor.open, placed.scalars, placed.fields, placed.name)

    def prepare(self, job: Job) -> None:
        """Give every worker the job, and start those that are missing; what earlier jobs left in flight is forgotten."""
        self.calls.forget_work()
        self._job, self._any_ready = ray.put(job), False
        self.patience.begin()
        if self.session.elastic:
            self.census.settle(ANSWER)
        for member in self.roster.placed:
            self._take_job(member)
        self._fit()

    def submit(self, number: int, chunk: Chunk) -> None:
        """Send a chunk to a worker; one that has gone meanwhile is reported as dead anyway."""
        if (member := self.roster.get(number)) is not None:
            self._call(member, chunk.number, member.actor.run, chunk)

    def turn(self, timeout: float) -> list[Report]:
        """Start workers that are due or have room now, wait for an answer, and report what came."""
        if self.session.elastic:
            self.census.look()
        wait = self.patience.due_births(timeout)
        self._fit()
        return self._reports(self.calls.collect(wait)) + self._overdue()

    def replace(self, number: int) -> None:
        """End a worker and start another, unless the cluster has no place for it any more."""
        self._dismiss(number)
        self.patience.postpone()
        self.restarts += 1

    def abandon(self) -> None:
        """End the workers that still run a chunk; the next job starts others."""
        for number in self.calls.at_work:
            self._dismiss(number)

    def leave(self) -> None:
        """Let the workers of a named pool go on without this driver; those that run a chunk or have no CPU yet are ended."""
        if self.kept is not None:
            self.abandon()
            for member in self.roster.waiting:
                self._dismiss(member.number)
            kept, self.kept = self.kept, None
            kept.leave([member.actor for member in self.roster])
            self.roster.clear()
        self.close()

    def close(self) -> None:
        """End all workers and let the panels go."""
        for member in self.roster:
            ray.kill(member.actor)
        if self.kept is not None:
            self.kept.end()
            self.kept = None
        self.roster.clear()
        self.calls.clear()
        self.patience.births, self._job = [], None
        self.census.rest(1.0)
        self.panels = SharedPanels(ray.put, self.config.pool_size, store_bytes)

    def statistics(self) -> dict[str, Any]:
        """Figures of the pool and of each worker that answers within 5 seconds."""
        self._admit(5.0)
        asked = {member.actor.statistics.remote(): member for member in self.roster.placed}
        answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=5.0) if asked else ([], [])
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
        if self.kept is not None:
            own |= {"name": self.kept.pool, "kept": self.kept.taken, "refused": self.kept.refused}
        return {**own, "workers": workers}

    # who works

    def _wanted(self) -> int:
        """Workers to have, those that wait for a CPU included: a cluster that scales by itself adds nodes for them."""
        return self.census.view.cpus if self.session.workers is None else self.session.workers

    def _fit(self) -> None:
        """As many workers as are wanted now: hire those that are missing, let go of those that wait for too few CPUs."""
        wanted = self._wanted()
        for _ in range(wanted - len(self.roster) - len(self.patience.births)):
            member = self.roster.hire()
            self._call(member, PLACED, member.actor.node)
        surplus = len(self.roster) - wanted
        if surplus > 0:
            for member in self.roster.waiting[-surplus:]:
                self._dismiss(member.number)

    def _start(self, number: int) -> Any:
        options = {"num_cpus": 1, "max_restarts": 0, "max_task_retries": 0, **self.session.options}
        options |= self.kept.options(number) if self.kept is not None else {}
        return self._actor.options(**options).remote(self.runner)

    def _take_over(self, kept: Kept) -> None:
        """Go on with workers that an earlier driver left."""
        try:
            taken = kept.take(build_of(self.config, self.runner), self.session.workers)
        except BaseException:
            kept.release()
            raise
        for found in taken:
            member = self.roster.add(found.number, found.actor)
            self._share(member, self.roster.settle(member, found.node))
        self.roster.skip(kept.last)

    def _share(self, member: Member, workers: int) -> None:
        self._call(member, SETUP, member.actor.share, workers)

    def _admit(self, limit: float) -> None:
        """Furnish workers that start while no study runs, for `limit` seconds at most."""
        until = time.monotonic() + limit
        while len(self.roster.placed) < min(self.size, len(self.roster)) and (left := until - time.monotonic()) > 0:
            answers = self.calls.collect_placed(left)
            if answers is None:
                return
            for answer in answers:
                self._furnish(answer)

    def _furnish(self, answer: Answer) -> None:
        """Set up a worker that has got its CPU."""
        member = self.roster.get(answer.worker)
        if member is None:
            return
        workers, name = self.roster.settle(member, answer.value), f"worker-{member.number}"
        self.patience.furnish(member, self.panels.nbytes)
        outlive = self.kept is not None
        self._call(member, SETUP, member.actor.setup, name, self.config, workers, tuple(sys.path), outlive)
        for placed in self.panels:
            self._call(member, SETUP, member.actor.open, placed.scalars, placed.fields, placed.name)
        if self._job is not None:
            self._take_job(member)

    def _take_job(self, member: Member) -> None:
        self.patience.instruct(member)
        self._call(member, READY, member.actor.prepare, self._job)

    def _call(self, member: Member, what: int, method: Any, *args: Any) -> None:
        self.calls.make(member.number, what, method, *args)

    def _dismiss(self, number: int) -> Member | None:
        """End a worker and forget its calls; None if it was not there."""
        self.calls.forget(number)
        return self.roster.dismiss(number)

    # what they report

    def _reports(self, came: list[Answer]) -> list[Report]:
        """Answers first, then deaths, so that a worker's last answer counts."""
        reports: list[Report] = []
        dead: dict[int, BaseException] = {}
        for answer in came:
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
            self.calls.hush()
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
        if (member := self.roster.get(number)) is None:
            return []
        self.patience.ready(member)
        if member.node is not None:
            self.census.trust(member.node)
        self._any_ready = self._ever_ready = True
        return [(WorkerReady(number), None)]

    def _gone(self, number: int, error: BaseException) -> list[Report]:
        """A worker whose node went before it ran there is replaced without a word: nobody counted on it."""
        member = self._dismiss(number)
        if member is None:
            return []
        if self.session.elastic and member.node is not None and lost_node(error):
            self.census.doubt(member.node)
        if member.node is None or member.due < float("inf"):
            self.patience.failures += 1
        if member.node is None and self._ever_ready and not is_suspect(error):
            log.debug("worker-%d found no place: %s", number, cause_of(error))
            self.patience.postpone()
            return []
        return [(WorkerDied(number, cause_of(error), is_suspect(error)), None)]

    def _overdue(self) -> list[Report]:
        """Workers with a CPU that are not ready in time are dead; those that wait for one may wait, if any ever ran."""
        late = self.patience.late(self.roster)
        alone = self.patience.is_out(bool(self.roster.placed))
        if not late and not alone:
            return []
        view = self.census.settle(ANSWER)
        free = f"{view.free:g} of Ray's {view.cpus} CPUs are free"
        cause = f"not ready within {self.patience.limit:g} s; {free}"
        if (late and not self._any_ready) or (alone and not self._ever_ready):
            raise ExecutionError(f"none of {self._wanted()} workers started", cause, "Free some, or ask for fewer.")
        if alone:
            log.warning("no worker has a CPU: %s; the study waits for one", free)
            self.patience.renew()
        self.patience.failures += bool(late)
        return [(WorkerDied(number, cause, suspect=False), None) for number in late if self._dismiss(number)]
