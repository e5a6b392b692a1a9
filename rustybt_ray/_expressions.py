"""Conditions such as ``fast < slow`` or ``max_drawdown > -0.25``: read by a small grammar, never evaluated as code.

The grammar is Python's for comparisons (also chained), ``and``, ``or``, ``not``, ``+ - * / %``, parentheses, numbers, quoted
text and names; nothing else is accepted. Values may be scalars or NumPy columns; a comparison with NaN is false.
"""

import ast
import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from rustybt_ray.exceptions import InputError

COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}
ALLOWED = "Allowed are names, numbers, quoted text, + - * / %, < <= > >= == !=, and, or, not and parentheses."
LONGEST = 1_000


@dataclass(frozen=True)
class Expression:
    """A condition that was read.

    Attributes
    ----------
    text : str
        As it was written.
    names : tuple of str
        Names that it needs, in order of appearance.
    """

    text: str
    names: tuple[str, ...]
    _tree: ast.expr

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Truth of the condition for `values`: a bool, or an array of bool where a value is an array.

        Raises
        ------
        InputError
            If a name has no value, or values cannot be compared.
        """
        try:
            with np.errstate(all="ignore"):
                result = _evaluate(self._tree, values)
        except KeyError as error:
            raise InputError(f"condition {self.text!r}", "of known names", error.args[0], _hint(error.args[0], values)) from None
        except (TypeError, ZeroDivisionError) as error:
            raise InputError(f"condition {self.text!r}", "one that can be computed", str(error), ALLOWED) from None
        return result if isinstance(result, np.ndarray) else bool(result)


def parse(text: str, *, names: Collection[str] | None = None, what: str = "constraint") -> Expression:
    """Read a condition.

    Parameters
    ----------
    text : str
    names : collection of str, optional
        Names it may use; any by default.
    what : str
        The argument that messages name.

    Raises
    ------
    InputError
        If it is no condition of the grammar; the message shows where, and what is allowed.

    Examples
    --------
    >>> parse("10 < fast < slow").evaluate({"fast": 20, "slow": 60})
    True
    >>> parse("fast < slow").evaluate({"fast": np.array([1, 9]), "slow": np.array([5, 5])})
    array([ True, False])
    """
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
        raise InputError(what, f"a condition of at most {LONGEST} characters", text, ALLOWED)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        column = (getattr(error, "offset", None) or 1) - 1
        raise _refusal(what, text.strip(), column) from None
    if not isinstance(tree, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.Name):
        raise _refusal(what, text.strip(), tree.col_offset)
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        _check(node, what, text.strip())
        if isinstance(node, ast.Name):
            found[node.id] = None
            if names is not None and node.id not in names:
                raise InputError(what, "a condition of known names", node.id, _hint(node.id, names))
    ordered = sorted(found, key=lambda name: text.index(name))
    return Expression(text.strip(), tuple(ordered), tree)


def _check(node: ast.AST, what: str, text: str) -> None:
    fine = isinstance(node, ast.Compare | ast.BoolOp | ast.And | ast.Or | ast.Name | ast.Load)
    fine |= isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.UAdd)
    fine |= isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC
    fine |= isinstance(node, ast.Constant) and type(node.value) in (int, float, str, bool)
    fine |= isinstance(node, ast.cmpop) and type(node) in COMPARISONS
    fine |= isinstance(node, ast.operator) and type(node) in ARITHMETIC
    fine |= isinstance(node, ast.Not | ast.USub | ast.UAdd)
    if not fine:
        raise _refusal(what, text, getattr(node, "col_offset", 0))


def _evaluate(node: ast.expr, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value):
            return value
        case ast.Name(name):
            return values[name]
        case ast.BinOp(left, op, right):
            return ARITHMETIC[type(op)](_evaluate(left, values), _evaluate(right, values))
        case ast.UnaryOp(ast.Not(), operand):
            return np.logical_not(_evaluate(operand, values))
        case ast.UnaryOp(op, operand):
            value = _evaluate(operand, values)
            return -value if isinstance(op, ast.USub) else +value
        case ast.BoolOp(op, operands):
            combine = np.logical_and if isinstance(op, ast.And) else np.logical_or
            result = _evaluate(operands[0], values)
            for operand in operands[1:]:
                result = combine(result, _evaluate(operand, values))
            return result
        case ast.Compare(left, ops, rights):
            return _compare(_evaluate(left, values), ops, [_evaluate(right, values) for right in rights])
    raise AssertionError(node)


def _compare(left: Any, ops: list[ast.cmpop], rights: list[Any]) -> Any:
    result: Any = True
    for op, right in zip(ops, rights, strict=True):
        holds = COMPARISONS[type(op)](left, right)
        # NaN differs from everything, yet a condition on it must not hold
        if isinstance(op, ast.NotEq):
            holds = np.logical_and(holds, np.logical_and(_known(left), _known(right)))
        result = np.logical_and(result, holds)
        left = right
    return result


def _known(value: Any) -> Any:
    return value == value  # false for NaN alone


def _refusal(what: str, text: str, column: int) -> InputError:
    return InputError(what, "a condition such as 'fast < slow'", text, f"See\n  {text}\n  {' ' * column}^\n{ALLOWED}")


def _hint(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, list(known), n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(sorted(known))}."
