"""`trials`: the trials of a run directory, ranked."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rustybt_ray.cli.options import data_format, told

if TYPE_CHECKING:
    from rustybt_ray.studies.study import Study

SHOWN = 10


@click.command("trials")
@click.argument("run_dir", type=click.Path(path_type=Path), metavar="RUNDIR")
@click.option(
    "--top", type=click.IntRange(min=1), help=f"Trials to print; default: {SHOWN} in a table, in data all that qualify."
)
@data_format
@told
def command(run_dir: Path, top: int | None, form: str) -> None:
    """The trials of RUNDIR that qualify, best first, as `optimize` ranks them.

    A study may still run there; it is only read. Trials that failed, were pruned, ruined, or do not meet what is required are
    not ranked: `export` writes them too.
    """
    from rustybt_ray.cli.output import check_destination, show, write_data
    from rustybt_ray.cli.summary import ranked_table, sentences
    from rustybt_ray.studies.recorded import read_study

    check_destination(form, ", or use `rustybt-ray export RUNDIR FILE.parquet`")
    study = read_study(run_dir)
    said = sentences(study) if study.n_trials else ["No trial is finished."]
    if form != "table":
        write_data(study.top(study.n_trials if top is None else top), form)
        for sentence in (headline(study), *said):
            click.echo(sentence, err=True)
        return
    ranked = [ranked_table(study, top or SHOWN)] if study.n_trials else []
    show(headline(study), *ranked, *said)


def headline(study: "Study") -> str:
    """What it is, and how much of it is finished."""
    spec = study.spec
    total = f" of {spec.trials:,}" if spec.trials is not None else ""
    return (
        f"{spec.strategy['name']} on {spec.bundle}@{spec.version[:12]}, {spec.start} to {spec.end}: "
        f"{study.n_trials:,}{total} trials finished"
    )
