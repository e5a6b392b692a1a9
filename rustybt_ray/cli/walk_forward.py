"""`walk-forward`: choose on one stretch of history, earn on the next, move on."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rustybt_ray.cli.optimize import executor_options, search_options
from rustybt_ray.cli.options import common, data_format, market, market_arguments
from rustybt_ray.cli.parsing import Parsed
from rustybt_ray.cli.program import ALL_FAILED, DONE, EPILOG, INTERRUPTED, say_error
from rustybt_ray.cli.study_file import study_file

if TYPE_CHECKING:
    from rustybt_ray.studies.walk_forward import WalkForward

LENGTHS = ("train", "validate", "test", "step", "warmup")
TABLES = ("windows", "trials", "curve", "comparisons")
EXAMPLE = """\b
Example:
  rustybt-ray walk-forward -f examples/sma_crossover.py -b sample-mag-7 -p fast=5:50:5 -p slow=60:250:10
      --train 3y --validate 6mo --test 6mo --purge 5 --commission per-dollar:0.001 -o runs/walk
"""


def _length(text: str) -> int | str:
    """A length: digits alone count sessions."""
    from rustybt_ray.validation.lengths import check_length

    words = text.strip()
    return check_length("a length", int(words) if words.isdigit() else words, low=0)


LENGTH = Parsed("length", _length)


def window_options(function: Any) -> Any:
    """Where windows lie, and how they choose."""
    options = (
        click.option(
            "--train", type=LENGTH, required=True, help="What trials are ranked on: 3y, 6mo, 2w, 21d, or sessions."
        ),
        click.option("--validate", type=LENGTH, help="Comes after train, and chooses among its ten best."),
        click.option("--test", type=LENGTH, required=True, help="What the chosen trial is judged on."),
        click.option("--step", type=LENGTH, help="From one window to the next; default: the test's length."),
        click.option("--warmup", type=LENGTH, help="Comes before the first train."),
        click.option("--anchored", is_flag=True, help="Every train begins at the first, and grows."),
        click.option(
            "--purge", type=click.IntRange(min=0), default=0, help="Sessions before each next segment left out."
        ),
        click.option("--embargo", type=click.IntRange(min=0), default=0, help="Has no effect in forward windows."),
        click.option(
            "--positions",
            type=click.Choice(["flat", "carry"]),
            default="flat",
            show_default=True,
            help="Whether each test begins and ends in cash, or one ledger runs over all.",
        ),
        click.option(
            "--select",
            type=click.Choice(["best", "plateau"]),
            default="best",
            show_default=True,
            help="plateau ranks by the mean over a trial and its neighbours.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.command("walk-forward", epilog=f"{EXAMPLE}\n{EPILOG}")
@study_file
@market
@search_options
@window_options
@executor_options
@click.option(
    "-o",
    "--output",
    "run_dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="RUNDIR",
    help="Keep study.json, the journal of finished trials, and at the end the tables and the curves there.",
)
@click.option("--resume", is_flag=True, help="Go on with what is in RUNDIR; what is finished is not run again.")
@click.option(
    "--trial-timeout", type=click.FloatRange(min=0.0, min_open=True), help="End a trial after so many seconds."
)
@click.option("--memory-limit", metavar="SIZE", help="End a trial that allocates more, such as 500MB.")
@data_format
@click.option(
    "--data",
    type=click.Choice(TABLES),
    default="windows",
    show_default=True,
    help="What --format json, csv or parquet writes.",
)
@click.option("--plan", is_flag=True, help="Draw the windows, and say how much would run; nothing runs.")
@click.option("--quiet", is_flag=True, help="No progress.")
@common
@click.pass_context
def command(
    ctx: click.Context, /, strategy: str, form: str, data: str, quiet: bool, plan: bool, **options: Any
) -> None:
    """Let each window choose a parameter set of STRATEGY, and join what the choices earned on sessions that chose nothing.

    STUDY.toml may say any of it, with the lengths and `anchored` in a table [windows] (see examples/study.toml); options
    given here win.
    """
    from rustybt_ray.api.walk_forward import walk_forward
    from rustybt_ray.cli.compiling import announce_compile
    from rustybt_ray.cli.output import check_destination, computing
    from rustybt_ray.strategies.load import load_strategy
    from rustybt_ray.validation.forward import Expanding, Rolling

    saved, options["constraint"] = options["run_dir"], list(options["constraint"]) or None
    options["direction"] = options["direction"] or "maximize"
    lengths = {name: options.pop(name) for name in LENGTHS}
    lengths = {name: length for name, length in lengths.items() if length is not None}
    options["windows"] = (Expanding if options.pop("anchored") else Rolling)(**lengths)
    arguments = market_arguments(options) | options
    if plan:
        _plan(load_strategy(strategy), form, arguments)
        ctx.exit(DONE)
    check_destination(form, ", or leave the format out: -o saves Parquet files")
    with computing():
        function = load_strategy(strategy)
        announce_compile()
        found = walk_forward(function, progress=False if quiet else None, **arguments)
    report(found, form, data)
    if saved is not None:
        files = "study.json, journal, table.parquet, windows.parquet, out_of_sample.parquet"
        click.echo(f"Saved in {saved}: {files}.", err=True)
    ctx.exit(exit_code(found))


def _plan(function: Any, form: str, arguments: dict[str, Any]) -> None:
    """Draw the windows instead."""
    from rustybt_ray.api.forward_plan import plan_windows
    from rustybt_ray.validation.drawing import bars, draw

    if form not in ("table", "json"):
        raise click.UsageError("--plan has the formats table and json.")
    made = plan_windows(function, **arguments)
    if form == "json":
        rows = [bar._asdict() for bar in bars(made.layout)]
        counts = {
            "trials": made.trials,
            "windows": len(made.layout),
            "segments": made.segments,
            "sessions": made.sessions,
        }
        click.echo(json.dumps({**counts, "bars": rows, "notes": made.layout.notes}, indent=1, default=str))
        return
    click.echo(draw(made.layout))
    count = "an unknown number of" if made.trials is None else f"{made.trials:,}"
    times = made.sessions / len(made.layout.days)
    click.echo(
        f"\n{count} trials, each in {made.segments:,} segments of {made.sessions:,} sessions: {times:.1f} times the history."
    )


def report(found: "WalkForward", form: str, data: str) -> None:
    """The result on stdout; beside pure data its sentences go to stderr."""
    from rustybt_ray.cli.forward_summary import comparison_table, headline, sentences, windows_table
    from rustybt_ray.cli.output import show, write_data

    if form == "table":
        show(headline(found), windows_table(found), comparison_table(found), *sentences(found))
    else:
        frames = {"windows": "windows", "trials": "trials", "curve": "out_of_sample", "comparisons": "comparisons"}
        write_data(getattr(found, frames[data]), form)
        for sentence in (headline(found), *sentences(found)):
            click.echo(sentence, err=True)
    if exit_code(found) == ALL_FAILED:
        error = found.study.trial(int(found.choices.block.numbers[0])).error
        if error is not None:
            say_error(f"every trial failed; the first one so:\n{error.traceback.rstrip()}")


def exit_code(found: "WalkForward") -> int:
    """What the end means to a script."""
    if found.stopped == "interrupted":
        return INTERRUPTED
    return ALL_FAILED if found.n_trials and found.n_failed == found.n_trials else DONE
