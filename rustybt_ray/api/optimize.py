"""`optimize`: many parameter sets of a strategy over a bundle, ranked."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rustybt_ray._expressions import Expression, parse
from rustybt_ray._typing import DateLike, StrategyFunction
from rustybt_ray._validation import check_bytes, check_choice
from rustybt_ray.api.executors import Place, Sink, run_trials
from rustybt_ray.api.panels import day, open_panel
from rustybt_ray.api.resume import ResumedSource
from rustybt_ray.api.review import check_causality, replay
from rustybt_ray.api.searches import Source, make_search, search_record
from rustybt_ray.api.strategies import resolve
from rustybt_ray.config import OptimizationConfig
from rustybt_ray.data.panel import Panel
from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.market import make_rules
from rustybt_ray.engine.metrics import METRICS, ORDERED, check_metric
from rustybt_ray.engine.settings import FILLS, Settings
from rustybt_ray.exceptions import InputError
from rustybt_ray.execution.messages import Job
from rustybt_ray.execution.ports import TrialSource
from rustybt_ray.progress import make_listener
from rustybt_ray.strategies.strategy import TARGET, check_parameters
from rustybt_ray.studies.run_directory import RunDirectory
from rustybt_ray.studies.spec import StudySpec, cpu, packages
from rustybt_ray.studies.study import Study
from rustybt_ray.studies.trials import FrozenTrial, check_names

if TYPE_CHECKING:
    from actors.pool import PersistentWorkerPool
    from rustybt_ray.data.bundle import Bundle
    from rustybt_ray.search.space import ParameterSpace

Direction = Literal["maximize", "minimize"]


def optimize(
    strategy: StrategyFunction | str,
    *,
    bundle: "str | Bundle | Panel",
    space: "ParameterSpace | Mapping[str, Any] | None" = None,
    points: Any = None,
    objective: str | None = None,
    direction: Direction = "maximize",
    start: DateLike | None = None,
    end: DateLike | None = None,
    capital: float = 1_000_000.0,
    costs: Costs | None = None,
    fill: Literal["next_close", "next_open"] = "next_close",
    settings: Settings | None = None,
    search: Literal["grid", "random"] = "grid",
    n_trials: int | None = None,
    constraint: "str | Callable[[dict[str, Any]], bool] | Sequence[Any] | None" = None,
    require: str | Iterable[str] | None = None,
    callbacks: Iterable[Callable[[Study, FrozenTrial], None]] = (),
    timeout: float | None = None,
    trial_timeout: float | None = None,
    memory_limit: int | str | None = None,
    executor: Literal["auto", "inline", "ray"] = "auto",
    n_jobs: int | None = None,
    pool: "PersistentWorkerPool | None" = None,
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
    strategy : callable or str
        A target function ``f(data, **params)`` that returns target weights, an objective function ``f(trial)`` that returns
        a number or a dict of numbers, or where to find one: "file.py:function", "package.module:function".
    bundle : str, Bundle or Panel
        A name ("mag-7"), a name and version ("mag-7@1a2b3c"), or the data itself.
    space : ParameterSpace or mapping of str to Int, Float or Choice
        What is searched; a list or range is a Choice.
    points : list of dict, or a frame, instead of `space`
        The parameter sets themselves.
    objective : str, default "sharpe_ratio"
        A metric; for objective functions a name in the dict they return, by default "value".
    direction : {"maximize", "minimize"}
    start, end : date or str, optional
        First and last session, both included; by default the bundle's own.
    capital : float, default 1_000_000.0
    costs : Costs, default Costs()
        Free of charge by default, and the result says so.
    fill : {"next_close", "next_open"}
        The price that orders fill at on the session after the decision.
    settings : Settings, default Settings()
        The rules of the ledger.
    search : {"grid", "random"}
    n_trials : int, optional
        Trials at most; random search needs it.
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
        "auto" starts in this process and goes on with Ray workers if the work that is left pays for them.
    n_jobs : int, optional
        Ray workers; by default one a core.
    pool : PersistentWorkerPool, optional
        Workers that outlive the study; wins over `address`, which wins over `n_jobs`.
    address : str, optional
        A Ray cluster: "auto", "host:port".
    config : OptimizationConfig, default OptimizationConfig()
        Caches and their limits.
    seed : int, default 0
        Of random search, of `trial.seed` and of the causality check.
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
    costs, settings, config = costs or Costs(), settings or Settings(), config or OptimizationConfig()
    limit = check_bytes("memory_limit", memory_limit) if memory_limit is not None else None
    place = Place(executor, n_jobs, pool, address, timeout, trial_timeout, isolate, limit)
    if resume and run_dir is None:
        raise InputError("run_dir", "given with resume=True", None, "Say which study goes on: run_dir='runs/sma'.")
    check_choice("direction", direction, ("maximize", "minimize"))
    check_choice("fill", fill, FILLS)
    loaded = resolve(strategy, version)
    kind = loaded.strategy.kind
    objective = objective or ("sharpe_ratio" if kind == TARGET else "value")
    conditions = requirements(require, kind == TARGET)
    if kind == TARGET:
        check_metric(objective)
    found = make_search(space, points, constraint, search, n_trials, seed)
    check_names(found.names)
    check_parameters(loaded.strategy, found.names)
    panel, name = open_panel(bundle, root, config)
    make_rules(panel, capital, costs, settings)
    first, last = panel.rows_between(start, end)
    asked: dict[str, Any] = {"digest": loaded.digest, "kind": kind, "version": panel.version, "seed": seed}
    asked |= {"capital": float(capital), "costs": costs, "fill": fill, "settings": settings}
    ordered = objective in ORDERED or any(set(condition.names) & set(ORDERED) for condition in conditions)
    job = Job(strategy=b"", segments=((first, last),), ordered=ordered, config=config, **asked)
    spec = StudySpec(
        strategy=loaded.record,
        bundle=name,
        search=search_record(found, strict=run_dir is not None),
        objective=objective,
        direction=direction,
        require=tuple(condition.text for condition in conditions),
        start=day(panel, first),
        end=day(panel, last),
        machine={**packages(), **cpu()} if run_dir is not None else {},
        **asked,
    )
    study = Study(spec, conditions, partial(replay, loaded, panel, job) if kind == TARGET else None)
    listener, calls = make_listener(progress, objective, direction), tuple(callbacks)
    source: TrialSource = Source(found, objective)
    with RunDirectory(run_dir, spec, resume=resume) if run_dir is not None else nullcontext() as run:
        if run is not None and run.recorded.blocks:
            source = ResumedSource(source, [block for _, block in run.recorded.blocks], study.add)
        if run is not None and len(run.recorded.suspects):
            place = place.apart(run.recorded.suspects)
        if source.remaining != 0:
            sink = Sink(study, calls, run.journal if run is not None else None)
            run_trials(study, source, job, panel, loaded.strategy.function, place, listener=listener, sink=sink)
        if kind == TARGET and study.stopped != "interrupted":
            study.causal = check_causality(study, loaded, panel, job)
        study.elapsed = time.perf_counter() - began
        if run is not None:
            run.finish(study)
    return study


def requirements(require: str | Iterable[str] | None, metrics: bool) -> tuple[Expression, ...]:
    """The conditions that the best trial must meet; of target functions they may name metrics alone.

    Raises
    ------
    InputError
        If a condition cannot be read or names no metric.
    """
    texts = (require,) if isinstance(require, str) else tuple(require or ())
    names = (*METRICS, *ORDERED) if metrics else None
    return tuple(parse(text, names=names, what="require") for text in texts)
