"""Compiled kernels as Python calls them: without numba, once they have been compiled on this machine."""

import ctypes
import importlib
import itertools
import logging
from hashlib import sha256
from typing import Any

import numpy as np

from rustybt_ray._record import record_class
from rustybt_ray.engine import _objects

log = logging.getLogger("rustybt_ray.engine")
PROTOTYPE = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


@record_class(frozen=True)
class Kind:
    """What an argument is: "int", "float", an array of `dtype` and `ndim`, or a named tuple `type` of `fields`."""

    name: str
    dtype: Any = None
    ndim: int = 0
    type: Any = None
    fields: tuple["Kind", ...] = ()

    def __str__(self) -> str:
        inside = ",".join(map(str, self.fields)) if self.fields else f"{self.dtype}:{self.ndim}" if self.ndim else ""
        return f"{self.name}({inside})" if inside else self.name


class Kernel:
    """A kernel of a module `*_nb.py`, compiled when it is first bound to arguments of some kinds.

    Parameters
    ----------
    module, name : str
        Where the function is; its module is imported to compile it, not to run it.
    """

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name
        self._known: dict[tuple[Any, ...], Any] = {}

    def bind(self, *arguments: Any) -> "Bound":
        """The kernel with these arguments: C-contiguous arrays, ints, floats, and named tuples of them."""
        flat = leaves(arguments)
        words = tuple(map(word_of, flat))
        if words not in self._known:
            self._known[words] = PROTOTYPE(self._address(tuple(map(kind_of, arguments))))
        return Bound(self._known[words], flat)

    def __call__(self, *arguments: Any) -> int:
        """Run it once; what it returns."""
        return self.bind(*arguments)()

    def _address(self, kinds: tuple[Kind, ...]) -> int:
        key = sha256("|".join(map(str, kinds)).encode()).hexdigest()[:16]
        path = _objects.folder() / f"{self.module.rpartition('.')[2]}.{self.name}-{key}{_objects.SUFFIX}"
        found = _objects.read(path)
        if found is None:
            from rustybt_ray.engine._jit import compile_entry

            log.info("compiling %s.%s", self.module, self.name)
            found = compile_entry(getattr(importlib.import_module(self.module), self.name), kinds)
            _objects.write(path, *found)
        return _objects.load(*found)


class Bound:
    """A kernel and its arguments in a table of 8 byte words: an address and the sizes of each array, numbers as they are.

    Parameters
    ----------
    code : callable
        Takes the table three times: as addresses, whole numbers and floats.
    flat : tuple
        The arguments' `leaves`.
    """

    def __init__(self, code: Any, flat: tuple[Any, ...]) -> None:
        self._leaves = list(flat)
        lengths = [1 + leaf.ndim if isinstance(leaf, np.ndarray) else 1 for leaf in self._leaves]
        self._places = [0, *itertools.accumulate(lengths)]
        self._table = (ctypes.c_int64 * self._places[-1])()
        self._floats = (ctypes.c_double * self._places[-1]).from_buffer(self._table)
        for place, leaf in zip(self._places, self._leaves, strict=False):
            self._write(place, leaf)
        self._code, self._call = code, (ctypes.c_void_p(ctypes.addressof(self._table)),) * 3

    def __call__(self) -> int:
        """Run it, without the GIL."""
        return int(self._code(*self._call))

    def replace(self, first: int, *values: Any) -> None:
        """Put others in place of the `leaves` from number `first` on; the caller answers for their kinds and contiguity."""
        known = self._leaves
        for i, value in enumerate(values, first):
            if value is not known[i]:
                known[i] = value
                self._write(self._places[i], value)

    def _write(self, place: int, leaf: Any) -> None:
        if isinstance(leaf, np.ndarray):
            self._table[place : place + 1 + leaf.ndim] = [address_of(leaf), *leaf.shape]
        elif isinstance(leaf, float):
            self._floats[place] = leaf
        else:
            self._table[place] = leaf


def address_of(array: Any) -> int:
    """Where a C-contiguous array lies."""
    if array.flags.writeable and array.size:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))  # a quarter of the time of the other way
    return int(array.ctypes.data)


def word_of(leaf: Any) -> Any:
    """What decides how a leaf lies in the table and is read from it; much faster than its `kind_of`."""
    if isinstance(leaf, np.ndarray):
        assert leaf.flags.c_contiguous, "kernels read arrays as if they were C-contiguous"
        return leaf.dtype, leaf.ndim
    return isinstance(leaf, float)


def kind_of(argument: Any) -> Kind:
    """The kind of an argument."""
    if isinstance(argument, np.ndarray):
        return Kind("array", *word_of(argument))
    if isinstance(argument, tuple):
        return Kind(type(argument).__name__, type=type(argument), fields=tuple(map(kind_of, argument)))
    return Kind("float" if isinstance(argument, float) else "int")


def leaves(argument: Any) -> tuple[Any, ...]:
    """An argument's arrays and numbers, those of a named tuple one after another."""
    if not isinstance(argument, tuple):
        return (argument,)
    flat: list[Any] = []
    for value in argument:
        if isinstance(value, tuple):
            flat.extend(leaves(value))
        else:
            flat.append(value)
    return tuple(flat)
