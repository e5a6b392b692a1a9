"""What `optimize` is asked, checked and resolved before any trial runs."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rustybt_ray._record import record_class
from rustybt_ray._typing import DateLike
from rustybt_ray._validation import check_choice
from rustybt_ray.api.panels import day, open_panel
from rustybt_ray.api.searches import make_search, search_record
from rustybt_ray.api.strategies import Loaded, resolve
from rustybt_ray.config import OptimizationConfig
from rustybt_ray.data.panel import Panel
from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.market import make_rules
from rustybt_ray.engine.metrics import METRICS, ORDERED, check_metric
from rustybt_ray.engine.settings import FILLS, Settings
from rustybt_ray.exceptions import InputError
from rustybt_ray.execution.messages import Job
from rustybt_ray.search.protocol import Search
from rustybt_ray.strategies.strategy import TARGET, check_parameters
from rustybt_ray.studies.spec import StudySpec, cpu, packages
from rustybt_ray.studies.trials import check_names

if TYPE_CHECKING:
    from rustybt_ray._expressions import Expression


@record_class(frozen=True)
class Prepared:
    """A study that could begin: its strategy, search and panel, what workers must know, and its specification."""

    loaded: Loaded
    search: Search
    panel: Panel
    job: Job
    spec: StudySpec
    conditions: "tuple[Expression, ...]"


def prepare(
    strategy: Any,
    *,
    bundle: Any,
    space: Any,
    points: Any,
    objective: str | None,
    direction: str,
    start: DateLike | None,
    end: DateLike | None,
    capital: float,
    costs: Costs | None,
    fill: str,
    settings: Settings | None,
    search: str,
    n_trials: int | None,
    constraint: Any,
    require: str | Iterable[str] | None,
    config: OptimizationConfig | None,
    seed: int,
    version: str | None,
    run_dir: str | Path | None,
    resume: bool,
    root: str | Path | None,
) -> Prepared:
    """Check arguments that `optimize` describes, and load what they name.

    Raises
    ------
    InputError, StrategyError, BundleError
        If an argument, the strategy or the bundle is at fault.
    """
    costs, settings, config = costs or Costs(), settings or Settings(), config or OptimizationConfig()
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
    days = int(panel.session[last] - panel.session[first]) + 1
    kept = run_dir is not None and kind == TARGET and found.remaining is not None
    keep = kept and config.keeps_returns(found.remaining or 0, days)
    job = Job(strategy=b"", segments=((first, last),), ordered=ordered, config=config, keep_returns=keep, **asked)
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
        trials=found.remaining,
        **asked,
    )
    return Prepared(loaded, found, panel, job, spec, conditions)


def requirements(require: str | Iterable[str] | None, metrics: bool) -> "tuple[Expression, ...]":
    """The conditions that the best trial must meet; of target functions they may name metrics alone.

    Raises
    ------
    InputError
        If a condition cannot be read or names no metric.
    """
    texts = (require,) if isinstance(require, str) else tuple(require or ())
    if not texts:
        return ()
    from rustybt_ray._expressions import parse

    names = (*METRICS, *ORDERED) if metrics else None
    return tuple(parse(text, names=names, what="require") for text in texts)
