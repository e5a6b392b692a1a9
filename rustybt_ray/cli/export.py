"""`export`: all trials of a run directory as a file."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rustybt_ray.cli.options import told
from rustybt_ray.cli.parsing import Parsed

if TYPE_CHECKING:
    import polars as pl

OWN = (
    "study.json", "journal", "table.parquet", "returns.parquet", "windows.parquet", "out_of_sample.parquet", "lock",
)  # fmt: skip
"""Files of a run directory that no export may replace."""


def parse_export(text: str) -> Path:
    """The file that is written; its ending says the format.

    Raises
    ------
    InputError
        If there is no such format.
    """
    from rustybt_ray.studies.exported import check_frame_name

    check_frame_name(Path(text))
    return Path(text)


@click.command("export")
@click.argument("run_dir", type=click.Path(path_type=Path), metavar="RUNDIR")
@click.argument("file", type=Parsed("file", parse_export), metavar="FILE")
@click.option("--top", type=click.IntRange(min=1), help="The best so many, best first, instead of all.")
@click.option("--runs", is_flag=True, help="After successive halving, all runs of each trial.")
@told
def command(run_dir: Path, file: Path, top: int | None, runs: bool) -> None:
    """Write all trials of RUNDIR to FILE, in the order of their numbers: FILE.csv, .parquet, .json or .arrow.

    Of a walk-forward these are the trials of each window.
    A study may still run there; then these are the trials that it has finished. FILE is written whole or not at all.
    """
    from rustybt_ray.studies.exported import write_frame

    if runs and top is not None:
        raise click.UsageError("--runs and --top exclude each other.")
    if file.name in OWN and file.resolve().parent == run_dir.resolve():
        raise click.UsageError(f"{file} belongs to the run directory; choose another name.")
    frame = _trials(run_dir, top, runs)
    write_frame(frame, file)
    click.echo(f"Saved in {file}: {frame.height:,} rows, {frame.width} columns.", err=True)


def _trials(run_dir: Path, top: int | None, runs: bool) -> "pl.DataFrame":
    import rustybt_ray as rb
    from rustybt_ray.studies.recorded import read_study
    from rustybt_ray.studies.run_directory import read_specification

    if (read_specification(run_dir) or {}).get("walk_forward"):
        if runs or top is not None:
            raise click.UsageError("--runs and --top are for studies; this is a walk-forward.")
        made: pl.DataFrame = rb.load(run_dir).trials
        return made
    study = read_study(run_dir)
    return study.runs if runs else study.trials if top is None else study.top(top)
