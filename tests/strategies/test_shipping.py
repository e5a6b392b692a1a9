"""Strategies shipped to processes that have none of the user's files."""

import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from textwrap import dedent

import pytest

from rustybt_ray.exceptions import StrategyError
from rustybt_ray.strategies.load import load_strategy
from rustybt_ray.strategies.shipping import describe, pack, unpack
from rustybt_ray.strategies.strategy import Objective
from rustybt_ray.zipline.algorithm import Algorithm

LOADER = """
import sys
from pathlib import Path
from rustybt_ray.strategies.shipping import unpack
assert "helpers" not in sys.modules
function = unpack(Path(sys.argv[1]).read_bytes())
print(function(*map(int, sys.argv[2:])))
"""


@pytest.fixture
def ship(tmp_path):
    """Packs a strategy and calls it in a new process, in another folder, after the user's files are gone."""

    def call(function, *arguments):
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        (elsewhere / "packed").write_bytes(pack(function))
        for path in (tmp_path / "mine").rglob("*.py"):
            path.rename(path.with_suffix(".gone"))
        command = [sys.executable, "-P", "-c", LOADER, "packed", *map(str, arguments)]
        answer = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.strip()

    return call


@pytest.fixture
def write(tmp_path):
    def make(**texts):
        for name, text in texts.items():
            path = tmp_path / "mine" / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        return tmp_path / "mine" / "strategy.py"

    return make


def test_a_file_with_local_modules_runs_where_they_are_missing(write, ship):
    path = write(
        strategy="""
            import enum
            import helpers
            import tools.deep
            from helpers import Model, add

            LEVEL = 100

            class Kind(enum.Enum):
                BIG = 1000

            def strategy(data, fast=1):
                return add(data, fast) + helpers.twice(LEVEL) + Model(fast).value() + tools.deep.depth() + Kind.BIG.value
        """,
        helpers="""
            from more import OFFSET

            def add(a, b):
                return a + b + OFFSET

            def twice(a):
                return 2 * a

            class Model:
                def __init__(self, n):
                    self.n = n

                def value(self):
                    return add(self.n, self.n)
        """,
        more="OFFSET = 10000",
        tools__init="",
        tools__deep="def depth(): return 100000",
    )
    (path.parent / "tools" / "init.py").rename(path.parent / "tools" / "__init__.py")
    function = load_strategy(path)
    assert function(3, 4) == 7 + 10000 + 200 + 8 + 10000 + 100000 + 1000
    assert ship(function, 3, 4) == str(function(3, 4))


def test_compiled_functions_of_local_modules_travel_too(write, ship):
    path = write(
        strategy="""
            import numba
            from helpers import add

            def plain(x):
                return add(x * x, 1)

            square = numba.njit(plain)

            def strategy(data):
                return square(data)
        """,
        helpers="""
            import numba

            @numba.njit
            def add(a, b):
                return a + b
        """,
    )
    assert ship(load_strategy(path), 7) == "50"


def test_two_strategies_with_helpers_of_one_name_keep_apart(write, tmp_path):
    packed = []
    for value in (1, 2):
        function = load_strategy(
            write(strategy="import helpers\ndef f(d): return helpers.VALUE", helpers=f"VALUE = {value}")
        )
        packed.append(pack(function))
    first, second = map(unpack, packed)
    assert (first("data"), second("data"), first("data")) == (1, 2, 1)


@pytest.mark.parametrize("value", [1, [2, 3], {"a": "b"}])
def test_closures_partials_and_callable_objects(ship, value):
    class Caller:
        def __call__(self, data):
            return data, value

    for function in (lambda data: (data, value), partial(lambda value, data: (data, value), value), Caller()):
        assert ship(function, 5) == str((5, value))
    assert ship(Objective(lambda trial: trial * 2), 21) == "42"


def test_a_script_is_its_own_module(tmp_path, ship):
    script = tmp_path / "mine" / "script.py"
    script.parent.mkdir()
    (script.parent / "helpers.py").write_text("def add(a, b): return a + b")
    script.write_text(
        dedent("""
        from pathlib import Path
        import helpers
        from rustybt_ray.strategies.shipping import pack

        LEVEL = 7

        def strategy(data):
            return helpers.add(data, LEVEL)

        if __name__ == "__main__":
            Path("packed").write_bytes(pack(strategy))
        """)
    )
    subprocess.run([sys.executable, "script.py"], cwd=script.parent, check=True)
    packed = (script.parent / "packed").read_bytes()
    assert ship(partial(_unpack_and_call, packed), 5) == "12"


def _unpack_and_call(packed, data):
    return unpack(packed)(data)


def test_local_modules_are_pickled_by_name_again_afterwards():
    import cloudpickle

    before = cloudpickle.list_registry_pickle_by_value()
    pack(lambda data: data)
    with pytest.raises(StrategyError):
        pack(uses_lock)
    assert cloudpickle.list_registry_pickle_by_value() == before


LOCK = threading.Lock()


def uses_lock(data):
    return LOCK


def handles_with_lock(context, data):
    return LOCK


def test_names_what_cannot_be_shipped(tmp_path, monkeypatch):
    lock, numbers = threading.Lock(), (n for n in (1, 2))

    class Model:
        def __init__(self):
            self.state = {"guard": lock}

        def __call__(self, data):
            return self.state

    with (tmp_path / "file").open("w") as file:
        cases = [
            (uses_lock, "uses_lock cannot be shipped to a worker: uses_lock: LOCK is a _thread.lock (cannot pickle"),
            (lambda data: uses_lock(data), "<lambda>: uses_lock: LOCK is a _thread.lock"),
            (lambda data: numbers, "<lambda>: numbers is a builtins.generator"),
            (lambda data: file, "<lambda>: file is a _io.TextIOWrapper"),
            (lambda data, n=[lock]: n, "<lambda>: default 0: item 0 is a _thread.lock"),
            (partial(max, lock), "max: args: item 0 is a _thread.lock"),
            (Model(), "Model: state: 'guard' is a _thread.lock"),
            (Objective(lambda trial: lock), "<lambda>: function: lock is a _thread.lock"),
        ]
        for function, message in cases:
            with pytest.raises(StrategyError) as caught:
                pack(function)
            assert message in str(caught.value)
            assert "Make it inside the function, or pass what it is made from; executor='inline' ships" in str(
                caught.value
            )


def test_a_local_module_must_be_imported_at_the_top(write, monkeypatch):
    path = write(strategy="def f(data):\n    from helpers import add\n    return add", helpers="add = 1")
    monkeypatch.syspath_prepend(path.parent)
    with pytest.raises(
        StrategyError, match=r"f imports the local module 'helpers' inside a function.* Import it at the top"
    ):
        pack(load_strategy(path))
    pack(lambda data: __import__("math"))


def test_says_what_is_missing_where_it_is_loaded():
    with pytest.raises(
        StrategyError, match=r"the strategy cannot be loaded here: UnpicklingError.* \(Python 3\.\d+\.\d+, .*\)"
    ):
        unpack(b"not a strategy")
    missing = b"cno_such_library_at_all\nf\n."
    with pytest.raises(
        StrategyError, match=r"ModuleNotFoundError: No module named 'no_such_library_at_all' .* same versions\."
    ):
        unpack(missing)


def test_describes_a_function_for_people(write):
    path = write(strategy="\n\ndef f(data, fast):\n    # why\n    return fast\n")
    function = load_strategy(path)
    expected = {"name": "f", "module": function.__module__, "file": str(path)}
    for given in (function, partial(function, fast=1), Objective(function), partial(partial(function), fast=2)):
        assert describe(given) == {**expected, "source": "def f(data, fast):\n    # why\n    return fast\n"}
    write(strategy="\n\ndef f(data, fast):\n    # why not\n    return fast\n")
    assert describe(load_strategy(path))["source"] == "def f(data, fast):\n    # why not\n    return fast\n"


def test_describes_an_algorithm_for_people(write):
    path = write(strategy="# why\ndef initialize(context): ...\n")
    expected = {
        "name": "strategy",
        "module": None,
        "file": str(path),
        "source": "# why\ndef initialize(context): ...\n",
    }
    assert describe(load_strategy(path)) == expected
    described = describe(Algorithm(handle_data=handles_with_lock))
    assert (described["name"], described["source"]) == (
        "test_shipping",
        "def handles_with_lock(context, data):\n    return LOCK\n",
    )


def test_an_algorithm_of_functions_names_what_cannot_be_shipped():
    with pytest.raises(StrategyError, match=r"LOCK is a _thread\.lock"):
        pack(Algorithm(handle_data=handles_with_lock))


def test_describes_what_has_no_text_of_its_own():
    assert describe(eval("lambda data: 1")) == {"name": "<lambda>", "module": __name__, "file": None, "source": None}
    assert describe(len) == {"name": "len", "module": "builtins", "file": None, "source": None}

    class Caller:
        def __call__(self, data):
            return "the text of Caller"

        def method(self, data):
            return "the text of a method"

    described = describe(Caller())
    assert (described["name"], Path(described["file"])) == ("Caller", Path(__file__))
    assert "the text of Caller" in described["source"]
    assert describe(Caller().method)["source"].strip().startswith("def method")
