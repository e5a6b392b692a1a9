"""`submit`: a study file as a job of a Ray cluster, its log on stderr and its result on stdout."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from rustybt_ray.cli import optimize
from rustybt_ray.cli.options import data_format
from rustybt_ray.cli.program import DONE, ERROR, INTERRUPTED, say_error
from rustybt_ray.exceptions import ExecutionError, InputError

if TYPE_CHECKING:
    from actors.jobs import Ended, JobClient

EXIT_CODES = """\b
Exit codes: those of the job's `optimize`, as `rustybt-ray optimize --help` has them; 1 too if the job could not be
submitted or died, 130 after Ctrl-C.
"""
EXAMPLE = """\b
Example:
  rustybt-ray submit examples/study.toml --address http://127.0.0.1:8265 --format json > trials.json
  rustybt-ray submit examples/study.toml --bundle-root /shared/bundles -o /shared/runs/sma -- -p fast=5:20 -j 32
"""


@click.command("submit", epilog=f"{EXAMPLE}\n{EXIT_CODES}")
@click.argument("study", type=click.Path(path_type=Path), metavar="[STUDY.toml]", required=False)
@click.argument("more", nargs=-1, type=click.UNPROCESSED, metavar="[-- OPTIMIZE OPTIONS]")
@click.option("--address", default="http://127.0.0.1:8265", show_default=True, help="The dashboard of the Ray head.")
@click.option(
    "--working-dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="What the job gets a copy of (500 MB at most); default: the study file's folder.",
)
@click.option("--wait/--no-wait", default=True, show_default=True, help="Follow the job and print its result.")
@click.option("--job-id", metavar="NAME", help="Instead of STUDY.toml: follow this job, submitted earlier.")
@click.option(
    "-o",
    "--output",
    "run_dir",
    metavar="RUNDIR",
    help="An absolute path on the cluster's shared storage where the job keeps study.json, journal and table.parquet.",
)
@click.option(
    "--bundle-root",
    "root",
    metavar="DIR",
    help="Where bundles are on the cluster; default: bundles in the head's $RUSTYBT_RAY_HOME.",
)
@click.option("--top", type=click.IntRange(min=1), help="Trials to print, as in `optimize`.")
@data_format
@click.pass_context
def command(ctx: click.Context, /, address: str, wait: bool, job_id: str | None, form: str, **options: Any) -> None:
    """Run STUDY.toml as a job of a Ray cluster, and print what its `optimize` prints.

    The job runs in a copy of the study file's folder, so the strategy and what it imports must lie there. Bundles do not
    travel: the job finds them where the cluster keeps them.

    The log comes on stderr while the job runs. The result comes back through the job's log, in lines with a checksum, so no
    storage must be shared; -o keeps the run directory on the cluster beside it. Ctrl-C stops the job and prints what it has
    finished; --no-wait leaves it alone, and --job-id follows it later (its format is the one it was submitted with).
    """
    from actors.jobs import JobClient
    from rustybt_ray.cli.output import check_destination

    check_destination(form, "")
    study = options.pop("study")
    if (study is None) == (job_id is None):
        raise click.UsageError("Say STUDY.toml, or --job-id NAME for a job that was submitted earlier.")
    if study is None:
        _follow(ctx, JobClient(address), str(job_id))
    folder = _folder(study, options.pop("folder"))
    words = [*_words(form=form, **options), *options["more"]]
    words = ["--address", "auto", "--executor", "ray", *words]
    _check(ctx, study, folder, words)
    client = JobClient(address)
    inside = study.resolve().relative_to(folder).as_posix()
    job = client.submit(["python", "-m", "rustybt_ray", "optimize", inside, *words], folder)
    click.echo(f"Submitted as {job} to {address}.", err=True)
    if wait:
        _follow(ctx, client, job)
    click.echo(f"Its result, later: rustybt-ray submit --job-id {job} --address {address}", err=True)
    ctx.exit(DONE)


def _folder(study: Path, folder: Path | None) -> Path:
    """The folder that the job gets a copy of; the study file lies in it."""
    found = (folder or study.parent).resolve()
    if not found.is_dir() or not study.resolve().is_relative_to(found):
        remedy = "Leave it out, or name a folder above the study file."
        raise InputError("--working-dir", f"a folder that holds {study}", str(folder or study.parent), remedy)
    return found


def _words(*, form: str, run_dir: str | None, root: str | None, top: int | None, more: tuple[str, ...]) -> list[str]:
    """Options of the job's `optimize`."""
    if run_dir is not None and not run_dir.startswith("/"):
        remedy = "The job's own folder is removed after it."
        raise InputError("-o", "an absolute path on the cluster's shared storage", run_dir, remedy)
    said = {"-o": run_dir, "--bundle-root": root, "--top": None if top is None else str(top)}
    return ["--format", form, *(word for name, value in said.items() if value is not None for word in (name, value))]


def _check(ctx: click.Context, study: Path, folder: Path, words: list[str]) -> None:
    """Read everything here as the job will there: what is wrong is told before anything travels."""
    read = optimize.command.make_context("optimize", [str(study), *words], parent=ctx.parent)
    place, _, _ = read.params["strategy"].rpartition(".py")
    file = Path(f"{place}.py")
    if place and not (file.resolve().is_relative_to(folder) and file.is_file()):
        remedy = "Put it beside the study file, or name a folder that holds both: --working-dir DIR."
        raise InputError("the strategy", f"a file in {folder}, which the job gets a copy of", str(file), remedy)
    kept = read.params["run_dir"]
    if kept is not None and kept.resolve().is_relative_to(folder):
        click.echo(f"Warning: {kept} is in the job's own folder, which is removed after it; say -o RUNDIR.", err=True)


def _follow(ctx: click.Context, client: "JobClient", job: str) -> NoReturn:
    """The job's log, then its result; ends the program with the job's exit code."""
    try:
        ended = client.follow(job, lambda line: click.echo(line, err=True))
    except KeyboardInterrupt:
        click.echo(f"Stopping {job}.", err=True)
        stopped = client.stop(job)
        found = _print_result(stopped)
        rest = "what it had finished is printed" if found else "it had nothing to print yet"
        click.echo(f"Stopped {job}: {rest}." if stopped else f"{job} was told to stop.", err=True)
        ctx.exit(INTERRUPTED)
    found = _print_result(ended)
    if ended.status == "STOPPED":
        say_error(f"{job} was stopped.")
        ctx.exit(INTERRUPTED)
    if not found:
        say_error(str(_failure(client, job, ended)))
        ctx.exit(max(ended.code or ERROR, ERROR))
    ctx.exit(ERROR if ended.code is None else ended.code)


def _print_result(ended: "Ended | None") -> bool:
    """Write the result to stdout as the job wrote it; whether there is one."""
    from actors.jobs import find_result

    result = find_result(ended.log) if ended is not None else None
    if not result:
        return False
    sys.stdout.flush()
    sys.stdout.buffer.write(result)
    sys.stdout.buffer.flush()
    return True


def _failure(client: "JobClient", job: str, ended: "Ended") -> ExecutionError:
    """Why a job has no result, in its own words if it had some."""
    from actors.jobs import readable

    told = [line for line in readable(ended.log) if line.startswith("Error: ")]
    cause = told[-1].removeprefix("Error: ").rstrip(".") if told else ended.message.strip() or "nothing was said"
    code = "did not begin" if ended.code is None else f"exit code {ended.code}"
    remedy = (
        f"`ray job logs {job} --address {client.address}` has all it said. Bundles and packages are the cluster's own: "
        "ingest the bundle there, or say --bundle-root."
    )
    return ExecutionError(f"the job failed: {cause}", f"{job} at {client.address}, {code}", remedy)
