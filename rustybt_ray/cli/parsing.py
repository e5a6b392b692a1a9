"""From the words of a command line to parameters, spaces and costs; every error shows the forms there are."""

import dataclasses
from collections.abc import Callable, Iterable
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rustybt_ray.exceptions import InputError

if TYPE_CHECKING:
    from rustybt_ray.engine.costs import Commission, Slippage
    from rustybt_ray.search.space import Choice, Float, Int

SPACE_FORMS = (
    "Forms: fast=5:50:5 (whole numbers low:high:step), x=0.1:0.5:0.1 (numbers), lr=1e-4:1e-1:log (logarithmic), "
    "x=0.1:0.5 (any number between), ma=sma,ema (choices), slow=200 (fixed)."
)
VALUE_FORMS = "Forms: fast=20, x=0.5, ma=sma, exact=true, limit=none; quotes keep a text: name='20'."
COMMISSION_FORMS = (
    "Forms: per-dollar:0.001[,minimum] (10 basis points), per-share:0.001[,minimum], per-trade:1.0, none."
)
SLIPPAGE_FORMS = (
    "Forms: basis-points:5[,volume limit], spread:0.02, volume-share:0.025,0.1 (volume limit, price impact), none."
)
WORDS: dict[str, bool | None] = {"true": True, "false": False, "none": None}
Value = TypeVar("Value")


class Parsed(click.ParamType):  # type: ignore[type-arg]  # generic for type checkers of some versions only
    """An option's text as `parse` reads it; what it refuses is an error of usage, as is its absence: `missing`."""

    def __init__(self, name: str, parse: Callable[[str], Any], missing: str | None = None) -> None:
        self.name, self._parse, self._missing = name, parse, missing

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None = None) -> str | None:
        """What is said if the option is left out."""
        return self._missing

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The parsed text."""
        try:
            return self._parse(value) if isinstance(value, str) else value
        except InputError as error:
            self.fail(str(error), param, ctx)


def gathered(make: Callable[[Any], Any]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """A callback of a repeatable option: `make` of all its values; what it refuses is an error of usage."""

    def callback(ctx: click.Context, param: click.Parameter, values: Any) -> Any:
        try:
            return make(values)
        except InputError as error:
            raise click.BadParameter(str(error), ctx, param) from None

    return callback


def parse_scalar(text: str) -> bool | int | float | str | None:
    """A value as its text looks: whole number, number, true, false, none, or text.

    Examples
    --------
    >>> [parse_scalar(text) for text in ("20", "1e-4", "True", "none", "sma", "'20'")]
    [20, 0.0001, True, None, 'sma', '20']
    """
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    number = _number(text)
    return text if number is None else number


def parse_value(text: str) -> tuple[str, bool | int | float | str | None]:
    """Name and value of ``NAME=VALUE``.

    Raises
    ------
    InputError
        If there is no name or no value.
    """
    name, value = _pair(text, "NAME=VALUE", VALUE_FORMS)
    return name, parse_scalar(value)


def parse_dimension(text: str) -> "tuple[str, Int | Float | Choice]":
    """Name and dimension of ``NAME=VALUES``.

    Raises
    ------
    InputError
        If the values have none of the forms, or the dimension refuses them.

    Examples
    --------
    >>> parse_dimension("fast=5:50:5")
    ('fast', Int(low=5, high=50, step=5))
    """
    from rustybt_ray.search.space import Choice

    name, values = _pair(text, "NAME=VALUES", SPACE_FORMS)
    if ":" in values:
        return name, _range(name, values)
    choices = [parse_scalar(part) for part in values.split(",")]
    if any(choice == "" and "''" not in values and '""' not in values for choice in choices):
        raise InputError(f"-p {name}", "choices between commas, none of them blank", values, SPACE_FORMS)
    return name, Choice(*choices)


def parse_commission(text: str) -> "Commission":
    """A commission of the form ``KIND:NUMBER[,NUMBER]``.

    Raises
    ------
    InputError
        If it has none of the forms, or a number is out of range.

    Examples
    --------
    >>> parse_commission("per-dollar:0.001")
    PerDollar(cost=0.001, minimum=0.0)
    """
    from rustybt_ray.engine import costs

    kinds: dict[str, tuple[Callable[..., Commission], int, int]] = {
        "per-dollar": (costs.PerDollar, 1, 2),
        "per-share": (costs.PerShare, 1, 2),
        "per-trade": (costs.PerTrade, 1, 1),
        "none": (costs.NoCommission, 0, 0),
    }
    return _model("--commission", text, kinds, COMMISSION_FORMS)


def parse_slippage(text: str) -> "Slippage":
    """Slippage of the form ``KIND:NUMBER[,NUMBER]``.

    Raises
    ------
    InputError
        If it has none of the forms, or a number is out of range.

    Examples
    --------
    >>> parse_slippage("volume-share:0.025,0.1")
    VolumeShare(volume_limit=0.025, price_impact=0.1)
    """
    from rustybt_ray.engine import costs

    kinds: dict[str, tuple[Callable[..., Slippage], int, int]] = {
        "basis-points": (costs.FixedBasisPoints, 1, 2),
        "spread": (costs.FixedSpread, 1, 1),
        "volume-share": (costs.VolumeShare, 2, 2),
        "none": (costs.NoSlippage, 0, 0),
    }
    return _model("--slippage", text, kinds, SLIPPAGE_FORMS)


def parse_date(text: str) -> str:
    """A day of the form 2010-01-04.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError:
        raise InputError("a date", "year-month-day", text, "Write it as 2010-01-04.") from None


def make_settings(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The ledger's settings that are changed; which the others are depends on the kind of the strategy.

    Raises
    ------
    InputError
        If there is no such setting, one is named twice, or its value is not allowed.
    """
    from rustybt_ray.engine.settings import Settings

    known = [field.name for field in dataclasses.fields(Settings)]
    chosen = unique(pairs)
    for name in chosen:
        if name not in known:
            raise InputError("the setting", f"one of {', '.join(known)}", name, "Write it as --set delay=1.")
    try:
        Settings(**chosen)
    except InputError as error:
        try:
            Settings.zipline(**chosen)
        except InputError:
            raise error from None
    return chosen


def unique(pairs: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    """The pairs as a dict.

    Raises
    ------
    InputError
        If a name is given twice.
    """
    made: dict[str, Value] = {}
    for name, value in pairs:
        if name in made:
            raise InputError(f"{name!r}", "given once", value, "Say all its values in one option.")
        made[name] = value
    return made


def _pair(text: str, form: str, forms: str) -> tuple[str, str]:
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not name.isidentifier() or not value:
        raise InputError("the parameter", form, text, forms)
    return name, value


def _number(text: str) -> int | float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


def _range(name: str, values: str) -> "Int | Float":
    from rustybt_ray.search.space import Float, Int

    parts = [part.strip() for part in values.split(":")]
    log = len(parts) == 3 and parts[2].lower() == "log"
    numbers = [_number(part) for part in (parts[:2] if log else parts)]
    if len(parts) not in (2, 3) or None in numbers:
        raise InputError(f"-p {name}", "low:high, low:high:step or low:high:log", values, SPACE_FORMS)
    low, high, *step = (number for number in numbers if number is not None)
    if log:
        return Float(low, high, log=True)
    if all(isinstance(number, int) for number in numbers):
        return Int(int(low), int(high), *map(int, step))
    return Float(low, high, step=step[0] if step else None)


def _model(option: str, text: str, kinds: dict[str, tuple[Callable[..., Value], int, int]], forms: str) -> Value:
    kind, _, rest = (part.strip() for part in text.partition(":"))
    numbers = [_number(part.strip()) for part in rest.split(",")] if rest else []
    if kind not in kinds or None in numbers or not kinds[kind][1] <= len(numbers) <= kinds[kind][2]:
        raise InputError(option, "a model and its numbers", text, forms)
    try:
        return kinds[kind][0](*numbers)
    except InputError as error:
        raise InputError(option, f"in range ({error.name}: {error.rule})", text, error.remedy or forms) from None
