"""What is optimised: a target function, an objective function or a zipline algorithm, and whether parameters fit it."""

import inspect
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from types import CellType, CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from rustybt_ray._record import record_class
from rustybt_ray.exceptions import StrategyError

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from rustybt_ray.zipline.algorithm import Algorithm

TARGET, OBJECTIVE, ZIPLINE = "target", "objective", "zipline"
TRADED = (TARGET, ZIPLINE)
"""Kinds whose trials the ledger trades, so that they have its metrics and can be replayed."""


def is_algorithm(value: object) -> "TypeIs[Algorithm]":
    """Whether it is a zipline algorithm; their room is not loaded to know that there is none."""
    module = sys.modules.get("rustybt_ray.zipline.algorithm")
    return module is not None and isinstance(value, module.Algorithm)


class Objective:
    """Marks a function as an objective function whatever its argument is called: ``rb.Objective(f)``.

    Parameters
    ----------
    function : callable
        Takes one `Trial` and returns a number or a dict of numbers.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise StrategyError(f"{function!r} is not callable", "rb.Objective", "Pass a function of one trial.")
        self.function = function

    def __call__(self, trial: Any) -> Any:
        """The function's answer for a trial."""
        return self.function(trial)


@record_class(frozen=True)
class Strategy:
    """A strategy with what is known of it before it runs.

    Attributes
    ----------
    function : callable or Algorithm
    kind : str
        "target", "objective" or "zipline".
    name : str
    required, optional : tuple of str
        Names of its parameters without and with a default; an algorithm's are all optional.
    open : bool
        Whether it takes any further name (``**kwargs``).
    """

    function: Any
    kind: str
    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    open: bool


def inspect_strategy(function: "Callable[..., Any] | Algorithm") -> Strategy:
    """Kind, name and parameters of a callable or an algorithm.

    An objective function's one required argument is called ``trial`` (or it is wrapped in `Objective`); every other callable
    is a target function, whose first argument is the data.

    Raises
    ------
    StrategyError
        If it cannot be called with one positional argument and any further ones by name.
    """
    name = name_of(function)
    if is_algorithm(function):
        known = function.names
        return Strategy(function, ZIPLINE, name, (), tuple(sorted(known.settable | known.read)), known.open)
    if isinstance(function, Objective):
        return Strategy(function, OBJECTIVE, name, (), (), True)
    if isinstance(function, type):
        raise StrategyError(f"{name} is a class", "strategy", f"Pass an object of it that can be called: {name}(...).")
    try:
        arguments = _arguments(function)
    except (TypeError, ValueError):
        raise StrategyError(f"{name} has no signature", "strategy", "Wrap it in a function of (data, ...).") from None
    positional = [a for a in arguments if a.kind in (a.POSITIONAL_ONLY, a.POSITIONAL_OR_KEYWORD)]
    required = [a.name for a in arguments if a.default is a.empty and a.kind not in (a.VAR_POSITIONAL, a.VAR_KEYWORD)]
    if required == ["trial"] and positional and positional[0].name == "trial":
        return Strategy(function, OBJECTIVE, name, (), (), True)
    if not positional or any(a.kind is a.POSITIONAL_ONLY and a.default is a.empty for a in positional[1:]):
        what = f"{name} cannot be called with the data as its first argument and all parameters by name"
        raise StrategyError(
            what, "strategy", "A target function is f(data, **params); an objective function is f(trial)."
        )
    rest = [a for a in arguments if a is not positional[0]]
    named = [a for a in rest if a.kind in (a.POSITIONAL_OR_KEYWORD, a.KEYWORD_ONLY)]
    return Strategy(
        function=function,
        kind=TARGET,
        name=name,
        required=tuple(a.name for a in named if a.default is a.empty),
        optional=tuple(a.name for a in named if a.default is not a.empty),
        open=any(a.kind is a.VAR_KEYWORD for a in rest),
    )


def _arguments(function: Any) -> tuple[inspect.Parameter, ...]:
    """The parameters of a callable; of a plain function they are known by its code once they have been looked up."""
    if type(function) is FunctionType and not function.__dict__:  # where a wrapper says what it wraps
        return _plain_arguments(
            function.__code__, len(function.__defaults__ or ()), frozenset(function.__kwdefaults__ or ())
        )
    return tuple(inspect.signature(function).parameters.values())


@lru_cache(256)
def _plain_arguments(code: CodeType, defaults: int, keywords: frozenset[str]) -> tuple[inspect.Parameter, ...]:
    """The parameters of functions of this code with so many defaults, and further ones by keyword."""
    like = FunctionType(code, {}, argdefs=(None,) * defaults, closure=tuple(CellType() for _ in code.co_freevars))
    like.__kwdefaults__ = dict.fromkeys(keywords)
    return tuple(inspect.signature(like).parameters.values())


def check_parameters(strategy: Strategy, names: Sequence[str]) -> None:
    """The space's names must be the function's arguments, or names that the algorithm takes.

    Raises
    ------
    StrategyError
        If a required argument has no parameter, or a parameter has no argument.
    """
    if strategy.kind == OBJECTIVE:
        return
    if strategy.kind == ZIPLINE:
        strategy.function.check_parameters(names)
        return
    known = (*strategy.required, *strategy.optional)
    signature = f"{strategy.name}(data{''.join(', ' + name for name in known)}{', **' if strategy.open else ''})"
    if missing := [name for name in strategy.required if name not in names]:
        what = f"no parameter for the required argument{'s' * (len(missing) > 1)} {', '.join(map(repr, missing))} of {signature}"
        raise StrategyError(
            what, f"parameters: {', '.join(names) or 'none'}", "Add them to the space, or give defaults."
        )
    if strategy.open:
        return
    for name in names:
        if name not in known:
            from difflib import get_close_matches

            near = get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else "Remove it from the space, or add the argument."
            raise StrategyError(f"{signature} has no argument {name!r}", f"parameters: {', '.join(names)}", hint)


def name_of(function: Any) -> str:
    """A name for messages and tables."""
    if isinstance(function, partial | Objective):
        return name_of(function.func if isinstance(function, partial) else function.function)
    return str(getattr(function, "__name__", type(function).__name__))
