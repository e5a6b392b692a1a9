"""A record is what `dataclasses.dataclass` makes of the same class."""

import dataclasses
import inspect
import math
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace

import pytest

from rustybt_ray._record import record_class

MAKERS = [dataclass, record_class]


def point(maker):
    @maker(frozen=True)
    class Point:
        """Both kinds of default, a hidden field, and a check."""

        x: float
        tags: list = field(default_factory=list)
        y: float = 2.0
        secret: int = field(default=7, repr=False)

        def __post_init__(self):
            if self.x < 0:
                raise ValueError("negative")

    return Point


def mutable(maker):
    @maker
    class Count:
        """Changes."""

        done: int
        seen: int = field(default=0, init=False)

    return Count


@record_class(frozen=True)
class Pickled:
    """At the top of a module, where pickle finds it."""

    a: int
    b: str = "b"


@record_class(frozen=True)
class Empty:
    """No fields."""


@pytest.mark.parametrize("maker", MAKERS)
class TestLikeADataclass:
    def test_arguments(self, maker):
        kind = point(maker)
        made = kind(1.0, ["a"], secret=3)
        assert (made.x, made.tags, made.y, made.secret) == (1.0, ["a"], 2.0, 3)
        assert kind(x=1.0).tags == []
        assert kind(1.0).tags is not kind(1.0).tags
        for wrong in ((), (1.0, [], 2.0, 3, 4)):
            with pytest.raises(TypeError, match=r"__init__\(\)"):
                kind(*wrong)
        with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
            kind(1.0, z=3)
        with pytest.raises(ValueError, match="negative"):
            kind(-1.0)

    def test_signature(self, maker):
        expected = "(x: float, tags: list = <factory>, y: float = 2.0, secret: int = 7) -> None"
        assert str(inspect.signature(point(maker))) == expected
        assert str(inspect.signature(mutable(maker))) == "(done: int) -> None"

    def test_repr(self, maker):
        assert repr(point(maker)(1.0)).endswith("Point(x=1.0, tags=[], y=2.0)")

    def test_equality(self, maker):
        kind, other = point(maker), point(maker)
        assert kind(1.0) == kind(1.0, [], 2.0, 7)
        assert kind(1.0) != kind(1.0, secret=8)
        assert kind(1.0) != kind(2.0)
        assert kind(1.0) != other(1.0)
        assert kind(1.0) != (1.0, [], 2.0, 7)
        assert kind(math.nan) == kind(math.nan), "the same object, as in a tuple"

    def test_hash(self, maker):
        kind = point(maker)
        assert hash(kind(1.0, (1,))) == hash(kind(1.0, (1,)))
        assert len({kind(1.0, ()), kind(1.0, ()), kind(2.0, ())}) == 2
        with pytest.raises(TypeError, match="unhashable type: 'list'"):
            hash(kind(1.0))
        with pytest.raises(TypeError, match="unhashable type"):
            hash(mutable(maker)(1))

    def test_frozen(self, maker):
        made = point(maker)(1.0)
        with pytest.raises(FrozenInstanceError, match="cannot assign to field 'x'"):
            made.x = 2.0
        with pytest.raises(FrozenInstanceError, match="cannot delete field 'x'"):
            del made.x
        assert made.x == 1.0

    def test_mutable(self, maker):
        made = mutable(maker)(1)
        made.done, made.seen = 2, 3
        assert (made.done, made.seen, mutable(maker)(1).seen) == (2, 3, 0)

    def test_tools_of_dataclasses(self, maker):
        made = point(maker)(1.0, ["a"])
        assert dataclasses.is_dataclass(made)
        assert [f.name for f in fields(made)] == ["x", "tags", "y", "secret"]
        assert replace(made, y=5.0) == type(made)(1.0, ["a"], 5.0)
        assert asdict(made) == {"x": 1.0, "tags": ["a"], "y": 2.0, "secret": 7}
        with pytest.raises(ValueError, match="negative"):
            replace(made, x=-1.0)

    def test_match(self, maker):
        kind = point(maker)
        match kind(1.0, ["a"]):
            case kind(x, tags, y=2.0):
                assert (x, tags) == (1.0, ["a"])
            case _:
                pytest.fail("does not match")


def test_pickle():
    assert pickle.loads(pickle.dumps(Pickled(1))) == Pickled(1, "b")


def test_no_fields():
    assert Empty() == Empty()
    assert hash(Empty()) == hash(Empty())
    assert repr(Empty()) == "Empty()"


def test_init_is_compiled_once():
    kind = point(record_class)
    assert not inspect.isfunction(kind.__dict__["__init__"])
    kind(1.0)
    written = kind.__dict__["__init__"]
    kind(2.0)
    assert inspect.isfunction(written)
    assert kind.__dict__["__init__"] is written
