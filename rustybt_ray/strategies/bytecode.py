"""What compiled code does and uses, without line numbers, file names, docstrings and the numbering of its constants.

The code that will run counts, not its source text: a file may have been edited since it was loaded, a lambda has no text of
its own, and what `exec` made has none at all. Moving and commenting leave it as it is; Python 3.12 alone compiles some
comprehensions differently when they are spread over lines.
"""

import dis
import inspect
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType
from typing import Any

from rustybt_ray._record import record_class

FLAGS = (
    inspect.CO_VARARGS
    | inspect.CO_VARKEYWORDS
    | inspect.CO_GENERATOR
    | inspect.CO_COROUTINE
    | inspect.CO_ITERABLE_COROUTINE
    | inspect.CO_ASYNC_GENERATOR
)
NAMED = {*dis.hasname, *dis.haslocal, *dis.hasfree}
CONSTANT = set(dis.hasconst)
JUMPS = {*dis.hasjrel, *dis.hasjabs}
CODES = 256  # whose facts are kept: code never changes, and a study in the same process asks again
NOISE = {
    "__doc__",
    "__qualname__",
    "__firstlineno__",
    "__static_attributes__",
}  # what a class body notes about its text


@record_class(frozen=True)
class Constant:
    """A constant that code loads: a value, or nested code."""

    value: Any


@record_class(frozen=True)
class Uses:
    """Names through which code reaches what lies outside of it, nested code included, in order."""

    globals: tuple[str, ...]
    attributes: frozenset[str]
    imports: tuple[tuple[str, int], ...]


def signature(code: CodeType) -> tuple[Any, ...]:
    """What a caller sees of code, and what its cells are."""
    arguments = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & inspect.CO_VARARGS)
    arguments += bool(code.co_flags & inspect.CO_VARKEYWORDS)
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & FLAGS)
    return (*counts, code.co_varnames[:arguments], code.co_freevars, code.co_cellvars)


@lru_cache(CODES)
def operations(code: CodeType) -> tuple[tuple[str, Any], ...]:
    """Each operation with its argument: a Constant, a name, the ordinal of a jump's target, or a number; then its handlers."""
    return tuple(_operations(code))


def _operations(code: CodeType) -> Iterator[tuple[str, Any]]:
    listed = _instructions(code)
    offsets = [instruction.offset for instruction in listed]
    for instruction in listed:
        if instruction.opcode in CONSTANT:
            yield instruction.opname, Constant(code.co_consts[instruction.arg or 0])  # argval hides names of arguments
        elif instruction.opcode in JUMPS:
            yield instruction.opname, bisect_left(offsets, instruction.argval)
        else:
            yield instruction.opname, instruction.argval if instruction.opcode in NAMED else instruction.arg
    for entry in dis.Bytecode(code).exception_entries:  # type: ignore[attr-defined]  # typeshed has it not
        places = (bisect_left(offsets, offset) for offset in (entry.start, entry.end, entry.target))
        yield "except", (*places, entry.depth, entry.lasti)


@lru_cache(CODES)
def uses(code: CodeType) -> Uses:
    """Globals, attributes and imports of code and of the code nested in it."""
    read: set[str] = set()
    attributes: set[str] = set()
    imports: set[tuple[str, int]] = set()
    waiting = [code]
    while waiting:
        code = waiting.pop()
        waiting += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        recent: list[Any] = []
        for name, argument in operations(code):
            if name in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"):
                read.add(argument)
            elif name in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"):
                attributes.add(argument)
            elif name == "IMPORT_NAME":
                level = recent[-2].value if len(recent) > 1 and isinstance(recent[-2], Constant) else 0
                imports.add((argument, level))
            recent = [*recent[-1:], argument]
    return Uses(tuple(sorted(read)), frozenset(attributes), tuple(sorted(imports)))


def _instructions(code: CodeType) -> list[dis.Instruction]:
    """Instructions that count: not prefixes of wide arguments, marks of lines, and a class body's notes about its text."""
    made: list[dis.Instruction] = []
    for instruction in dis.get_instructions(code):
        if instruction.opname == "STORE_NAME" and instruction.argval in NOISE and made and made[-1].opcode in CONSTANT:
            made.pop()
        elif instruction.opname not in ("EXTENDED_ARG", "NOP"):
            made.append(instruction)
    return made
