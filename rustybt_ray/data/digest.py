"""The version of a bundle: SHA-256 of its content in one canonical form.

Each part of the content (an array of the panel, the symbols, the two scalars that change results) has its own
digest, by which a damaged part can be named; the version is the digest of those, name by name. Parts are canonical
before they get here: rows in time order, columns in symbol order, one bit pattern each for zero and NaN. So neither
the order of a source's rows nor its format matters, and names, dates of creation and the like do not take part.

A kind of content that came later takes part where there is some of it: bundles without it keep their version.
"""

import hashlib
from collections.abc import Mapping

import numpy as np

from rustybt_ray._typing import FloatArray
from rustybt_ray.data.panel import ADDED, AXES, DERIVED, EVENTS, FIELDS

CONTENT = ("symbols", "terms", *AXES, *FIELDS, *EVENTS)
HEADER = b"rustybt_ray bundle content 1\n"


def canonical(values: object) -> FloatArray:
    """`values` as a new C-contiguous float64 array with one zero and one NaN."""
    array = np.array(values, dtype=np.float64, order="C")
    array += 0.0  # -0.0 + 0.0 is 0.0
    array[np.isnan(array)] = np.nan
    return array


def digests(
    symbols: tuple[str, ...], periods_per_year: int, fractional: bool, arrays: Mapping[str, np.ndarray]
) -> dict[str, str]:
    """SHA-256 of each part, in hexadecimal; `arrays` are those of the panel that take part, by name."""
    names = [symbol.encode() for symbol in symbols]
    found = {
        "symbols": _sha256(b"".join(len(name).to_bytes(8, "little") + name for name in names)),
        "terms": _sha256(f"periods_per_year={int(periods_per_year)} fractional={bool(fractional)}".encode()),
    }
    for name in (*AXES, *FIELDS, *EVENTS, *DERIVED):
        if name in arrays:
            found[name] = _array(arrays[name])
    found |= {name: _array(arrays[name]) for name in ADDED if name in arrays and len(arrays[name])}
    return found


def version_of(parts: Mapping[str, str]) -> str:
    """The version that these digests of parts make."""
    names = (*CONTENT, *(name for name in ADDED if name in parts))
    return _sha256(HEADER + b"".join(f"{name} {parts[name]}\n".encode() for name in names))


def _array(array: np.ndarray) -> str:
    kind = "<f8" if array.dtype.kind == "f" else "<i8"
    head = f"{kind} {array.shape}\n".encode()
    seen = hashlib.sha256(head)
    seen.update(np.ascontiguousarray(array, dtype=kind).reshape(-1).view(np.uint8).data)
    return seen.hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
