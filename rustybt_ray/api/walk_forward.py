"""`walk_forward`: choose on one stretch of history, earn on the next, move on."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rustybt_ray._typing import DateLike, StrategyFunction
from rustybt_ray.api.executors import Place, Sink, run_trials
from rustybt_ray.api.first_trials import FirstTrials
from rustybt_ray.api.forward_job import Forward, prepare_forward
from rustybt_ray.api.optimize import Direction, go_on, log_begin, log_end, open_run
from rustybt_ray.api.panels import day, workspace
from rustybt_ray.api.prepare import prepare
from rustybt_ray.api.replays import Replays
from rustybt_ray.api.row_check import checked
from rustybt_ray.config import OptimizationConfig
from rustybt_ray.data.panel import Panel
from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.settings import Settings
from rustybt_ray.exceptions import StrategyError
from rustybt_ray.execution.messages import Job
from rustybt_ray.execution.ports import TrialSource
from rustybt_ray.progress import make_listener
from rustybt_ray.strategies.strategy import TARGET
from rustybt_ray.studies.causality import first_moved
from rustybt_ray.studies.study import Study
from rustybt_ray.studies.trials import FrozenTrial
from rustybt_ray.studies.walk_forward import WalkForward

if TYPE_CHECKING:
    from actors.pool import PersistentWorkerPool
    from rustybt_ray.data.bundle import Bundle
    from rustybt_ray.search.conditional import SpaceTrial
    from rustybt_ray.search.space import ParameterSpace
    from rustybt_ray.validation.forward import Expanding, Rolling


def walk_forward(
    strategy: StrategyFunction | str,
    *,
    bundle: "str | Bundle | Panel",
    windows: "Rolling | Expanding",
    purge: int = 0,
    embargo: int = 0,
    positions: Literal["flat", "carry"] = "flat",
    select: Literal["best", "plateau"] = "best",
    space: "ParameterSpace | Mapping[str, Any] | Callable[[SpaceTrial], Any] | None" = None,
    points: Any = None,
    objective: str | None = None,
    direction: Direction = "maximize",
    start: DateLike | None = None,
    end: DateLike | None = None,
    capital: float = 1_000_000.0,
    costs: Costs | Mapping[str, Any] | None = None,
    fill: Literal["next_close", "next_open"] = "next_close",
    settings: Settings | Mapping[str, Any] | None = None,
    search: "Literal['grid', 'random', 'sobol', 'lhs', 'tpe', 'cmaes', 'nsga2', 'gp'] | Any" = "grid",
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
) -> WalkForward:
    """Let each window choose a parameter set on its train (and validation), and join what the choices earned on the tests.

    One queue holds the trials of all windows: a target function is called once a parameter set, and one pass of the ledger
    runs all segments. Its rows of the whole history serve a segment only if they are bitwise those that it decides on the
    panel cut at the segment's end, which the first trial that does not fail must show; else each segment has the rows of its
    own cut. So no train or validation figure knows the test, whatever the strategy does. A trial that fails does so only in
    the segments that it fails in.

    Parameters
    ----------
    strategy, bundle, space, points, start, end, capital, costs, fill, settings, n_trials, constraint, config, seed, version
        As in `optimize`; objective functions cannot walk forward.
    search, lag
        As in `optimize`, but for halving. A search that learns is told the objective in the first train alone: later trains hold
        what earlier windows test on.
    windows : Rolling or Expanding
        Train, validation and test of each window, counted from `start`.
    purge : int, default 0
        Sessions before each validation and test that belong to none.
    embargo : int, default 0
        Has no effect in forward windows, and the notes say so.
    positions : {"flat", "carry"}
        "flat": each test starts with `capital` in cash and ends without a position, closed at its last session's close with
        costs; daily returns are chained. "carry" (target functions): the chosen rows joined, one ledger over all.
    select : {"best", "plateau"}
        What train ranks by: its objective, or the mean over a trial and its neighbours.
    objective : str, default "sharpe_ratio"
        A metric. Train proposes its ten best; with a validation segment the best there of these is chosen.
    direction : {"maximize", "minimize"}
    require : str or list of str, optional
        What a trial must meet in train: ``"max_drawdown > -0.25"``.
    callbacks : callables, optional
        Called with the study of the trials and each finished trial, whose metrics are those of the first train.
    timeout, trial_timeout, memory_limit, executor, n_jobs, pool, address, isolate, run_dir, resume, progress, root
        As in `optimize`.

    Returns
    -------
    WalkForward
        Bitwise the same whatever the executor and the number of workers. Stopped early, its windows choose from the trials
        that are there.

    Raises
    ------
    InputError, StrategyError, BundleError
        If an argument, the strategy or the bundle is at fault, or no window fits.
    ExecutionError
        If workers cannot run the trials at all.
    RunError
        If `run_dir` cannot be used: another study or walk-forward, another driver, damage, no room.
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
    forward = prepare_forward(asked, windows, purge, embargo, positions, select)
    study = Study(forward.spec, asked.conditions)
    with open_run(run_dir, forward.spec, resume) if run_dir is not None else nullcontext() as run:
        if run is not None and len(run.recorded.suspects):
            place = place.apart(run.recorded.suspects)
        source = FirstTrials(asked.source())
        left: TrialSource = source
        with checked(forward, source, place, workspace(forward.job.config)) as (job, where):
            if run is not None:
                left = go_on(run, source, study)
            log_begin(study, left.remaining, run_dir)
            if left.remaining != 0:
                listener = make_listener(progress, forward.spec.objective, forward.spec.direction)
                sink = Sink(study, tuple(callbacks), run.journal if run is not None else None)
                function = asked.loaded.strategy.function
                run_trials(study, left, job, asked.panel, function, where, listener=listener, sink=sink)
        found = conclude(forward, job, study)
        study.elapsed, study.choosing = time.perf_counter() - began, asked.search.seconds
        if run is not None:
            from rustybt_ray.studies.forward_files import write_walk_forward

            run.journal.sync()
            write_walk_forward(found, run.path)
    log_end(study)
    return found


def conclude(forward: Forward, job: Job, study: Study) -> WalkForward:
    """What follows the trials: choices, their curves, and whether they knew the future."""
    asked, known = forward.asked, workspace(job.config)
    if asked.panel.version not in known.bundles:
        known.open(asked.panel)
    found = WalkForward(study, forward.layout, asked.conditions)
    replays = Replays(forward, job, known)
    found.curves = replays.curves(found.choices)
    found.rows, found.leaks = replays.rows, replays.leaks(found.choices)
    if asked.loaded.strategy.kind == TARGET and study.stopped != "interrupted":
        study.causal = _causality(found, forward, job)
    return found


def _causality(found: WalkForward, forward: Forward, job: Job) -> bool | str | None:
    """True if the decisions of what was chosen most often ignore the future, else the first session that moved."""
    place = found.choices.most_chosen()
    if place is None:
        return None
    panel, function, params = forward.asked.panel, forward.asked.loaded.strategy.function, found.choices.params(place)
    first, last = forward.asked.job.segments[0]
    try:
        weights = function(workspace(job.config).data(panel.version, scope=job.digest), **params)
        row = first_moved(function, params, panel, weights, first, last, job.seed, job.digest)
    except StrategyError:
        return None
    return True if row is None else day(panel, row)
