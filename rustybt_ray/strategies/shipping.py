"""A strategy as bytes that another process can load without the user's files, and its record for people."""

import inspect
import linecache
import os
import sys
import tokenize
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import CodeType
from typing import TYPE_CHECKING, Any

from rustybt_ray.exceptions import StrategyError
from rustybt_ray.strategies.bytecode import uses
from rustybt_ray.strategies.origin import imports_locally, is_library, local_modules
from rustybt_ray.strategies.strategy import is_algorithm, name_of

if TYPE_CHECKING:
    from rustybt_ray.zipline.algorithm import Algorithm

REMEDY = "Make it inside the function, or pass what it is made from; executor='inline' ships nothing."


def pack(function: "Callable[..., Any] | Algorithm") -> bytes:
    """A strategy as bytes; the user's own modules travel with it, libraries by name.

    An algorithm's file travels as text.

    Raises
    ------
    StrategyError
        If it captures something that cannot be shipped, such as a lock or an open file; the message names it.
    """
    name = name_of(function)
    for part in function.functions.values() if is_algorithm(function) else (function,):
        code = getattr(part, "__code__", None)
        for module, level in uses(code).imports if code is not None else ():
            if imports_locally(module, level):
                where = "inside a function, which a worker does not have"
                what = f"{name} imports the local module {'.' * level + module!r} {where}"
                raise StrategyError(what, name, "Import it at the top of the file: then it travels with the strategy.")
    import cloudpickle

    with _local_modules_by_value():
        try:
            return cloudpickle.dumps(function)  # type: ignore[no-any-return]
        except Exception as error:
            culprit = _culprit(function, name) or f"{type(error).__name__}: {error}"
            raise StrategyError(f"{name} cannot be shipped to a worker: {culprit}", name, REMEDY) from error


def unpack(data: bytes) -> Any:
    """The strategy again, a callable or an `Algorithm`.

    Raises
    ------
    StrategyError
        If it cannot be loaded here: a library is missing or differs.
    """
    import cloudpickle

    try:
        return cloudpickle.loads(data)
    except Exception as error:
        what = f"the strategy cannot be loaded here: {type(error).__name__}: {error}"
        where = f"Python {sys.version.split()[0]}, {sys.executable}"
        raise StrategyError(what, where, "Install what it imports on every machine, in the same versions.") from error


def describe(function: "Callable[..., Any] | Algorithm") -> dict[str, Any]:
    """Name, module, file and source text of a strategy; None where there is none."""
    if is_algorithm(function):
        if function.sources:
            return {"name": name_of(function), "module": None, "file": function.file, "source": function.source}
        first = next((part for part in function.functions.values() if part is not None), None)
        return {**(describe(first) if first is not None else {}), "name": name_of(function)}
    inner: Any = function
    while not inspect.isfunction(inner) and (nested := getattr(inner, "func", getattr(inner, "function", None))):
        inner = nested
    if inspect.ismethod(inner):
        inner = inner.__func__
    code = getattr(inner, "__code__", None)
    if code is not None:
        file, source = _source(code, code.co_filename, _modified(code.co_filename))
    else:
        file, source = _text(type(inner))
    return {"name": name_of(function), "module": getattr(inner, "__module__", None), "file": file, "source": source}


@lru_cache(maxsize=64)
def _source(code: CodeType, file: str, modified: int) -> tuple[str | None, str | None]:
    """As `_text`; equal code of other files, or of the same file at another time, has a text of its own."""
    linecache.checkcache(file)
    if lines := linecache.getlines(file)[code.co_firstlineno - 1 :]:
        try:
            # `inspect.getsource` asks every module that is loaded where its file is
            return (file if modified else None), "".join(inspect.getblock(lines))
        except (SyntaxError, IndentationError, tokenize.TokenError):
            pass
    elif file.startswith("<") and file.endswith(">"):  # typed after `python -c`, made by `exec`: nobody kept the text
        return None, None
    return _text(code)


def _text(written: Any) -> tuple[str | None, str | None]:
    """File and text of code or a class; None where there is none."""
    try:
        file = inspect.getfile(written)
    except (OSError, TypeError):
        return None, None
    try:
        text = inspect.getsource(written)
    except (OSError, TypeError):
        text = None
    return (file if _modified(file) else None), text


def _modified(file: str) -> int:
    try:
        return os.stat(file).st_mtime_ns  # noqa: PTH116 (a path takes twice the time)
    except OSError:
        return 0


@contextmanager
def _local_modules_by_value() -> Iterator[None]:
    """All of the user's modules travel by value meanwhile; numba has a pickler of its own, which must know too."""
    import cloudpickle

    picklers = [cloudpickle, *filter(None, [sys.modules.get("numba.cloudpickle")])]
    added = []
    for pickler in picklers:
        known = pickler.list_registry_pickle_by_value()
        added += [(pickler, module) for module in local_modules() if module.__name__ not in known]
    registered = []
    try:
        for pickler, module in added:
            if module.__name__ in sys.modules:
                pickler.register_pickle_by_value(module)
                registered.append((pickler, module))
        yield
    finally:
        for pickler, module in registered:
            pickler.unregister_pickle_by_value(module)


def _culprit(value: Any, path: str, seen: set[int] | None = None) -> str | None:
    """The innermost thing that a strategy captures and that cannot be shipped, and how the strategy reaches it."""
    seen = seen if seen is not None else set()
    if id(value) in seen:
        return None
    seen.add(id(value))
    import cloudpickle

    try:
        cloudpickle.dumps(value)
        return None
    except Exception as error:
        for name, part in _captured(value):
            if found := _culprit(part, f"{path}: {name}", seen):
                return found
        return f"{path} is a {type(value).__module__}.{type(value).__qualname__} ({error})"


def _captured(value: Any) -> Iterator[tuple[str, Any]]:
    """What a value holds on to, by name."""
    code = getattr(value, "__code__", None)
    if code is not None:
        for name, cell in zip(code.co_freevars, value.__closure__ or (), strict=True):
            if cell != type(cell)():
                yield name, cell.cell_contents
        for name in uses(code).globals:
            if name in value.__globals__:
                yield name, value.__globals__[name]
        yield from ((f"default {i}", part) for i, part in enumerate(value.__defaults__ or ()))
        yield from (value.__kwdefaults__ or {}).items()
    elif isinstance(value, dict):
        yield from ((repr(key), part) for key, part in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((f"item {i}", part) for i, part in enumerate(value))
    elif isinstance(value, type) or not is_library(type(value).__module__, None):
        yield from list(getattr(value, "__dict__", {}).items())
    for name in ("func", "args", "keywords", "function", "__self__", "__func__", "py_func"):
        if (part := getattr(value, name, None)) is not None and code is None:
            yield name, part
