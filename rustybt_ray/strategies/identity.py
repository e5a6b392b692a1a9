"""The digest of a strategy: what it computes, not how it is written down or where it lies.

It covers the compiled code without line numbers, file names and docstrings, constants, defaults, closures, and
transitively every function, class and value it uses from files that are not a library's; libraries count by name, and the
study records their versions. Compiled code differs between minor versions of Python, and so does the digest. The
bytes of a pickle are no substitute: they change with the hash seed and the folder.
"""

import dataclasses
import enum
import functools
import hashlib
import inspect
import io
import sys
import types
from typing import Any

import numpy as np

from rustybt_ray.exceptions import StrategyError
from rustybt_ray.strategies.origin import comes_from_library, is_library

SKIPPED = {
    "__module__", "__dict__", "__weakref__", "__doc__", "__qualname__", "__firstlineno__", "__static_attributes__",
    "__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__", "__dataclass_fields__", "__dataclass_params__",
    "__match_args__", "__abstractmethods__", "_abc_impl", "__parameters__", "__orig_bases__",
}  # fmt: skip
PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), range, slice, np.dtype)


def strategy_digest(function: Any, version: str | None = None) -> str:
    """SHA-256 of what a strategy computes.

    Parameters
    ----------
    function : callable
    version : str, optional
        Stands for everything that the code captures; with it, nothing is looked into but the function's name.

    Raises
    ------
    StrategyError
        If something it captures cannot be digested and no `version` is given.
    """
    walk = _Walk()
    if version is not None:
        walk.put("version", version, getattr(function, "__qualname__", type(function).__name__))
    else:
        walk.value(function, getattr(function, "__name__", type(function).__name__))
    return walk.digest.hexdigest()


class _Walk:
    """One walk over everything a strategy uses; each object is digested once, later ones refer to it."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256(f"python {sys.version_info[:2]}".encode())
        self.seen: dict[int, int] = {}
        self.kept: list[Any] = []

    def put(self, *parts: Any) -> None:
        for part in parts:
            data = part if isinstance(part, bytes) else str(part).encode()
            self.digest.update(f"{len(data)}:".encode() + data)

    def value(self, value: Any, path: str) -> None:
        """Digest any value; `path` says how the strategy reaches it."""
        if isinstance(value, PLAIN):
            self.put(type(value).__name__, repr(value))
            return
        if id(value) in self.seen:
            self.put("again", self.seen[id(value)])
            return
        self.seen[id(value)] = len(self.seen)
        self.kept.append(value)
        for kind, digest in HANDLERS:
            if isinstance(value, kind):
                digest(self, value, path)
                return
        self.instance(value, path)

    def code(self, code: types.CodeType, doc: str | None) -> None:
        """Bytecode, names and constants; nested code too."""
        self.put("code", code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
        self.put(code.co_argcount, code.co_kwonlyargcount, code.co_posonlyargcount, code.co_flags, code.co_exceptiontable)
        constants = code.co_consts
        if doc is not None and constants and constants[0] == doc:
            constants = (None, *constants[1:])
        for constant in constants:
            if isinstance(constant, types.CodeType):
                inner = constant.co_consts[0] if constant.co_consts and isinstance(constant.co_consts[0], str) else None
                self.code(constant, inner if _has_docstring(constant) else None)
            else:
                self.value(constant, "a constant")

    def function(self, function: types.FunctionType, path: str) -> None:
        if comes_from_library(function):
            self.put("library", function.__module__, function.__qualname__)
            return
        self.put("function")
        self.code(function.__code__, function.__doc__)
        self.value(function.__defaults__, f"{path}'s defaults")
        self.value(dict(function.__kwdefaults__ or {}), f"{path}'s defaults")
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                self.value(cell.cell_contents, f"{path}: {name}")
            except ValueError:
                self.put("empty cell", name)
        self.globals(function, path)

    def globals(self, function: types.FunctionType, path: str) -> None:
        """Global names that the code uses, and attributes of local modules among them."""
        names = sorted(_names(function.__code__))
        for name in names:
            if name not in function.__globals__:
                continue
            value = function.__globals__[name]
            self.put("global", name)
            if isinstance(value, types.ModuleType) and not is_library(value.__name__, getattr(value, "__file__", None)):
                for attribute in names:
                    if attribute in vars(value):
                        self.put("attribute", attribute)
                        self.value(vars(value)[attribute], f"{path}: {name}.{attribute}")
            else:
                self.value(value, f"{path}: {name}")

    def cls(self, cls: type, path: str) -> None:
        if comes_from_library(cls):
            self.put("library", cls.__module__, cls.__qualname__)
            return
        self.put("class", cls.__name__)
        for base in cls.__bases__:
            self.value(base, f"{path}'s base")
        for name in sorted(vars(cls)):
            if name not in SKIPPED:
                self.put(name)
                self.value(vars(cls)[name], f"{path}.{name}")

    def instance(self, value: Any, path: str) -> None:
        """An object by its class and its attributes; where it has hidden state it cannot be digested."""
        if hasattr(value, "py_func"):  # a numba function
            self.put("compiled")
            self.value(value.py_func, path)
            return
        if hasattr(value, "write_ipc"):  # a polars frame
            buffer = io.BytesIO()
            value.write_ipc(buffer)
            self.put("frame", buffer.getvalue())
            return
        state = getattr(value, "__dict__", None)
        if comes_from_library(type(value)) and not dataclasses.is_dataclass(value):
            what = f"{path} is a {type(value).__module__}.{type(value).__qualname__}, which cannot be digested"
            raise StrategyError(what, "strategy", "Pass version='...' and change it whenever the strategy changes.")
        self.put("instance")
        self.value(type(value), path)
        slots = {name: getattr(value, name) for name in getattr(type(value), "__slots__", ()) if hasattr(value, name)}
        self.value({**(state or {}), **slots}, path)


def _sequence(walk: _Walk, value: Any, path: str) -> None:
    walk.put(type(value).__name__, len(value))
    for i, item in enumerate(value):
        walk.value(item, f"{path}[{i}]")


def _mapping(walk: _Walk, value: Any, path: str) -> None:
    walk.put("dict", len(value))
    for key, item in value.items():
        walk.value(key, f"a key of {path}")
        walk.value(item, f"{path}[{key!r}]")


def _set(walk: _Walk, value: Any, path: str) -> None:
    walk.put("set", len(value))
    for item in sorted(value, key=lambda item: (type(item).__name__, repr(item))):
        walk.value(item, f"an item of {path}")


def _array(walk: _Walk, value: Any, path: str) -> None:
    if value.dtype.hasobject:
        walk.value(value.tolist(), path)
    else:
        walk.put("array", value.dtype.str, value.shape, np.ascontiguousarray(value).tobytes())


def _method(walk: _Walk, value: Any, path: str) -> None:
    walk.put("method")
    walk.value(value.__func__, path)
    walk.value(value.__self__, f"the object of {path}")


def _partial(walk: _Walk, value: Any, path: str) -> None:
    walk.put("partial")
    for part in (value.func, value.args, value.keywords):
        walk.value(part, path)


def _builtin(walk: _Walk, value: Any, path: str) -> None:
    owner = getattr(value, "__self__", None)
    walk.put("builtin", getattr(value, "__module__", ""), value.__qualname__)
    if owner is not None and not inspect.ismodule(owner):
        walk.value(owner, f"the object of {path}")


HANDLERS: tuple[tuple[Any, Any], ...] = (
    (enum.Enum, lambda walk, value, path: (walk.put("enum", value.name), walk.value(type(value), path))),
    (tuple | list, _sequence),
    (dict | types.MappingProxyType, _mapping),
    (set | frozenset, _set),
    (np.ndarray, _array),
    (np.generic, lambda walk, value, path: walk.put("scalar", value.dtype.str, value.tobytes())),
    (types.FunctionType, _Walk.function),
    (type, _Walk.cls),
    (types.ModuleType, lambda walk, value, path: walk.put("module", value.__name__)),
    (types.MethodType, _method),
    (functools.partial, _partial),
    (property, lambda walk, value, path: [walk.value(part, path) for part in (value.fget, value.fset, value.fdel)]),
    (staticmethod | classmethod, lambda walk, value, path: walk.value(value.__func__, path)),
    (functools.cached_property, lambda walk, value, path: walk.value(value.func, path)),
    (types.BuiltinFunctionType | types.MethodDescriptorType | types.WrapperDescriptorType | np.ufunc, _builtin),
    (types.GenericAlias | types.UnionType, lambda walk, value, path: walk.put("type", repr(value))),
)


def _names(code: types.CodeType) -> set[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _names(constant)
    return found


def _has_docstring(code: types.CodeType) -> bool:
    return bool(code.co_flags & getattr(inspect, "CO_HAS_DOCSTRING", 0)) if hasattr(inspect, "CO_HAS_DOCSTRING") else (
        code.co_name not in ("<lambda>", "<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>")
        and bool(code.co_consts) and isinstance(code.co_consts[0], str)
    )  # fmt: skip
