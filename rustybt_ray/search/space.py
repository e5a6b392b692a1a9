"""Parameter spaces: dimensions by name, and what their values must meet together."""

import keyword
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from rustybt_ray._typing import BoolArray
from rustybt_ray.exceptions import InputError
from rustybt_ray.search.dimensions import Choice, Float, Int, Parameter

if TYPE_CHECKING:
    from rustybt_ray._expressions import Expression

__all__ = ["Choice", "Columns", "Condition", "Float", "Int", "Parameter", "ParameterSpace"]

Condition: TypeAlias = "Expression | Callable[[dict[str, Any]], bool]"
Columns: TypeAlias = dict[str, np.ndarray]


class ParameterSpace:
    """Parameters by name, and what they must meet together.

    Parameters
    ----------
    parameters : mapping of str to Int, Float, Choice, list, tuple or range
        A list, tuple or range is a Choice.
    constraint : str, callable or a list of these, optional
        ``"fast < slow"``, or a function of the dict of parameters.

    Raises
    ------
    InputError
        If a name is not one for an argument, a parameter is none of those, or a constraint cannot be read.

    Examples
    --------
    >>> ParameterSpace({"fast": Int(5, 50, step=5), "kind": ["sma", "ema"]}, constraint="fast > 10").size
    20
    """

    def __init__(self, parameters: Mapping[str, Any], constraint: Any = None) -> None:
        if not isinstance(parameters, Mapping) or not parameters:
            remedy = "Pass {'fast': rb.Int(5, 50, step=5)}."
            raise InputError("space", "a mapping of names to Int, Float or Choice", parameters, remedy)
        self.parameters: dict[str, Parameter] = {check_name(n): _parameter(n, value) for n, value in parameters.items()}
        self.conditions: tuple[Condition, ...] = read_conditions(constraint, self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters, as declared."""
        return tuple(self.parameters)

    @cached_property
    def size(self) -> int | None:
        """Number of combinations before constraints; None if a parameter has no grid."""
        sizes = [parameter.size for parameter in self.parameters.values()]
        return None if None in sizes else math.prod(size for size in sizes if size is not None)

    def meets(self, columns: Columns, count: int) -> BoolArray:
        """Which of `count` points, given as columns, meet every constraint."""
        return meets(self.conditions, columns, count)

    def describe(self) -> dict[str, Any]:
        """The space as plain data; values and constraints that are objects stay as they are."""
        made: dict[str, Any] = {}
        for name, parameter in self.parameters.items():
            fields = {key: getattr(parameter, key) for key in parameter.__dataclass_fields__}
            made[name] = {"type": type(parameter).__name__, **fields}
        return {"parameters": made, "constraint": conditions_as_given(self.conditions)}


def meets(conditions: Sequence[Condition], columns: Columns, count: int) -> BoolArray:
    """Which of `count` points meet every condition; expressions by column, callables point by point.

    Raises
    ------
    InputError
        If a condition cannot be computed for a point; the message shows the point.
    """
    allowed = np.ones(count, dtype=np.bool_)
    for condition in conditions:
        if not callable(condition):
            allowed &= np.asarray(condition.evaluate(columns), dtype=np.bool_)
            continue
        places = np.flatnonzero(allowed)
        rows = zip(*(column[places].tolist() for column in columns.values()), strict=True)
        for place, row in zip(places.tolist(), rows, strict=True):
            allowed[place] = _ask(condition, dict(zip(columns, row, strict=True)))
    return allowed


def describe_conditions(conditions: Sequence[Condition]) -> list[str]:
    """Constraints as text."""
    given = conditions_as_given(conditions)
    return [c if isinstance(c, str) else getattr(c, "__qualname__", type(c).__name__) for c in given]


def conditions_as_given(conditions: Sequence[Condition]) -> list[Any]:
    """Constraints as text, or as the functions that they are."""
    return [c if callable(c) else c.text for c in conditions]


def read_conditions(constraint: Any, names: tuple[str, ...]) -> tuple[Condition, ...]:
    """Constraints from text, callables or a list of them.

    Raises
    ------
    InputError
        If one is neither, cannot be read, or names no parameter.
    """
    if constraint is None:
        return ()
    from rustybt_ray._expressions import Expression, parse  # most searches have none

    given: Iterable[Any] = constraint if isinstance(constraint, list | tuple) else (constraint,)
    made: list[Condition] = []
    for condition in given:
        if isinstance(condition, str):
            made.append(parse(condition, names=names))
        elif isinstance(condition, Expression):
            made.append(parse(condition.text, names=names))
        elif callable(condition):
            made.append(condition)
        else:
            remedy = "Pass 'fast<slow' or lambda p: p['fast'] < p['slow']."
            raise InputError("constraint", "text or a function of the parameters", condition, remedy)
    return tuple(made)


def check_name(name: Any) -> str:
    """The name of a parameter.

    Raises
    ------
    InputError
        If no argument of a function can have it.
    """
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise InputError("a parameter's name", "one that an argument can have", name, "Use letters, digits and _.")
    return name


def _ask(condition: Callable[[dict[str, Any]], bool], point: dict[str, Any]) -> bool:
    try:
        return bool(condition(point))
    except Exception as error:
        received = f"{type(error).__name__}: {error}"
        remedy = f"It was asked about {point}; it is given a dict of all parameters and returns True or False."
        raise InputError("constraint", "a function that answers for every point", received, remedy) from error


def _parameter(name: str, value: Any) -> Parameter:
    if isinstance(value, Int | Float | Choice):
        return value
    if isinstance(value, list | tuple | range):
        return Choice(list(value))
    remedy = "Use rb.Int(5, 50, step=5), rb.Float(0.1, 0.5), rb.Choice('a', 'b'), or a list."
    raise InputError(f"space[{name!r}]", "an Int, a Float, a Choice, a list or a range", value, remedy)
