"""A strategy as bytes that another process can load without the user's files, and its record for people."""

import inspect
import pickle
import sys
from collections.abc import Callable
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Any

import cloudpickle

from rustybt_ray.exceptions import StrategyError
from rustybt_ray.strategies.origin import local_modules
from rustybt_ray.strategies.strategy import name_of

TYPES = "Make it inside the function, or pass what it is made from."


def pack(function: Callable[..., Any]) -> bytes:
    """A strategy as bytes; the user's own modules travel with it, libraries by name.

    Raises
    ------
    StrategyError
        If it captures something that cannot be shipped, such as a lock or an open file; the message names it.
    """
    try:
        with _local_modules_by_value():
            return cloudpickle.dumps(function)  # type: ignore[no-any-return]
    except (pickle.PicklingError, TypeError, AttributeError, ValueError, RecursionError, RuntimeError) as error:
        culprit = _culprit(function)
        what = f"{name_of(function)} cannot be shipped to a worker: {culprit or error}"
        raise StrategyError(what, "strategy", f"{TYPES} Or use executor='inline'.") from error


def unpack(data: bytes) -> Callable[..., Any]:
    """The strategy again.

    Raises
    ------
    StrategyError
        If it cannot be loaded here: a library is missing or differs.
    """
    try:
        return cloudpickle.loads(data)  # type: ignore[no-any-return]
    except Exception as error:
        what = f"the strategy cannot be loaded here: {type(error).__name__}: {error}"
        where = f"Python {sys.version.split()[0]}, {sys.executable}"
        raise StrategyError(what, where, "Install what it imports on every machine, in the same versions.") from error


def describe(function: Callable[..., Any]) -> dict[str, Any]:
    """Name, module, file and source text of a strategy; None where there is none."""
    inner: Any = function
    while not inspect.isfunction(inner) and (nested := getattr(inner, "func", getattr(inner, "function", None))):
        inner = nested
    code = getattr(inner, "__code__", None)
    file, source = _source(code) if code is not None else (None, None)
    return {"name": name_of(function), "module": getattr(inner, "__module__", None), "file": file, "source": source}


@lru_cache(maxsize=64)
def _source(code: CodeType) -> tuple[str | None, str | None]:
    """File and text of a function's code; None where there is none."""
    try:
        text = inspect.getsource(code)
    except (OSError, TypeError):
        text = None
    return (code.co_filename if Path(code.co_filename).is_file() else None), text


@contextmanager
def _local_modules_by_value() -> Any:
    before = cloudpickle.list_registry_pickle_by_value()
    added = [module for module in local_modules() if module.__name__ not in before]
    for module in added:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in added:
            cloudpickle.unregister_pickle_by_value(module)


def _culprit(function: Any) -> str | None:
    """The first thing that a function captures and that cannot be shipped."""
    code = getattr(function, "__code__", None)
    if code is None:
        inner = getattr(function, "func", None) or getattr(function, "function", None)
        return _culprit(inner) if inner is not None else None
    captured = dict(zip(code.co_freevars, (cell.cell_contents for cell in function.__closure__ or ()), strict=False))
    captured |= {name: function.__globals__[name] for name in code.co_names if name in function.__globals__}
    for name, value in captured.items():
        try:
            cloudpickle.dumps(value)
        except Exception:
            return f"{name!r} is a {type(value).__module__}.{type(value).__qualname__}"
    return None
