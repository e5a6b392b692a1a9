"""`replay`: one trial of a run directory again, with everything that happened."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rustybt_ray.cli.algorithms import parse_dump
from rustybt_ray.cli.options import common, data_format
from rustybt_ray.cli.parsing import Parsed
from rustybt_ray.cli.program import ERROR

if TYPE_CHECKING:
    from rustybt_ray.api.replay import Replayed


@click.command("replay")
@click.argument("run_dir", type=click.Path(path_type=Path), metavar="RUNDIR")
@click.argument("trial", type=click.IntRange(min=0), metavar="TRIAL")
@click.option("-f", "--strategy", metavar="STRATEGY", help="Where the strategy is now; default: where study.json says.")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write metrics.json, curve.parquet, holdings.parquet and fills.parquet there.",
)
@click.option(
    "--dump",
    type=Parsed("file", parse_dump),
    metavar="FILE",
    help="All that a zipline algorithm did, as of `backtest`.",
)
@data_format
@common
@click.pass_context
def command(
    ctx: click.Context,
    run_dir: Path,
    trial: int,
    strategy: str | None,
    output: Path | None,
    dump: Path | None,
    form: str,
    root: Path | None,
) -> None:
    """Run TRIAL of RUNDIR again: every metric, and whether each is bitwise the one of the table.

    Strategy, bundle version, costs and settings are those that study.json records; a strategy that has changed since is
    refused with what changed. Nothing is written in RUNDIR. A metric that differs makes the exit code 1.
    """
    from rustybt_ray.api.replay import replay_trial
    from rustybt_ray.cli.backtest import metrics_frame, print_metrics, save, save_metrics
    from rustybt_ray.cli.compiling import announce_compile
    from rustybt_ray.cli.output import check_destination, computing, write_data
    from rustybt_ray.zipline.result import AlgorithmBacktest

    check_destination(form, " or choose another format")
    with computing():
        announce_compile()
        made = replay_trial(run_dir, trial, strategy=strategy, root=root)
    if dump is not None and not isinstance(made.backtest, AlgorithmBacktest):
        raise click.UsageError("--dump is for zipline algorithms; use -o DIR.")
    notes = [verdict(made)]
    if output is not None:
        if made.backtest is None:
            save_metrics(made.metrics, output)
        else:
            save(made.backtest, output)
        files = "" if made.backtest is None else ", curve.parquet, holdings.parquet, fills.parquet"
        notes.append(f"Saved in {output}: metrics.json{files}.")
    if dump is not None:
        _dump(made, dump)
        notes.append(f"Saved in {dump}: everything that the algorithm did.")
    if form == "table":
        print_metrics(made.metrics, headline(made), notes)
    else:
        write_data(metrics_frame(made.metrics), form)
        for note in notes:
            click.echo(note, err=True)
    ctx.exit(ERROR if made.differing or made.trial.state == "failed" else 0)


def headline(made: "Replayed") -> str:
    """Which trial of which study."""
    from rustybt_ray.cli.values import params_text

    spec, trial = made.spec, made.trial
    what = f"trial {trial.number} of {spec.strategy['name']} on {spec.bundle}@{spec.version[:12]}"
    part = " (pruned: the part of the history that it had)" if trial.state == "pruned" else ""
    return f"{what}: {params_text(trial.params) or 'no parameters'}, {spec.start} to {spec.end}{part}"


def verdict(made: "Replayed") -> str:
    """Whether it is what the table says."""
    trial = made.trial
    if trial.error is not None:
        return f"NOT what is recorded: it failed then, by {trial.error.type}: {trial.error.message}"
    if not made.differing:
        return f"Bitwise the {len(trial.metrics)} metrics that are recorded."
    parts = (
        f"{name} {trial.metrics[name]!r} then, {made.metrics.get(name, 'nothing')!r} now" for name in made.differing
    )
    return f"NOT bitwise what is recorded: {'; '.join(parts)}."


def _dump(made: "Replayed", path: Path) -> None:
    from rustybt_ray.cli.algorithms import write_dump

    spec = made.spec
    if made.backtest is not None:
        market = {"bundle": f"{spec.bundle}@{spec.version}", "start": spec.start, "end": spec.end}
        write_dump(made.backtest, path, made.place, made.trial.params, {**market, "capital": spec.capital})
