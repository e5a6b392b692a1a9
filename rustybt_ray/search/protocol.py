"""The ask/tell protocol that every search follows."""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, Protocol

from rustybt_ray._record import record_class
from rustybt_ray._typing import FloatArray, IntArray


class Absent(Enum):
    """What stands in a column for a parameter that a point does not have; None is a value."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


@record_class(frozen=True)
class Points:
    """Some points of a search: trial numbers, and parameters as columns of plain Python values.

    Attributes
    ----------
    numbers : ndarray of int64, shape (k,)
    columns : dict of str to sequence of length k
        ABSENT stands for a parameter that a point does not have.
    """

    numbers: IntArray
    columns: dict[str, Sequence[Any]]

    def __len__(self) -> int:
        return len(self.numbers)

    def row(self, position: int) -> dict[str, Any]:
        """Parameters of the point at `position`."""
        return present({name: values[position] for name, values in self.columns.items()})


def present(params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a point has.

    Examples
    --------
    >>> present({"kind": "sma", "fast": 5, "decay": ABSENT})
    {'kind': 'sma', 'fast': 5}
    """
    return {name: value for name, value in params.items() if value is not ABSENT}


def as_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, Sequence[Any]]:
    """Points as columns, in the order in which their parameters appear."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name, ABSENT) for row in rows] for name in names}


def without_absent(values: Iterable[Any]) -> list[Any]:
    """A column with None for ABSENT, as tables show it."""
    listed = list(values)
    return [None if value is ABSENT else value for value in listed] if ABSENT in listed else listed


class Search(Protocol):
    """Gives points when asked and takes their results when told.

    Trial numbers are consecutive from 0 in the order of asking. What a search gives depends on its specification and on what
    it was told, never on how many points are asked for at a time, nor on the order in which results arrive.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        ...

    @property
    def lag(self) -> int | None:
        """Point i is given once all results up to i - lag are known, and from these alone; None: results are not used."""
        ...

    @property
    def seconds(self) -> float:
        """Time spent on choosing points from results so far."""
        ...

    @property
    def remaining(self) -> int | None:
        """Points yet to give; 0 at the end, None if it is not known."""
        ...

    def ask(self, count: int) -> Points | None:
        """Up to `count` points; None if there is none at present: at the end, or until more results are told.

        Raises
        ------
        InputError
            If no point meets the constraints.
        """
        ...

    def tell(self, numbers: IntArray, values: FloatArray) -> None:
        """Objective values of trials, shape (k,) or (k, objectives); NaN for a trial that failed or has none."""
        ...

    def describe(self) -> dict[str, Any]:
        """The specification as plain data; values and constraints that are objects stay as they are."""
        ...
