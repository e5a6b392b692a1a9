"""`optimize`: run a strategy with many parameter sets and rank them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rustybt_ray.cli.options import common, data_format, market, market_arguments
from rustybt_ray.cli.parsing import SPACE_FORMS, Parsed, gathered, parse_dimension, unique
from rustybt_ray.cli.program import ALL_FAILED, DONE, EPILOG, INTERRUPTED, say_error
from rustybt_ray.cli.study_file import study_file

if TYPE_CHECKING:
    from rustybt_ray.studies.study import Study

SEARCHES = ("grid", "random", "sobol", "lhs", "tpe", "cmaes", "nsga2", "gp", "halving")
SHOWN = 10
EXAMPLE = """\b
Example:
  rustybt-ray optimize -f examples/sma_crossover.py -b sample-mag-7 -p fast=5:50:5 -p slow=60:250:10
      --constraint "fast<slow" --commission per-dollar:0.001 -o runs/sma
"""


def one_or_several(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> str | list[str] | None:
    """Nothing, the one value, or all of them."""
    return list(values) if len(values) > 1 else next(iter(values), None)


def search_options(function: Any) -> Any:
    """What is searched and how."""
    options = (
        click.option(
            "-p",
            "-D",
            "--param",
            "space",
            type=Parsed("name=values", parse_dimension, missing=SPACE_FORMS),
            multiple=True,
            required=True,
            callback=gathered(unique),
            help=f"A dimension of the space; repeatable. {SPACE_FORMS}",
        ),
        click.option("--constraint", multiple=True, help='What parameters must meet, such as "fast<slow"; repeatable.'),
        click.option(
            "--objective",
            multiple=True,
            callback=one_or_several,
            help="A metric; default: sharpe_ratio, for an objective function value. Repeat it for several.",
        ),
        click.option(
            "--direction",
            type=click.Choice(["maximize", "minimize"]),
            multiple=True,
            callback=one_or_several,
            help="default: maximize; one for all objectives, or one for each.",
        ),
        click.option(
            "--require",
            multiple=True,
            help='What the best must meet, such as "max_drawdown > -0.25"; repeatable.',
        ),
        click.option(
            "--sampler",
            "--search",
            "search",
            type=click.Choice(SEARCHES),
            default="grid",
            show_default=True,
            help="tpe to gp learn from results, and need optuna; halving prunes by a first part of the history.",
        ),
        click.option("--n-trials", type=click.IntRange(min=1), help="Trials to run at most; all but grid need it."),
        click.option(
            "--lag", type=click.IntRange(min=1), help="Trials under way while such a search chooses; default: 32."
        ),
        click.option("--timeout", type=click.FloatRange(min=0.0, min_open=True), help="End after so many seconds."),
        click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True),
    )
    for option in reversed(options):
        function = option(function)
    return function


def executor_options(function: Any) -> Any:
    """Where trials run."""
    options = (
        click.option("-j", "--jobs", "n_jobs", type=click.IntRange(min=1), help="Ray workers; default: one a core."),
        click.option("--address", help='A Ray cluster: "auto", HOST:PORT or ray://HOST:PORT.'),
        click.option(
            "--pool", metavar="NAME", help="Workers there that outlive the study; `pools` lists and ends them."
        ),
        click.option(
            "--executor",
            type=click.Choice(["auto", "inline", "ray"]),
            default="auto",
            show_default=True,
            help="auto starts workers only if they pay.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.command("optimize", epilog=f"{EXAMPLE}\n{EPILOG}")
@study_file
@market
@search_options
@executor_options
@click.option(
    "-o",
    "--output",
    "run_dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="RUNDIR",
    help="Keep study.json, the journal of finished trials and table.parquet there.",
)
@click.option("--resume", is_flag=True, help="Go on with the study in RUNDIR; what is finished is not run again.")
@click.option(
    "--trial-timeout", type=click.FloatRange(min=0.0, min_open=True), help="End a trial after so many seconds."
)
@click.option("--memory-limit", metavar="SIZE", help="End a trial that allocates more, such as 500MB.")
@click.option(
    "--top",
    type=click.IntRange(min=1),
    help=f"Trials to print, best first; default: {SHOWN} in a table, in data all of them in the order they were asked.",
)
@data_format
@click.option(
    "--plan", is_flag=True, help="Say what would run, how long and with how much memory; up to 5 trials are tried."
)
@click.option("--quiet", is_flag=True, help="No progress.")
@common
@click.pass_context
def command(
    ctx: click.Context, /, strategy: str, top: int | None, form: str, quiet: bool, plan: bool, **options: Any
) -> None:
    """Run STRATEGY with many parameter sets over BUNDLE and rank them.

    STUDY.toml may say any of it, under the names that the options have in Python (see examples/study.toml); options
    given here win.
    """
    from rustybt_ray.api.optimize import optimize
    from rustybt_ray.cli.compiling import announce_compile
    from rustybt_ray.cli.output import check_destination, computing
    from rustybt_ray.strategies.load import load_strategy

    saved, options["constraint"] = options["run_dir"], list(options["constraint"]) or None
    options["direction"] = options["direction"] or "maximize"
    check_destination(form, ", or leave the format out: -o saves table.parquet")
    arguments = market_arguments(options)
    if plan:
        _plan(strategy, form, arguments | options)
        ctx.exit(DONE)
    with computing():
        function = load_strategy(strategy)
        announce_compile()
        study = optimize(function, progress=False if quiet else None, **arguments, **options)
    report(study, form, top)
    if saved is not None:
        returns = ", returns.parquet" if study.returns is not None else ""
        click.echo(f"Saved in {saved}: study.json, journal, table.parquet{returns}.", err=True)
    ctx.exit(exit_code(study))


def _plan(strategy: str, form: str, arguments: dict[str, Any]) -> None:
    """Print what would happen instead."""
    from rustybt_ray.api.plan import plan
    from rustybt_ray.cli.compiling import announce_compile
    from rustybt_ray.cli.output import computing
    from rustybt_ray.cli.plan import report as report_plan
    from rustybt_ray.strategies.load import load_strategy

    if form not in ("table", "json"):
        raise click.UsageError("--plan has the formats table and json.")
    with computing():
        function = load_strategy(strategy)
        announce_compile()
        made = plan(function, **arguments)
    report_plan(made, form)


def report(study: "Study", form: str, top: int | None) -> None:
    """The result on stdout; beside pure data its sentences go to stderr."""
    from rustybt_ray.cli.output import show, write_data
    from rustybt_ray.cli.summary import headline, ranked_table, sentences

    if form == "table":
        show(headline(study), ranked_table(study, top or SHOWN), *sentences(study))
    else:
        write_data(study.trials if top is None else study.top(top), form)
        for sentence in (headline(study), *sentences(study)):
            click.echo(sentence, err=True)
    if exit_code(study) == ALL_FAILED and (error := study.trial(int(study.trials["trial"][0])).error) is not None:
        say_error(f"every trial failed; the first one so:\n{error.traceback.rstrip()}")


def exit_code(study: "Study") -> int:
    """What the study's end means to a script."""
    if study.stopped == "interrupted":
        return INTERRUPTED
    return ALL_FAILED if study.trials.height and study.n_failed == study.trials.height else DONE
