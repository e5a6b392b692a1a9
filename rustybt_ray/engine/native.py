"""Compiled kernels as Python calls them: without numba, once they have been compiled on this machine."""

import ctypes
import importlib
import itertools
import logging
from hashlib import sha256
from struct import Struct
from typing import Any

import numpy as np

from rustybt_ray._record import record_class
from rustybt_ray.engine import _objects

log = logging.getLogger("rustybt_ray.engine")
PROTOTYPE = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
FLOAT, HEAD = Struct("d"), object.__basicsize__
_probe = np.zeros(1)
# NumPy's binary interface puts it there; looked at once, because the head is Python's
POINTER_BEHIND_HEAD = ctypes.c_void_p.from_address(id(_probe) + HEAD).value == _probe.ctypes.data


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
        self._known: dict[tuple[Any, ...], Entry] = {}

    def bind(self, *arguments: Any) -> "Bound":
        """The kernel with these arguments: C-contiguous arrays, ints, floats, and named tuples of them."""
        flat = leaves(arguments)
        return Bound(self._entry(flat, arguments), flat)

    def __call__(self, *arguments: Any) -> int:
        """Run it once; what it returns."""
        flat = leaves(arguments)
        entry = self._entry(flat, arguments)
        table = entry.table.pack(*table_words(flat))
        return int(entry.code(table, table, table))

    def _entry(self, flat: tuple[Any, ...], arguments: tuple[Any, ...]) -> "Entry":
        kinds = tuple(map(word_of, flat))
        entry = self._known.get(kinds)
        if entry is None:
            entry = Entry.of(PROTOTYPE(self._address(tuple(map(kind_of, arguments)))), flat)
            self._known[kinds] = entry
        return entry

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


@record_class(frozen=True)
class Entry:
    """Compiled code, and how its arguments lie in a table of 8 byte words.

    An array is its address and its sizes there, a number itself.

    Attributes
    ----------
    code : callable
        Takes the table three times: as addresses, whole numbers and floats.
    places : tuple of int
        Where each of the arguments' `leaves` begins in the table.
    table : Struct
        Packs `table_words`.
    """

    code: Any
    places: tuple[int, ...]
    table: Struct

    @classmethod
    def of(cls, code: Any, flat: tuple[Any, ...]) -> "Entry":
        """The entry of code that takes such `leaves`."""
        formats = [
            "q" * (1 + leaf.ndim) if isinstance(leaf, np.ndarray) else "d" if isinstance(leaf, float) else "q"
            for leaf in flat
        ]
        return cls(code, tuple(itertools.accumulate(map(len, formats), initial=0)), Struct("".join(formats)))


class Bound:
    """A kernel and its arguments.

    Parameters
    ----------
    entry : Entry
    flat : tuple
        The arguments' `leaves`, which it keeps alive.
    """

    def __init__(self, entry: Entry, flat: tuple[Any, ...]) -> None:
        self._leaves, self._places, self._code = list(flat), entry.places, entry.code
        self._table = (ctypes.c_int64 * entry.places[-1])()
        entry.table.pack_into(self._table, 0, *table_words(flat))
        self._call = (ctypes.c_void_p(ctypes.addressof(self._table)),) * 3

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
            FLOAT.pack_into(self._table, 8 * place, leaf)
        else:
            self._table[place] = leaf


def table_words(flat: tuple[Any, ...]) -> list[Any]:
    """What stands in the table for `leaves`."""
    words: list[Any] = []
    for leaf in flat:
        if isinstance(leaf, np.ndarray):
            words.append(address_of(leaf))
            words.extend(leaf.shape)
        else:
            words.append(leaf)
    return words


def address_of(array: Any) -> int:
    """Where a C-contiguous array lies: the pointer behind the head of NumPy's object, a fifth of the time of `ctypes.data`."""
    if POINTER_BEHIND_HEAD:
        return ctypes.c_void_p.from_address(id(array) + HEAD).value or 0
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
