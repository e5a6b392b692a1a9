"""A trial of a run directory again, from what the directory says alone."""

import importlib.util
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rustybt_ray._record import record_class
from rustybt_ray._typing import StrategyFunction
from rustybt_ray.api.panels import open_panel, traded_panel, workspace
from rustybt_ray.api.review import replay
from rustybt_ray.api.strategies import Loaded, resolve
from rustybt_ray.config import OptimizationConfig
from rustybt_ray.data.panel import Panel
from rustybt_ray.engine.backtest import Backtest
from rustybt_ray.exceptions import ExecutionError, InputError, RunError
from rustybt_ray.execution.chunk import ChunkRunner
from rustybt_ray.execution.messages import Chunk, Job
from rustybt_ray.strategies.strategy import OBJECTIVE, TARGET, Objective
from rustybt_ray.studies.identity import source_changes
from rustybt_ray.studies.recorded import exact_params, read_study
from rustybt_ray.studies.run_directory import STUDY, read_specification, warn_of_machine
from rustybt_ray.studies.spec import ENGINE, StudySpec, cpu, packages
from rustybt_ray.studies.study import Study
from rustybt_ray.studies.trials import FrozenTrial


@record_class(frozen=True)
class Replayed:
    """A trial that was run again.

    Attributes
    ----------
    spec : StudySpec
        Of its study.
    trial : FrozenTrial
        As it is recorded.
    place : str
        Where its strategy was loaded from.
    metrics : dict of str to float
        What it gave now.
    backtest : Backtest or None
        Everything that happened; None of an objective function.
    differing : tuple of str
        Recorded metrics that are not bitwise what they are now.
    """

    spec: StudySpec
    trial: FrozenTrial
    place: str
    metrics: dict[str, float]
    backtest: Backtest | None
    differing: tuple[str, ...]


def replay_trial(
    run_dir: str | Path,
    trial: int,
    *,
    strategy: StrategyFunction | str | None = None,
    version: str | None = None,
    root: str | Path | None = None,
) -> Replayed:
    """Run a recorded trial again, and hold its metrics against the recorded ones bit by bit.

    Parameters
    ----------
    run_dir : path
        Of a study that is finished or not; it is only read.
    trial : int
        Its number.
    strategy : callable or str, optional
        Where the strategy is now, if not where ``study.json`` says.
    version : str, optional
        As it was given to `optimize`, where it stands for code that cannot be digested.
    root : path, optional
        Where bundles are.

    Raises
    ------
    RunError
        If there is no study, its strategy has changed, or another version of the engine ran it.
    InputError
        If it has no such trial.
    StrategyError, BundleError
        If the strategy or that version of the bundle cannot be loaded, or the trial fails.
    """
    path = Path(run_dir)
    study = read_study(path)
    spec, found = study.spec, study.trial(trial)
    if spec.engine != ENGINE:
        what = f"engine {spec.engine} ran this study and this is engine {ENGINE}, whose numbers differ"
        raise RunError(what, str(path), "Use the rustybt_ray that ran it.")
    place = strategy if strategy is not None else place_of_strategy(spec.strategy, str(path))
    loaded = as_recorded(place, spec, version, str(path))
    warn_of_machine((read_specification(path) or {}).get("machine", {}), {**packages(), **cpu()})
    found = replace(found, params=exact_params(found.params, spec.search, found.number))
    panel, job = job_of(spec, _sessions(study, found.number), root)
    backtest = None if spec.kind == OBJECTIVE else replay(loaded, panel, job, found.params)
    metrics = _evaluated(loaded, job, found) if backtest is None else backtest.metrics
    return Replayed(spec, found, str(place), metrics, backtest, differing(found.metrics, metrics))


def place_of_strategy(record: Mapping[str, Any], where: str) -> str:
    """Where a study's strategy can be loaded from: its module if that is part of a package, else its file.

    Raises
    ------
    RunError
        If neither is recorded, or the file is gone.
    """
    name, module, file = (record.get(key) for key in ("name", "module", "file"))
    remedy = "Say where it is now: rustybt-ray replay ... -f FILE.py:FUNCTION, or strategy= in Python."
    if not file:
        raise RunError(f"{STUDY} does not say in which file {name} was", where, remedy)
    if not Path(file).is_file():
        raise RunError(f"the file of {name} is not there any more: {file}", where, remedy)
    if module and "." in module and _is_module(module, file):
        return f"{module}:{name}"
    return f"{file}:{name}" if module else str(file)


def as_recorded(place: Any, spec: StudySpec, version: str | None, where: str) -> Loaded:
    """The strategy that ran: loaded again, and refused if it computes something else.

    Raises
    ------
    RunError
        If its digest is another one; the message shows what changed in its source.
    """
    loaded = resolve(place, version)
    if spec.kind == OBJECTIVE and loaded.strategy.kind == TARGET:  # it was marked as one where it was used
        loaded = resolve(Objective(loaded.strategy.function), version)
    if loaded.digest == spec.digest:
        return loaded
    what = f"the strategy is not the one that ran: digest: recorded {spec.digest!r}, now {loaded.digest!r}"
    what += source_changes({"strategy": spec.strategy}, {"strategy": loaded.record}) + "\n"
    raise RunError(what, where, "Restore it, say where the old one is (-f), or begin another study.")


def differing(recorded: Mapping[str, float], now: Mapping[str, float]) -> tuple[str, ...]:
    """Names of recorded metrics whose bits are others now; one NaN is as good as another.

    Examples
    --------
    >>> differing({"a": 0.1, "b": float("nan"), "c": 0.3}, {"a": 0.1, "b": float("nan"), "c": 0.1 + 0.2})
    ('c',)
    """
    return tuple(name for name, value in recorded.items() if name not in now or not _same(value, now[name]))


def _same(one: float, other: float) -> bool:
    return (one != one and other != other) or np.float64(one).tobytes() == np.float64(other).tobytes()


def _is_module(module: str, file: str) -> bool:
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return False
    return found is not None and found.origin is not None and Path(found.origin).resolve() == Path(file).resolve()


def job_of(spec: StudySpec, sessions: int | None, root: str | Path | None) -> tuple[Panel, Job]:
    """The panel and the rules of the study; of a trial that was pruned, the part of the history that it had."""
    config = OptimizationConfig()
    panel = traded_panel(open_panel(spec.version, root, config)[0], spec.settings, config)
    first, last = panel.rows_between(spec.start, spec.end)
    if sessions is not None:
        last = int(np.searchsorted(panel.session, panel.session[first] + sessions)) - 1
    job = Job(
        version=panel.version,
        strategy=b"",
        digest=spec.digest,
        kind=spec.kind,
        segments=((first, last),),
        capital=spec.capital,
        costs=spec.costs,
        fill=spec.fill,
        settings=spec.settings,
        seed=spec.seed,
        config=config,
    )
    return panel, job


def _sessions(study: Study, number: int) -> int | None:
    """Of successive halving, the sessions of the last run of a trial."""
    if "sessions" not in study.spec.search:
        return None
    runs = study.runs
    return int(runs.filter(runs["trial"] == number)["sessions"].max())  # type: ignore[arg-type]


def _evaluated(loaded: Loaded, job: Job, trial: FrozenTrial) -> dict[str, float]:
    """What an objective function says of a trial with its number, seed and parameters."""
    if job.kind != OBJECTIVE:
        raise InputError("the study", "one of an objective function", job.kind, "Replay it.")
    runner = ChunkRunner(workspace(job.config))
    runner.prepare(job, loaded.strategy.function)
    columns = {name: [value] for name, value in trial.params.items()}
    block = runner.run(Chunk(0, np.array([trial.number]), columns))
    if (error := block.errors.get(trial.number)) is not None:
        what = f"trial {trial.number} fails: {error.type}: {error.message}\n{error.traceback.rstrip()}\n"
        raise ExecutionError(what, loaded.strategy.name, "Its params are in the table.")
    return dict(zip(block.names, block.metrics[0].tolist(), strict=True))
