"""Spaces in rustybt's words; each says what it is in ours."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from rustybt_ray._record import record_class
from rustybt_ray.exceptions import InputError
from rustybt_ray.search import space as ours

PRIORS = ("uniform", "log-uniform")


@record_class(frozen=True)
class ContinuousParameter:
    """A real number: `rustybt_ray.Float`, of which ``prior="log-uniform"`` is ``log=True``.

    Raises
    ------
    InputError
        If `min_value` is not below `max_value`, or not above 0 with "log-uniform"; with ``prior="normal"``, which has no
        counterpart.
    """

    name: str
    min_value: float | Decimal
    max_value: float | Decimal
    prior: str = "uniform"
    description: str = ""

    def __post_init__(self) -> None:
        if self.prior not in PRIORS:
            remedy = "For others pass rb.optimize a space that is a function, or a sampler of Optuna's."
            raise InputError(f"prior of {self.name!r}", f"one of {', '.join(map(repr, PRIORS))}", self.prior, remedy)
        _check_order(self.name, self.min_value, self.max_value)
        self.dimension  # noqa: B018 - which refuses what it cannot be

    @property
    def dimension(self) -> ours.Float:
        """The same in our words."""
        return ours.Float(float(self.min_value), float(self.max_value), log=self.prior == "log-uniform")

    def check(self, value: Any) -> None:
        """Whether it may have this value.

        Raises
        ------
        InputError
            If not.
        """
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            raise _outside(self, "a number", value)
        if not self.min_value <= float(value) <= self.max_value:
            raise _outside(self, f"within [{self.min_value}, {self.max_value}]", value)


@record_class(frozen=True)
class DiscreteParameter:
    """A whole number: `rustybt_ray.Int`.

    Raises
    ------
    InputError
        If `min_value` is not below `max_value`, one is not whole, or `step` is below 1.
    """

    name: str
    min_value: int
    max_value: int
    step: int = 1
    description: str = ""

    def __post_init__(self) -> None:
        _check_order(self.name, self.min_value, self.max_value)
        self.dimension  # noqa: B018 - which refuses what it cannot be

    @property
    def dimension(self) -> ours.Int:
        """The same in our words."""
        return ours.Int(self.min_value, self.max_value, self.step)

    def check(self, value: Any) -> None:
        """Whether it may have this value.

        Raises
        ------
        InputError
            If not.
        """
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise _outside(self, "a whole number", value)
        if not self.min_value <= value <= self.max_value or (value - self.min_value) % self.step:
            raise _outside(self, f"from {self.min_value} to {self.max_value} by {self.step}", value)


@record_class(frozen=True)
class CategoricalParameter:
    """One of some values: `rustybt_ray.Choice`.

    Raises
    ------
    InputError
        If there are fewer than two, or one is there twice.
    """

    name: str
    choices: Sequence[Any]
    description: str = ""

    def __post_init__(self) -> None:
        if len(self.choices) < 2:
            raise InputError(f"choices of {self.name!r}", "two values at least", self.choices, "Add one.")
        self.dimension  # noqa: B018 - which refuses what it cannot be

    @property
    def dimension(self) -> ours.Choice:
        """The same in our words."""
        return ours.Choice(list(self.choices))

    def check(self, value: Any) -> None:
        """Whether it may have this value.

        Raises
        ------
        InputError
            If not.
        """
        if value not in self.choices:
            raise _outside(self, f"one of {list(self.choices)}", value)


Parameter: TypeAlias = ContinuousParameter | DiscreteParameter | CategoricalParameter


@record_class(frozen=True)
class ParameterSpace:
    """Parameters in a list: `rustybt_ray.ParameterSpace`, which is `ours`.

    Raises
    ------
    InputError
        If there is none, one is of another kind, or two have the same name.

    Examples
    --------
    >>> space = ParameterSpace(parameters=[DiscreteParameter("fast", 5, 20, 5), CategoricalParameter("kind", ["a", "b"])])
    >>> space.cardinality(), space.ours.parameters["fast"]
    (8, Int(low=5, high=20, step=5))
    """

    parameters: Sequence[Parameter]

    def __post_init__(self) -> None:
        kinds = (ContinuousParameter, DiscreteParameter, CategoricalParameter)
        remedy = "Pass [DiscreteParameter(name='fast', min_value=5, max_value=50, step=5), ...]."
        if not self.parameters or not all(isinstance(part, kinds) for part in self.parameters):
            raise InputError("parameters", "a list of parameters, not empty", self.parameters, remedy)
        names = [part.name for part in self.parameters]
        if len(set(names)) < len(names):
            raise InputError("parameters", "a list in which each name is once", names, "Rename one.")
        self.ours  # noqa: B018 - which refuses what it cannot be

    @property
    def ours(self) -> ours.ParameterSpace:
        """The same in our words: what `rustybt_ray.optimize` takes."""
        return ours.ParameterSpace({part.name: part.dimension for part in self.parameters})

    def get_parameter(self, name: str) -> Parameter:
        """The parameter of that name.

        Raises
        ------
        KeyError
            If there is none.
        """
        for part in self.parameters:
            if part.name == name:
                return part
        raise KeyError(f"Parameter {name!r} not found")

    def validate_params(self, params: Mapping[str, Any]) -> bool:
        """True if each parameter has a value that it may have.

        Raises
        ------
        InputError
            If not; it is a ValueError.
        """
        names = [part.name for part in self.parameters]
        if set(params) != set(names):
            raise InputError("params", f"values for {', '.join(names)}", sorted(params), "Add or remove some.")
        for part in self.parameters:
            part.check(params[part.name])
        return True

    def cardinality(self) -> int:
        """How many combinations there are; -1 with a continuous parameter."""
        size = self.ours.size
        return -1 if size is None else size


def _check_order(name: str, low: Any, high: Any) -> None:
    if not low < high:
        raise InputError(f"min_value of {name!r}", f"below max_value = {high}", low, "Exchange them, or fix the value.")


def _outside(part: Parameter, rule: str, value: Any) -> InputError:
    return InputError(f"parameter {part.name!r}", rule, value, "The space says what it may be.")
