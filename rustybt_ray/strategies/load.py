"""Strategies from a callable, a file or a module."""

import hashlib
import importlib
import importlib.machinery
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

from rustybt_ray.exceptions import StrategyError
from rustybt_ray.strategies.origin import is_local_module, place_of
from rustybt_ray.strategies.strategy import Objective, is_algorithm

if TYPE_CHECKING:
    from rustybt_ray.zipline.algorithm import Algorithm

ZIPLINE = ("initialize", "handle_data", "before_trading_start", "analyze")
PACKAGE = Path(__file__).resolve().parents[1]
FORMS = "Forms: a function, an Algorithm, 'file.py', 'file.py:function', 'package.module:function'."


def load_strategy(spec: "Callable[..., Any] | Algorithm | str | Path") -> Any:
    """A strategy's function, or a zipline algorithm.

    Parameters
    ----------
    spec : callable, Algorithm, str or Path
        A callable or an algorithm as it is; "file.py", which is an algorithm if it defines ``initialize`` or
        ``handle_data``, and else its one public function beside ``main``, or what it calls ``strategy``;
        "file.py:function"; "package.module:function".

    Raises
    ------
    StrategyError
        If there is no such file, module or function, or loading it fails (the message has the line at fault).
    """
    if callable(spec) or is_algorithm(spec):
        return spec
    if not isinstance(spec, str | Path):
        raise StrategyError(f"a strategy must be a function or say where one is; received {spec!r}", "strategy", FORMS)
    text = str(spec)
    place, _, name = text.rpartition(":") if ":" in text[2:] else (text, "", "")  # C:\... has a colon of its own
    if place.endswith(".py"):
        if (not name or name in ZIPLINE) and (made := load_algorithm(Path(place).expanduser())) is not None:
            return made
        return find_function(load_file(Path(place).expanduser()), place, name)
    if not name or not all(part.isidentifier() for part in place.split(".")):
        raise StrategyError(f"{text!r} names neither a Python file nor a function of a module", "strategy", FORMS)
    return find_function(_import(place), place, name)


def load_algorithm(path: Path) -> "Algorithm | None":
    """A zipline algorithm's file, tried out once; None if it defines neither ``initialize`` nor ``handle_data``.

    Raises
    ------
    StrategyError
        If loading it fails.
    """
    if not path.is_file():
        return None
    from rustybt_ray.zipline.algorithm import Algorithm
    from rustybt_ray.zipline.parameters import defines
    from rustybt_ray.zipline.sources import read

    try:
        if not defines(read(path).tree, ZIPLINE[:2]):
            return None
        made = Algorithm.from_file(path)
        made.load()
    except StrategyError:
        raise
    except (Exception, SystemExit) as error:
        raise _failure(str(path), error) from error
    return made


def load_file(path: Path) -> ModuleType:
    """A file as a module of its own; while it loads, it can import its neighbours, and gets its own ones.

    Raises
    ------
    StrategyError
        If there is no such file or it fails.
    """
    if not path.is_file():
        raise StrategyError(f"there is no file {str(path)!r}", f"in {Path.cwd()}", FORMS)
    full = path.resolve()
    name = f"strategy_{full.stem}_{hashlib.sha256(str(full).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, full, loader=_Fresh(name, str(full)))
    if spec is None or spec.loader is None:
        raise StrategyError(f"{str(path)!r} is not a Python file", "strategy", FORMS)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with _neighbours(full.parent):
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            sys.modules.pop(name, None)
            raise _failure(str(path), error) from error
    return module


def find_function(module: ModuleType, place: str, name: str) -> Callable[..., Any]:
    """The function called `name`; without a name the one called ``strategy``, or the only one there is.

    Raises
    ------
    StrategyError
        If there is none, or several, or the module is a zipline algorithm, which is loaded from its file.
    """
    own = {key: value for key, value in vars(module).items() if not key.startswith("_") and _is_own(value, module)}
    if (not name or name in ZIPLINE) and any(key in own for key in ZIPLINE[:2]):
        found = " and ".join(key for key in ZIPLINE if key in own)
        what = f"{place} is a zipline algorithm (it defines {found})"
        remedy = "Say its file: 'algorithm.py'. Of another function in it say"
        raise StrategyError(what, "strategy", f"{remedy} '{place}:function'.")
    if name:
        function = getattr(module, name, None)
        if callable(function):
            return function  # type: ignore[no-any-return]
        from difflib import get_close_matches

        near = get_close_matches(name, own, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(map(repr, own)) or 'no function'}."
        raise StrategyError(f"{place} has no function {name!r}", "strategy", hint)
    if "strategy" in own:
        return own["strategy"]  # type: ignore[no-any-return]
    public = {key: value for key, value in own.items() if key != "main"}
    if len(public) == 1:
        return next(iter(public.values()))  # type: ignore[no-any-return]
    what = f"{place} has {len(public) or 'no'} public functions" + (f": {', '.join(public)}" if public else "")
    remedy = f"Say which: '{place}:{next(iter(public))}'." if public else "Write one: def f(data, fast, slow): ..."
    raise StrategyError(what, "strategy", remedy)


class _Fresh(importlib.machinery.SourceFileLoader):
    """Compiles the text as it is now: a cached compilation of an edit in the same second would be taken for it."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


@contextmanager
def _neighbours(folder: Path) -> Iterator[None]:
    """Modules of `folder` can be imported meanwhile.

    Afterwards they are known to those who imported them alone: another strategy's ``helpers`` is another module. The
    user's own modules of other folders do not stand in their way; libraries stay as they are.
    """
    names = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    modules = {key: module for key, module in sys.modules.items() if isinstance(module, ModuleType)}
    hidden = {
        key: module
        for key, module in modules.items()
        if key.partition(".")[0] in names and is_local_module(module) and not _is_inside(module, folder)
    }
    for key in hidden:
        del sys.modules[key]
    writing, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.dont_write_bytecode = writing
        if str(folder) in sys.path:
            sys.path.remove(str(folder))
        for key in [key for key in sys.modules if key not in modules and not key.startswith("strategy_")]:
            if _is_inside(sys.modules[key], folder):
                del sys.modules[key]
        sys.modules.update(hidden)


def _is_inside(module: Any, folder: Path) -> bool:
    place = place_of(module)
    return place is not None and Path(place).resolve().is_relative_to(folder) and is_local_module(module)


def _is_own(value: Any, module: ModuleType) -> bool:
    if inspect.isfunction(value):
        return value.__module__ == module.__name__
    return isinstance(value, Objective | partial)


def _import(name: str) -> ModuleType:
    here = str(Path.cwd())
    added = here not in sys.path and "" not in sys.path
    if added:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise _failure(name, error) from error
    finally:
        if added and here in sys.path:
            sys.path.remove(here)


def _failure(place: str, error: BaseException) -> StrategyError:
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        frame
        for frame in frames
        if "importlib" not in frame.filename and not Path(frame.filename).is_relative_to(PACKAGE)
    ]
    line = f"{own[-1].filename}:{own[-1].lineno}: {own[-1].line}" if own else place
    if isinstance(error, SyntaxError):
        line = f"{error.filename}:{error.lineno}: {(error.text or '').strip()}"
    remedy = "Loading runs everything outside of functions: try it with python."
    if isinstance(error, SystemExit):
        remedy = "It ends the program while it is loaded: put that under if __name__ == '__main__'."
    return StrategyError(f"loading {place} failed: {type(error).__name__}: {error}", line, remedy)
