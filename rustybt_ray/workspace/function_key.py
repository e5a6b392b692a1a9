"""What tells one user function, called with some arguments, from another."""

from collections.abc import Hashable, Mapping
from functools import partial
from types import CellType, FunctionType, MethodType
from typing import Any

PLAIN = frozenset({bool, int, float, str, type(None)})


def call_key(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Hashable:
    """A key that is equal for calls that compute the same.

    A function is its code, its defaults and the values it captured, so that one defined inside a strategy is the same in
    every trial; a bound method is that and its object; any other callable is itself. Numbers of different types differ: 1
    is not 1.0. What a function reads from its module is not looked at.

    Raises
    ------
    TypeError
        If a value cannot be hashed.

    Examples
    --------
    >>> def scaled(by):
    ...     return lambda x: x * by
    >>> call_key(scaled(2), ("close",), {}) == call_key(scaled(2), ("close",), {})
    True
    >>> call_key(scaled(2), ("close",), {}) == call_key(scaled(3), ("close",), {})
    False
    """
    named = tuple([(name, _value_key(value, ())) for name, value in sorted(kwargs.items())]) if kwargs else ()
    key = (_value_key(function, ()), tuple([_value_key(value, ()) for value in args]), named)
    hash(key)
    return key


def _value_key(value: Any, inside: tuple[Any, ...]) -> Hashable:
    """The key of an argument, a default or a captured value; `inside` are the functions whose values are being read."""
    if value.__class__ in PLAIN:
        return (value.__class__, value)
    if isinstance(value, FunctionType):
        if value.__closure__ is None and value.__defaults__ is None and value.__kwdefaults__ is None:
            return (value.__code__, (), (), ())
        if value in inside:  # it captured itself: a recursive function
            return ("recursion", inside.index(value))
        held = (*inside, value)
        defaults, named = value.__defaults__ or (), value.__kwdefaults__ or {}
        cells = [_cell_key(cell, held) for cell in value.__closure__ or ()]
        pairs = ((name, _value_key(default, held)) for name, default in sorted(named.items()))
        return (value.__code__, tuple(_value_key(each, held) for each in defaults), tuple(pairs), tuple(cells))
    if isinstance(value, MethodType):
        return (_value_key(value.__func__, inside), _Same(value.__self__))
    if isinstance(value, partial):
        bound = tuple(_value_key(each, inside) for each in value.args)
        pairs = ((name, _value_key(each, inside)) for name, each in sorted(value.keywords.items()))
        return (partial, _value_key(value.func, inside), bound, tuple(pairs))
    if isinstance(value, tuple):
        return (type(value), tuple(_value_key(each, inside) for each in value))
    return (type(value), value)


def _cell_key(cell: CellType, inside: tuple[Any, ...]) -> Hashable:
    try:
        return _value_key(cell.cell_contents, inside)
    except ValueError:  # assigned after the function was defined, and not yet
        return CellType


class _Same:
    """An object that equals itself alone, and is kept alive so that no other takes its identity."""

    __slots__ = ("_object",)

    def __init__(self, held: object) -> None:
        self._object = held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._object is other._object

    def __hash__(self) -> int:
        return id(self._object)
