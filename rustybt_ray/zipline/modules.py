"""The modules of zipline that an algorithm may import, by name; each is one of ours, loaded when it is asked for.

They are no entries of ``sys.modules``: an installed zipline stays what it is for everyone else.
"""

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, NoReturn

from rustybt_ray.zipline.errors import NotSupported, NotTradingMinuteError, UnsupportedImport

TOPS = ("zipline", "rustybt")
HERE = "rustybt_ray.zipline"
OURS = {
    "api": "api",
    "assets": "assets",
    "errors": "errors",
    "finance.asset_restrictions": "restrictions",
    "finance.cancel_policy": "cancel_policy",
    "finance.commission": "commission",
    "finance.controls": "controls",
    "finance.execution": "execution",
    "finance.order": "orders",
    "finance.slippage": "slippage",
    "gens.sim_engine": "cancel_policy",
    "utils.events": "events",
    "utils.math_utils": "math_utils",
}
"""Where zipline's modules are here."""
PIPELINE = "Compute the factors in the algorithm with data.history, or write a target function."
KNOWN = f"An algorithm may import zipline, {', '.join(f'zipline.{name}' for name in OURS)}."


@cache
def module_of(name: str) -> ModuleType:
    """The module that stands for one of zipline's.

    Parameters
    ----------
    name : str
        As an algorithm says it: "zipline.finance.slippage", "rustybt.api".

    Raises
    ------
    UnsupportedImport
        If there is none; it is an ImportError too.
    """
    if name in _PACKAGES:
        return _PACKAGES[name]
    top, _, rest = name.partition(".")
    if rest in OURS:
        return import_module(f"{HERE}.{OURS[rest]}")
    what, remedy = name, KNOWN
    if rest.partition(".")[0] == "pipeline":
        what, remedy = f"{top}.pipeline", PIPELINE
    raise UnsupportedImport(what=what, remedy=remedy)


def errors_of_calendars(names: tuple[str, ...] | None) -> ModuleType | None:
    """What stands for ``exchange_calendars.errors`` where an algorithm imports from it what our data raises."""
    return _CALENDAR_ERRORS if names and set(names) <= set(vars(_CALENDAR_ERRORS)) else None


def run_algorithm(*args: Any, **kwargs: Any) -> NoReturn:
    """Stands for zipline's own, which files import that run themselves."""
    remedy = "Run the file with `rustybt-ray backtest -f FILE -b BUNDLE`, or pass it to rustybt_ray.optimize."
    raise NotSupported(what="run_algorithm inside of an algorithm", remedy=remedy)


class _Package(ModuleType):
    """A package of zipline: its parts are made when they are asked for."""

    def __init__(self, name: str, parts: tuple[str, ...], **more: Any) -> None:
        super().__init__(name, "Stands for zipline's.")
        self.__path__: list[str] = []
        self.__all__ = [*parts, *more]
        vars(self).update(more)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        made = module_of(f"{self.__name__}.{name}")
        setattr(self, name, made)
        return made


def _packages() -> dict[str, ModuleType]:
    made: dict[str, ModuleType] = {}
    for top in TOPS:
        parts: dict[str, set[str]] = {"": set()}
        for name in OURS:
            package, _, part = name.rpartition(".")
            parts[""].add(name.partition(".")[0])
            parts.setdefault(package, set()).add(part)
        for package, inside in parts.items():
            name = f"{top}.{package}".rstrip(".")
            made[name] = _Package(name, tuple(sorted(inside)), **({} if package else {"run_algorithm": run_algorithm}))
    return made


_PACKAGES = _packages()
_CALENDAR_ERRORS = ModuleType("exchange_calendars.errors")
_CALENDAR_ERRORS.__dict__["NotTradingMinuteError"] = NotTradingMinuteError
