"""What `optimize --plan` prints."""

import dataclasses
import json
from typing import TYPE_CHECKING

import click

from rustybt_ray.cli.finding import size

if TYPE_CHECKING:
    from rustybt_ray.api.plan import Plan


def report(plan: "Plan", form: str) -> None:
    """The plan on stdout, as a table or as one JSON object."""
    if form == "json":
        click.echo(json.dumps(dataclasses.asdict(plan), indent=1))
        return
    from rustybt_ray.cli.output import make_table, show

    table = make_table({"what": False, "planned": False})
    for name, text in lines(plan):
        table.add_row(name, text)
    show(table)


def lines(plan: "Plan") -> list[tuple[str, str]]:
    """The plan in pairs of a word and a text."""
    driver, worker = plan.driver, plan.worker
    parts = [f"panel {size(driver['panel'] or 0)}"]
    parts += [f"indicators up to {size(driver['caches'])}"] if driver["caches"] else []
    if driver["blocks"] is not None:
        parts += [f"results {size(driver['blocks'])} (moments {size(driver['moments'] or 0)})"]
        parts += [f"table {size(driver['table'] or 0)}"]
    made = [
        ("trials", _trials(plan)),
        ("time", _time(plan)),
        ("where", _where(plan)),
        ("this process", ", ".join(parts)),
    ]
    if worker is not None:
        share = f"{size(worker['panel_share'])} as its share of the panel in the store, indicators up to {size(worker['caches'])}"
        made.append(("each worker", share))
    if plan.store:
        made.append(
            ("object store", f"{size(plan.store)} for the panel and its adjusted fields, on each machine with workers")
        )
    if plan.journal != 0:
        made.append(("journal", "not known" if plan.journal is None else f"about {size(plan.journal)} on the disk"))
    return made


def _trials(plan: "Plan") -> str:
    text = "not known before the search ends" if plan.trials is None else f"{plan.trials:,} to run"
    return text + (f", {plan.recorded:,} recorded" if plan.recorded else "")


def _time(plan: "Plan") -> str:
    if plan.trial_seconds is None:
        nothing = plan.trials == 0
        return "no trial is left" if nothing else "not measured: trials must not run in this process"
    each = f"{_range(*plan.trial_seconds)} a trial, by {plan.tried} that were run"
    if plan.failed:
        each += f" ({plan.failed} failed, first error: {plan.error})"
    return each if plan.seconds is None else f"{_range(*plan.seconds)}; {each}"


def _where(plan: "Plan") -> str:
    if plan.executor == "inline":
        return "in this process"
    workers = "Ray workers, one a CPU of the cluster" if plan.workers is None else f"{plan.workers:,} Ray workers"
    return f"begins in this process, goes on with {workers}" if plan.begins_here else workers


def _range(low: float, high: float) -> str:
    """Two times as one text.

    Examples
    --------
    >>> _range(0.0001, 0.0004), _range(100.0, 100.2), _range(70.0, 9000.0)
    ('0.1 ms to 0.4 ms', '1 min 40 s', '1 min 10 s to 2 h 30 min')
    """
    first, second = _time_text(low), _time_text(high)
    return first if first == second else f"{first} to {second}"


def _time_text(seconds: float) -> str:
    if seconds < 1.0:
        return f"{1000.0 * seconds:.2g} ms" if seconds < 0.1 else f"{1000.0 * seconds:.0f} ms"
    if seconds < 60.0:
        return f"{seconds:.2g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"
