"""`ingest`: make a bundle."""

from pathlib import Path
from typing import Any

import click

from rustybt_ray.cli.options import common


@click.command("ingest")
@click.argument("name")
@click.argument("source")
@click.option(
    "--periods-per-year",
    type=click.IntRange(min=1),
    help="Trading days a year in metrics; default: 365 if there are bars on weekends, else 252.",
)
@click.option(
    "--dividend-per",
    type=click.Choice(["old", "new"]),
    default="old",
    show_default=True,
    help="Whether a dividend on a split's day is stated per old or per new share.",
)
@click.option("--calendar", help="Exchange whose sessions these are; XNYS is built in.")
@click.option("--symbol", help="The asset's name where a table has no column symbol.")
@click.option(
    "--payouts",
    type=click.Path(exists=True, dir_okay=False),
    help="Table of pay dates and stock dividends: symbol,kind,ex_date,pay_date,ratio,payment_symbol.",
)
@common
def command(name: str, source: str, root: Path | None, **options: Any) -> None:
    """Make the bundle NAME from SOURCE.

    SOURCE is a folder with one SYMBOL.csv for each asset (date,open,high,low,close,volume[,dividend,split]), or a
    Parquet file with one row a bar. What breaks a rule stops it and nothing is published; what is odd is listed. The
    same name again makes a new version.

    In the table of --payouts a row of kind `cash` dates a dividend that SOURCE has, and one of kind `stock` adds a
    dividend of `ratio` shares of `payment_symbol` a share held.
    """
    from rustybt_ray.data.ingest import ingest

    bundle = ingest(name, source, root=root, **options)
    for warning in bundle.warnings:
        click.echo(f"Warning: {warning}", err=True)
    paid = f" ({bundle.pay_dates} with a pay date)" if bundle.pay_dates else ""
    paid += f", {bundle.stock_dividends} stock dividends" if bundle.stock_dividends else ""
    click.echo(
        f"{bundle.reference}: {bundle.assets} assets, {bundle.sessions:,} sessions {bundle.first_session} to "
        f"{bundle.last_session}, {bundle.bars:,} bars, {bundle.splits} splits, {bundle.dividends} dividends{paid}, "
        f"{bundle.periods_per_year} trading days a year"
    )
