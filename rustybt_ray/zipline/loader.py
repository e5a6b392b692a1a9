"""Source text as modules of one algorithm's own: what they import of zipline is ours, and of each other is theirs.

The code runs with an ``__import__`` of its own. Its modules are known to ``sys.modules`` under names that nobody else uses
(dataclasses look there for the module of a class); nothing that others import changes.
"""

import ast
import builtins
import linecache
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from rustybt_ray._record import record_class
from rustybt_ray.zipline.modules import TOPS, errors_of_calendars, module_of

MAIN = ""
"""Under which name an algorithm's own file is among its sources."""


@record_class(frozen=True)
class Source:
    """A file of an algorithm.

    Attributes
    ----------
    text : str
    file : str
        Where it was; tracebacks show it. It need not exist.
    package : bool
        Whether other modules are inside of it.
    """

    text: str
    file: str
    package: bool = False

    @cached_property
    def code(self) -> CodeType:
        """The text, compiled."""
        return compile(self.text, self.file, "exec", dont_inherit=True)

    @cached_property
    def lines(self) -> list[str]:
        """The text, line by line."""
        return self.text.splitlines(keepends=True)

    @cached_property
    def tree(self) -> ast.Module:
        """The text, parsed; nothing if it cannot be."""
        try:
            return ast.parse(self.text)
        except SyntaxError:
            return ast.Module([], [])

    def __reduce__(self) -> tuple[Any, ...]:
        return Source, (self.text, self.file, self.package)


class Loader:
    """Runs an algorithm's sources, each once.

    Parameters
    ----------
    name : str
        A name for its modules; the modules of an earlier loader of the same name are forgotten.
    sources : mapping of str to Source
        By dotted name of the module; `MAIN` is the algorithm's file.
    """

    def __init__(self, name: str, sources: Mapping[str, Source]) -> None:
        self.name, self.sources = name, sources
        self._tops = {key.partition(".")[0] for key in sources} - {MAIN}
        self._modules: dict[str, ModuleType] = {}
        self._builtins = {**vars(builtins), "__import__": self._import}
        for key in sources:
            sys.modules.pop(self._registered(key), None)

    def run(self) -> dict[str, Any]:
        """Execute the algorithm's file; its names."""
        return vars(self._load(MAIN))

    def _registered(self, key: str) -> str:
        return f"{self.name}.{key}" if key else self.name

    def _load(self, key: str) -> ModuleType:
        """A module of the sources, executed if it was not yet; the packages around it first."""
        parent, _, last = key.rpartition(".")
        around = self._load(parent) if parent else None
        if key in self._modules:
            return self._modules[key]
        source = self.sources[key]
        module = ModuleType(self._registered(key))
        own = vars(module)
        own.update(__file__=source.file, __package__=key if source.package else parent, __builtins__=self._builtins)
        if source.package:
            own["__path__"] = []
        show_lines(source)
        self._modules[key] = sys.modules[module.__name__] = module
        if around is not None:
            setattr(around, last, module)
        try:
            exec(source.code, own)
        except BaseException:
            self._modules.pop(key, None)
            sys.modules.pop(module.__name__, None)
            raise
        return module

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002  (Python's own names)
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: tuple[str, ...] | None = (),
        level: int = 0,
    ) -> Any:
        """What ``import`` does in the algorithm's modules."""
        full = _absolute(name, str((globals or {}).get("__package__") or ""), level) if level else name
        top = full.partition(".")[0]
        if top in TOPS:
            return module_of(full) if fromlist else _outermost(full)
        if top in self._tops:
            module = self._find(full)
            parts = getattr(module, "__all__", ()) if "*" in (fromlist or ()) else fromlist or ()
            for part in parts:
                if f"{full}.{part}" in self.sources and not hasattr(module, part):
                    self._load(f"{full}.{part}")
            return module if fromlist else self._load(top)
        if full == "exchange_calendars.errors" and (known := errors_of_calendars(fromlist)) is not None:
            return known
        if level:
            raise ImportError(f"attempted relative import of {name!r}, which does not travel with the algorithm")
        return builtins.__import__(name, globals, locals, fromlist or (), level)

    def _find(self, full: str) -> ModuleType:
        if full not in self.sources:
            raise ModuleNotFoundError(f"No module named {full!r}", name=full)
        return self._load(full)


def show_lines(source: Source) -> None:
    """Let tracebacks show a source's lines on machines without the file; where it is, Python reads it itself."""
    known = linecache.cache.get(source.file)
    if not Path(source.file).exists():
        linecache.cache[source.file] = (len(source.text), None, source.lines, source.file)
    elif known is not None and len(known) > 1 and known[1] is None:
        del linecache.cache[source.file]


def _outermost(full: str) -> ModuleType:
    module_of(full)
    return module_of(full.partition(".")[0])


def _absolute(name: str, package: str, level: int) -> str:
    parts = package.split(".") if package else []
    if level > len(parts):
        raise ImportError("attempted relative import beyond top-level package")
    return ".".join([*parts[: len(parts) - level + 1], *([name] if name else [])])
