"""The roundings of the ledger for whole arrays: entries that tests compile as the ledger is compiled."""

from rustybt_ray._typing import FloatArray
from rustybt_ray.engine._jit import kernel
from rustybt_ray.engine.rounding_nb import round_cents, round_shares


@kernel
def all_cents(values: FloatArray, out: FloatArray) -> int:
    """`round_cents` of each value."""
    for i in range(len(values)):
        out[i] = round_cents(values[i])
    return len(out)


@kernel
def all_shares(values: FloatArray, out: FloatArray) -> int:
    """`round_shares` of each value."""
    for i in range(len(values)):
        out[i] = round_shares(values[i])
    return len(out)
