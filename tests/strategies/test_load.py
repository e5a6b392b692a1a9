"""Strategies from files and modules: what is found, what its neighbours are, and what is said when it is not found."""

import os
import py_compile
import sys
from functools import partial
from pathlib import Path
from textwrap import dedent

import pytest

from rustybt_ray.exceptions import StrategyError
from rustybt_ray.strategies.load import load_strategy
from rustybt_ray.zipline.algorithm import Algorithm


@pytest.fixture
def write(tmp_path):
    """Writes files below a folder of the test's own, and gives the path of the first."""

    def make(first="strategy.py", text="", **others):
        for name, content in {first: text, **others}.items():
            path = tmp_path / name.replace("__", "/")
            path = path if path.suffix else path.with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(content))
        return tmp_path / first

    return make


@pytest.fixture(autouse=True)
def same_modules_afterwards(tmp_path):
    before, path = dict(sys.modules), list(sys.path)
    yield
    left = [name for name, module in sys.modules.items() if str(tmp_path) in str(getattr(module, "__file__", ""))]
    assert [name for name in left if not name.startswith("strategy_")] == []
    assert all(sys.modules[name] is module for name, module in before.items() if not name.startswith("strategy_"))
    assert sys.path == path


@pytest.mark.parametrize("function", [len, lambda data: 1, partial(max, 1)])
def test_a_callable_is_itself(function):
    assert load_strategy(function) is function


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("def only(data): return 1", "", 1),
        ("def only(data): return 1\ndef main(): return 2\ndef _helper(): return 3", "", 1),
        ("def other(data): return 1\ndef strategy(data): return 2", "", 2),
        ("from math import sqrt\ndef only(data): return 1", "", 1),
        ("only = lambda data: 1", "", 1),
        ("def one(data): return 1\ndef two(data): return 2", ":two", 2),
        ("def _private(data): return 1", ":_private", 1),
        ("from functools import partial\ndef _f(data, n): return n\nstrategy = partial(_f, n=5)", "", 5),
        ("import rustybt_ray as rb\n_f = lambda t: 6\nfound = rb.Objective(_f)", "", 6),
        ("class Model:\n    def __call__(self, data): return 7\nmodel = Model()", ":model", 7),
        ("initialize = 3\ndef only(data): return 1", "", 1),
    ],
)
def test_finds_the_function(write, text, name, expected):
    assert load_strategy(f"{write(text=text)}{name}")("data") == expected


def test_a_path_may_be_relative_or_a_path_object(write, monkeypatch):
    path = write(text="def only(data): return 1")
    monkeypatch.chdir(path.parent)
    assert load_strategy("strategy.py")("data") == load_strategy(Path("strategy.py"))("data") == 1


def test_neighbours_can_be_imported_and_belong_to_one_strategy_alone(write):
    first = write("one/algo.py", "import helpers\ndef f(data): return helpers.VALUE", one__helpers="VALUE = 1")
    second = write("two/algo.py", "from helpers import VALUE\ndef f(data): return VALUE", two__helpers="VALUE = 2")
    functions = [load_strategy(path) for path in (first, second, first)]
    assert [function("data") for function in functions] == [1, 2, 1]
    write("one/helpers.py", "VALUE = 1234")
    assert load_strategy(first)("data") == 1234
    assert not list(first.parents[1].rglob("__pycache__"))


def test_packages_beside_the_file(write):
    path = write(
        "algo.py",
        "from tools.sums import add\nimport tools.sums as s\ndef f(data): return add(1, 2) + s.ONE",
        tools____init__="",
        tools__sums="from tools.one import ONE\ndef add(a, b): return a + b",
        tools__one="ONE = 1",
    )
    (path.parent / "tools" / "__init__.py").touch()
    assert load_strategy(path)("data") == 4


def test_a_module_of_the_users_is_neither_hidden_nor_replaced_for_good(write, monkeypatch):
    elsewhere = type(sys)("helpers")
    elsewhere.__file__ = str(Path("/elsewhere/helpers.py"))
    monkeypatch.setitem(sys.modules, "helpers", elsewhere)
    path = write("algo.py", "import helpers\ndef f(data): return helpers.VALUE", helpers="VALUE = 1")
    assert load_strategy(path)("data") == 1
    assert sys.modules["helpers"] is elsewhere
    sys.modules.pop("helpers")


def test_an_edit_within_the_same_second_is_seen(write):
    path = write(text="def f(data): return 1")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    py_compile.compile(str(path))
    assert load_strategy(path)("data") == 1
    write(text="def f(data): return 2")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert load_strategy(path)("data") == 2


def test_a_function_of_a_module():
    assert load_strategy("posixpath:join") is __import__("posixpath").join


def test_a_module_in_the_working_folder(write, monkeypatch):
    path = write("a_module_of_mine.py", "def f(data): return 9")
    monkeypatch.chdir(path.parent)
    assert load_strategy("a_module_of_mine:f")("data") == 9
    del sys.modules["a_module_of_mine"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("def initialize(context): ...\ndef handle_data(context, data): ...", ""),
        ("from zipline.api import order\ndef handle_data(context, data): ...\ndef f(data): ...", ":handle_data"),
        ("try:\n    import no_such_module\nexcept ImportError:\n    def initialize(context): ...", ""),
        ("from zipline.api import symbol as initialize", ""),
        ("setup = lambda context: None\ninitialize = setup", ":initialize"),
    ],
)
def test_a_file_with_ziplines_functions_is_an_algorithm(write, text, name):
    path = write(text=text)
    found = load_strategy(f"{path}{name}")
    assert isinstance(found, Algorithm)
    assert (found.__name__, found.file, found.source) == ("strategy", str(path), text)
    assert load_strategy(found) is found


def test_another_function_of_an_algorithms_file(write):
    assert load_strategy(f"{write(text='def initialize(context): ...' + chr(10) + 'def f(data): return 4')}:f")(0) == 4


def test_an_algorithm_of_a_module_is_loaded_from_its_file(write, monkeypatch):
    path = write("an_algorithm_of_mine.py", "def initialize(context): ...")
    monkeypatch.chdir(path.parent)
    with pytest.raises(StrategyError, match=r"is a zipline algorithm \(it defines initialize\).* Say its file: '"):
        load_strategy("an_algorithm_of_mine:initialize")
    del sys.modules["an_algorithm_of_mine"]


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (
            "def one(d): ...\ndef two(d): ...",
            "",
            "strategy.py has 2 public functions: one, two (strategy). Say which: ",
        ),
        ("x = 1", "", "strategy.py has no public functions (strategy). Write one: def f(data, fast, slow): ..."),
        ("def crossover(data): ...", ":crosover", "has no function 'crosover' (strategy). Did you mean 'crossover'?"),
        ("def crossover(data): ...", ":zzz", "has no function 'zzz' (strategy). It has 'crossover'."),
        ("x = 1", ":f", "has no function 'f' (strategy). It has no function."),
        ("def f(data):\n    return 1\n\nf(1 / 0)\n", "", "failed: ZeroDivisionError: division by zero ("),
        ("import no_such_module_at_all", "", "failed: ModuleNotFoundError: No module named 'no_such_module_at_all' ("),
        ("def f(data:\n    return 1", "", "failed: SyntaxError: "),
        ("raise SystemExit(2)", "", "put that under if __name__ == '__main__'."),
        ("def handle_data(context, data):\n    return 1\n1 / 0", "", "failed: ZeroDivisionError: division by zero ("),
        ("initialize = sorted\nraise SystemExit(2)", "", "put that under if __name__ == '__main__'."),
        ("def handle_data(context, data): ...\nanalyze = 3", "", "analyze of strategy is 3 (algorithm). It must be a"),
        (
            "from zipline.pipeline import Pipeline\ndef initialize(context): ...",
            "",
            "zipline.pipeline is not supported",
        ),
        ("x = 1", ":initialize", "has no function 'initialize'"),
    ],
)
def test_says_what_is_wrong_with_a_file(write, text, name, message):
    with pytest.raises(StrategyError) as caught:
        load_strategy(f"{write(text=text)}{name}")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("def f(data):\n    return 1\n\nf(1 / 0)\n", "strategy.py:4: f(1 / 0)"),
        ("import helpers", "helpers.py:2: VALUE = unknown"),
        ("x = 1\ndef f(data:\n    return 1", "strategy.py:2: def f(data:"),
        ("def initialize(context): ...\nimport helpers", "helpers.py:2: VALUE = unknown"),
        ("def initialize(context): ...\nimport zipline.pipeline", "strategy.py:2: import zipline.pipeline"),
    ],
)
def test_shows_the_line_at_fault(write, text, line):
    path = write(text=text, helpers="# a comment\nVALUE = unknown")
    with pytest.raises(StrategyError) as caught:
        load_strategy(path)
    assert line in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nowhere.py", "there is no file 'nowhere.py' (in "),
        ("nowhere.py:f", "there is no file 'nowhere.py' (in "),
        (
            "crossover",
            "'crossover' names neither a Python file nor a function of a module (strategy). Forms: a function,",
        ),
        ("some/path:f", "'some/path:f' names neither a Python file nor a function of a module"),
        ("no_such_module_at_all:f", "loading no_such_module_at_all failed: ModuleNotFoundError"),
        (42, "a strategy must be a function or say where one is; received 42 (strategy). Forms:"),
    ],
)
def test_says_what_is_wrong_with_a_name(spec, message):
    with pytest.raises(StrategyError) as caught:
        load_strategy(spec)
    assert message in str(caught.value)
