"""`bundles`: list, show, verify, remove."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rustybt_ray.cli.options import common, data_format
from rustybt_ray.cli.program import ERROR, say_error
from rustybt_ray.exceptions import BundleError

if TYPE_CHECKING:
    from rustybt_ray.data.bundle import Bundle

LISTED = (
    "name", "version", "assets", "sessions", "first_session", "last_session", "bars", "periods_per_year", "created",
)  # fmt: skip
REFERENCE = "BUNDLE is NAME (its newest version), NAME@VERSION or VERSION; the first digits of a version will do."


@click.group("bundles")
def command() -> None:
    """List, show, verify and remove bundles."""


@command.command("list")
@data_format
@common
def list_(form: str, root: Path | None) -> None:
    """All bundles, by name and then from old to new."""
    import polars as pl

    from rustybt_ray.cli.output import check_destination, make_table, show, write_data
    from rustybt_ray.data.store import BundleStore

    check_destination(form, "")
    store = BundleStore(root)
    found = store.list()
    for error in store.damaged():
        click.echo(f"Warning: {error}", err=True)
    rows = [{name: getattr(bundle, name) for name in LISTED} for bundle in found]
    if form != "table":
        columns = {name: pl.String if name in _TEXTS else pl.Int64 for name in LISTED}
        return write_data(pl.DataFrame(rows, schema=columns), form)
    if not found:
        click.echo(f"No bundles in {store.root}. Make one: rustybt-ray ingest NAME SOURCE, or rustybt-ray demo.")
        return None
    table = make_table({name: name not in _TEXTS for name in LISTED})
    for row in rows:
        short = {"version": row["version"][:12], "created": row["created"][:19]}
        table.add_row(*(f"{value:,}" if isinstance(value, int) else value for value in (row | short).values()))
    return show(table)


_TEXTS = ("name", "version", "first_session", "last_session", "created")


@command.command("show", epilog=REFERENCE)
@click.argument("bundle")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@common
def show_(bundle: str, form: str, root: Path | None) -> None:
    """All that is known about BUNDLE, with what its ingest found odd."""
    import json

    from rustybt_ray.data.store import BundleStore

    known = BundleStore(root).info(bundle)
    if form == "json":
        click.echo(json.dumps(dataclasses.asdict(known), indent=1, ensure_ascii=False))
        return
    for name, value in _described(known).items():
        click.echo(f"{name:<17} {value}")
    for warning in known.warnings:
        click.echo(f"warning           {warning}")


def _described(bundle: "Bundle") -> dict[str, Any]:
    made = dataclasses.asdict(bundle)
    del made["warnings"]
    return {name: ", ".join(value) if isinstance(value, tuple) else value for name, value in made.items()}


@command.command("verify", epilog=REFERENCE)
@click.argument("bundle", nargs=-1)
@common
@click.pass_context
def verify(ctx: click.Context, /, bundle: tuple[str, ...], root: Path | None) -> None:
    """Whether each BUNDLE (default: all) is, bit for bit, what was published; exit code 1 if one is not."""
    from rustybt_ray.data.store import BundleStore

    store = BundleStore(root)
    errors = [] if bundle else list(store.damaged())
    for reference in bundle or [f"{known.name}@{known.version}" for known in store.list()]:
        try:
            click.echo(f"{store.verify(reference).reference}: intact")
        except BundleError as error:
            errors.append(error)
    for damage in errors:
        say_error(str(damage))
    ctx.exit(ERROR if errors else 0)


@command.command("remove", epilog=REFERENCE)
@click.argument("bundle")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
def remove(bundle: str, yes: bool, root: Path | None) -> None:
    """Remove BUNDLE: all versions of a NAME, or the one version that is said."""
    from rustybt_ray.data.store import BundleStore

    store = BundleStore(root)
    known = store.info(bundle)
    count = sum(other.name == known.name for other in store.list())
    what = f"all {count} versions of {known.name}" if bundle == known.name and count > 1 else known.reference
    if not yes:
        click.confirm(f"Remove {what}?", abort=True, err=True)
    for version in store.remove(bundle):
        click.echo(f"removed {known.name}@{version[:12]}")
