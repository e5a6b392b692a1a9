"""Listed points: the parameter sets themselves."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.exceptions import InputError
from rustybt_ray.search.protocol import Points
from rustybt_ray.search.space import ParameterSpace, describe_conditions, meets, plain


class PointSearch:
    """Points as given: a list of dicts, a mapping of columns, or a frame (polars, pandas).

    Parameters
    ----------
    points : list of dict, mapping of str to sequence, or frame
        Every point needs the same names.
    constraint : str, callable or a list of these, optional
        Points that do not meet it are left out.

    Raises
    ------
    InputError
        If there is no point, or points differ in their names.
    """

    def __init__(self, points: Any, constraint: Any = None) -> None:
        columns = _columns(points)
        count = len(next(iter(columns.values()))) if columns else 0
        if not count:
            raise InputError("points", "a list of at least one parameter set", points, "Pass [{'fast': 10, 'slow': 60}].")
        self._conditions = ParameterSpace(dict.fromkeys(columns, [0]), constraint=constraint).conditions
        if self._conditions:
            chosen = np.flatnonzero(meets(self._conditions, columns, count)).tolist()
            columns = {name: [values[i] for i in chosen] for name, values in columns.items()}
            count = len(chosen)
        if not count:
            raise InputError("points", "such that one meets the constraint", constraint, "Loosen the constraint.")
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
        """The specification as JSON takes it."""
        return {"search": "points", "points": self._points, "constraint": describe_conditions(self._conditions)}


def _columns(points: Any) -> dict[str, list[Any]]:
    if hasattr(points, "to_dict") and hasattr(points, "columns"):
        names = [str(name) for name in points.columns]
        return {name: [plain(value) for value in points[name].to_list()] for name in names}
    if isinstance(points, Mapping):
        return {str(name): [plain(value) for value in values] for name, values in points.items()}
    try:
        rows = [dict(point) for point in points]
    except (TypeError, ValueError):
        raise InputError("points", "a list of dicts or a frame", points, "Pass [{'fast': 10, 'slow': 60}].") from None
    names = list(rows[0]) if rows else []
    for i, row in enumerate(rows):
        if set(row) != set(names):
            remedy = "Give every point a value for each parameter."
            raise InputError(f"points[{i}]", f"a set of values for {', '.join(names)}", sorted(row), remedy)
    return {name: [plain(row[name]) for row in rows] for name in names}
