"""`study.toml`: all that `optimize` or `walk-forward` takes, in a file; keys are the names of the options in Python."""

import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rustybt_ray.cli.parsing import SPACE_FORMS, make_settings, parse_dimension
from rustybt_ray.exceptions import InputError

if TYPE_CHECKING:
    from rustybt_ray.search.space import Choice, Float, Int

COSTS = ("commission", "slippage", "borrow", "margin", "cash")
TABLES = {"costs": COSTS, "windows": ("train", "validate", "test", "step", "warmup", "anchored")}
"""Options that stand in tables of their own."""
NAMED = ("space", "settings")
NOT_HERE = ("form", "quiet", "plan", "data")
RANGE = ("low", "high", "step", "log")
FORMS = (
    'Forms: fast = "5:50:5", fast = {low = 5, high = 50, step = 5}, lr = {low = 1e-4, high = 0.1, log = true}, '
    'ma = ["sma", "ema"], slow = 200.'
)
HELP = "`rustybt-ray optimize --help` lists what there is."


class StudyFile(click.Argument):
    """The optional argument STUDY.toml: what the file says stands where the command line says nothing.

    Of options that have a name in them (``-p``, ``--set``) the command line replaces those with the same name.
    """

    def __init__(self) -> None:
        kind = click.Path(path_type=Path)
        super().__init__(
            ["study"], required=False, type=kind, metavar="[STUDY.toml]", is_eager=True, expose_value=False
        )

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, Any], args: list[str]
    ) -> tuple[Any, list[str]]:
        """Read the file before any option is looked at."""
        path, left = super().handle_parse_result(ctx, opts, args)
        if isinstance(path, Path) and not ctx.resilient_parsing:  # without a file it is a mark of click's own
            values = read_study(path, ctx)
            for name in NAMED:
                if isinstance(given := opts.get(name), list) and isinstance(opts, dict):
                    opts[name] = _merged(values.pop(name, []), given)
            ctx.default_map = {**(ctx.default_map or {}), **values}
        return path, left


def study_file(function: Any) -> Any:
    """Add the argument STUDY.toml to a command."""
    if not hasattr(function, "__click_params__"):
        function.__click_params__ = []
    function.__click_params__.append(StudyFile())
    return function


def read_study(path: Path, ctx: click.Context) -> dict[str, Any]:
    """What a study file says, by the names of the command's parameters.

    Parameters
    ----------
    path : Path
        A TOML file; relative paths in it start at its folder.
    ctx : click.Context
        Of the command whose options are the keys.

    Returns
    -------
    dict
        Values as the options have them; `space` and `settings` as pairs of name and value.

    Raises
    ------
    InputError
        If the file cannot be read, has a key that is no option's, or a value that its option refuses.
    """
    options = {
        str(option.name): option
        for option in ctx.command.params
        if isinstance(option, click.Option) and option.expose_value and option.name not in NOT_HERE
    }
    content = load(path)
    tables = {table: {n: options.pop(n) for n in names if n in options} for table, names in TABLES.items()}
    tables = {table: own for table, own in tables.items() if own}
    _check_known(content, [*options, *tables], str(path))
    values = {
        name: _option(options[name], value, name, path, ctx) for name, value in content.items() if name in options
    }
    for table, own in tables.items():
        said = _table(content.get(table, {}), table, path)
        _check_known(said, own, f"[{table}] of {path}")
        values |= {name: _option(own[name], said[name], f"{table}.{name}", path, ctx) for name in said}
    return values


def load(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises
    ------
    InputError
        If there is none, or it is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        remedy = f"Write one, or correct the path (from {Path.cwd()})."
        raise InputError("the study file", f"a file that can be read ({error.strerror})", str(path), remedy) from None
    except UnicodeDecodeError as error:
        raise InputError("the study file", f"UTF-8 ({error.reason})", str(path), "Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        remedy = 'TOML is NAME = VALUE, with texts in quotes: bundle = "mag-7".'
        raise InputError("the study file", f"TOML ({error})", str(path), remedy) from None


def _option(option: click.Option, value: Any, key: str, path: Path, ctx: click.Context) -> Any:
    """The value of a key as its option has it."""
    if option.name == "space":
        return [(name, _dimension(name, said, path)) for name, said in _table(value, key, path).items()]
    if option.name == "settings":
        return _settings(_table(value, key, path), path)
    if isinstance(option.type, click.Path):
        value = _from(path.parent, value) if isinstance(value, str) else value
    if option.name == "strategy" and isinstance(value, str):
        value = _strategy(path.parent, value)
    if option.multiple:
        return [_scalar(option, part, key, path, ctx) for part in (value if isinstance(value, list) else [value])]
    return _scalar(option, value, key, path, ctx)


def _scalar(option: click.Option, value: Any, key: str, path: Path, ctx: click.Context) -> Any:
    """One value, through its option's own check: read from its text, as on the command line."""
    day = isinstance(value, date) and not hasattr(value, "hour")
    if not isinstance(value, str | int | float) and not day:
        raise InputError(f"{key} in {path}", "one text or number", value, HELP)
    if option.is_flag or isinstance(value, bool):
        if not option.is_flag or not isinstance(value, bool):
            rule = "true or false" if option.is_flag else "a text or number"
            raise InputError(f"{key} in {path}", rule, value, HELP)
        return value
    if isinstance(option.type, click.types.StringParamType) and not isinstance(value, str):
        raise InputError(f"{key} in {path}", "a text in quotes", value, HELP)
    try:
        return option.type.convert(str(value), option, ctx)
    except click.BadParameter as error:
        rule = f"as {option.opts[-1]} takes it ({error.message.rstrip('.')})"
        raise InputError(f"{key} in {path}", rule, value, HELP) from None


def _dimension(name: str, value: Any, path: Path) -> "Int | Float | Choice":
    """A dimension of the space from a text, a table, a list or one value."""
    from rustybt_ray.search.space import Choice

    try:
        if isinstance(value, str):
            return parse_dimension(f"{name}={value}")[1]
        if isinstance(value, dict):
            return _range(value, f"space.{name} in {path}")
        return Choice(*value) if isinstance(value, list) else Choice(value)
    except InputError as error:
        if str(path) in error.name:
            raise
        rule, forms = f"a dimension ({error.name} must be {error.rule})", FORMS
        remedy = forms if error.remedy in ("", SPACE_FORMS) else error.remedy
        raise InputError(f"space.{name} in {path}", rule, error.received, remedy) from None


def _range(said: dict[str, Any], where: str) -> "Int | Float":
    from rustybt_ray.search.space import Float, Int

    _check_known(said, RANGE, where)
    if missing := [name for name in ("low", "high") if name not in said]:
        raise InputError(where, f"a range with {' and '.join(missing)}", said, FORMS)
    log = said.get("log", False)
    if not isinstance(log, bool):
        raise InputError(where, "a range whose log is true or false", said, FORMS)
    numbers = {name: said[name] for name in ("low", "high", "step") if name in said}
    if not log and all(isinstance(number, int) for number in numbers.values()):
        return Int(**numbers)
    return Float(**numbers, log=log)


def _settings(said: dict[str, Any], path: Path) -> list[tuple[str, Any]]:
    """Pairs that the ledger's settings accept."""
    import dataclasses

    from rustybt_ray.engine.settings import Settings

    _check_known(said, [field.name for field in dataclasses.fields(Settings)], f"[settings] of {path}")
    try:
        make_settings(said.items())
    except InputError as error:
        name = f"settings.{error.name} in {path}"
        raise InputError(name, error.rule, error.received, error.remedy) from None
    return list(said.items())


def _table(value: Any, key: str, path: Path) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{key} in {path}", f"a table, [{key}]", value, f"Write NAME = VALUE below a line [{key}].")
    return value


def _check_known(said: Iterable[str], known: Iterable[str], where: str) -> None:
    names = list(known)
    for key in said:
        if key not in names:
            near = get_close_matches(key, names, n=1)
            remedy = f"Did you mean {near[0]!r}?" if near else HELP
            raise InputError(f"a key in {where}", f"one of {', '.join(names)}", key, remedy)


def _merged(pairs: list[tuple[str, Any]], given: list[str]) -> list[Any]:
    """The file's pairs, each in its place, with those of the same name from the command line instead; then the others.

    Examples
    --------
    >>> _merged([("fast", 5), ("slow", 60)], ["slow=70", "by=1"])
    [('fast', 5), 'slow=70', 'by=1']
    """
    left = list(given)
    said = {text.partition("=")[0].strip(): text for text in reversed(given)}
    placed: list[Any] = []
    for name, value in pairs:
        if name in said:
            left.remove(said[name])
        placed.append(said.get(name, (name, value)))
    return placed + left


def _from(folder: Path, text: str) -> str:
    return str(folder / Path(text).expanduser())


def _strategy(folder: Path, text: str) -> str:
    """A strategy's place; a file's starts at `folder`, a module's is as it is.

    Examples
    --------
    >>> _strategy(Path("studies"), "sma.py:crossover"), _strategy(Path("studies"), "mine.sma:crossover")
    ('studies/sma.py:crossover', 'mine.sma:crossover')
    """
    place, colon, name = text.rpartition(":") if ":" in text[2:] else (text, "", "")
    return f"{_from(folder, place)}{colon}{name}" if place.endswith(".py") else text
