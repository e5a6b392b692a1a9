"""What is said about a study beside its table: what was run, the best and the median, and what limits their meaning."""

from typing import TYPE_CHECKING

from rustybt_ray.cli.values import params_text, shown

if TYPE_CHECKING:
    import polars as pl
    from rich.table import Table

    from rustybt_ray.studies.study import Study
    from rustybt_ray.studies.trials import FrozenTrial

BESIDE = ("total_return", "annual_return", "sharpe_ratio", "max_drawdown", "turnover", "n_trades")
MOST = 8


def ranked_table(study: "Study", top: int) -> "Table":
    """The best trials, best first: parameters, objective, and the metrics beside it."""
    from rustybt_ray.cli.output import make_table

    frame = study.top(top)
    params = _params(study)
    metrics = shown_metrics(frame.drop(params), *study.spec.objectives)
    ranks = (study.fronts + 1).tolist() if study.spec.aims else range(1, len(frame) + 1)
    named = "front" if study.spec.aims else "rank"
    table = make_table({named: True, "trial": True, **dict.fromkeys([*params, *metrics], True)})
    for rank, row in zip(ranks, frame.iter_rows(named=True), strict=False):
        table.add_row(str(rank), str(row["trial"]), *(shown(name, row[name]) for name in (*params, *metrics)))
    return table


def shown_metrics(frame: "pl.DataFrame", *objectives: str) -> list[str]:
    """Metrics among the columns: the objectives first, then the usual ones; for an objective function its own, up to `MOST`."""
    usual = [name for name in BESIDE if name in frame.columns]
    if not usual:
        numbers = [name for name, kind in frame.schema.items() if kind.is_float() and name != "duration"]
        usual = numbers[:MOST]
    first = [name for name in objectives if name in frame.columns]
    return first + [name for name in usual if name not in objectives]


def headline(study: "Study") -> str:
    """What was run, how much of it, how fast."""
    spec, count = study.spec, study.trials.height
    rate = f", {count / study.elapsed:,.0f} trials/s" if study.elapsed > 0 else ""
    if (usual := study.trials["duration"].median()) is not None:
        rate += f", {_seconds(float(usual))} a trial"  # type: ignore[arg-type]
    where = "in this process" if study.executor == "inline" else "on Ray workers"
    return (
        f"{spec.strategy['name']} on {spec.bundle}@{spec.version[:12]}, {spec.start} to {spec.end}: "
        f"{count:,} trials in {study.elapsed:.2f} s {where}{rate}"
    )


def sentences(study: "Study") -> list[str]:
    """Everything that must be said beside the best trials of a study."""
    best, said = study.first_trial, []
    if best is None:
        said.append(_none_best(study))
    else:
        said += _several(study) if study.spec.aims else _best(study, best)
        said.append(causality(study))
        if study.spec.kind == "target" and study.spec.costs.free:
            said.append(without_costs(best.metrics))
    if study.spec.adaptive:
        said.append(halving(study) if study.spec.search["search"] == "halving" else learning(study))
    if study.n_failed:
        said.append(failures(study))
    if study.stopped:
        said.append(f"Ended early ({study.stopped}): {study.trials.height:,} trials are finished.")
    return said


def _best(study: "Study", best: "FrozenTrial") -> list[str]:
    median = study.median_trial()
    said = [] if median is None else [f"median: {_trial(study, median)}"]
    return [f"best:   {_trial(study, best)}", *said]


def _several(study: "Study") -> list[str]:
    count = int((study.fronts == 0).sum())
    aims = " and ".join(study.spec.objectives)
    return [
        f"No best of several objectives: {count:,} trial{'s' * (count != 1)} of front 1 that no other beats in {aims}."
    ]


def learning(study: "Study") -> str:
    """What it cost that a search learns from results, and in which order."""
    lag = study.spec.search.get("lag")
    text = f"Each trial was chosen from the results of those {lag} and more before it, in {study.choosing:.2f} s"
    if study.executor == "inline":
        return f"{text}."
    return f"{text}; workers waited {study.waited:.2f} s in all for results."


def halving(study: "Study") -> str:
    """How many trials had how much of the history."""
    sessions, found = study.spec.search["sessions"], study.runs["rung"].to_list()
    parts = [f"{found.count(rung):,} on {length:,} sessions" for rung, length in enumerate(sessions) if rung in found]
    return (
        f"Trials ran {', then '.join(parts)}; {study.n_pruned:,} of {study.n_trials:,} were pruned and are not ranked."
    )


UNCHECKED = {"objective": "an objective function", "zipline": "a zipline algorithm, which is handed no later bar"}
"""Kinds of strategies that are not run on an altered future."""


def causality(study: "Study") -> str:
    """Whether the best trial's decisions know the future."""
    if study.causal is True:
        return "causal: yes"
    if study.causal is None:
        return f"causal: not checked ({UNCHECKED.get(study.spec.kind, 'no check was made')})"
    return f"NOT CAUSAL: decisions of {study.causal} moved when later bars were changed; no market gives these results."


def without_costs(metrics: "dict[str, float]") -> str:
    """What a result without costs is worth."""
    cost = metrics.get("break_even_cost", float("nan"))
    if cost != cost:
        return "Without costs; no trade."
    return f"Without costs; breaks even at {cost:.4g} bp a side."


def failures(study: "Study") -> str:
    """How many trials failed, and how the first one did."""
    failed = study.trials.filter(study.trials["state"] == "failed")
    return f"{study.n_failed:,} of {study.trials.height:,} trials failed (first error: {failed['error'][0]})."


def _seconds(seconds: float) -> str:
    """A short time with its unit.

    Examples
    --------
    >>> _seconds(0.000123), _seconds(0.25), _seconds(7.0)
    ('0.12 ms', '250 ms', '7 s')
    """
    return (
        f"{1000 * seconds:.2g} ms"
        if seconds < 0.1
        else f"{seconds:.2g} s"
        if seconds >= 1
        else f"{1000 * seconds:.0f} ms"
    )


def _trial(study: "Study", trial: "FrozenTrial") -> str:
    objective = study.spec.objective
    return f"{objective} {shown(objective, trial.value)}, trial {trial.number}: {params_text(trial.params)}"


def _none_best(study: "Study") -> str:
    complete = study.trials.height - study.n_failed - study.n_pruned
    if not complete:
        return "No trial qualifies: none is complete."
    undefined = f"{' or '.join(study.spec.objectives)} is undefined (or the value fell to zero)"
    unmet = f", or they do not meet {' and '.join(map(repr, study.spec.require))}" if study.spec.require else ""
    return f"No trial qualifies: in all {complete:,} complete ones {undefined}{unmet}."


def _params(study: "Study") -> list[str]:
    return list(study.trial(int(study.trials["trial"][0])).params) if study.trials.height else []
