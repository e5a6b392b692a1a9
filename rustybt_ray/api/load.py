"""`load`: a study or a walk-forward as its run directory has it."""

from functools import partial
from pathlib import Path
from typing import Any

from rustybt_ray._expressions import parse
from rustybt_ray.api.backtest import replayed
from rustybt_ray.api.panels import open_panel, traded_panel
from rustybt_ray.api.strategies import resolve
from rustybt_ray.config import OptimizationConfig
from rustybt_ray.engine.backtest import Backtest
from rustybt_ray.exceptions import StrategyError
from rustybt_ray.strategies.strategy import TRADED
from rustybt_ray.studies.spec import StudySpec
from rustybt_ray.studies.stored import read_study, read_trials
from rustybt_ray.studies.study import Study
from rustybt_ray.studies.walk_forward import WalkForward
from rustybt_ray.validation.forward import Expanding, Rolling

WINDOWS: dict[str, type[Rolling] | type[Expanding]] = {"Rolling": Rolling, "Expanding": Expanding}


def load(run_dir: str | Path, *, root: str | Path | None = None) -> Study | WalkForward:
    """A study or walk-forward as it was left in its run directory, without running anything.

    It may be loaded while a driver still works on it: it has what is finished then.

    Parameters
    ----------
    run_dir : path
    root : path, optional
        Where bundles are, for `Study.backtest`; by default the user's data folder, or ``RUSTYBT_RAY_HOME``.

    Returns
    -------
    Study or WalkForward
        A study's `backtest` loads the strategy from where it was, if it still does the same. A walk-forward that had not ended
        has its trials and windows, not its curve.

    Raises
    ------
    RunError
        If there is no study, one of a newer format, or a damaged one.
    """
    path = Path(run_dir)
    spec, result = read_study(path)
    result = result or {}
    conditions = tuple(parse(text, what="require") for text in spec.require)
    replay = partial(_replay, spec, root) if spec.kind in TRADED and spec.walk_forward is None else None
    study = Study(spec, conditions, replay)
    for block, columns in read_trials(path, spec.search):
        study.add(block, columns)
    study.causal, study.stopped = result.get("causal"), result.get("stopped")
    study.executor, study.elapsed = result.get("executor", "inline"), float(result.get("elapsed_seconds", 0.0))
    if spec.walk_forward is None:
        return study
    from rustybt_ray.studies.forward_files import days_of, read_curves

    said = dict(spec.walk_forward)
    lengths = dict(said["windows"])
    windows = WINDOWS[lengths.pop("windows")](**lengths)
    days = days_of(spec.sessions or "").astype("datetime64[D]")
    layout = windows.windows(days, said["purge"], said["embargo"])
    given = {"rows": result.get("rows"), "leaks": result.get("leaks", ()), "curves": read_curves(path, result)}
    return WalkForward(study, layout, conditions, **given)


def _replay(spec: StudySpec, root: str | Path | None, params: dict[str, Any]) -> Backtest:
    """A trial of a loaded study again.

    Raises
    ------
    StrategyError
        If the strategy is not where it was, or does something else now.
    """
    name, file = spec.strategy.get("name"), spec.strategy.get("file")
    remedy = "Pass the function: rb.backtest(function, params, bundle=...)."
    if not file:
        raise StrategyError(f"{name} was not written in a file", "load", remedy)
    loaded = resolve(str(file) if str(spec.kind) == "zipline" else f"{file}:{name}")
    if loaded.digest != spec.digest:
        raise StrategyError(f"{name} does not do what it did in this study", str(file), remedy)
    config = OptimizationConfig()
    panel = traded_panel(open_panel(f"{spec.bundle}@{spec.version}", root, config)[0], spec.settings, config)
    segments = (panel.rows_between(spec.start, spec.end),)
    rules: dict[str, Any] = {"capital": spec.capital, "costs": spec.costs, "fill": spec.fill, "settings": spec.settings}
    return replayed(loaded.strategy, panel, segments, params, loaded.digest, config, **rules)
