"""What is said about a walk-forward: its windows, the curve beside others, and what limits their meaning."""

from typing import TYPE_CHECKING

from rustybt_ray.cli.summary import failures, learning, without_costs
from rustybt_ray.cli.values import params_text, shown

if TYPE_CHECKING:
    from rich.table import Table

    from rustybt_ray.studies.walk_forward import WalkForward
    from rustybt_ray.validation.figures import Mean

COMPARED = ("total_return", "annual_return", "sharpe_ratio", "max_drawdown", "turnover", "n_trades")
MOST = 24
"""Windows that are shown; of more the first and the last."""


def headline(found: "WalkForward") -> str:
    """What was run, how much of it."""
    spec, said = found.spec, found.spec.walk_forward or {}
    where = "in this process" if found.executor == "inline" else "on Ray workers"
    return (
        f"{spec.strategy['name']} on {spec.bundle}@{spec.version[:12]}, {found.layout.title}, {said['positions']}: "
        f"{len(found.layout)} windows x {found.n_trials:,} trials in {found.elapsed:.2f} s {where}"
    )


def windows_table(found: "WalkForward") -> "Table":
    """One row a window: its test, its choice, and the objective in each part."""
    from rustybt_ray.cli.output import make_table

    frame, name = found.windows, found.spec.objective
    validated = "validation" in frame.columns
    columns = {
        "window": True,
        "train from": False,
        "test": False,
        "trial": True,
        "chosen": False,
        f"{name}: train": True,
    }
    columns |= {"validate": True} if validated else {}
    table = make_table(columns | {"test ": True, "place": True, "test return": True})
    rows = frame.to_dicts()
    for i, row in enumerate(rows):
        if len(rows) > MOST and MOST // 2 <= i < len(rows) - MOST // 2:
            if i == MOST // 2:
                table.add_row("...", f"{len(rows) - MOST} more", *[""] * (len(table.columns) - 2))
            continue
        trial = found.choice(i)
        chosen = ("-", "gap: cash") if trial is None else (str(trial.number), params_text(trial.params))
        cells = [str(i), str(row["train_start"]), f"{row['test_start']} to {row['test_end']}", *chosen]
        cells += [shown(name, row["in_sample"])] + ([shown(name, row["validation"])] if validated else [])
        cells += [shown(name, row["out_of_sample"]), shown("win_rate", row["percentile"])]
        table.add_row(*cells, shown("total_return", row.get("test_total_return", float("nan"))))
    return table


def comparison_table(found: "WalkForward") -> "Table":
    """The stitched curve and those it is compared with."""
    from rustybt_ray.cli.output import make_table

    name = found.spec.objective
    metrics = [name, *(metric for metric in COMPARED if metric != name)]
    table = make_table({"out of sample": False, **dict.fromkeys(metrics, True)})
    for row in found.comparisons.iter_rows(named=True):
        table.add_row(row["what"], *(shown(metric, row[metric]) for metric in metrics))
    return table


def sentences(found: "WalkForward") -> list[str]:
    """Everything that must be said beside the curve."""
    skill, ranks, rate = found.skill, found.rank_correlation, found.efficiency
    meaning = "the place of the choice among all trials out of sample, 1 best; at 0.5 choosing was worthless"
    said = [
        f"selection skill {_mean(skill)}: {meaning}.",
        f"rank correlation of train and test {_mean(ranks)}.",
    ]
    if rate.value == rate.value:
        said.append(f"efficiency {rate.value:.2f}: mean {found.spec.objective} of tests over that of trains.")
    rows = [row for row in found.stability.iter_rows(named=True) if row["overall"] == row["overall"]]
    if moves := ", ".join(f"{row['parameter']} {row['overall']:.2f}" for row in rows):
        said.append(f"stability of what was chosen, 1 the same, 0 as by lot: {moves}.")
    said.append(causality(found))
    if found.spec.costs.free:
        said.append(without_costs(found.metrics))
    said += found.notes
    if found.spec.adaptive:
        said.append(f"{learning(found.study)} It was told the objective in the first train alone.")
    if found.n_failed:
        said.append(failures(found.study))
    if found.stopped:
        said.append(
            f"Ended early ({found.stopped}): {found.n_trials:,} trials are finished, and the windows chose among these."
        )
    return said


def _mean(figure: "Mean") -> str:
    """A mean over windows with its interval, or that there is none.

    Examples
    --------
    >>> from rustybt_ray.validation.figures import mean_interval
    >>> nan = float("nan")
    >>> _mean(mean_interval([0.4, 0.6, nan])), _mean(mean_interval([0.4])), _mean(mean_interval([nan]))
    ('0.50, -0.77 to 1.77 (95 %) over 2 windows', '0.40 in one window', 'undefined in every window')
    """
    if figure.windows < 2:
        return f"{figure.mean:.2f} in one window" if figure.windows else "undefined in every window"
    return f"{figure.mean:.2f}, {figure.low:.2f} to {figure.high:.2f} (95 %) over {figure.windows} windows"


def causality(found: "WalkForward") -> str:
    """Whether the decisions of what was chosen most often know the future."""
    if found.causal is True:
        return "causal: yes"
    if found.causal is None:
        return "causal: not checked"
    return f"NOT CAUSAL: decisions of {found.causal} moved when later bars were changed; no market gives these results."
