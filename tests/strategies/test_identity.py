"""What changes a strategy's digest and what does not, from files that are written, loaded and edited."""

import os
import subprocess
import sys
from textwrap import dedent

import numpy as np
import pytest

from rustybt_ray.exceptions import StrategyError
from rustybt_ray.strategies.identity import strategy_digest
from rustybt_ray.strategies.load import load_strategy
from rustybt_ray.strategies.strategy import Objective

BASE = '''
"""A strategy."""
import math
from contextlib import contextmanager
from functools import lru_cache, partial, wraps

import numpy as np

import helpers
import tools.deep
from helpers import smooth

WEIGHTS = {"a": 1.0, "b": (2, 3)}
TABLE = np.arange(4.0)
KINDS = {"sma", "ema", "wma"}
UNUSED = 1


class Base:
    scale = 2.0

    def level(self, x):
        """How high."""
        return x * self.scale


class Model(Base):
    """A model."""

    def __init__(self, n):
        self.n = n

    @property
    def double(self):
        return 2 * self.n


MODEL = Model(5)


def decorate(function):
    @wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


@decorate
def inner(x):
    return x + 1


@lru_cache
def cached(x):
    return x * 3


@contextmanager
def guarded():
    yield 55


def even(n):
    return n == 0 or odd(n - 1)


def odd(n):
    return n != 0 and even(n - 1)


def unused():
    return 99


def make(offset):
    state = [offset, 7]

    def closed(x, *, scale=1.5):
        return x * scale + offset + state[0]

    return closed


CLOSED = make(10)
PART = partial(max, 4)


def strategy(data, fast=5, *, slow=60):
    """Trade."""
    # how it trades
    class Local:
        """Local."""

        factor = 3

    weights = [w for w in sorted(WEIGHTS) if w in {"a", "b", "c"}]
    total = sum(TABLE) + len(KINDS) + MODEL.level(fast) + MODEL.double + inner(1) + cached(2) + CLOSED(3) + PART(1)
    values = [(lambda v: v * 2)(v) for v in range(3)]
    try:
        total += helpers.average(fast, slow) + smooth(1) + tools.deep.below.bottom() + math.sqrt(4)
    except ValueError:
        total = -1.0
    with guarded() as inside:
        return total, weights, values, even(4), Local.factor, inside
'''
HELPERS = """
LEVEL = 10
OTHER = 11


def average(a, b):
    return (a + b) / 2 + LEVEL


def smooth(x):
    return rough(x) / 2


def rough(x):
    return x + 1


def not_used():
    return OTHER
"""
BELOW = "IDLE = 7\nDEPTH = 3\n\n\ndef bottom():\n    return DEPTH\n"


@pytest.fixture
def digest_of(tmp_path):
    """Digest of the strategy above with some texts replaced by others."""

    def digest(*edits, folder="one", file="strategy.py", function="strategy"):
        texts = {
            file: BASE,
            "helpers.py": HELPERS,
            "tools/__init__.py": "",
            "tools/deep/__init__.py": "import tools.deep.below",
        }
        texts["tools/deep/below.py"] = BELOW
        for old, new in edits:
            assert sum(old in text for text in texts.values()) == 1, old
            texts = {name: text.replace(old, new) for name, text in texts.items()}
        for name, text in texts.items():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return strategy_digest(load_strategy(f"{tmp_path / folder / file}:{function}"))

    return digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("fast=5", "fast=6"),
        ("slow=60", "slow=61"),
        ("slow=60", "slow=60.0"),
        ("total = -1.0", "total = -2.0"),
        ("total = -1.0", "total = 1.0"),
        ("v * 2", "v * 4"),
        ("range(3)", "range(4)"),
        ('{"a", "b", "c"}', '{"a", "b", "d"}'),
        ("except ValueError", "except TypeError"),
        ("factor = 3", "factor = 4"),
        ("math.sqrt(4)", "math.exp(4)"),
        ("even(4), Local", "odd(4), Local"),
        ('"b": (2, 3)', '"b": (2, 4)'),
        ('"b": (2, 3)', '"b": (True, 3)'),
        ("np.arange(4.0)", "np.arange(4)"),
        ("np.arange(4.0)", "np.arange(1.0, 5.0)"),
        ('"sma", "ema"', '"sma", "xma"'),
        ("scale = 2.0", "scale = 2.5"),
        ("x * self.scale", "x / self.scale"),
        ("2 * self.n", "3 * self.n"),
        ("Model(5)", "Model(6)"),
        ("return x + 1\n\n\n@lru", "return x + 2\n\n\n@lru"),
        ("function(*args)\n", "function(*args) * 2\n"),
        ("x * 3", "x * 4"),
        ("yield 55", "yield 56"),
        ("n != 0 and", "n != 1 and"),
        ("make(10)", "make(11)"),
        ("[offset, 7]", "[offset, 8]"),
        ("scale=1.5", "scale=1.6"),
        ("partial(max, 4)", "partial(min, 4)"),
        ("partial(max, 4)", "partial(max, 5)"),
        ("LEVEL = 10", "LEVEL = 12"),
        ("(a + b) / 2", "(a + b) / 3"),
        ("rough(x) / 2", "rough(x) / 4"),
        ("def rough(x):\n    return x + 1", "def rough(x):\n    return x + 5"),
        ("DEPTH = 3", "DEPTH = 4"),
    ],
)
def test_whatever_is_used_counts(digest_of, old, new):
    assert digest_of((old, new)) != digest_of()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# how it trades", "# how it really trades"),
        ('"""Trade."""', '"""Trade well."""'),
        ('    """Trade."""\n', ""),
        ('"""A strategy."""', '"""Another text.\n\nOf several lines.\n"""\n\n\n'),
        ('"""A model."""', '"""A better model."""'),
        ('    """A model."""\n', ""),
        ('"""How high."""', '"""How low."""'),
        ('        """Local."""\n\n', ""),
        ('"""Local."""', '"""Not so local."""'),
        ("UNUSED = 1", "UNUSED = 2\nMORE = open"),
        ("return 99", "return 98"),
        ("IDLE = 7", "IDLE = 8"),
        ("OTHER = 11", "# a comment\n\nOTHER = 12"),
        ("return OTHER", "return -OTHER"),
        pytest.param(
            "weights = [w for w",
            "weights = [  # all of them\n        w\n        for w",
            marks=pytest.mark.skipif(sys.version_info[:2] == (3, 12), reason="its compiler looks at line breaks there"),
        ),
        ('{"sma", "ema", "wma"}', '{"wma", "ema", "sma"}'),
        ("    return x * 3", "\n\n    return (x * 3)"),
    ],
)
def test_how_it_is_written_and_what_is_not_used_does_not(digest_of, old, new):
    assert digest_of((old, new)) == digest_of()


def test_neither_folder_nor_file_name_counts(digest_of):
    assert digest_of() == digest_of(folder="two/deeper") == digest_of(file="renamed.py")


def test_hash_seed_process_and_folder_do_not_count(digest_of, tmp_path):
    expected = digest_of()
    code = "import sys; from rustybt_ray.strategies import identity, load; "
    code += "print(identity.strategy_digest(load.load_strategy(sys.argv[1])))"
    for seed in ("0", "1", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", code, str(tmp_path / "one" / "strategy.py:strategy")]
        answer = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert answer.stdout.strip() == expected


SCRIPT = """
import enum, re, dataclasses, collections, datetime, decimal, logging, functools, typing
import numba, numpy as np, pandas as pd, polars as pl
import rustybt_ray as rb
from rustybt_ray.strategies.identity import strategy_digest
if {twist}: PADDING = [object() for _ in range(1000)]

class Color(enum.Enum):
    RED = 1
    BLUE = "b"

@dataclasses.dataclass(frozen=True)
class Point:
    x: int = 3
    tags: frozenset = frozenset({{"p", "q", "r"}})

@dataclasses.dataclass(slots=True)
class Slotted:
    x: int = 3

class Table(dict):
    pass

class Bag(set):
    pass

Pair = collections.namedtuple("Pair", "a b")

@numba.njit(fastmath=True)
def compiled(x):
    return x + 1

@numba.vectorize
def wide(x):
    return x + 1

log = logging.getLogger(__name__)
VALUES = [Color.RED, Point(), Slotted(), Table(a=1), Bag({{"u", "v", "w"}}), Pair(1, 2), compiled, wide, log,
    {{"s", "t", ("n", 1)}}, frozenset({{Point(1), Point(2)}}), datetime.date(2020, 1, 1), decimal.Decimal("1.1"), re.compile("x+"),
    collections.defaultdict(list, a=[1]), collections.Counter("abca"), collections.deque([1, 2]), collections.OrderedDict(a=1),
    pd.DataFrame({{"a": [1, 2], "b": ["x", "y"]}}), pd.Series([1.0], name="n"), pl.DataFrame({{"a": [1, 2], "b": ["x", "y"]}}),
    pl.Series([1.0]), np.random.default_rng(0), np.float64(2.0), np.array([None, "x"], dtype=object),
    np.ma.array([1, 2], mask=[0, 1]),
    np.array([(1, 2.0)], dtype="i8,f8"), np.dtype("f4"), np.add, rb.Costs(commission=rb.PerDollar(0.001)),
    functools.partial(max, 1),
    slice(1, 2), range(3), list[int], int | None, typing.Optional[int], {{}}.get, [].__len__, str.upper, Point(3).__eq__, re, b"x"]

def strategy(data):
    return VALUES, log.info(__name__)

if __name__ == "__main__":
    for value in [strategy, *VALUES]:
        print(strategy_digest(lambda data, value=value: value))
"""


def test_captured_values_count_by_content_in_every_process(tmp_path):
    answers = []
    for seed, twist in (("1", "False"), ("2", "True")):
        path = tmp_path / seed / f"script{seed}.py"
        path.parent.mkdir()
        path.write_text(SCRIPT.format(twist=twist))
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, str(path)]
        answer = subprocess.run(command, env=environment, cwd=path.parent, capture_output=True, text=True, check=True)
        answers.append(answer.stdout.split())
    assert answers[0] == answers[1]
    assert len(set(answers[0])) == len(answers[0]) > 40


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (1, 1.0), (1, True), (0.0, -0.0), ("1", 1), (b"a", "a"), ((1,), [1]), ({1}, frozenset({1})), (None, False), ({}, []),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}), (np.float32(1), np.float64(1)), (np.zeros(4), np.zeros((2, 2))),
        (np.zeros(2, "<i4"), np.zeros(1, "<i8")), (("ab", "c"), ("a", "bc")), ([1, [2]], [[1], 2]), (str.upper, str.lower),
        ([[], []], [(x := []), x]), ([(a := [1]), (b := [2]), a], [a, b, b]), ({1, 2}, {1, 3}), (range(3), range(4)),
        (np.random.default_rng(0), np.random.default_rng(1)),
    ],
)  # fmt: skip
def test_values_that_differ_count_as_different(first, second):
    def digest(value):
        return strategy_digest(lambda data: value)

    assert digest(first) != digest(second)


def test_objective_functions_are_seen_through_their_mark():
    digests = {strategy_digest(Objective(function)) for function in (lambda t: 1, lambda t: 2, lambda x: 1)}
    assert len(digests) == 3


def test_what_a_function_encloses_itself_ends(digest_of):
    def recursive(data):
        return recursive(data)

    looped = [1]
    looped.append(looped)
    assert strategy_digest(recursive) == strategy_digest(recursive)
    assert strategy_digest(lambda data: looped) != strategy_digest(lambda data: [1])
    assert digest_of(function="even") != digest_of(function="odd")


def test_what_follows_a_branch_counts():
    """A dangling else: the same operations, and only a jump goes elsewhere."""

    def inner(data, a, b):
        for value in data:
            if a:
                if b:
                    value(1)
                else:
                    value(2)
            value(3)

    def outer(data, a, b):
        for value in data:
            if a:
                if b:
                    value(1)
            else:
                value(2)
            value(3)

    outer.__name__ = "inner"
    assert strategy_digest(inner) != strategy_digest(outer)


def test_a_neighbour_named_as_a_standard_module_is_the_users_own(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    (tmp_path / "strategy.py").write_text("from colorsys import Tone\n\ndef f(data):\n    return Tone().level()\n")
    digests = []
    for level in ("1", "1", "2"):
        (tmp_path / "colorsys.py").write_text(f"class Tone:\n    def level(self):\n        return {level}\n")
        digests.append(strategy_digest(load_strategy(f"{tmp_path / 'strategy.py'}:f")))
    assert digests[0] == digests[1] != digests[2]


def test_a_module_passed_around_counts_as_a_whole(tmp_path):
    (tmp_path / "strategy.py").write_text("import helpers\n\ndef f(data):\n    return [helpers]\n")
    digests = []
    for level in ("1", "1", "2"):
        (tmp_path / "helpers.py").write_text(f"def average():\n    return {level}\n")
        digests.append(strategy_digest(load_strategy(f"{tmp_path / 'strategy.py'}:f")))
    assert digests[0] == digests[1] != digests[2]


def test_a_version_stands_for_everything():
    import threading

    lock = threading.Lock()
    first, second = (lambda data: (lock, 1)), (lambda data: (lock, 2))
    assert strategy_digest(first, "1") == strategy_digest(second, "1") != strategy_digest(first, "2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import threading\nLOCK = threading.Lock()\ndef f(data): return LOCK",
            "f: LOCK is a _thread.lock, which cannot be",
        ),
        (
            "import threading\nTOOLS = {'a': [threading.Lock()]}\ndef g(): return TOOLS\ndef f(data): return g()",
            "f: g: TOOLS['a'][0] is a _thread.lock, which cannot be digested (f). Pass version='...' and change it",
        ),
        (
            "FILE = open(__file__)\nFILE.close()\ndef f(data): return FILE",
            "f: FILE is a _io.TextIOWrapper, which cannot",
        ),
        (
            "def f(data, g=(i for i in ())): return g",
            "f's defaults[0] is a builtins.generator, which cannot be digested",
        ),
        ("import numpy as np\nU = np.frompyfunc(len, 1, 1)\ndef f(data): return U", "f: U is made by numpy.frompyfunc"),
        (
            "def f(data):\n    import helpers\n    return helpers",
            "f imports the local module 'helpers' inside a function (f). Import it at the top of the file",
        ),
        (
            "deep = []\nfor _ in range(5000): deep = [deep]\ndef f(data): return deep",
            "f uses values that are nested too deeply to digest (f). Pass version='...'",
        ),
    ],
)
def test_says_what_cannot_be_digested(tmp_path, monkeypatch, text, message):
    (tmp_path / "helpers.py").write_text("")
    (tmp_path / "strategy.py").write_text(dedent(text))
    monkeypatch.syspath_prepend(tmp_path)
    function = load_strategy(f"{tmp_path / 'strategy.py'}:f")
    with pytest.raises(StrategyError) as caught:
        strategy_digest(function)
    assert message in str(caught.value)
