"""Where code comes from: a library that every machine has, or the user's own files."""

import sys
import sysconfig
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

OWN = {"rustybt_ray", "actors"}
LIBRARIES = tuple({str(Path(sysconfig.get_path(name)).resolve()) for name in ("purelib", "platlib", "stdlib", "platstdlib")})


@lru_cache(maxsize=4096)
def is_library(name: str | None, file: str | None) -> bool:
    """Whether a module of that name and file is a library: standard, installed, or this package."""
    top = (name or "").partition(".")[0]
    if top in OWN or top in sys.stdlib_module_names or top == "builtins":
        return top != "__main__"
    if file is None:
        return False
    path = str(Path(file).resolve())
    return "site-packages" in path or "dist-packages" in path or path.startswith(LIBRARIES)


def comes_from_library(value: Any) -> bool:
    """Whether a function or class is a library's."""
    name = getattr(value, "__module__", None)
    if name == "__main__":
        return False
    module = sys.modules.get(name or "")
    code = getattr(value, "__code__", None)
    file = code.co_filename if code is not None else getattr(module, "__file__", None)
    return is_library(name, file)


def local_modules() -> list[ModuleType]:
    """Loaded modules that are the user's own files and that another machine may not have."""
    found = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name != "__main__" and isinstance(module, ModuleType) and file and not is_library(name, file):
            found.append(module)
    return found
