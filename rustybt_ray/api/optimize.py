"""`optimize`: many parameter sets of a strategy over a bundle, ranked."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rustybt_ray._typing import DateLike, StrategyFunction
from rustybt_ray.api.executors import Place, Sink, run_trials
from rustybt_ray.api.prepare import prepare
from rustybt_ray.api.review import check_causality, replay
from rustybt_ray.api.rungs import run_rungs
from rustybt_ray.config import OptimizationConfig
from rustybt_ray.data.panel import Panel
from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.settings import Settings
from rustybt_ray.execution.ports import TrialSource
from rustybt_ray.progress import make_listener
from rustybt_ray.strategies.strategy import TARGET, TRADED
from rustybt_ray.studies.study import Study
from rustybt_ray.studies.trials import FrozenTrial

if TYPE_CHECKING:
    from actors.pool import PersistentWorkerPool
    from rustybt_ray.data.bundle import Bundle
    from rustybt_ray.search.conditional import SpaceTrial
    from rustybt_ray.search.space import ParameterSpace
    from rustybt_ray.studies.run_directory import RunDirectory
    from rustybt_ray.studies.spec import StudySpec

log = logging.getLogger("rustybt_ray.study")
Direction = Literal["maximize", "minimize"]


def optimize(
    strategy: StrategyFunction | str,
    *,
    bundle: "str | Bundle | Panel",
    space: "ParameterSpace | Mapping[str, Any] | Callable[[SpaceTrial], Any] | None" = None,
    points: Any = None,
    objective: str | Sequence[str] | None = None,
    direction: "Direction | Sequence[Direction]" = "maximize",
    start: DateLike | None = None,
    end: DateLike | None = None,
    capital: float = 1_000_000.0,
    costs: Costs | Mapping[str, Any] | None = None,
    fill: Literal["next_close", "next_open"] = "next_close",
    settings: Settings | Mapping[str, Any] | None = None,
    search: "Literal['grid', 'random', 'sobol', 'lhs', 'tpe', 'cmaes', 'nsga2', 'gp', 'halving'] | Any" = "grid",
    lag: int | None = None,
    n_trials: int | None = None,
    constraint: "str | Callable[[dict[str, Any]], bool] | Sequence[Any] | None" = None,
    require: str | Iterable[str] | None = None,
    callbacks: Iterable[Callable[[Study, FrozenTrial], None]] = (),
    timeout: float | None = None,
    trial_timeout: float | None = None,
    memory_limit: int | str | None = None,
    executor: Literal["auto", "inline", "ray"] = "auto",
    n_jobs: int | None = None,
    pool: "PersistentWorkerPool | str | None" = None,
    address: str | None = None,
    config: OptimizationConfig | None = None,
    seed: int = 0,
    version: str | None = None,
    isolate: bool = False,
    run_dir: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
    root: str | Path | None = None,
) -> Study:
    """Run a strategy with many parameter sets and rank them.

    Parameters
    ----------
    strategy : callable, Algorithm or str
        A target function ``f(data, **params)`` that returns target weights, an objective function ``f(trial)`` that returns
        a number or a dict of numbers, a zipline algorithm, or where to find one: "file.py:function", "package.module:function".
    bundle : str, Bundle or Panel
        A name ("mag-7"), a name and version ("mag-7@1a2b3c"), or the data itself.
    space : ParameterSpace or mapping of str to Int, Float or Choice, or callable
        What is searched; a list or range is a Choice. A function ``space(trial)`` suggests values by ``trial.suggest_int``,
        ``suggest_float`` and ``suggest_categorical`` and returns a dict of parameters, which need not be the same in each
        trial; it is called in this process.
    points : list of dict, or a frame, instead of `space`
        The parameter sets themselves.
    objective : str or list of str, default "sharpe_ratio"
        A metric; for objective functions a name in the dict they return, by default "value". A list asks for the trials that
        no other beats in all of them: ``study.pareto``.
    direction : {"maximize", "minimize"}, or a list with one for each objective
    start, end : date or str, optional
        First and last session, both included; by default the bundle's own.
    capital : float, default 1_000_000.0
    costs : Costs or mapping, default Costs()
        Free of charge by default, and the result says so; of an algorithm zipline's default, and its own calls win.
    fill : {"next_close", "next_open"}
        The price that orders fill at on the session after the decision.
    settings : Settings or mapping, default Settings()
        The rules of the ledger; of an algorithm ``Settings.zipline()``. A mapping changes the ones that it names.
    search : {"grid", "random", "sobol", "lhs", "tpe", "cmaes", "nsga2", "gp", "halving"}, Halving, optuna sampler or LaggedSearch
        "tpe" to "gp", and samplers of your own, choose trials by the results of earlier ones; they need Optuna. "halving"
        prunes trials that a first part of the history speaks against: see `rustybt_ray.Halving`. A `search.lagged.LaggedSearch`
        of your own has its space and number of trials itself.
    lag : int, default 32
        Trials that may be under way while such a search chooses the next: trial i is chosen from the results of trials
        0 to i - lag, however many workers there are, so that the study is the same with any number of them.
    n_trials : int, optional
        Trials at most; every search but the grid needs it.
    constraint : str, callable or a list of these, optional
        What parameters must meet: ``"fast<slow"``, or ``lambda p: p["fast"] < p["slow"]``.
    require : str or list of str, optional
        What the best must meet: ``"max_drawdown > -0.25"``.
    callbacks : callables, optional
        Called with the study and each finished trial; ``study.stop()`` ends the study.
    timeout : float, optional
        Seconds after which the study ends with what is done.
    trial_timeout : float, optional
        Seconds that a trial may take; one that takes longer is ended with its worker and recorded as failed. All trials
        run in workers then.
    memory_limit : int or str, optional
        Bytes that a trial may allocate beyond what its worker holds when it starts: 500_000_000, "500MB"; one that needs more
        is recorded as failed. A worker in which trials leave more than that behind is replaced. All trials run in workers
        then, on Linux.
    executor : {"auto", "inline", "ray"}
        "auto" starts in this process and goes on with Ray workers if the work that is left pays for them. Here a target
        function is called on this thread, and other cores, `n_jobs` in all, trade its weights meanwhile once that pays;
        with "inline" nothing leaves this thread.
    n_jobs : int, optional
        Ray workers, or threads before there are workers; by default one a core. On a cluster it may be more than there are
        cores today: workers join with the nodes, and by default they follow the nodes that come and go.
    pool : PersistentWorkerPool or str, optional
        Workers that outlive the study; wins over `address` and `n_jobs`. A name stands for the pool of that name on the
        cluster at `address`, which outlives this process.
    address : str, optional
        A Ray cluster: "auto", "host:port".
    config : OptimizationConfig, default OptimizationConfig()
        Caches and their limits.
    seed : int, default 0
        Of the search, of `trial.seed` and of the causality check.
    version : str, optional
        Stands for the strategy's code where that cannot be digested.
    isolate : bool, default False
        Run no trial in this process, which a trial that crashes would end.
    run_dir : path, optional
        Where ``study.json``, the journal of finished trials and, at the end, ``table.parquet`` are written.
    resume : bool, default False
        Go on with the study in `run_dir`: what is finished there is not run again.
    progress : bool, optional
        By default shown on a terminal.
    root : path, optional
        Where bundles are; by default the user's data folder, or ``RUSTYBT_RAY_HOME``.

    Returns
    -------
    Study
        Bitwise the same trials whatever the executor and the number of workers.

    Raises
    ------
    InputError, StrategyError, BundleError
        If an argument, the strategy or the bundle is at fault; trials that fail are recorded instead.
    ExecutionError
        If workers cannot run the trials at all.
    RunError
        If `run_dir` cannot be used: another study, another driver, damage, no room.
    """
    began = time.perf_counter()
    place = Place(executor, n_jobs, pool, address, timeout, trial_timeout, isolate, memory_limit)
    asked = prepare(
        strategy,
        bundle=bundle,
        space=space,
        points=points,
        objective=objective,
        direction=direction,
        start=start,
        end=end,
        capital=capital,
        costs=costs,
        fill=fill,
        settings=settings,
        search=search,
        lag=lag,
        n_trials=n_trials,
        constraint=constraint,
        require=require,
        config=config,
        seed=seed,
        version=version,
        run_dir=run_dir,
        resume=resume,
        root=root,
    )
    loaded, panel, job, spec = asked.loaded, asked.panel, asked.job, asked.spec
    kind = spec.kind
    study = Study(spec, asked.conditions, partial(replay, loaded, panel, job) if kind in TRADED else None)
    listener, calls = make_listener(progress, spec.objective, spec.direction), tuple(callbacks)
    source: TrialSource = asked.source()
    with open_run(run_dir, spec, resume) if run_dir is not None else nullcontext() as run:
        sink = Sink(study, calls, run.journal if run is not None else None)
        if run is not None:
            place = place.apart(run.recorded.suspects) if len(run.recorded.suspects) else place
            source = source if asked.ends else go_on(run, source, study)
        log_begin(study, source.remaining, run_dir)
        if asked.ends:
            recorded = run.recorded if run is not None else None
            run_rungs(study, asked, recorded, place, listener=listener, sink=sink)
        elif source.remaining != 0:
            run_trials(study, source, job, panel, loaded.strategy.function, place, listener=listener, sink=sink)
        if kind == TARGET and study.stopped != "interrupted":
            study.causal = check_causality(study, loaded, panel, job)
        study.elapsed, study.choosing = time.perf_counter() - began, asked.search.seconds
        if run is not None:
            run.finish(study)
    log_end(study)
    return study


def open_run(run_dir: str | Path, spec: "StudySpec", resume: bool) -> "RunDirectory":
    """The run directory of a study, locked."""
    # loaded here because a study without one starts sooner without it
    from rustybt_ray.studies.run_directory import RunDirectory

    return RunDirectory(run_dir, spec, resume=resume)


def go_on(run: "RunDirectory", source: TrialSource, study: Study) -> TrialSource:
    """The search without what the run directory knows."""
    if not run.recorded.blocks:
        return source
    from rustybt_ray.api.resume import ResumedSource

    columns, blocks = zip(*run.recorded.blocks, strict=True)
    return ResumedSource(source, blocks, study.add, columns if study.spec.adaptive else ())


def log_begin(study: Study, left: int | None, run_dir: str | Path | None) -> None:
    """Note that a study begins."""
    spec = study.spec
    fields = {"strategy": spec.strategy["name"], "bundle": spec.bundle, "version": spec.version, "left": left}
    fields |= {"recorded": study.n_trials, "run_dir": None if run_dir is None else str(run_dir)}
    log.info("the study begins: %s on %s", spec.strategy["name"], spec.bundle, extra=fields)


def log_end(study: Study) -> None:
    """Note that a study ends, if anyone listens."""
    if not log.isEnabledFor(logging.INFO):
        return
    fields = {"trials": study.n_trials, "failed": study.n_failed, "stopped": study.stopped, "seconds": study.elapsed}
    text = "the study ends%s: %d trials, %d failed, in %.1f s"
    why = f" early ({study.stopped})" if study.stopped else ""
    log.info(text, why, study.n_trials, study.n_failed, study.elapsed, extra=fields | {"executor": study.executor})
