"""What goes to stdout: tables to read, or pure data."""

import contextlib
import io
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import polars as pl
    from rich.table import Table

WIDE = 240
"""Columns of a table that is written to a file or a pipe."""


def check_destination(form: str, alternative: str) -> None:
    """Refuse to write binary data on a terminal.

    Raises
    ------
    click.UsageError
        If `form` is parquet and stdout is a terminal.
    """
    if form == "parquet" and sys.stdout.isatty():
        raise click.UsageError(f"--format parquet is binary: redirect stdout to a file{alternative}.")


def write_data(frame: "pl.DataFrame", form: str) -> None:
    """The frame on stdout as JSON (a list of rows, undefined numbers null), CSV or Parquet."""
    buffer = io.BytesIO()
    if form == "json":
        frame.fill_nan(None).write_json(buffer)
        buffer.write(b"\n")
    elif form == "csv":
        frame.write_csv(buffer)
    else:
        frame.write_parquet(buffer)
    sys.stdout.flush()
    sys.stdout.buffer.write(buffer.getvalue())
    sys.stdout.buffer.flush()


def make_table(columns: dict[str, bool]) -> "Table":
    """An empty table; the values of `columns` say which are aligned to the right."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    for name, right in columns.items():
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    return table


def show(*things: Any) -> None:
    """Tables and lines on stdout, as wide as the terminal; without one, as wide as they are."""
    from rich.console import Console

    console = Console(file=sys.stdout, highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDE)
    for thing in things:
        console.print(thing)


@contextlib.contextmanager
def computing() -> Iterator[None]:
    """While trials run, what strategies and workers print goes to stderr: stdout is for the result."""
    with contextlib.redirect_stdout(sys.stderr):
        yield
