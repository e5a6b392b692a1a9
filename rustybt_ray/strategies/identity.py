"""The digest of a strategy: what it computes, not how it is written down or where it lies.

It covers compiled code (see `bytecode`), constants, defaults, closures, and transitively every function, class and value
that this code uses from files that are not a library's. Libraries count by name; the study records their versions. Compiled
code differs between minor versions of Python, and so does the digest. The bytes of a pickle are no substitute: they change
with the hash seed and the folder.

Not covered, because it is not code: files that a strategy reads, the environment, and what it looks up by text
(``getattr(module, name)``, ``eval``).
"""

import copyreg
import enum
import functools
import hashlib
import logging
import sys
import types
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np

from rustybt_ray.exceptions import StrategyError
from rustybt_ray.strategies.bytecode import CODES, Constant, operations, signature, uses
from rustybt_ray.strategies.origin import comes_from_library, imports_locally, is_local_module

UNCOUNTED = {
    "__module__", "__dict__", "__weakref__", "__doc__", "__qualname__", "__firstlineno__", "__static_attributes__",
    "__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__", "__dataclass_fields__",
    "__dataclass_params__", "__match_args__", "__abstractmethods__", "_abc_impl", "__parameters__", "__orig_bases__",
}  # fmt: skip
ATOMS = (type(None), bool, int, float, complex, str, bytes, bytearray, type(Ellipsis), type(NotImplemented))
DESCRIPTORS = (
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)
METHODS = (types.FunctionType, property, staticmethod, classmethod, functools.cached_property)
VERSION = "Pass version='...' and change it whenever the strategy changes."


def strategy_digest(function: Any, version: str | None = None) -> str:
    """SHA-256 of what a strategy computes, in hexadecimal.

    The same in every process, folder and for every hash seed; changed by any code, constant, default, captured value or global
    that the strategy uses, and not by comments, docstrings, line numbers, or anything that it does not use.

    Parameters
    ----------
    function : callable
    version : str, optional
        Stands for everything that the code is and captures; with it, nothing is looked into but the function's name.

    Raises
    ------
    StrategyError
        If something it uses cannot be digested and no `version` is given; the message says how the strategy reaches it.
    """
    name = str(getattr(function, "__name__", type(function).__name__))
    if version is not None:
        walk = _Walk(name)
        walk.put("version", version, getattr(function, "__qualname__", name))
        return str(walk.digest.hexdigest())
    return value_digest(function, name)


def value_digest(value: Any, name: str) -> str:
    """SHA-256 of any value by what it computes or holds, in hexadecimal; errors call it `name`.

    Raises
    ------
    StrategyError
        If something it uses cannot be digested; the message says how it is reached.
    """
    walk = _Walk(name)
    try:
        walk.value(value, name)
    except RecursionError:
        raise StrategyError(f"{name} uses values that are nested too deeply to digest", name, VERSION) from None
    return str(walk.digest.hexdigest())


class _Walk:
    """One walk over everything a strategy uses; what has an identity is digested once, and later only referred to."""

    def __init__(self, name: str, seen: dict[int, int] | None = None) -> None:
        self.name = name
        self.digest: Any = hashlib.sha256(f"python {sys.version_info[:2]}".encode())
        self.seen = dict(seen or {})
        self.kept: list[Any] = []

    def put(self, *parts: Any) -> None:
        self.digest.update(_framed(parts))

    def value(self, value: Any, path: str) -> None:
        """Digest any value; `path` says how the strategy reaches it."""
        kind = type(value)
        if kind in ATOMS or kind in (tuple, set, frozenset):  # equal ones may or may not be one object: by content
            self.content(value, path)
            return
        if id(value) in self.seen:
            self.put("again", self.seen[id(value)])
            return
        self.seen[id(value)] = len(self.seen)
        self.kept.append(value)  # so that no later object gets its id
        digest = EXACT.get(kind) or next((made for kinds, made in HANDLERS if isinstance(value, kinds)), _Walk.instance)
        digest(self, value, path)

    def content(self, value: Any, path: str) -> None:
        self.put(type(value).__name__)
        if isinstance(value, tuple):
            self.sequence(value, path)
        elif isinstance(value, set | frozenset):
            self.unordered(value, path)
        else:
            self.put(repr(value))

    def sequence(self, values: Iterable[Any], path: str) -> None:
        items = list(values)
        self.put(len(items))
        for i, item in enumerate(items):
            self.value(item, f"{path}[{i}]")

    def unordered(self, values: Iterable[Any], path: str) -> None:
        """Items by themselves, in the order of their digests."""
        digests = []
        for item in values:
            walk = _Walk(self.name, self.seen)
            walk.value(item, f"an item of {path}")
            digests.append(walk.digest.digest())
        self.put(len(digests), *sorted(digests))

    def code(self, code: types.CodeType, path: str) -> None:
        self.digest.update(_code(code, path))

    def function(self, function: types.FunctionType, path: str) -> None:
        self.put("function")
        if comes_from_library(function):  # its code by name; what it encloses may be the user's: decorators
            self.put(function.__globals__.get("__name__"), function.__code__.co_qualname)
            self.closure(function, path)
            return
        self.code(function.__code__, path)
        self.value(function.__defaults__, f"{path}'s defaults")
        self.value(sorted((function.__kwdefaults__ or {}).items()), f"{path}'s defaults")
        self.closure(function, path)
        self.globals(function, path)
        own = {name: value for name, value in vars(function).items() if name != "__wrapped__"}
        self.value(sorted(own.items()), f"{path}'s attributes")

    def closure(self, function: types.FunctionType, path: str) -> None:
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                content = cell.cell_contents
            except ValueError:
                self.put("empty", name)
                continue
            self.put("cell", name)
            self.value(content, f"{path}: {name}")

    def globals(self, function: types.FunctionType, path: str) -> None:
        """Global names that the code uses, through the user's modules to what it uses of them."""
        used = uses(function.__code__)
        for name, level in used.imports:
            if imports_locally(name, level):
                what = f"{path} imports the local module {'.' * level + name!r} inside a function"
                remedy = "Import it at the top of the file, so that it is part of the strategy."
                raise StrategyError(what, self.name, remedy)
        for name in used.globals:
            if name in function.__globals__ and not (name.startswith("__") and name.endswith("__")):
                value = function.__globals__[name]
                self.put("global", name)
                if isinstance(value, types.ModuleType):
                    self.module(value, f"{path}: {name}", used.attributes)
                else:
                    self.value(value, f"{path}: {name}")

    def module(self, module: types.ModuleType, path: str, attributes: frozenset[str] | None = None) -> None:
        """A library by its name; the user's module by the attributes that are used, all of them if none is known."""
        if not is_local_module(module):
            self.put("module", module.__name__)
            return
        own = {name: value for name, value in vars(module).items() if not name.startswith("__")}
        names = sorted(set(own).intersection(attributes or ())) or sorted(own)
        for name in names:
            self.put("attribute", name)
            if isinstance(own[name], types.ModuleType) and own[name] is not module and attributes:
                self.module(own[name], f"{path}.{name}", attributes - {name})
            else:
                self.value(own[name], f"{path}.{name}")

    def cls(self, cls: type, path: str) -> None:
        if comes_from_library(cls):
            self.put("library", cls.__module__, cls.__qualname__)
            return
        self.put("class", cls.__name__)
        self.sequence(cls.__bases__, f"a base of {path}")
        self.value(type(cls), f"the class of {path}")
        own = {name: value for name, value in vars(cls).items() if name not in UNCOUNTED}
        if isinstance(cls, enum.EnumMeta):
            members: dict[str, enum.Enum] = dict(cls.__members__)
            self.value([(name, member.value) for name, member in members.items()], path)
            own = {name: value for name, value in own.items() if isinstance(value, METHODS)}
        for name in sorted(own):
            self.put(name)
            self.value(own[name], f"{path}.{name}")

    def instance(self, value: Any, path: str) -> None:
        """An object by what it would hand to a copy of itself: its class and its state, nothing transient.

        One that has ``__digested__()`` is what that returns.
        """
        self.put("instance")
        if (state := getattr(type(value), "__digested__", None)) is not None:
            self.value(type(value), f"the class of {path}")
            self.value(state(value), path)
            return
        try:
            reduce = copyreg.dispatch_table.get(type(value))
            parts: Any = reduce(value) if reduce is not None else value.__reduce_ex__(4)
        except Exception as error:
            kind = f"{type(value).__module__}.{type(value).__qualname__}"
            raise StrategyError(f"{path} is a {kind}, which cannot be digested", self.name, VERSION) from error
        if isinstance(parts, str):
            self.put("named", type(value).__module__, parts)
            return
        for part in parts:
            self.value(list(part) if hasattr(part, "__next__") else part, path)


class _Text:
    """Takes what would be digested, to be digested later."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.update = self.parts.append


@lru_cache(CODES)
def _code(code: types.CodeType, path: str) -> bytes:
    """What is digested of code: its constants have no identity, so that it is the same wherever the code is used."""
    walk = _Walk(path)
    walk.digest = text = _Text()
    walk.put("code", *signature(code))
    for name, argument in operations(code):
        walk.put(name)
        if not isinstance(argument, Constant):
            walk.put(argument)
        elif isinstance(argument.value, types.CodeType):
            walk.code(argument.value, path)
        else:
            walk.value(argument.value, f"a constant of {path}")
    return b"".join(text.parts)


def _framed(parts: Iterable[Any]) -> bytes:
    """Parts one after another, each behind its length."""
    framed = []
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")
        framed.append(b"%d:%b" % (len(data), data))
    return b"".join(framed)


def _mapping(walk: _Walk, value: Any, path: str) -> None:
    walk.put("dict", len(value))
    for key, item in value.items():
        walk.value(key, f"a key of {path}")
        walk.value(item, f"{path}[{key!r}]")


def _set(walk: _Walk, value: Any, path: str) -> None:
    walk.put("set of its own class")
    walk.value(type(value), path)
    walk.unordered(value, path)
    walk.value(getattr(value, "__dict__", {}), path)


def _array(walk: _Walk, value: Any, path: str) -> None:
    walk.put("array", value.dtype.descr if value.dtype.names else value.dtype.str, value.shape)
    if value.dtype.hasobject:
        walk.sequence(value.ravel().tolist(), path)
    else:
        walk.put(np.ascontiguousarray(value).tobytes())


def _enum(walk: _Walk, value: Any, path: str) -> None:
    walk.put("member", value.name)
    walk.value(type(value), path)


def _method(walk: _Walk, value: Any, path: str) -> None:
    walk.put("method")
    walk.value(value.__func__, path)
    walk.value(value.__self__, f"the object of {path}")


def _builtin(walk: _Walk, value: Any, path: str) -> None:
    owner = value.__self__
    walk.put("builtin", getattr(value, "__module__", None), value.__qualname__)
    if owner is not None and not isinstance(owner, types.ModuleType):
        walk.value(owner, f"the object of {path}")


def _descriptor(walk: _Walk, value: Any, path: str) -> None:
    walk.put("descriptor", type(value).__name__, value.__name__)


def _ufunc(walk: _Walk, value: Any, path: str) -> None:
    if value.__name__.endswith("(vectorized)"):
        raise StrategyError(f"{path} is made by numpy.frompyfunc, which hides its function", walk.name, VERSION)
    walk.put("ufunc", value.__name__)


def _partial(walk: _Walk, value: Any, path: str) -> None:
    walk.put("partial")
    walk.value(value.func, path)
    walk.value(value.args, f"{path}'s arguments")
    walk.value(sorted(value.keywords.items()), f"{path}'s arguments")


def _property(walk: _Walk, value: Any, path: str) -> None:
    walk.put("property")
    for part in (value.fget, value.fset, value.fdel):
        walk.value(part, path)


def _wrapped(walk: _Walk, value: Any, path: str) -> None:
    walk.put("wrapper", type(value).__name__)
    walk.value(value.func if isinstance(value, functools.cached_property) else value.__wrapped__, path)


def _compiled(walk: _Walk, value: Any, path: str) -> None:
    """A numba function: its Python function and the options that change its results."""
    dispatcher = getattr(value, "_dispatcher", value)
    walk.put("compiled", type(value).__name__)
    walk.value(dispatcher.py_func, path)
    options = sorted(dispatcher.targetoptions.items())
    chosen = [(name, option) for name, option in options if type(option) in (*ATOMS, set, frozenset, dict)]
    walk.value(chosen, f"{path}'s options")


class _Compiled(type):
    def __instancecheck__(cls, value: Any) -> bool:
        family = type(value).__mro__
        of_numba = any(kind.__module__.startswith("numba.") for kind in family)
        return of_numba and hasattr(getattr(value, "_dispatcher", value), "targetoptions")


class _NumbaFunction(metaclass=_Compiled):
    """What numba compiles, known without importing numba."""


HANDLERS: tuple[tuple[Any, Any], ...] = (
    (enum.Enum, _enum),
    (set | frozenset, _set),
    (types.FunctionType, _Walk.function),
    (type, _Walk.cls),
    (types.ModuleType, _Walk.module),
    (types.MethodType, _method),
    (functools.partial, _partial),
    (property, _property),
    (staticmethod | classmethod | functools.cached_property | functools._lru_cache_wrapper, _wrapped),
    (DESCRIPTORS, _descriptor),
    (types.BuiltinFunctionType | types.MethodWrapperType, _builtin),
    (types.GenericAlias | types.UnionType | np.dtype | range | slice, lambda walk, v, _: walk.put(repr(v))),
    (np.ufunc, _ufunc),
    (logging.Logger, lambda walk, value, path: walk.put("logger")),
    (np.generic, lambda walk, value, path: walk.put("scalar", value.dtype.str, value.tobytes())),
    (_NumbaFunction, _compiled),
)
EXACT: dict[type, Any] = {
    list: lambda walk, value, path: (walk.put("list"), walk.sequence(value, path)),
    dict: _mapping,
    types.MappingProxyType: _mapping,
    np.ndarray: _array,
    np.memmap: _array,
}
