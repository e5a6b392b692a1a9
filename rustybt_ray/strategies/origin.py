"""Where code comes from: a library that every machine has, or the user's own files."""

import importlib.util
import sys
from functools import cache, lru_cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SITES = {"site-packages", "dist-packages"}


@lru_cache(maxsize=4096)
def is_library(name: str | None, file: str | None) -> bool:
    """Whether code of a module of that name, in that file, is a library's: standard, installed, or this package's."""
    top = (name or "").partition(".")[0]
    if top == "__main__":
        return False
    if file is None or file.startswith("<"):
        return top in sys.stdlib_module_names or top in sys.builtin_module_names
    path = Path(file).resolve()
    own = any(path.is_relative_to(ROOT / package) for package in ("rustybt_ray", "actors"))
    return own or not SITES.isdisjoint(path.parts) or any(map(path.is_relative_to, _folders()))


@cache
def _folders() -> tuple[Path, ...]:
    """Where this Python has its standard library and installed packages."""
    import sysconfig

    return tuple({Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def comes_from_library(value: Any) -> bool:
    """Whether a function or class is a library's."""
    code = getattr(value, "__code__", None)
    name = value.__globals__.get("__name__") if code is not None else getattr(value, "__module__", None)
    if code is not None and not code.co_filename.startswith("<"):
        return is_library(name, code.co_filename)
    if code is None and _has_local_method(value, name):  # its module's name may by now stand for another module
        return False
    return is_library(name, getattr(sys.modules.get(name or ""), "__file__", None))


def is_local_module(module: ModuleType) -> bool:
    """Whether a module is the user's own file or folder."""
    return not is_library(module.__name__, place_of(module))


def local_modules() -> list[ModuleType]:
    """Loaded modules that are the user's own files and that another machine may not have."""
    loaded = [(name, module) for name, module in list(sys.modules.items()) if isinstance(module, ModuleType)]
    return [m for name, m in loaded if name not in ("__main__", "__mp_main__") and place_of(m) and is_local_module(m)]


def imports_locally(name: str, level: int) -> bool:
    """Whether an import statement in the user's code asks for the user's own module."""
    if level > 0:
        return True
    top = name.partition(".")[0]
    if top in sys.builtin_module_names:
        return False
    if (module := sys.modules.get(top)) is not None:
        return place_of(module) is not None and is_local_module(module)
    try:
        found = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return False
    if found is None:
        return False
    return not is_library(top, found.origin or next(iter(found.submodule_search_locations or ()), None))


def _has_local_method(cls: type, name: str | None) -> bool:
    files = (method.__code__.co_filename for method in vars(cls).values() if isinstance(method, FunctionType))
    return any(not file.startswith("<") and not is_library(name, file) for file in files)


def place_of(module: Any) -> str | None:
    """File of a module, folder of one that is only a folder."""
    file = getattr(module, "__file__", None)
    return file if file is not None else next(iter(getattr(module, "__path__", None) or ()), None)
