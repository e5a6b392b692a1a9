"""Which files an algorithm consists of: its own, and the user's modules that it imports, wherever in the code."""

import ast
import importlib.util
import sys
import sysconfig
import tokenize
from collections.abc import Iterator
from pathlib import Path

from rustybt_ray.zipline.loader import MAIN, Source
from rustybt_ray.zipline.modules import TOPS

LIBRARIES = tuple({Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")})
ELSEWHERE = {*TOPS, "rustybt_ray", "actors", *sys.stdlib_module_names}
"""What every machine has; a neighbour of such a name is not asked."""


def collect(path: Path) -> dict[str, Source]:
    """The sources of an algorithm's file, by the names under which they are imported; the file itself is `MAIN`.

    Modules are looked for beside the file, then in the folders of ``sys.path`` that are no library's.
    """
    full = path.resolve()
    found = {MAIN: read(full)}
    folders = [full.parent, *_own_folders()]
    waiting = [MAIN]
    while waiting:
        key = waiting.pop()
        package = key if found[key].package else key.rpartition(".")[0]
        for name in _imports(found[key].tree, package):
            for part, source in _sources_of(name, folders):
                if part not in found:
                    found[part] = source
                    waiting.append(part)
    return found


def read(path: Path) -> Source:
    """A file as a source.

    Raises
    ------
    OSError, SyntaxError
        If it cannot be read, or not be decoded.
    """
    return Source(_text(path), str(path))


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Dotted names that code imports; what it takes from a module may be a module too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            around = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            start = ".".join([*filter(None, around), *([node.module] if node.module else [])])
            if start:
                yield start
                yield from (f"{start}.{alias.name}" for alias in node.names if alias.name != "*")


def _sources_of(name: str, folders: list[Path]) -> Iterator[tuple[str, Source]]:
    """A module and the packages around it, as far as they are the user's own."""
    parts = name.split(".")
    if parts[0] in ELSEWHERE:
        return
    around = folders
    for count, part in enumerate(parts, 1):
        at = next((file for folder in around if (file := _file(folder, part, count == 1)) is not None), None)
        if at is None:
            return
        inside = at.is_dir() or at.name == "__init__.py"
        yield ".".join(parts[:count]), Source("" if at.is_dir() else _text(at), str(at), inside)
        if not inside:
            return
        around = [at if at.is_dir() else at.parent]


def _file(folder: Path, name: str, outermost: bool) -> Path | None:
    for file in (folder / name / "__init__.py", folder / f"{name}.py"):
        if file.is_file():
            return file
    bare = folder / name
    return bare if bare.is_dir() and not (outermost and _is_installed(name)) else None


def _is_installed(name: str) -> bool:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None


def _own_folders() -> Iterator[Path]:
    for entry in sys.path:
        folder = Path(entry or ".").resolve()
        library = {"site-packages", "dist-packages"}.intersection(folder.parts) or any(
            map(folder.is_relative_to, LIBRARIES)
        )
        if folder.is_dir() and not library:
            yield folder


def _text(path: Path) -> str:
    with tokenize.open(path) as file:
        return file.read()
