"""Who works in a crew: hired as CPUs allow, taken over, let go. Everything here runs on the Ray thread."""

from typing import Any

import ray

from actors.build import build_of
from actors.calls import PLACED, SETUP, Calls
from actors.census import Census
from actors.kept import Kept
from actors.patience import Patience
from actors.roster import Member, Roster
from actors.runtime import Session
from actors.worker import BacktestWorker
from rustybt_ray.config import OptimizationConfig


class Staff:
    """The workers of one session, calls in flight with them, and the clocks and the view of the cluster that decide.

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
        self.roster, self.calls, self.patience = Roster(self._start, self._share), Calls(), Patience()
        self.census = Census()
        self._actor = ray.remote(BacktestWorker)
        self.kept = Kept(name) if name is not None else None
        if self.kept is not None:
            self._take_over(self.kept)

    @property
    def size(self) -> int:
        """Workers that the CPUs of today allow."""
        wanted, cpus = self.session.workers, self.census.view.cpus
        return max(1, cpus if wanted is None else min(wanted, cpus))

    @property
    def wanted(self) -> int:
        """Workers to have, those that wait for a CPU included: a cluster that scales by itself adds nodes for them."""
        return self.census.view.cpus if self.session.workers is None else self.session.workers

    def fit(self) -> None:
        """As many workers as are wanted now: hire those that are missing, let go of those that wait for too few CPUs."""
        wanted = self.wanted
        for _ in range(wanted - len(self.roster) - len(self.patience.births)):
            member = self.roster.hire()
            self.call(member, PLACED, member.actor.node)
        surplus = len(self.roster) - wanted
        if surplus > 0:
            for member in self.roster.waiting[-surplus:]:
                self.dismiss(member.number)

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
        self.call(member, SETUP, member.actor.share, workers)

    def call(self, member: Member, what: int, method: Any, *args: Any) -> None:
        """Call a method of a member's actor; `what` is the number of a chunk, or the kind of call."""
        self.calls.make(member.number, what, method, *args)

    def dismiss(self, number: int) -> Member | None:
        """End a worker and forget its calls; None if it was not there."""
        self.calls.forget(number)
        return self.roster.dismiss(number)

    def leave(self) -> None:
        """Let the workers of a named pool go on without this driver; those that wait for a CPU are ended."""
        if self.kept is not None:
            for member in self.roster.waiting:
                self.dismiss(member.number)
            kept, self.kept = self.kept, None
            kept.leave([member.actor for member in self.roster])
            self.roster.clear()
        self.end()

    def end(self) -> None:
        """End all workers."""
        for member in self.roster:
            ray.kill(member.actor)
        if self.kept is not None:
            self.kept.end()
            self.kept = None
        self.roster.clear()
        self.calls.clear()
        self.patience.births = []
        self.census.rest(1.0)
