"""`trials` and `export`: the trials of a run directory, ranked or all of them."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rustybt_ray.cli.options import data_format, told
from rustybt_ray.cli.parsing import Parsed

if TYPE_CHECKING:
    from rustybt_ray.studies.study import Study

SHOWN = 10
OWN = ("study.json", "journal", "table.parquet", "returns.parquet", "lock")
"""Files of a run directory that no export may replace."""


def parse_export(text: str) -> Path:
    """The file that is written; its ending says the format.

    Raises
    ------
    InputError
        If there is no such format.
    """
    from rustybt_ray.studies.files import check_frame_name

    check_frame_name(Path(text))
    return Path(text)


@click.command("trials")
@click.argument("run_dir", type=click.Path(path_type=Path), metavar="RUNDIR")
@click.option(
    "--top", type=click.IntRange(min=1), help=f"Trials to print; default: {SHOWN} in a table, in data all that qualify."
)
@data_format
@told
def trials(run_dir: Path, top: int | None, form: str) -> None:
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


@click.command("export")
@click.argument("run_dir", type=click.Path(path_type=Path), metavar="RUNDIR")
@click.argument("file", type=Parsed("file", parse_export), metavar="FILE")
@click.option("--top", type=click.IntRange(min=1), help="The best so many, best first, instead of all.")
@click.option("--runs", is_flag=True, help="After successive halving, all runs of each trial.")
@told
def export(run_dir: Path, file: Path, top: int | None, runs: bool) -> None:
    """Write all trials of RUNDIR to FILE, in the order of their numbers: FILE.csv, .parquet, .json or .arrow.

    A study may still run there; then these are the trials that it has finished. FILE is written whole or not at all.
    """
    from rustybt_ray.studies.files import write_frame
    from rustybt_ray.studies.recorded import read_study

    if runs and top is not None:
        raise click.UsageError("--runs and --top exclude each other.")
    if file.name in OWN and file.resolve().parent == run_dir.resolve():
        raise click.UsageError(f"{file} belongs to the run directory; choose another name.")
    study = read_study(run_dir)
    frame = study.runs if runs else study.trials if top is None else study.top(top)
    write_frame(frame, file)
    click.echo(f"Saved in {file}: {frame.height:,} rows, {frame.width} columns.", err=True)


def headline(study: "Study") -> str:
    """What it is, and how much of it is finished."""
    spec = study.spec
    total = f" of {spec.trials:,}" if spec.trials is not None else ""
    return (
        f"{spec.strategy['name']} on {spec.bundle}@{spec.version[:12]}, {spec.start} to {spec.end}: "
        f"{study.n_trials:,}{total} trials finished"
    )
