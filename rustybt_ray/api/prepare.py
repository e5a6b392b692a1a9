"""What `optimize` is asked, checked and resolved before any trial runs."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rustybt_ray._record import record_class
from rustybt_ray._typing import DateLike
from rustybt_ray._validation import check_choice, check_number
from rustybt_ray.api.objectives import read_objectives
from rustybt_ray.api.panels import day, open_panel, traded_panel
from rustybt_ray.api.rungs import rungs
from rustybt_ray.api.searches import Source, make_search, search_record
from rustybt_ray.api.strategies import Loaded, resolve, rules_of
from rustybt_ray.config import OptimizationConfig
from rustybt_ray.data.panel import Panel
from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.metrics import METRICS, ORDERED
from rustybt_ray.engine.settings import FILLS, Settings
from rustybt_ray.exceptions import InputError
from rustybt_ray.execution.messages import Job
from rustybt_ray.search.halving import HalvingSearch
from rustybt_ray.search.protocol import Search
from rustybt_ray.strategies.strategy import TRADED, ZIPLINE, Strategy, check_parameters
from rustybt_ray.studies.rungs import COLUMNS as RUNGS
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
    ends: tuple[int, ...] = ()
    """Of successive halving, the last row of each rung."""

    def source(self) -> Source:
        """The search as the driver asks it."""
        return Source(self.search, self.spec.objectives, partial(check_point, self.loaded.strategy))


def prepare(
    strategy: Any,
    *,
    bundle: Any,
    space: Any,
    points: Any,
    objective: str | Sequence[str] | None,
    direction: str | Sequence[str],
    start: DateLike | None,
    end: DateLike | None,
    capital: float,
    costs: Costs | Mapping[str, Any] | None,
    fill: str,
    settings: Settings | Mapping[str, Any] | None,
    search: Any,
    lag: int | None,
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
    config = config or OptimizationConfig()
    if resume and run_dir is None:
        raise InputError("run_dir", "given with resume=True", None, "Say which study goes on: run_dir='runs/sma'.")
    check_choice("fill", fill, FILLS)
    loaded = resolve(strategy, version)
    kind = loaded.strategy.kind
    costs, settings = rules_of(kind, costs, settings)
    aims = read_objectives(objective, direction, kind)
    conditions = requirements(require, kind in TRADED)
    found = make_search(space, points, constraint, search, n_trials, seed, lag, [direction for _, direction in aims])
    if found.names:
        check_point(loaded.strategy, found.names)
    bars, name = open_panel(bundle, root, config)
    if kind == ZIPLINE:
        _check_zipline(bars, fill, settings)
    panel = traded_panel(bars, settings, config)
    check_number("capital", capital, low=0.0, strict=True)
    first, last = panel.rows_between(start, end)
    asked: dict[str, Any] = {"digest": loaded.digest, "kind": kind, "version": panel.version, "seed": seed}
    asked |= {"capital": float(capital), "costs": costs, "fill": fill, "settings": settings}
    named = {name for name, _ in aims}.union(*(condition.names for condition in conditions))
    days = int(panel.session[last] - panel.session[first]) + 1
    record, trials = search_record(found, strict=run_dir is not None), found.remaining
    ends: tuple[int, ...] = ()
    if isinstance(found, HalvingSearch):
        check_names(found.names, RUNGS)
        lengths, ends, trials = *rungs(found.halving, panel, first, last, kind), found.planned
        record["sessions"] = list(lengths)
    kept = run_dir is not None and kind in TRADED and trials is not None
    keep = kept and config.keeps_returns(trials or 0, days)
    ordered = bool(named & set(ORDERED))
    job = Job(strategy=b"", segments=((first, last),), ordered=ordered, config=config, keep_returns=keep, **asked)
    spec = StudySpec(
        strategy=loaded.record,
        bundle=name,
        search=record,
        objective=aims[0][0],
        direction=aims[0][1],
        aims=aims[1:],
        require=tuple(condition.text for condition in conditions),
        start=day(panel, first),
        end=day(panel, last),
        machine={**packages(), **cpu()} if run_dir is not None else {},
        trials=trials,
        adaptive=found.lag is not None or bool(ends),
        **{**asked, "version": bars.version},
    )
    return Prepared(loaded, found, panel, job, spec, conditions, ends)


def check_point(strategy: Strategy, names: Sequence[str]) -> None:
    """Whether a point with parameters of these names can be run and shown.

    Raises
    ------
    InputError, StrategyError
        If a parameter is named like a column of the table, or the strategy does not take them.
    """
    check_names(names)
    check_parameters(strategy, names)


def _check_zipline(panel: Panel, fill: str, settings: Settings) -> None:
    from rustybt_ray.zipline.runner import check_rules

    check_rules(panel, fill, settings)


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
