"""Which parameters an algorithm's code takes: names that its file defines, and what it reads of ``context.params``."""

import ast
from collections.abc import Iterable, Iterator
from copy import deepcopy

from rustybt_ray._record import record_class

ATTRIBUTE = "params"
READERS = ("get", "pop", "setdefault")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@record_class(frozen=True)
class Names:
    """What an algorithm can be given.

    Attributes
    ----------
    settable : frozenset of str
        Names that the file assigns outside of functions.
    read : frozenset of str
        Names that code reads of ``context.params``.
    open : bool
        Whether code does anything else with ``context.params``, so that any name may be read.
    """

    settable: frozenset[str]
    read: frozenset[str]
    open: bool


def names_of(main: ast.Module, *others: ast.Module) -> Names:
    r"""The names that an algorithm's file and its other modules take.

    Examples
    --------
    >>> names_of(ast.parse("FAST = 5\ndef initialize(context): context.slow = context.params['slow']"))
    Names(settable=frozenset({'FAST'}), read=frozenset({'slow'}), open=False)
    """
    read: set[str] = set()
    unknown = False
    for tree in (main, *others):
        for name in _read(tree):
            if name is None:
                unknown = True
            else:
                read.add(name)
    return Names(frozenset(_assigned(main.body)), frozenset(read), unknown)


def defines(tree: ast.Module, names: Iterable[str]) -> set[str]:
    """Which of `names` a file defines as functions, outside of functions and classes."""
    made: set[str] = set()
    for statement in _statements(tree.body):
        if isinstance(statement, ast.FunctionDef):
            made.add(statement.name)
        elif isinstance(statement, ast.ImportFrom):
            made.update(alias.asname or alias.name for alias in statement.names)
        elif isinstance(statement, ast.Assign) and not isinstance(statement.value, ast.Constant):
            made.update(_targets(statement))
    return made.intersection(names)


def without_docstrings(tree: ast.Module) -> str:
    """What code says, without comments, docstrings, layout and line numbers."""
    bare = deepcopy(tree)
    for node in ast.walk(bare):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)):
            first = body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                del body[0]
    return ast.dump(bare)


def _assigned(body: list[ast.stmt]) -> Iterator[str]:
    for statement in _statements(body):
        if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
            yield from _targets(statement)


def _targets(statement: ast.Assign | ast.AnnAssign | ast.AugAssign) -> Iterator[str]:
    if isinstance(statement, ast.AnnAssign) and statement.value is None:
        return
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    for node in (node for target in targets for node in ast.walk(target)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when a module is loaded, those inside of others too."""
    for statement in body:
        yield statement
        if not isinstance(statement, (ast.ClassDef, *FUNCTIONS)):
            for block in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(statement, block, []))
            for handler in getattr(statement, "handlers", []):
                yield from _statements(handler.body)


def _read(tree: ast.Module) -> Iterator[str | None]:
    """Names that code reads of ``.params``; None for each use that may read any."""
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    aliases = {
        target.id
        for node in parents
        if isinstance(node, ast.Assign) and _is_params(node.value, set())
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node, parent in parents.items():
        if not _is_params(node, aliases):
            continue
        above = parents.get(parent)
        if isinstance(parent, ast.Assign) and all(isinstance(t, ast.Name | ast.Attribute) for t in parent.targets):
            continue
        if isinstance(parent, ast.Subscript) and parent.value is node:
            if isinstance(parent.ctx, ast.Load):
                yield _text(parent.slice)
        elif isinstance(parent, ast.Attribute) and parent.attr in READERS and isinstance(above, ast.Call):
            yield _text(above.args[0]) if above.args else None
        elif isinstance(parent, ast.Compare) and isinstance(parent.ops[0], ast.In | ast.NotIn):
            yield _text(parent.left)
        else:
            yield None


def _is_params(node: ast.AST, aliases: set[str]) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == ATTRIBUTE and isinstance(node.ctx, ast.Load)
    return isinstance(node, ast.Name) and node.id in aliases and isinstance(node.ctx, ast.Load)


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
