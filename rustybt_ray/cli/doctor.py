"""`doctor`: is everything there that a search needs, and what to change."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rustybt_ray.cli.options import common
from rustybt_ray.cli.program import DONE, ERROR

if TYPE_CHECKING:
    from rustybt_ray.cli.finding import Finding

COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}
LONG = 300  # characters of a command that a table shows whole


@click.command("doctor")
@click.option(
    "--ray", is_flag=True, help="Really start a Ray with one worker (some seconds), and say how long it took."
)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@common
@click.pass_context
def command(ctx: click.Context, /, ray: bool, form: str, root: Path | None) -> None:
    """Look at this machine, its packages and what Ray left behind, and say what to change.

    Nothing is changed: commands that would are printed. The exit code is 1 if something will not work; warnings do not
    count.
    """
    import json

    from rustybt_ray.cli.health import examine
    from rustybt_ray.cli.output import computing

    with computing():
        findings = examine(root, ray=ray)
    if form == "json":
        click.echo(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=1, ensure_ascii=False))
    else:
        _print(findings)
    ctx.exit(ERROR if any(finding.state == "error" for finding in findings) else DONE)


def _print(findings: "list[Finding]") -> None:
    from rich.text import Text

    from rustybt_ray.cli.output import make_table, show

    table = make_table({"check": False, "state": False, "found, and what to change": False})
    for finding in findings:
        text = f"{finding.found}\n{finding.remedy}" if finding.remedy else finding.found
        table.add_row(finding.name, Text(finding.state, style=COLOURS[finding.state]), text)
    show(table)
    commands = [command for finding in findings for command in finding.commands]
    if commands:
        click.echo("\nCommands for that, none of which was run:")
    for line in commands:
        click.echo(f"  {_shortened(line)}")


def _shortened(command: str) -> str:
    """A long list of arguments, cut between two: what is shown can be run as it stands."""
    if len(command) <= LONG:
        return command
    shown = command[:LONG].rsplit(" ", 1)[0]
    return f"{shown}  # and {len(command.split()) - len(shown.split())} more: --format json has all"
