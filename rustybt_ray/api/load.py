"""`load`: a study or a walk-forward as its run directory has it."""

from pathlib import Path
from typing import Any

from rustybt_ray._expressions import parse
from rustybt_ray.api.replay import as_recorded, job_of, place_of_strategy
from rustybt_ray.api.review import replay
from rustybt_ray.engine.backtest import Backtest
from rustybt_ray.exceptions import InputError
from rustybt_ray.strategies.strategy import TRADED
from rustybt_ray.studies.recorded import read_trials
from rustybt_ray.studies.spec import StudySpec
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

    def again(spec: StudySpec, params: dict[str, Any]) -> Backtest:
        return _replay(spec, params, path, root)

    study, result = read_trials(path, again)
    said = study.spec.walk_forward
    if said is None:
        return study
    from rustybt_ray.studies.forward_files import days_of, read_curves

    lengths = dict(said["windows"])
    windows = WINDOWS[lengths.pop("windows")](**lengths)
    days = days_of(study.spec.sessions or "").astype("datetime64[D]")
    layout = windows.windows(days, said["purge"], said["embargo"])
    conditions = [parse(text, what="require") for text in study.spec.require]
    given = {"rows": result.get("rows"), "leaks": result.get("leaks", ()), "curves": read_curves(path, result)}
    return WalkForward(study, layout, conditions, **given)


def _replay(spec: StudySpec, params: dict[str, Any], path: Path, root: str | Path | None) -> Backtest:
    """A trial of a loaded study again.

    Raises
    ------
    RunError
        If the strategy is not where it was, or does something else now.
    InputError
        If it is an objective function.
    """
    if spec.kind not in TRADED:
        remedy = "Call your function again."
        raise InputError("backtest", "asked of a study of a target function", spec.kind, remedy)
    loaded = as_recorded(place_of_strategy(spec.strategy, str(path)), spec, None, str(path))
    panel, job = job_of(spec, None, root)
    return replay(loaded, panel, job, params)
