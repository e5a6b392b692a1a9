"""What follows a search: a trial replayed, and the best one checked for knowing the future."""

from typing import Any

from rustybt_ray.api.backtest import replayed
from rustybt_ray.api.panels import day, workspace
from rustybt_ray.api.strategies import Loaded
from rustybt_ray.data.panel import Panel
from rustybt_ray.engine.backtest import Backtest
from rustybt_ray.exceptions import StrategyError
from rustybt_ray.execution.messages import Job
from rustybt_ray.studies.causality import first_moved
from rustybt_ray.studies.study import Study


def replay(loaded: Loaded, panel: Panel, job: Job, params: dict[str, Any]) -> Backtest:
    """One trial again, with everything that happened."""
    known = workspace(job.config)
    if panel.version not in known.bundles:
        known.open(panel)
    rules = {"capital": job.capital, "costs": job.costs, "fill": job.fill, "settings": job.settings}
    return replayed(loaded.strategy, panel, job.segments, params, job.digest, job.config, **rules)


def check_causality(study: Study, loaded: Loaded, panel: Panel, job: Job) -> bool | str | None:
    """True if the best trial's decisions ignore the future, else the first session that moved; None without a best trial."""
    params = study.first_params
    if params is None:
        return None
    (first, last), function = job.segments[0], loaded.strategy.function
    weights = function(workspace(job.config).data(panel.version, scope=job.digest), **params)
    try:
        row = first_moved(function, params, panel, weights, first, last, job.seed, job.digest)
    except StrategyError:
        return None
    return True if row is None else day(panel, row)
