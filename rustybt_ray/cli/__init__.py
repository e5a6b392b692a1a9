"""The command line `rustybt-ray`: one file a command group; what is slow to import waits until a command runs."""

import click

from rustybt_ray import __version__
from rustybt_ray.cli import (
    backtest,
    bundles,
    demo,
    doctor,
    export,
    ingest,
    optimize,
    pools,
    replay,
    show,
    submit,
    trials,
    walk_forward,
)
from rustybt_ray.cli.program import EPILOG, Program


@click.group(cls=Program, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rustybt-ray")
def main() -> None:
    """Backtests and parameter sweeps over bundles of bars: on this machine, or on a Ray cluster."""


MODULES = (
    ingest, bundles, backtest, optimize, walk_forward, show, trials, replay, export, submit, pools, demo, doctor,
)  # fmt: skip
for _module in MODULES:
    main.add_command(_module.command)
