"""Options that several commands share."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from rustybt_ray.cli.parsing import (
    COMMISSION_FORMS,
    SLIPPAGE_FORMS,
    Parsed,
    gathered,
    make_settings,
    parse_commission,
    parse_date,
    parse_slippage,
    parse_value,
)
from rustybt_ray.cli.program import DEBUG

Function = TypeVar("Function", bound=Callable[..., Any])

FORMATS = ("table", "json", "csv", "parquet")
RATE = click.FloatRange(min=0.0)
FILLS = ("next_close", "next_open")
COST_DEFAULT = "none; of zipline algorithms: zipline's"


def common(function: Function) -> Function:
    """Where bundles are, and what an error shows."""
    return _all(
        function,
        click.option(
            "--bundle-root",
            "root",
            type=click.Path(file_okay=False, path_type=Path),
            metavar="DIR",
            help="Where bundles are kept; default: bundles in $RUSTYBT_RAY_HOME, or the user's data folder.",
        ),
        told,
    )


def told(function: Function) -> Function:
    """What an error shows, and the log."""
    return _all(
        function,
        click.option(
            "--debug", is_flag=True, expose_value=False, callback=_set_debug, help="Show the traceback of an error."
        ),
        click.option(
            "-v",
            "--verbose",
            count=True,
            expose_value=False,
            callback=_set_verbose,
            help="Show the log on stderr; twice: each chunk, and what Ray reports.",
        ),
    )


def data_format(function: Function) -> Function:
    """How results are printed."""
    text = "A table to read, or pure data on stdout."
    return click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help=text)(
        function
    )


def market(function: Function) -> Function:
    """What is traded, when, and by which rules: for `backtest` and `optimize` alike."""
    return _all(
        function,
        click.option(
            "-f",
            "--strategy",
            required=True,
            metavar="STRATEGY",
            help="FILE.py[:FUNCTION] or MODULE:FUNCTION; FILE.py of a zipline algorithm.",
        ),
        click.option("-b", "--bundle", required=True, metavar="BUNDLE", help="NAME, NAME@VERSION or VERSION."),
        click.option("-s", "--start", type=Parsed("date", parse_date), help="First day; default: the bundle's."),
        click.option("-e", "--end", type=Parsed("date", parse_date), help="Last day; default: the bundle's."),
        click.option(
            "--capital-base",
            "--capital",
            "capital",
            type=click.FloatRange(min=0.0, min_open=True),
            default=1_000_000.0,
            show_default=True,
            help="Money at the start.",
        ),
        click.option(
            "--commission",
            type=Parsed("model", parse_commission),
            default="none",
            show_default=COST_DEFAULT,
            help=COMMISSION_FORMS,
        ),
        click.option(
            "--slippage",
            type=Parsed("model", parse_slippage),
            default="none",
            show_default=COST_DEFAULT,
            help=SLIPPAGE_FORMS,
        ),
        click.option("--borrow", type=RATE, default=0.0, help="Annual rate paid on short value, a fraction."),
        click.option("--margin", type=RATE, default=0.0, help="Annual rate paid on negative cash."),
        click.option("--cash", type=float, default=0.0, help="Annual rate received on positive cash."),
        click.option(
            "--fill",
            type=click.Choice(FILLS),
            default="next_close",
            show_default=True,
            help="The price an order fills at, on the session after its decision.",
        ),
        click.option(
            "--set",
            "settings",
            type=Parsed("name=value", parse_value),
            multiple=True,
            callback=gathered(make_settings),
            help="A setting of the ledger, such as delay=1 or shares=fractional; repeatable.",
        ),
    )


RATES = ("commission", "slippage", "borrow", "margin", "cash")


def market_arguments(options: dict[str, Any]) -> dict[str, Any]:
    """Take what `market` and `common` added out of `options`: arguments of `rustybt_ray.optimize` and `backtest`.

    Costs and settings are those of which something was said: the kind of the strategy has its own for the rest.
    """
    source = click.get_current_context().get_parameter_source
    rates = {name: options.pop(name) for name in RATES}
    costs = {name: rate for name, rate in rates.items() if source(name) is not ParameterSource.DEFAULT}
    kept = {name: options.pop(name) for name in ("bundle", "start", "end", "capital", "fill", "root")}
    return {**kept, "costs": costs, "settings": options.pop("settings")}


def _set_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta[DEBUG] = True


def _set_verbose(ctx: click.Context, _: click.Parameter, value: int) -> None:
    if not value:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    log = logging.getLogger("rustybt_ray")
    log.setLevel(logging.DEBUG if value > 1 else logging.INFO)
    log.addHandler(handler)
    ctx.call_on_close(lambda: log.removeHandler(handler))


def _all(function: Function, *decorators: Callable[[Function], Function]) -> Function:
    """Apply decorators so that their options are listed in the order given."""
    for decorator in reversed(decorators):
        function = decorator(function)
    return function
