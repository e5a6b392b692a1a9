"""The trials of a study: from blocks of columns to one table, and one trial of it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rustybt_ray._loading import undisturbed
from rustybt_ray._record import record_class
from rustybt_ray._typing import IntArray
from rustybt_ray.engine.metrics import METRICS, ORDERED
from rustybt_ray.exceptions import InputError
from rustybt_ray.execution.messages import COMPLETE, FAILED, PRUNED, Block, TrialError
from rustybt_ray.search.protocol import ABSENT, without_absent

if TYPE_CHECKING:
    import polars as pl

COLUMNS = ("trial", "state", "error", "duration", "worker")
STATES = {COMPLETE: "complete", FAILED: "failed", PRUNED: "pruned"}
SMALL = 50_000  # numbers
LISTED = 400_000  # numbers that take as long as lists as NumPy's masked arrays take to load


@record_class(frozen=True)
class FrozenTrial:
    """One finished trial.

    Attributes
    ----------
    number : int
    params : dict
        Values of the parameters that it has.
    metrics : dict of str to float
    value : float
        The objective, of several the first; NaN where it is undefined or the trial failed.
    state : str
        "complete", "failed" or "pruned".
    error : TrialError or None
        Type, message and traceback of what a failed trial raised.
    duration : float
        Seconds.
    values : tuple of float
        All objectives.
    """

    number: int
    params: dict[str, Any]
    metrics: dict[str, float]
    value: float
    state: str
    error: TrialError | None
    duration: float
    values: tuple[float, ...] = ()


def check_names(names: Sequence[str], others: Sequence[str] = ()) -> None:
    """Parameters share the table with the metrics and so cannot have their names, nor those of `others`.

    Raises
    ------
    InputError
        If a parameter is named like a column of the table.
    """
    for name in names:
        if name in COLUMNS or name in METRICS or name in ORDERED or name in others:
            raise InputError(
                f"parameter {name!r}", "named unlike the table's own columns", name, "Rename the parameter."
            )


def metric_names(blocks: Sequence[Block]) -> tuple[str, ...]:
    """Names of all metrics in the blocks, in order of appearance."""
    return tuple(dict.fromkeys(name for block in blocks for name in block.names))


def column_order(parts: Sequence[tuple[IntArray, Mapping[str, Sequence[Any]]]]) -> tuple[str, ...]:
    """Names of the parameters in the order in which trials have them, by trial number, whichever came first.

    Examples
    --------
    >>> early = np.array([0]), {"kind": ["a"], "x": [1]}
    >>> late = np.array([1, 2]), {"kind": ["b", "a"], "y": [5, ABSENT], "x": [ABSENT, 2]}
    >>> column_order([late, early])
    ('kind', 'x', 'y')
    """
    orders = list(dict.fromkeys(tuple(columns) for _, columns in parts))
    if len(orders) < 2:
        return orders[0] if orders else ()
    first: dict[str, tuple[int, int]] = {}
    for numbers, columns in parts:
        for place, (name, values) in enumerate(columns.items()):
            has = [number for number, value in zip(numbers.tolist(), values, strict=True) if value is not ABSENT]
            if has:
                first[name] = min(first.get(name, (min(has), place)), (min(has), place))
    return tuple(sorted(first, key=first.__getitem__))


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
    # as one worker's are in order already, nothing is copied once more
    order: Any = slice(None) if (numbers[1:] > numbers[:-1]).all() else np.argsort(numbers, kind="stable")
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
        windows=_windows(blocks, names, order),
    )


def _windows(blocks: Sequence[Block], names: tuple[str, ...], order: Any) -> np.ndarray | None:
    """The metrics of every segment, NaN for trials without; None if no block has any."""
    segments = max((block.windows.shape[1] for block in blocks if block.windows is not None), default=0)
    if not segments:
        return None
    made = np.full((sum(map(len, blocks)), segments, len(names)), np.nan)
    at = 0
    for block in blocks:
        if block.windows is not None:
            made[at : at + len(block), :, [names.index(name) for name in block.names]] = block.windows
        at += len(block)
    stacked: np.ndarray = made[order]
    return stacked


def _stacked(blocks: Sequence[Block], order: Any) -> np.ndarray | None:
    """The daily returns of all blocks, NaN for trials without and behind shorter ones; None if no block has any."""
    days = max((block.returns.shape[1] for block in blocks if block.returns is not None), default=0)
    if not days:
        return None
    stacked: np.ndarray = np.concatenate([_padded(block, days) for block in blocks])[order]
    return stacked


def _padded(block: Block, days: int) -> np.ndarray:
    returns = block.returns
    if returns is not None and returns.shape[1] == days:
        return returns
    made = np.full((len(block), days), np.nan, np.float32)
    if returns is not None:
        made[:, : returns.shape[1]] = returns
    return made


def table(block: Block, params: Mapping[str, Sequence[Any]], workers: Sequence[str]) -> "pl.DataFrame":
    """One row a trial: its number, parameters, metrics, state, error, duration and worker."""
    with undisturbed():
        import polars as pl

    errors = [None] * len(block)
    if block.errors:
        place = {int(number): i for i, number in enumerate(block.numbers)}
        for number, error in block.errors.items():
            errors[place[number]] = f"{error.type}: {error.message}"  # type: ignore[call-overload]
    columns = [
        *(pl.Series(name, without_absent(values), strict=False) for name, values in params.items()),
        *_metrics(block),
        pl.Series("state", list(map(STATES.__getitem__, block.state.tolist())), dtype=pl.String),
        pl.Series("error", errors, dtype=pl.String),
        pl.Series("duration", _values(block.duration), dtype=pl.Float64),
        pl.Series("worker", workers, dtype=pl.String),
    ]
    # a fifth of the time that a frame of all of them takes, which looks for a schema
    return pl.Series("trial", _values(block.numbers), dtype=pl.Int64).to_frame().hstack(columns, in_place=True)


def _metrics(block: Block) -> "list[pl.Series]":
    """A column a metric; of a small table parts of one series, for polars takes longer to make one than to fill it."""
    import polars as pl

    if block.metrics.size >= SMALL:
        return [pl.Series(name, _values(block.metrics[:, i])) for i, name in enumerate(block.names)]
    count, whole = len(block), pl.Series(_values(block.metrics.T.ravel()), dtype=pl.Float64)
    return [whole.slice(i * count, count).alias(name) for i, name in enumerate(block.names)]


class _Values:
    """A column as polars takes it.

    For an array it loads all of NumPy's masked arrays, which a small table need not wait for: it is handed over as a list,
    until so much went that way that loading them would have been quicker.
    """

    def __init__(self) -> None:
        self.listed = 0

    def __call__(self, column: np.ndarray) -> Any:
        self.listed += LISTED if len(column) >= SMALL else len(column)
        return column if self.listed >= LISTED else column.tolist()


_values = _Values()


def _align(block: Block, names: tuple[str, ...]) -> np.ndarray:
    made = np.full((len(block), len(names)), np.nan)
    for i, name in enumerate(block.names):
        made[:, names.index(name)] = block.metrics[:, i]
    return made
