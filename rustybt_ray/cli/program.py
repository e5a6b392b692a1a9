"""How the program ends: one line for an error, and an exit code that a script can tell apart."""

import errno
import os
import re
import sys
import traceback
from pathlib import Path
from typing import Any

import click

from rustybt_ray.exceptions import RustybtRayError

DONE, ERROR, USAGE, ALL_FAILED, INTERRUPTED = 0, 1, 2, 3, 130
EPILOG = """\b
Exit codes:
  0    done
  1    an error, told in one line (--debug shows its traceback)
  2    the command line is wrong
  3    every trial failed
  130  interrupted; what was finished is printed, and saved with -o
"""
PACKAGE = str(Path(__file__).resolve().parent.parent) + os.sep
DEBUG = "rustybt_ray.debug"


class Program(click.Group):
    """A group of commands whose errors are one line, unless ``--debug`` asks for the traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what it raises becomes a line and an exit code."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)
        except (Exception, SystemExit) as error:  # a strategy's own sys.exit would end the program without a word
            if ctx.meta.get(DEBUG) or (isinstance(error, OSError) and error.errno == errno.EPIPE):
                raise
            say_error(describe(error))
            ctx.exit(ERROR)


def say_error(message: str) -> None:
    """The message on stderr, its first line in red."""
    first, *rest = message.splitlines()
    click.secho(f"Error: {first}", fg=None if "NO_COLOR" in os.environ else "red", err=True)
    for line in rest:
        click.echo(line, err=True)


def describe(error: BaseException) -> str:
    """An error in words; one of zipline's, or that is not ours, with the line of the user's code that it came from."""
    if isinstance(error, RustybtRayError):
        into_algorithm = type(error).__module__ == "rustybt_ray.zipline.errors"
        return _as_options(str(error)) + (_origin(error) if into_algorithm else "")
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.strerror}: {error.filename}"
    return f"{type(error).__name__}: {error}{_origin(error)}. --debug shows the traceback."


def _as_options(message: str) -> str:
    """Arguments of Python that a message names, as the options that they are here.

    Examples
    --------
    >>> _as_options("Pass resume=True to go on. Say which study goes on: run_dir='runs/sma'.")
    'Pass --resume to go on. Say which study goes on: -o runs/sma.'
    """
    for name, option in (("run_dir", "-o"), ("address", "--address"), ("pool", "--pool")):
        message = re.sub(rf"\b{name}='([^']*)'", rf"{option} \1", message)
    return message.replace("resume=True", "--resume")


def _origin(error: BaseException) -> str:
    """The last line in a file that is neither ours nor installed, if there is one."""
    installed = tuple({sys.prefix + os.sep, sys.base_prefix + os.sep, PACKAGE})
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(installed) and Path(frame.filename).is_file():
            return f" ({frame.filename}:{frame.lineno} in {frame.name})"
    return ""
