"""Finished trials as one Arrow record batch, and back. No pickle: a journal is data, whoever wrote it."""

import json
from typing import Any

import numpy as np

from rustybt_ray._arrow import scalars, texts, to_arrow, to_numpy
from rustybt_ray.engine.metrics import MOMENTS
from rustybt_ray.exceptions import RunError
from rustybt_ray.execution.messages import Block, Chunk, TrialError
from rustybt_ray.search.protocol import without_absent

PARAMETER = "param:"


def to_bytes(chunk: Chunk, block: Block) -> bytes:
    """A block and the parameters of its trials as an Arrow IPC stream of one batch."""
    import pyarrow as pa

    errors = [_error(block, number) for number in block.numbers.tolist()] if block.errors else [None] * len(block)
    columns = {
        "trial": to_arrow(block.numbers),
        "state": to_arrow(block.state),
        "duration": to_arrow(block.duration),
        "error": texts(errors),
        "metrics": _wide(block.metrics),
        "moments": _wide(block.moments),
    }
    if block.returns is not None:
        columns["returns"] = to_arrow(block.returns)
    if block.windows is not None:
        columns["windows"] = _wide(block.windows.reshape(len(block), -1))
    columns |= {PARAMETER + name: _parameter(values) for name, values in chunk.columns.items()}
    notes = {"worker": block.worker, "metrics": json.dumps(block.names)}
    batch = pa.record_batch(list(columns.values()), names=list(columns)).replace_schema_metadata(notes)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def from_bytes(payload: bytes) -> tuple[dict[str, list[Any]], Block]:
    """Parameters, one column each, and the block; parameters that are not numbers, texts or truth values come as text."""
    import pyarrow as pa

    with pa.ipc.open_stream(payload) as reader:
        batch = reader.read_next_batch()
    notes = {key.decode(): value.decode() for key, value in (batch.schema.metadata or {}).items()}
    names = tuple(json.loads(notes["metrics"]))
    numbers = to_numpy(batch.column("trial")).astype(np.int64)
    errors = batch.column("error").to_pylist() if batch.column("error").null_count < len(numbers) else []
    block = Block(
        numbers=numbers,
        names=names,
        state=to_numpy(batch.column("state")).astype(np.uint8),
        metrics=_narrow(batch.column("metrics"), len(numbers), len(names)),
        moments=_narrow(batch.column("moments"), len(numbers), MOMENTS),
        duration=to_numpy(batch.column("duration")).astype(np.float64),
        errors={
            number: TrialError(**json.loads(error))
            for number, error in zip(numbers.tolist(), errors, strict=False)
            if error is not None
        },
        worker=notes["worker"],
        returns=np.array(to_numpy(batch.column("returns"))) if "returns" in batch.schema.names else None,
        windows=_by_segment(batch.column("windows"), len(names)) if "windows" in batch.schema.names else None,
    )
    parameters = [name for name in batch.schema.names if name.startswith(PARAMETER)]
    return {name.removeprefix(PARAMETER): batch.column(name).to_pylist() for name in parameters}, block


def from_record(payload: bytes, where: str) -> tuple[dict[str, list[Any]], Block]:
    """As `from_bytes`, of a record of the journal `where`, whose checksum is right.

    Raises
    ------
    RunError
        If it is no such batch.
    """
    try:
        return from_bytes(payload)
    except Exception as error:  # pyarrow has a dozen kinds, and what reads as a batch may lack columns
        what = f"a record of the journal is whole and no batch of trials ({type(error).__name__}: {error})"
        remedy = "Use the rustybt_ray that wrote it, or restore the file from a copy; nothing was changed."
        raise RunError(what, where, remedy) from error


def _error(block: Block, number: int) -> str | None:
    error = block.errors.get(number)
    return None if error is None else json.dumps(vars(error))


def _wide(values: np.ndarray) -> Any:
    import pyarrow as pa

    return to_arrow(np.asarray(values, dtype=np.float64)) if values.shape[1] else pa.nulls(len(values))


def _narrow(column: Any, rows: int, width: int) -> np.ndarray:
    if not width:
        return np.empty((rows, 0))
    return np.array(to_numpy(column))


def _by_segment(column: Any, width: int) -> np.ndarray:
    values = np.array(to_numpy(column))
    return values.reshape(len(values), -1, width)


def _parameter(values: Any) -> Any:
    listed = without_absent(values)
    kinds = set(map(type, listed)) - {type(None)}
    if len(kinds) == 1 and kinds <= {int, float, str, bool}:
        try:
            return scalars(listed, *kinds)
        except (UnicodeEncodeError, OverflowError):
            pass
    return texts([None if value is None else ascii(value) for value in listed])
