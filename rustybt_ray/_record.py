"""Records: what `dataclasses.dataclass` makes of a class, for a twentieth of the time.

`dataclass` writes and compiles up to six methods a class, 0.2 to 1.3 ms of them, whether anybody calls them or not; a process
that runs one short study defines fifty such classes. A record shares its methods with all others, and its `__init__` is
compiled when the first one is made. `fields`, `replace`, `asdict`, pickling and `match` work as they do with any dataclass.
"""

from dataclasses import MISSING, FrozenInstanceError, dataclass, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["record_class"]

if TYPE_CHECKING:
    from dataclasses import dataclass as record_class
else:

    def record_class(cls=None, /, *, frozen=False, eq=True, init=True):
        """Make a class a record; mypy takes it for `dataclasses.dataclass`."""
        if cls is None:
            return lambda cls: record_class(cls, frozen=frozen, eq=eq, init=init)
        cls.__doc__ = cls.__doc__ or cls.__name__  # or dataclass would look for a signature
        dataclass(init=False, repr=False, eq=False)(cls)
        own = cls.__dict__
        if init:
            cls.__init__ = _Init(cls)
        if "__repr__" not in own:
            cls.__repr__ = _repr
        if frozen:
            cls.__setattr__, cls.__delattr__ = _refuse_to_assign, _refuse_to_delete
        if eq:
            compared = [field.name for field in fields(cls) if field.compare]
            cls._compared = attrgetter(*compared) if compared else _nothing
            cls.__eq__, cls.__hash__ = _equal, _hash if frozen else None
        return cls


class _Init:
    """The `__init__` of a record before it is asked for; it then puts the real one in its place."""

    def __init__(self, cls: type) -> None:
        self.cls = cls

    def __get__(self, instance: Any, owner: type) -> Any:
        made = _written(self.cls)
        self.cls.__init__ = made  # type: ignore[misc]
        return made if instance is None else made.__get__(instance)


class _Made:
    """Stands for a default that is made anew for each record."""

    def __repr__(self) -> str:
        return "<factory>"


MADE = _Made()


def _written(cls: Any) -> Any:
    """An `__init__` that sets the fields in their order, then calls `__post_init__` if there is one."""
    scope: dict[str, Any] = {"MADE": MADE, "cls": cls}
    parameters, given, annotations = ["self"], [], {}
    for field in fields(cls):
        name, value = field.name, field.name
        if not field.init:
            continue
        annotations[name] = field.type
        if field.default is not MISSING:
            scope[f"default_{name}"] = field.default
            parameters.append(f"{name}=default_{name}")
        elif field.default_factory is not MISSING:
            scope[f"make_{name}"] = field.default_factory
            parameters.append(f"{name}=MADE")
            value = f"make_{name}() if {name} is MADE else {name}"
        else:
            parameters.append(name)
        given.append(f"{name}={value}")
    # the dictionary takes all at once, a third of the time of `object.__setattr__` for each, which frozen records would need
    body = [f"self.__dict__.update({', '.join(given)})"] if given else []
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    lines = "\n  ".join(body or ["pass"])
    exec(f"def __init__({', '.join(parameters)}):\n  {lines}", scope)
    made = scope["__init__"]
    made.__module__, made.__qualname__ = cls.__module__, f"{cls.__qualname__}.__init__"
    made.__annotations__ = annotations | {"return": None}
    return made


def _nothing(self: Any) -> tuple[()]:
    return ()


def _repr(self: Any) -> str:
    shown = ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in fields(self) if field.repr)
    return f"{type(self).__qualname__}({shown})"


def _equal(self: Any, other: object) -> Any:
    values = type(self)._compared
    return values(self) == values(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(type(self)._compared(self))


def _refuse_to_assign(self: Any, name: str, value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")
