"""`plan`: what `optimize` would do, before it does."""

import inspect
from pathlib import Path
from typing import Any

from actors import runtime
from actors.environment import initialised
from rustybt_ray._record import record_class
from rustybt_ray._typing import StrategyFunction
from rustybt_ray.api.executors import Place
from rustybt_ray.api.handover import RAY_COSTS, workers_pay
from rustybt_ray.api.optimize import optimize
from rustybt_ray.api.prepare import prepare
from rustybt_ray.api.resume import ResumedSource
from rustybt_ray.api.tryout import Tryout
from rustybt_ray.execution.policy import ChunkPolicy
from rustybt_ray.execution.ports import TrialSource
from rustybt_ray.studies.records import HEADER
from rustybt_ray.studies.run_directory import find_recorded
from rustybt_ray.studies.sizes import Sizes
from rustybt_ray.workspace.market_data import adjusted_bytes

PLACE = ("executor", "n_jobs", "pool", "address", "timeout", "trial_timeout", "isolate", "memory_limit")


@record_class(frozen=True)
class Plan:
    """What `optimize` would do with the same arguments. None stands for what cannot be known before.

    Attributes
    ----------
    trials : int or None
        Trials that would run.
    recorded : int
        Trials of `run_dir` that would not run again.
    executor : {"inline", "ray"}
        Where the last trial would run.
    begins_here : bool
        Whether the first trials would run in this process.
    workers : int or None
        Processes that run trials at the end, this one counted where it does.
    tried, failed : int
        Trials that were run to measure them, and how many of them failed.
    error : str or None
        What the first failed one raised.
    trial_seconds : (float, float) or None
        Seconds of a trial whose indicators are in the cache, and of one that computes them all. None if trials must not run
        in this process.
    seconds : (float, float) or None
        Seconds of the whole, by these two; the start of Ray counted, the study's `timeout` not.
    driver : dict of str to int or None
        Bytes of this process: its `panel`, `caches` at most, `blocks` (results as they arrive, and merged: metrics,
        moments, returns that are kept), of these the `moments`, and the `table`.
    worker : dict of str to int, or None
        Bytes of each Ray worker: `panel_share`, its part of what the workers of a machine map from the store, and `caches` at
        most. None if there are none.
    store : int
        Bytes of the panel and its adjusted fields in the object store of each machine with workers, if that has room for
        them; 0 without Ray.
    journal : int or None
        Bytes of the journal in `run_dir`, what is recorded included; 0 without one.
    """

    trials: int | None
    recorded: int
    executor: str
    begins_here: bool
    workers: int | None
    tried: int
    failed: int
    error: str | None
    trial_seconds: tuple[float, float] | None
    seconds: tuple[float, float] | None
    driver: dict[str, int | None]
    worker: dict[str, int] | None
    store: int
    journal: int | None


def plan(strategy: StrategyFunction | str, **options: Any) -> Plan:
    """What `optimize` would do with the same arguments: trials, time, workers, bytes.

    Up to 5 trials are run in this process to measure them, or as many as begin within 2 seconds; they are not recorded. With
    `trial_timeout`, `memory_limit` or `isolate` none is. Nothing is written, and no Ray is started or joined.

    Parameters
    ----------
    strategy : callable or str
    **options
        Those of `optimize`.

    Returns
    -------
    Plan

    Raises
    ------
    InputError, StrategyError, BundleError, RunError
        As `optimize` would.

    Examples
    --------
    >>> import rustybt_ray as rb
    >>> from rustybt_ray.data.sample import sample_panel
    >>> found = rb.plan(lambda trial: trial.params["x"], bundle=sample_panel(), points=[{"x": 1.0}, {"x": 2.0}])
    >>> found.trials, found.executor, found.workers
    (2, 'inline', 1)
    """
    said = inspect.signature(optimize).bind(strategy, **options)
    said.apply_defaults()
    given = said.arguments
    place = Place(**{name: given[name] for name in PLACE})
    asked = prepare(**{name: given[name] for name in inspect.signature(prepare).parameters})
    source: TrialSource = asked.source()
    recorded, written = 0, HEADER.size
    if given["run_dir"] is not None:
        found = find_recorded(Path(given["run_dir"]), asked.spec, resume=given["resume"])
        recorded, written = len(found.numbers), max(found.end, HEADER.size)
        if found.blocks and not asked.ends:
            columns, blocks = zip(*found.blocks, strict=True)
            params = columns if asked.spec.adaptive else ()
            source = ResumedSource(source, blocks, lambda block, columns: None, params)
        if len(found.suspects):
            place = place.apart(found.suspects)
    trials = max((asked.spec.trials or 0) - recorded, 0) if asked.ends else source.remaining
    tryout = Tryout(asked, source, run=not place.isolated)
    where = _where(place, trials, tryout.seconds)
    ray, workers = where["executor"] == "ray", where["workers"]
    batches = _batches(trials, tryout, workers, ray=ray, one_by_one=bool(tuple(given["callbacks"])))
    journal = None if batches is None else written + tryout.sizes.journal_of(trials or 0, batches, in_process=not ray)
    config, panel = asked.job.config, asked.panel.nbytes
    store = panel + adjusted_bytes(asked.panel) if ray else 0
    share = {"panel_share": store // workers, "caches": config.cache_bytes(workers)} if ray and workers else None
    return Plan(
        trials=trials,
        recorded=recorded,
        tried=tryout.tried,
        failed=tryout.failed,
        error=tryout.error,
        trial_seconds=tryout.seconds,
        seconds=_seconds(place, trials, tryout.seconds, workers, ray=ray),
        driver={
            "panel": panel,
            "caches": config.cache_bytes(1) if place.begins_here else 0,
            **_results(tryout.sizes, None if trials is None else trials + recorded),
        },
        worker=share,
        store=store,
        journal=journal if given["run_dir"] is not None else 0,
        **where,
    )


def _where(place: Place, trials: int | None, seconds: tuple[float, float] | None) -> dict[str, Any]:
    """Where trials run, by the rules of `run_trials`."""
    executor, workers = "ray", place.n_jobs
    if place.begins_here:
        pays = place.executor == "auto" and place.workers > 1 and trials and seconds is not None
        if not (pays and workers_pay(trials or 0, seconds[1] if seconds else 0.0, place.workers)):
            executor, workers = "inline", 1
        else:
            workers = place.workers
    elif place.pool is not None and not isinstance(place.pool, str):
        workers = place.pool.size
    elif workers is None and (cpus := runtime.cpus()) is not None:
        workers = max(cpus, 1)
    elif workers is None and place.address is None:
        workers = place.workers
    return {"executor": executor, "begins_here": place.begins_here, "workers": workers}


def _seconds(
    place: Place, trials: int | None, seconds: tuple[float, float] | None, workers: int | None, *, ray: bool
) -> tuple[float, float] | None:
    if trials is None or seconds is None or workers is None:
        return None
    there = place.pool is not None or place.address is not None or initialised()
    start = RAY_COSTS if ray and not there else 0.0
    return start + trials * seconds[0] / workers, start + trials * seconds[1] / workers


def _batches(trials: int | None, tryout: Tryout, workers: int | None, *, ray: bool, one_by_one: bool) -> int | None:
    """Messages in which so many trials come back, if each takes what those took that were tried."""
    if trials is None:
        return None
    policy = ChunkPolicy() if ray else ChunkPolicy.in_process()
    if one_by_one and not ray:
        policy = policy.one_by_one()
    left, count, size, seconds = trials, 0, 0, tryout.seconds
    while left > 0:
        before, size = size, min(policy.size(workers or 1, left), left)
        if size == before and not ray:  # it stays so
            return count + -(-left // size)
        left, count = left - size, count + 1
        if seconds is not None:
            policy.observe(size, size * seconds[0], round(size * tryout.sizes.block))
    return count


def _results(sizes: Sizes, trials: int | None) -> dict[str, int | None]:
    """Bytes that the results of so many trials take in the driver."""
    if trials is None:
        return {"blocks": None, "moments": None, "table": None}
    return {
        "blocks": round(2 * trials * sizes.block),
        "moments": round(2 * trials * sizes.moments),
        "table": round(trials * sizes.table),
    }
