"""Backtests of strategies of either kind; what the command line says of a zipline algorithm alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rustybt_ray.exceptions import InputError, StrategyError

if TYPE_CHECKING:
    from rustybt_ray.engine.backtest import Backtest


def parse_dump(text: str) -> Path:
    """The file that is written.

    Raises
    ------
    InputError
        If it is named neither .json nor .json.gz.
    """
    if not text.endswith((".json", ".json.gz")):
        raise InputError("--dump", "a file that ends in .json or .json.gz", text, "The latter is compressed.")
    return Path(text)


def run(strategy: str, params: dict[str, Any], arguments: dict[str, Any], dump: Path | None) -> "Backtest":
    """The backtest of a strategy; with `dump` all that an algorithm did is written, or the error that ended it.

    Raises
    ------
    click.UsageError
        If a strategy of another kind is asked for a dump.
    """
    from rustybt_ray.api.backtest import backtest
    from rustybt_ray.cli.compiling import announce_compile
    from rustybt_ray.strategies.load import load_strategy
    from rustybt_ray.strategies.strategy import is_algorithm

    try:
        loaded = load_strategy(strategy)
        if dump is not None and not is_algorithm(loaded):
            raise click.UsageError(f"--dump is for zipline algorithms; {strategy} is none. Use -o DIR.")
        announce_compile()
        result = backtest(loaded, params, **arguments)
    except click.UsageError:
        raise
    except Exception as error:
        if dump is not None:
            write_dump(_origin(error), dump, strategy, params, arguments)
        raise
    if dump is not None:
        write_dump(result, dump, strategy, params, arguments)
    return result


def _origin(error: Exception) -> Exception:
    """What user code raised, where a StrategyError tells of it."""
    cause = error.__cause__
    return cause if isinstance(error, StrategyError) and isinstance(cause, Exception) else error


def write_dump(
    result: "Backtest | Exception", path: Path, strategy: str, params: dict[str, Any], arguments: dict[str, Any]
) -> None:
    """Write all that an algorithm did, or the error that ended it."""
    import hashlib
    import platform

    import numpy as np

    import rustybt_ray
    from rustybt_ray.zipline.dump import dump
    from rustybt_ray.zipline.result import AlgorithmBacktest

    if not isinstance(result, AlgorithmBacktest | Exception):
        raise TypeError(f"a backtest of an algorithm is an AlgorithmBacktest; received {type(result).__name__}")
    file = Path(strategy).expanduser()
    meta = {
        "algorithm": file.name,
        "algorithm_sha256": hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None,
        "params": params,
        **{name: arguments[name] for name in ("bundle", "start", "end", "capital")},
        "rustybt_ray": rustybt_ray.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    dump(result, path, meta)
