"""The trials of a study: from blocks of columns to one table, and one trial of it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rustybt_ray._loading import undisturbed
from rustybt_ray._record import record_class
from rustybt_ray.engine.metrics import METRICS, ORDERED
from rustybt_ray.exceptions import InputError
from rustybt_ray.execution.messages import COMPLETE, Block, TrialError

if TYPE_CHECKING:
    import polars as pl

COLUMNS = ("trial", "state", "error", "duration", "worker")
STATES = {0: "complete", 1: "failed"}
SMALL = 2_000  # rows


@record_class(frozen=True)
class FrozenTrial:
    """One finished trial.

    Attributes
    ----------
    number : int
    params : dict
        Parameter values.
    metrics : dict of str to float
    value : float
        The objective; NaN where it is undefined or the trial failed.
    state : str
        "complete" or "failed".
    error : TrialError or None
        Type, message and traceback of what a failed trial raised.
    duration : float
        Seconds.
    """

    number: int
    params: dict[str, Any]
    metrics: dict[str, float]
    value: float
    state: str
    error: TrialError | None
    duration: float


def check_names(names: Sequence[str]) -> None:
    """Parameters share the table with the metrics and so cannot have their names.

    Raises
    ------
    InputError
        If a parameter is named like a column of the table.
    """
    for name in names:
        if name in COLUMNS or name in METRICS or name in ORDERED:
            raise InputError(
                f"parameter {name!r}", "named unlike the table's own columns", name, "Rename the parameter."
            )


def metric_names(blocks: Sequence[Block]) -> tuple[str, ...]:
    """Names of all metrics in the blocks, in order of appearance."""
    return tuple(dict.fromkeys(name for block in blocks for name in block.names))


def merge(blocks: Sequence[Block]) -> Block:
    """All blocks as one, in the order of their trial numbers.

    Examples
    --------
    >>> merge([]).numbers.tolist()
    []
    """
    names = metric_names(blocks)
    aligned = [block.metrics if block.names == names else _align(block, names) for block in blocks]
    if not blocks:
        empty = np.empty(0)
        return Block(
            np.empty(0, np.int64), (), np.empty(0, np.uint8), np.empty((0, 0)), np.empty((0, 0)), empty, {}, ""
        )
    numbers = np.concatenate([block.numbers for block in blocks])
    order = np.argsort(numbers, kind="stable")
    return Block(
        numbers=numbers[order],
        names=names,
        state=np.concatenate([block.state for block in blocks])[order],
        metrics=np.concatenate(aligned)[order],
        moments=np.concatenate([block.moments for block in blocks])[order],
        duration=np.concatenate([block.duration for block in blocks])[order],
        errors={number: error for block in blocks for number, error in block.errors.items()},
        worker="",
        returns=_stacked(blocks, order),
    )


def _stacked(blocks: Sequence[Block], order: np.ndarray) -> np.ndarray | None:
    """The daily returns of all blocks, NaN for trials without; None if no block has any."""
    days = max((block.returns.shape[1] for block in blocks if block.returns is not None), default=0)
    if not days:
        return None
    parts = [np.full((len(b), days), np.nan, np.float32) if b.returns is None else b.returns for b in blocks]
    stacked: np.ndarray = np.concatenate(parts)[order]
    return stacked


def table(block: Block, params: Mapping[str, Sequence[Any]], workers: Sequence[str]) -> "pl.DataFrame":
    """One row a trial: its number, parameters, metrics, state, error, duration and worker."""
    with undisturbed():
        import polars as pl

    errors = [None] * len(block)
    if block.errors:
        place = {int(number): i for i, number in enumerate(block.numbers)}
        for number, error in block.errors.items():
            errors[place[number]] = f"{error.type}: {error.message}"  # type: ignore[call-overload]
    columns: dict[str, Any] = {"trial": _values(block.numbers)}
    columns |= {name: pl.Series(name, values, strict=False) for name, values in params.items()}
    columns |= {name: _values(block.metrics[:, i]) for i, name in enumerate(block.names)}
    columns["state"] = np.where(block.state == COMPLETE, STATES[0], STATES[1]).tolist()
    columns["error"] = pl.Series(errors, dtype=pl.String)
    columns["duration"] = _values(block.duration)
    columns["worker"] = pl.Series(workers, dtype=pl.String)
    schema = {"trial": pl.Int64, **dict.fromkeys((*block.names, "duration"), pl.Float64), "state": pl.String}
    return pl.DataFrame(columns, schema_overrides=schema)


def _values(column: np.ndarray) -> Any:
    """A column as polars takes it: for an array it loads all of NumPy's masked arrays, which a small table need not wait for."""
    return column.tolist() if len(column) < SMALL else column


def _align(block: Block, names: tuple[str, ...]) -> np.ndarray:
    made = np.full((len(block), len(names)), np.nan)
    for i, name in enumerate(block.names):
        made[:, names.index(name)] = block.metrics[:, i]
    return made
