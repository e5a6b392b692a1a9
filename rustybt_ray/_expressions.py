"""Conditions such as ``fast < slow`` or ``max_drawdown > -0.25``: read by a small grammar, never evaluated as code.

The grammar is Python's for comparisons (also chained), ``and``, ``or``, ``not``, ``+ - * / %``, parentheses, numbers, quoted
text, ``True``, ``False``, ``None`` and names; nothing else is accepted. Values may be scalars or NumPy columns, and both give
the same answers: a comparison with NaN is false, division by zero is NaN, whole numbers never wrap around.
"""

import ast
import io
import math
import operator
import tokenize
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np

from rustybt_ray._record import record_class
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
SIGNS = (ast.USub, ast.UAdd)
ALLOWED = "Allowed are names, numbers, quoted text, True, False, None, + - * / %, < <= > >= == !=, and, or, not and parentheses."
UNCOMPARED = "this is a quantity, not a condition: compare it with something"
LONGEST = 1_000  # characters
DEEPEST = 60  # nested operations


@record_class(frozen=True)
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

        Parameters
        ----------
        values : mapping of str to scalar or ndarray of shape (k,)

        Raises
        ------
        InputError
            If a name has no value, or values cannot be compared.
        """
        for name in self.names:
            if name not in values:
                raise InputError(f"condition {self.text!r}", "of known names", name, hint(name, values))
        used = {name: values[name] for name in self.names}
        columns = {name: value for name, value in used.items() if isinstance(value, np.ndarray)}
        try:
            with np.errstate(all="ignore"):
                if any(column.dtype.hasobject for column in columns.values()):
                    return self._row_by_row(used, columns)
                result = _truth(_evaluate(self._tree, used))
        except (TypeError, OverflowError) as error:
            raise InputError(f"condition {self.text!r}", "one that can be computed", str(error), ALLOWED) from None
        if isinstance(result, np.ndarray):
            return result
        if columns:  # no column decides: the answer is the same in every row
            return np.full(len(next(iter(columns.values()))), bool(result))
        return bool(result)

    def _row_by_row(self, used: dict[str, Any], columns: dict[str, Any]) -> Any:
        """Mixed columns: in each row `and` and `or` stop where Python would, so that ``x == None or x > 5`` works."""
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        return np.array(
            [bool(_truth(_evaluate(self._tree, used | dict(zip(columns, row, strict=True))))) for row in rows],
            dtype=np.bool_,
        )


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
        raise InputError(what, f"a condition of 1 to {LONGEST} characters", text, ALLOWED)
    text = " ".join(text.strip().splitlines())
    tree = _read(text, what)
    _check_comments(text, what)
    for node, depth in _nodes(tree):
        _check(node, depth, what, text)
    if not _is_condition(tree):
        raise _refusal(what, text, tree, UNCOMPARED)
    used = [node for node, _ in _nodes(tree) if isinstance(node, ast.Name)]
    if names is not None:
        for node in used:
            if node.id not in names:
                raise _refusal(what, text, node, f"{node.id!r} is not known. {hint(node.id, names)}")
    return Expression(text, tuple(dict.fromkeys(node.id for node in sorted(used, key=_column))), tree)


def hint(name: str, known: Collection[str]) -> str:
    """What may have been meant by an unknown name, or all there are."""
    near = get_close_matches(name, [str(other) for other in known], n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(sorted(map(str, known))) or 'nothing'}."


def _read(text: str, what: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the compiler's advice about style; what matters is refused below
            return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        column = min(error.offset - 1, len(text)) if error.offset else len(text)
        reason = "'==' compares, '=' does not" if _single_equals(text) else "it ends here or cannot be read from here"
        raise _refusal(what, text, column, reason) from None
    except (ValueError, RecursionError, MemoryError):
        raise _refusal(what, text, 0, "it cannot be read") from None


def _check_comments(text: str, what: str) -> None:
    """A comment would hide what follows it: lines were joined."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline) if "#" in text else ():
        if token.type == tokenize.COMMENT:
            raise _refusal(what, text, token.start[1], "a comment is not part of a condition")


def _single_equals(text: str) -> bool:
    return "=" in text.replace("==", "").replace("<=", "").replace(">=", "").replace("!=", "")


def _nodes(tree: ast.AST) -> Iterator[tuple[ast.AST, int]]:
    waiting = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting.extend((child, depth + 1) for child in ast.iter_child_nodes(node))


def _is_condition(node: ast.expr) -> bool:
    """Whether a node is true or false rather than a quantity; a name may be either."""
    truth = isinstance(node, ast.Compare | ast.BoolOp | ast.Name)
    truth |= isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    return truth or (isinstance(node, ast.Constant) and isinstance(node.value, bool))


def _check(node: ast.AST, depth: int, what: str, text: str) -> None:
    reason = "it is nested too deeply" if depth > DEEPEST else "this is not part of a condition"
    match node:
        case ast.BoolOp(values=operands) | ast.UnaryOp(op=ast.Not(), operand=ast.expr() as operands):
            for operand in operands if isinstance(operands, list) else [operands]:
                if not _is_condition(operand) and isinstance(operand, ast.BinOp | ast.UnaryOp | ast.Constant):
                    raise _refusal(what, text, operand, UNCOMPARED)
            fine = True
        case ast.Constant(value):
            fine = value is None or type(value) in (int, float, str, bool)
        case ast.Compare(ops=ops):
            fine = all(type(op) in COMPARISONS for op in ops)
        case ast.BinOp(op=op):
            fine = type(op) in ARITHMETIC
        case ast.UnaryOp(op=sign):
            fine = isinstance(sign, SIGNS)
        case _:
            fine = isinstance(node, ast.Name) or not isinstance(node, ast.expr)  # operators were seen with their owner
    if not fine or depth > DEEPEST:
        raise _refusal(what, text, node, reason)


def _evaluate(node: ast.expr, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value):
            return value
        case ast.Name(name):
            return values[name]
        case ast.BinOp(left, op, right):
            return _calculate(op, _number(_evaluate(left, values)), _number(_evaluate(right, values)))
        case ast.UnaryOp(ast.Not(), operand):
            return np.logical_not(_truth(_evaluate(operand, values)))
        case ast.UnaryOp(op, operand):
            value = _number(_evaluate(operand, values))
            return -value if isinstance(op, ast.USub) else value
        case ast.BoolOp(op, operands):
            return _join(isinstance(op, ast.And), operands, values)
        case ast.Compare(left, ops, rights):
            return _compare(_evaluate(left, values), ops, rights, values)
    raise AssertionError(node)


def _join(every: bool, operands: list[ast.expr], values: Mapping[str, Any]) -> Any:
    """`and` (every) or `or` (any) of conditions; scalars end it early, as in Python."""
    result: Any = every
    for operand in operands:
        truth = _truth(_evaluate(operand, values))
        result = np.logical_and(result, truth) if every else np.logical_or(result, truth)
        if not isinstance(result, np.ndarray) and bool(result) is not every:
            break
    return result


def _compare(left: Any, ops: list[ast.cmpop], rights: list[ast.expr], values: Mapping[str, Any]) -> Any:
    result: Any = True
    for op, node in zip(ops, rights, strict=True):
        right = _evaluate(node, values)
        holds = COMPARISONS[type(op)](left, right)
        if isinstance(op, ast.NotEq):  # NaN differs from everything, yet a condition on it must not hold
            holds = np.logical_and(holds, np.logical_and(_known(left), _known(right)))
        result = np.logical_and(result, holds)
        if not isinstance(result, np.ndarray) and not result:
            break
        left = right
    return result


def _calculate(op: ast.operator, left: Any, right: Any) -> Any:
    if isinstance(op, ast.Div | ast.Mod):
        if not isinstance(left, np.ndarray) and not isinstance(right, np.ndarray):
            return ARITHMETIC[type(op)](left, right) if right != 0 else math.nan
        zero = np.equal(right, 0)
        if np.any(zero):  # a float divisor that is NaN where it was zero
            right = np.where(zero, np.nan, right)
    elif _wraps(op, left, right):
        left, right = _exact(left), _exact(right)
    return ARITHMETIC[type(op)](left, right)


def _wraps(op: ast.operator, left: Any, right: Any) -> bool:
    """Whether whole numbers in 64 bits may be too narrow for the result."""
    if not isinstance(left, np.ndarray) and not isinstance(right, np.ndarray):
        return False
    if any(np.asarray(side).dtype.kind == "f" or not np.size(side) for side in (left, right)):
        return False
    most = [max(abs(int(np.min(side))), abs(int(np.max(side)))) for side in (left, right)]
    return (most[0] * most[1] if isinstance(op, ast.Mult) else sum(most)) >= 2**63


def _exact(value: Any) -> Any:
    return value.astype(object) if isinstance(value, np.ndarray) else value


def _number(value: Any) -> Any:
    """A value to calculate with: truth counts as 0 and 1, text is refused."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biufO":
            raise TypeError("text cannot be calculated with")
        return value.astype(np.int64) if value.dtype.kind == "b" else value
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, int | float):
        raise TypeError(f"{value!r} cannot be calculated with")
    return value


def _truth(value: Any) -> Any:
    """A quantity as a condition: not zero, and known."""
    if isinstance(value, np.ndarray):
        return value if value.dtype.kind == "b" else np.logical_and(value.astype(np.bool_), _known(value))
    return bool(value) and bool(_known(value))


def _known(value: Any) -> Any:
    return value == value  # false for NaN alone


def _column(node: ast.expr) -> int:
    return node.col_offset


def _refusal(what: str, text: str, where: ast.AST | int, reason: str) -> InputError:
    if isinstance(where, ast.AST):  # ast counts bytes
        where = len(text.encode()[: getattr(where, "col_offset", 0)].decode(errors="ignore"))
    shown = f"  {text}\n  {' ' * where}^ {reason}"
    return InputError(what, "a condition such as 'fast < slow'", text, f"See\n{shown}\n{ALLOWED}")
