"""`backtest`: one parameter set, everything that happened."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rustybt_ray.cli.algorithms import parse_dump, run
from rustybt_ray.cli.options import common, data_format, market, market_arguments
from rustybt_ray.cli.parsing import Parsed, gathered, parse_value, unique

if TYPE_CHECKING:
    import polars as pl

    from rustybt_ray.engine.backtest import Backtest


EXAMPLE = """\b
Examples:
  rustybt-ray backtest -f examples/sma_crossover.py -b sample-mag-7 -p fast=20 -p slow=100
  rustybt-ray backtest -f algo.py -b mag-7 -s 2012-01-03 -e 2024-12-31 -D fast=20 --dump algo.json.gz
"""


@click.command("backtest", epilog=EXAMPLE)
@market
@click.option(
    "-p",
    "-D",
    "--param",
    "params",
    type=Parsed("name=value", parse_value),
    multiple=True,
    callback=gathered(unique),
    help="A parameter, such as fast=20; of a zipline algorithm context.params and the file's own name; repeatable.",
)
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
    help="Write all that a zipline algorithm did to FILE.json or FILE.json.gz, in the layout of rustybt_ray.zipline.dump.",
)
@data_format
@common
def command(
    strategy: str,
    params: dict[str, Any],
    output: Path | None,
    dump: Path | None,
    form: str,
    **options: Any,
) -> None:
    """Run STRATEGY once over BUNDLE and print every metric with its meaning."""
    from rustybt_ray.cli.output import check_destination, computing, write_data
    from rustybt_ray.cli.values import params_text
    from rustybt_ray.engine.costs import Costs
    from rustybt_ray.zipline.result import AlgorithmBacktest

    check_destination(form, " or choose another format")
    arguments = market_arguments(options)
    with computing():
        result = run(strategy, params, arguments, dump)
    notes = []
    if Costs(**arguments["costs"]).free and not isinstance(result, AlgorithmBacktest):
        from rustybt_ray.cli.summary import without_costs

        notes.append(without_costs(result.metrics))
    if output is not None:
        save(result, output)
        notes.append(f"Saved in {output}: metrics.json, curve.parquet, holdings.parquet, fills.parquet.")
    if dump is not None:
        notes.append(f"Saved in {dump}: everything that the algorithm did.")
    if form != "table":
        write_data(metrics_frame(result.metrics), form)
        for note in notes:
            click.echo(note, err=True)
        return
    print_backtest(result, f"{strategy}: {params_text(params) or 'no parameters'}, on {arguments['bundle']}", notes)


def metrics_frame(metrics: dict[str, float]) -> "pl.DataFrame":
    """One row a metric: its name, value and meaning."""
    import polars as pl

    from rustybt_ray.engine.metrics import METRICS, ORDERED

    meaning = METRICS | ORDERED
    return pl.DataFrame(
        {
            "metric": list(metrics),
            "value": pl.Series([float(value) for value in metrics.values()], dtype=pl.Float64),
            "meaning": [meaning.get(name, "") for name in metrics],
        }
    )


def print_backtest(result: "Backtest", what: str, notes: list[str]) -> None:
    """Every metric with its meaning, between what was run and what is to be said of it."""
    days = result.curve["time"].dt.date()
    print_metrics(result.metrics, f"{what}, {days[0]} to {days[-1]}", notes)


def print_metrics(metrics: dict[str, float], what: str, notes: list[str]) -> None:
    """A table of metrics between a headline and notes."""
    from rustybt_ray.cli.output import make_table, show
    from rustybt_ray.cli.values import shown

    table = make_table({"metric": False, "value": True, "meaning": False})
    for name, value, meaning in metrics_frame(metrics).iter_rows():
        table.add_row(name, shown(name, value), meaning)
    show(what, table, *notes)


def save(result: "Backtest", output: Path) -> None:
    """Write a backtest's metrics, curve, holdings and fills into a folder."""
    save_metrics(result.metrics, output)
    result.curve.write_parquet(output / "curve.parquet")
    result.holdings.write_parquet(output / "holdings.parquet")
    result.fills.write_parquet(output / "fills.parquet")


def save_metrics(metrics: dict[str, float], output: Path) -> None:
    """Write ``metrics.json``; undefined ones are null."""
    import json
    import math

    output.mkdir(parents=True, exist_ok=True)
    defined = {name: None if math.isnan(value) else value for name, value in metrics.items()}
    (output / "metrics.json").write_text(json.dumps(defined, indent=1) + "\n", encoding="utf-8")
