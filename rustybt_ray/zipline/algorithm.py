"""What is optimised of zipline's: an algorithm's file with all that it brings, or its functions."""

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

from rustybt_ray.exceptions import StrategyError
from rustybt_ray.zipline.loader import MAIN, Loader, Source
from rustybt_ray.zipline.parameters import Names, names_of, without_docstrings
from rustybt_ray.zipline.sources import collect

ARGUMENTS = {
    "initialize": ("context",),
    "handle_data": ("context", "data"),
    "before_trading_start": ("context", "data"),
    "analyze": ("context", "perf"),
}
FUNCTIONS = tuple(ARGUMENTS)
ARRAYS = "HISTORY_AS_ARRAY"
Function = Callable[..., Any]


class Functions(NamedTuple):
    """An algorithm that is loaded for one run.

    Attributes
    ----------
    initialize : callable
    handle_data, before_trading_start, analyze : callable or None
    as_array : bool
        Whether ``data.history`` gives arrays: the file says ``HISTORY_AS_ARRAY = True``.
    namespace : dict
        All names of the file; empty for an algorithm of functions.
    """

    initialize: Function
    handle_data: Function | None
    before_trading_start: Function | None
    analyze: Function | None
    as_array: bool
    namespace: dict[str, Any]


class Algorithm:
    """A zipline algorithm: a value that can be shipped, told apart from others, and loaded anew for every run.

    Parameters
    ----------
    initialize : callable
        ``initialize(context)``.
    handle_data, before_trading_start : callable, optional
        Called with ``(context, data)``.
    analyze : callable, optional
        ``analyze(context, perf)``.

    See Also
    --------
    Algorithm.from_file : the usual way.

    Raises
    ------
    StrategyError
        If one of them cannot be called, or takes other arguments.
    """

    def __init__(
        self,
        initialize: Function | None = None,
        handle_data: Function | None = None,
        before_trading_start: Function | None = None,
        analyze: Function | None = None,
    ) -> None:
        self.functions = dict(zip(FUNCTIONS, (initialize, handle_data, before_trading_start, analyze), strict=True))
        self.sources: dict[str, Source] = {}
        module = getattr(initialize or handle_data, "__module__", None) or "algorithm"
        self.__name__ = "algorithm" if module == "__main__" else module.rpartition(".")[2]
        _check(self.functions, self.__name__)

    @classmethod
    def from_file(cls, path: str | Path) -> "Algorithm":
        """An algorithm's file, with the user's own modules that it imports.

        Nothing is executed yet.

        Parameters
        ----------
        path : path
            It may import from ``zipline.api``, ``rustybt.api`` or ``rustybt_ray.zipline.api``.

        Raises
        ------
        StrategyError
            If there is no such file.
        SyntaxError
            If it is not Python.
        """
        path = Path(path)
        if not path.is_file():
            raise StrategyError(f"there is no file {str(path)!r}", f"in {Path.cwd()}", "Say where the algorithm is.")
        made = cls._of_sources(path.stem, collect(path))
        made.sources[MAIN].code  # noqa: B018  (compiles it)
        return made

    @classmethod
    def _of_sources(cls, name: str, sources: dict[str, Source]) -> "Algorithm":
        made = cls()
        made.__name__, made.sources = name, sources
        return made

    @property
    def file(self) -> str | None:
        """The file that it was made from; None of functions."""
        return self.sources[MAIN].file if self.sources else None

    @property
    def source(self) -> str | None:
        """The text of that file."""
        return self.sources[MAIN].text if self.sources else None

    @cached_property
    def names(self) -> Names:
        """What parameters it takes."""
        if self.sources:
            others = (source.tree for key, source in self.sources.items() if key != MAIN)
            return names_of(self.sources[MAIN].tree, *others)
        return _names_of_functions([made for made in self.functions.values() if made is not None])

    def load(self, params: Mapping[str, Any] | None = None) -> Functions:
        """Execute the file in modules of its own, and set the names that parameters spell.

        Parameters
        ----------
        params : mapping, optional
            Those that the file does not define are for ``context.params`` alone.

        Raises
        ------
        Exception
            Whatever the file's code raises.
        StrategyError
            If it defines something that is no function where one must be, or one that takes other arguments.
        """
        if not self.sources:
            return _functions(self.functions, {})
        namespace = Loader(self._module, self.sources).run()
        settable = self.names.settable
        namespace.update({name: value for name, value in (params or {}).items() if name in settable})
        _check(namespace, self.__name__)
        return _functions(namespace, namespace)

    def check_parameters(self, names: Sequence[str]) -> None:
        """Each name must be one that the file defines or reads of ``context.params``.

        Raises
        ------
        StrategyError
            If one is neither; the message names the nearest.
        """
        known = self.names
        if known.open:
            return
        every = {each.lower(): each for each in sorted(known.settable | known.read)}
        for name in names:
            if name not in known.settable and name not in known.read:
                near = [every[each] for each in get_close_matches(name.lower(), every)]
                own = "is set by no assignment of the file and " if self.sources else "is "
                what = f"{self.__name__} has no parameter {name!r}: it {own}not read as context.params[{name!r}]"
                hint = (
                    f"Did you mean {' or '.join(map(repr, near))}?"
                    if near
                    else f"It has: {', '.join(every.values()) or 'none'}."
                )
                raise StrategyError(what, f"parameters: {', '.join(names)}", hint)

    def __digested__(self) -> Any:
        """What makes it another algorithm: its code, not comments and not where it lies."""
        if not self.sources:
            return self.functions
        return sorted((key, source.package, without_docstrings(source.tree)) for key, source in self.sources.items())

    def __reduce__(self) -> tuple[Any, ...]:
        if self.sources:
            return Algorithm._of_sources, (self.__name__, self.sources)
        return Algorithm, tuple(self.functions.values())

    def __repr__(self) -> str:
        return f"Algorithm({self.file or self.__name__!r})"

    @cached_property
    def _module(self) -> str:
        """A name of its modules that no other algorithm has."""
        text = repr([(key, source.file, source.text) for key, source in sorted(self.sources.items())])
        stem = self.__name__ if self.__name__.isidentifier() else "algorithm"
        return f"strategy_{stem}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _functions(found: Mapping[str, Any], namespace: dict[str, Any]) -> Functions:
    initialize, handle_data, before, analyze = (found.get(name) for name in FUNCTIONS)
    as_array = bool(namespace.get(ARRAYS, False))
    return Functions(initialize or _nothing, handle_data, before, analyze, as_array, namespace)


def _nothing(context: Any) -> None:
    """What initializes an algorithm without initialize."""


def _check(found: Mapping[str, Any], name: str) -> None:
    for key, arguments in ARGUMENTS.items():
        made = found.get(key)
        if made is None:
            continue
        if not callable(made):
            raise StrategyError(f"{key} of {name} is {made!r}", "algorithm", "It must be a function.")
        if not _takes(made, arguments):
            what = f"{key} of {name} takes {inspect.signature(made)}"
            raise StrategyError(what, _place(made), f"It is called with ({', '.join(arguments)}).")


def _takes(function: Function, arguments: Sequence[str]) -> bool:
    try:
        known = inspect.signature(function)
    except ValueError:  # of some built-in functions nothing is known
        return True
    try:
        known.bind(*arguments)
    except TypeError:
        return False
    return True


def _place(function: Function) -> str:
    """Where a function is written."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return "algorithm" if code is None else f"{code.co_filename}:{code.co_firstlineno}"


def _names_of_functions(functions: list[Function]) -> Names:
    """By the text of the files that they are in; any name where there is no text."""
    import ast

    trees = {}
    for function in functions:
        inner = inspect.unwrap(function)
        code = inner.__code__ if isinstance(inner, FunctionType) else None
        try:
            lines = inspect.findsource(code)[0] if code is not None else []
            trees[code.co_filename if code else ""] = ast.parse("".join(lines))
        except (OSError, SyntaxError):
            lines = []
        if not lines:
            return Names(frozenset(), frozenset(), True)
    found = names_of(ast.Module([], []), *trees.values())
    return Names(frozenset(), found.read, found.open)
