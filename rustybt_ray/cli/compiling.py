"""The first backtest on a machine compiles the engine: say so before it takes its time."""

import click


def announce_compile() -> None:
    """A line on stderr if the engine's machine code is not in its folder yet."""
    from rustybt_ray.engine._objects import SUFFIX, folder

    if not any(folder().glob(f"batch_nb.*{SUFFIX}")):
        click.echo("compiling the engine once (about 20 s)…", err=True)
