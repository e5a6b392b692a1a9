"""Digests of small files that differ in one thing: each kind of thing that a strategy can use."""

import pytest

from rustybt_ray.strategies.identity import strategy_digest, value_digest
from rustybt_ray.strategies.load import load_strategy


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("def f(data): return dict(NEW=1)", "u", "v"),
        ("def f(data): return data.sma(NEW=5, x=data.ema(3))", "window", "span"),
        ("def h(): ...\nh.level = NEW\ndef f(data): return h.level", "1", "2"),
        ("class M(type):\n    def k(cls): return NEW\nclass C(metaclass=M): ...\ndef f(data): return C.k()", "1", "2"),
        ("import numba\n@numba.njit\ndef h(x): return x + NEW\ndef f(data): return h(1)", "1", "2"),
        ("import numba\n@numba.njit(fastmath=NEW)\ndef h(x): return x\ndef f(data): return h(1)", "True", "False"),
        ("import numba\n@numba.njit(fastmath=NEW)\ndef h(x): return x\ndef f(data): return h(1)", "{'nnan'}", "{'ninf'}"),
        ("import enum\nclass K(enum.Enum):\n    A = NEW\ndef f(data): return K.A", "1", "2"),
        ("import enum\nclass K(enum.IntEnum):\n    A = NEW\nX = K.A\ndef f(data): return X", "1", "2"),
        ("from dataclasses import dataclass\n@dataclass\nclass P:\n    a: int = NEW\ndef f(data): return P()", "1", "2"),
        (
            "import dataclasses as d\n@d.dataclass\nclass P:\n a: int = d.field(default_factory=lambda: NEW)\ndef f(d): return P()",
            "1",
            "2",
        ),
        ("import contextlib\n@contextlib.contextmanager\ndef h(): yield NEW\ndef f(data): return h()", "1", "2"),
        ("import functools\n@functools.singledispatch\ndef h(x): return NEW\ndef f(data): return h(1)", "1", "2"),
        ("from numpy import NEW as g\ndef f(data): return g(data)", "mean", "median"),
        ("def f(data): return data NEW 1", "<", "<="),
        ("def f(data): return f'{data:NEW}'", ".1f", ".2f"),
    ],
)  # fmt: skip
def test_each_kind_of_thing_that_is_used_counts(tmp_path, text, first, second):
    digests = []
    for value in (first, first, second):
        (tmp_path / "strategy.py").write_text(text.replace("NEW", value))
        digests.append(strategy_digest(load_strategy(f"{tmp_path / 'strategy.py'}:f")))
    assert digests[0] == digests[1] != digests[2]


class Digested:
    def __init__(self, counts, noise):
        self.counts, self.noise = counts, noise

    def __digested__(self):
        return self.counts


def test_an_object_may_say_what_counts_of_it():
    known = value_digest(Digested([1, 2], noise="a"), "it")
    assert value_digest(Digested([1, 2], noise="b"), "it") == known
    assert value_digest(Digested([1, 3], noise="a"), "it") != known
    assert value_digest(type("Other", (Digested,), {})([1, 2], noise="a"), "it") != known
