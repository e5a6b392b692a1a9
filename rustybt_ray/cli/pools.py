"""`pools`: list and end the named pools of a cluster."""

from typing import Any

import click

from rustybt_ray.cli.options import data_format, told

COLUMNS = ("name", "workers", "driver")


def cluster(function: Any) -> Any:
    """Which cluster."""
    return click.option(
        "--address", default="auto", show_default=True, help="A Ray cluster: HOST:PORT, or the one this machine is of."
    )(function)


@click.group("pools")
def command() -> None:
    """List and end named pools: workers on a Ray cluster that outlive the program that started them.

    `optimize --address auto --pool NAME` starts one, or goes on with the one that is there.
    """


@command.command("list")
@cluster
@data_format
@told
def list_(address: str, form: str) -> None:
    """All pools, and who uses them."""
    import polars as pl

    from rustybt_ray.api.workers import named_pools
    from rustybt_ray.cli.output import check_destination, computing, make_table, show, write_data

    check_destination(form, "")
    with computing():
        found = named_pools(address)
    if form != "table":
        schema = {"name": pl.String, "workers": pl.Int64, "driver": pl.String}
        return write_data(pl.DataFrame(found, schema=schema), form)
    if not found:
        click.echo("No pools. Start one: rustybt-ray optimize ... --address auto --pool NAME.")
        return None
    table = make_table({name: name == "workers" for name in COLUMNS})
    for pool in found:
        table.add_row(pool["name"], str(pool["workers"]), pool["driver"] or "nobody")
    return show(table)


@command.command("shutdown")
@click.argument("name")
@cluster
@told
def shutdown(name: str, address: str) -> None:
    """End the workers of the pool NAME; refused while a driver uses it."""
    from rustybt_ray.api.workers import PersistentWorkerPool
    from rustybt_ray.cli.output import computing

    with computing():
        PersistentWorkerPool(address=address, name=name).shutdown()
    click.echo(f"The pool {name} has no workers any more.", err=True)
