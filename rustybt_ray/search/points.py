"""Listed points: the parameter sets themselves."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.exceptions import InputError
from rustybt_ray.search.dimensions import as_column, check_value
from rustybt_ray.search.protocol import Points
from rustybt_ray.search.space import check_name, conditions_as_given, describe_conditions, meets, read_conditions

PLAIN = {bool, int, str, type(None)}
EXAMPLE = "Pass [{'fast': 10, 'slow': 60}], or a frame with a column a parameter."


class PointSearch:
    """Points as given: a list of dicts, a mapping of columns, or a frame (polars, pandas, Arrow).

    Parameters
    ----------
    points : list of dict, mapping of str to sequence, or frame
        Every point needs the same names.
    constraint : str, callable or a list of these, optional
        Points that do not meet it are left out.

    Raises
    ------
    InputError
        If there is no point, points differ in their names, or a value cannot be written to a study's record.
    """

    lag: int | None = None
    seconds = 0.0

    def __init__(self, points: Any, constraint: Any = None) -> None:
        columns = _checked(_columns(points))
        count = len(next(iter(columns.values()), ()))
        if not count:
            raise InputError("points", "at least one parameter set with a name", points, EXAMPLE)
        self._conditions = read_conditions(constraint, tuple(columns))
        if self._conditions:
            arrays = {name: as_column(values) for name, values in columns.items()}
            chosen = np.flatnonzero(meets(self._conditions, arrays, count)).tolist()
            columns = {name: [values[i] for i in chosen] for name, values in columns.items()}
            count = len(chosen)
        if not count:
            conditions = describe_conditions(self._conditions)
            raise InputError("points", "such that one meets the constraint", conditions, "Loosen the constraint.")
        self._points, self._count, self._given = columns, count, 0

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(self._points)

    @property
    def remaining(self) -> int:
        """Points yet to give."""
        return self._count - self._given

    def ask(self, count: int) -> Points | None:
        """The next `count` points."""
        low, high = self._given, min(self._given + count, self._count)
        if low >= high:
            return None
        self._given = high
        return Points(np.arange(low, high), {name: values[low:high] for name, values in self._points.items()})

    def tell(self, numbers: IntArray, values: FloatArray) -> None:
        """A list does not learn."""

    def describe(self) -> dict[str, Any]:
        """The specification as plain data; values and constraints that are objects stay as they are."""
        return {"search": "points", "points": self._points, "constraint": conditions_as_given(self._conditions)}


def _columns(points: Any) -> dict[str, list[Any]]:
    """Columns of whatever holds points."""
    if hasattr(points, "to_pydict"):  # Arrow
        return dict(points.to_pydict())
    if hasattr(points, "to_dict") and hasattr(points, "columns"):  # polars, pandas
        names = list(points.columns)
        if len(set(names)) < len(names):
            raise InputError("points", "a frame whose columns have distinct names", names, EXAMPLE)
        return {name: points[name].to_list() for name in names}
    try:
        if isinstance(points, Mapping):
            if any(isinstance(values, str) for values in points.values()):
                raise TypeError
            return {name: list(values) for name, values in points.items()}
        rows = [dict(point) for point in points]
    except (TypeError, ValueError):
        raise InputError("points", "a list of dicts or a frame", points, EXAMPLE) from None
    names = list(rows[0]) if rows else []
    for i, row in enumerate(rows):
        if set(row) != set(names):
            remedy = "Give every point a value for each parameter; None where it has none."
            raise InputError(f"points[{i}]", f"a set of values for {', '.join(map(str, names))}", sorted(row), remedy)
    return {name: [row[name] for row in rows] for name in names}


def _checked(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    lengths = {str(name): len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InputError("points", "columns of one length", lengths, EXAMPLE)
    made = {}
    for name, values in columns.items():
        made[check_name(name)] = (
            values
            if _plain(values)
            else [check_value(f"points[{i}][{name!r}]", value) for i, value in enumerate(values)]
        )
    return made


def _plain(values: list[Any]) -> bool:
    """Whether there is nothing to check or to convert; asked of a whole column, which takes a fraction of the time."""
    kinds = set(map(type, values))
    return kinds <= PLAIN or (kinds == {float} and all(map(math.isfinite, values)))
