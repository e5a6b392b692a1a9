"""Strategies from a callable, a file or a module."""

import hashlib
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from rustybt_ray.exceptions import StrategyError

ZIPLINE = ("initialize", "handle_data")
FORMS = "Forms: a function, 'file.py', 'file.py:function', 'package.module:function'."


def load_strategy(spec: Callable[..., Any] | str | Path) -> Callable[..., Any]:
    """A strategy's function.

    Parameters
    ----------
    spec : callable, str or Path
        A callable as it is; "file.py:function" or "file.py" (its one public function, or the one called ``strategy``);
        "package.module:function".

    Raises
    ------
    StrategyError
        If there is no such file, module or function, or loading it fails; the message has the line at fault.
    """
    if callable(spec):
        return spec
    if not isinstance(spec, str | Path):
        raise StrategyError(f"a strategy must be a function or say where one is; received {spec!r}", "strategy", FORMS)
    place, _, name = str(spec).rpartition(":") if ":" in str(spec)[2:] else (str(spec), "", "")
    if place.endswith(".py"):
        module = load_file(Path(place))
    elif name:
        module = _import(place)
    else:
        raise StrategyError(f"{spec!r} names neither a file nor a function", "strategy", FORMS)
    return find_function(module, place, name)


def load_file(path: Path) -> ModuleType:
    """A file as a module of its own; its neighbours can be imported while it loads.

    Raises
    ------
    StrategyError
        If there is no such file or it fails.
    """
    if not path.is_file():
        raise StrategyError(f"there is no file {str(path)!r}", f"in {Path.cwd()}", FORMS)
    full = path.resolve()
    name = f"strategy_{full.stem}_{hashlib.sha256(str(full).encode()).hexdigest()[:8]}"
    found = importlib.util.spec_from_file_location(name, full)
    if found is None or found.loader is None:
        raise StrategyError(f"{str(path)!r} is not a Python file", "strategy", FORMS)
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    sys.path.insert(0, str(full.parent))
    try:
        found.loader.exec_module(module)
    except Exception as error:
        sys.modules.pop(name, None)
        raise _failure(str(path), error) from error
    finally:
        sys.path.remove(str(full.parent))
    return module


def find_function(module: ModuleType, place: str, name: str) -> Callable[..., Any]:
    """The function called `name`, or the only one there is.

    Raises
    ------
    StrategyError
        If there is none, or several and none is called ``strategy``.
    """
    own = {
        key: value
        for key, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not key.startswith("_")
    }
    if name:
        function = getattr(module, name, None)
        if callable(function):
            return function  # type: ignore[no-any-return]
        near = get_close_matches(name, own, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(map(repr, own)) or 'no function'}."
        raise StrategyError(f"{place} has no function {name!r}", "strategy", hint)
    if all(key in own for key in ZIPLINE):
        what = f"{place} is a zipline algorithm (it defines initialize and handle_data)"
        remedy = "What runs here are target functions f(data, **params) and objective functions f(trial)."
        raise StrategyError(what, "strategy", remedy)
    if "strategy" in own:
        return own["strategy"]
    public = {key: value for key, value in own.items() if key != "main"}
    if len(public) == 1:
        return next(iter(public.values()))
    what = f"{place} has {len(public)} public functions" + (f": {', '.join(public)}" if public else "")
    raise StrategyError(what, "strategy", f"Say which: '{place}:function'.")


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise _failure(name, error) from error


def _failure(place: str, error: Exception) -> StrategyError:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "importlib" not in frame.filename and frame.filename != __file__]
    line = f"{own[-1].filename}:{own[-1].lineno}: {own[-1].line}" if own else place
    if isinstance(error, SyntaxError):
        line = f"{error.filename}:{error.lineno}: {(error.text or '').strip()}"
    return StrategyError(f"loading {place} failed: {type(error).__name__}: {error}", line, "Run the file with python to see it.")
