"""Successive halving: the rungs of a history, and a study that runs them one after the other."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rustybt_ray.data.panel import Panel
from rustybt_ray.exceptions import InputError
from rustybt_ray.execution.messages import COMPLETE, PRUNED, Block, Chunk
from rustybt_ray.search.halving import Halving, HalvingSearch
from rustybt_ray.strategies.strategy import TRADED

if TYPE_CHECKING:
    from rustybt_ray.api.executors import Place, Sink
    from rustybt_ray.api.prepare import Prepared
    from rustybt_ray.execution.ports import Listener, TrialSource
    from rustybt_ray.studies.journal import Recorded
    from rustybt_ray.studies.study import Study

SHORTEST = 20
"""Sessions of the first rung, at least."""


def rungs(halving: Halving, panel: Panel, first: int, last: int, kind: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The sessions and the last row of each rung of the rows from `first` to `last`.

    Raises
    ------
    InputError
        If the study is of an objective function, or the first rung is too short.
    """
    if kind not in TRADED:
        remedy = "An objective function decides itself how much of the history it looks at. Use search='tpe'."
        raise InputError("search", "another for an objective function", "halving", remedy)
    days = int(panel.session[last] - panel.session[first]) + 1
    lengths = halving.sessions(days)
    if lengths[0] < SHORTEST:
        rule = f"such that the first of {halving.rungs} rungs has {SHORTEST} sessions"
        raise InputError("the history", rule, f"{lengths[0]} of {days}", "Use fewer rungs: rb.Halving(rungs=2).")
    ends = np.searchsorted(panel.session, panel.session[first] + np.array(lengths)) - 1
    return lengths, tuple(ends.tolist())


class Part:
    """Tells a listener of trials on a part of the history, of which none is the best."""

    def __init__(self, listener: "Listener") -> None:
        self._listener = listener
        self.started, self.ended = listener.started, listener.ended
        self.worker_ready, self.worker_died = listener.worker_ready, listener.worker_died
        self.worker_replaced = listener.worker_replaced

    def finished_block(self, chunk: Chunk, block: Block) -> None:
        """Some trials ended; complete ones as pruned."""
        state = np.where(block.state == COMPLETE, PRUNED, block.state).astype(np.uint8)
        self._listener.finished_block(chunk, replace(block, state=state))


def run_rungs(
    study: "Study",
    asked: "Prepared",
    recorded: "Recorded | None",
    place: "Place",
    *,
    listener: "Listener",
    sink: "Sink",
) -> None:
    """Run the rungs of a study; each is a job of its own, with another last row."""
    from rustybt_ray.api.executors import open_pool, run_trials

    search, began, pool = asked.search, time.monotonic(), None
    assert isinstance(search, HalvingSearch)
    timeout = place.timeout
    try:
        while True:
            job = replace(asked.job, segments=((asked.job.segments[0][0], asked.ends[search.rung]),))
            source = _source(study, asked, recorded, search.rung)
            if source.remaining != 0:
                if timeout is not None:
                    place = replace(place, timeout=max(timeout - (time.monotonic() - began), 1e-3))
                if pool is None and (study.executor == "ray" or not place.begins_here) and _makes_pools(place):
                    pool = open_pool(place, job, asked.panel, study.spec.bundle)
                    place = replace(place, pool=pool)  # type: ignore[arg-type]
                function, whole = asked.loaded.strategy.function, job.segments == asked.job.segments
                told = listener if whole else Part(listener)
                run_trials(study, source, job, asked.panel, function, place, listener=told, sink=sink)
            if study.stopped or not search.advance():
                return
    finally:
        if pool is not None:
            pool.close()


def _source(study: "Study", asked: "Prepared", recorded: "Recorded | None", rung: int) -> "TrialSource":
    """The trials of a rung, without those that are recorded."""
    from rustybt_ray.api.resume import ResumedSource

    search, source = asked.search, asked.source()
    assert isinstance(search, HalvingSearch)
    blocks = [] if recorded is None else [block for _, block in recorded.blocks]
    parts = [block.take(block.numbers // search.stride == rung) for block in blocks]
    known = [part for part in parts if len(part)]
    return ResumedSource(source, known, study.add) if known else source


def _makes_pools(place: "Place") -> bool:
    """Whether each rung would open a pool of its own."""
    return place.executor != "inline" and (place.pool is None or isinstance(place.pool, str))
