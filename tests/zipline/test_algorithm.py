"""Algorithms: what they carry, how they are loaded, told apart, and taken to other processes."""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import cloudpickle
import pytest

from rustybt_ray.exceptions import StrategyError
from rustybt_ray.strategies.identity import strategy_digest, value_digest
from rustybt_ray.strategies.shipping import pack, unpack
from rustybt_ray.zipline import api
from rustybt_ray.zipline.algorithm import Algorithm
from rustybt_ray.zipline.loader import MAIN

SHARED = Path(__file__).resolve().parents[3] / "shared/zipline/algos"
ALGOS = sorted((SHARED if SHARED.is_dir() else Path("/nowhere")).glob("*.py"))
FILE = '''
"""What it is."""
import helpers
from tools.sums import add
from zipline.api import order, record, symbol  # the usual

FAST, SLOW = 5, 20
STATE = []


def initialize(context):
    """Set up."""
    context.asset = symbol("AAA")
    STATE.append(context)


def handle_data(context, data):
    # trade
    if data:
        from zipline.finance import slippage
        record(value=add(FAST, SLOW) * helpers.TWO, model=slippage.NoSlippage)
    return 1 / context.zero
'''
HELPERS = "from late import LATER\nTWO = 2\n"
FILES = {
    "algo": FILE,
    "helpers": HELPERS,
    "late": "LATER = 1",
    "tools/__init__": "",
    "tools/sums": "from . import one\ndef add(a, b): return a + b + one.ONE",
    "tools/one": "ONE = 1",
    "unused": "1 / 0",
}


@pytest.fixture
def write(tmp_path):
    def make(folder="mine", **changes):
        for name, text in {**FILES, **{key.replace("__slash__", "/"): text for key, text in changes.items()}}.items():
            path = tmp_path / folder / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        return tmp_path / folder / "algo.py"

    return make


class Context:
    zero = 0.0


class Run:
    def __init__(self):
        self.recorded = {}

    def symbol(self, name, country_code):
        return name

    def record(self, *args, **kwargs):
        self.recorded.update(kwargs)


def test_it_carries_the_modules_that_it_imports_and_no_others(write):
    algorithm = Algorithm.from_file(write())
    assert sorted(algorithm.sources) == [MAIN, "helpers", "late", "tools", "tools.one", "tools.sums"]
    assert [key for key, source in algorithm.sources.items() if source.package] == ["tools"]
    assert (algorithm.__name__, algorithm.source, Path(algorithm.file).name) == ("algo", FILE, "algo.py")
    assert repr(algorithm) == f"Algorithm({algorithm.file!r})"


def test_modules_of_other_folders_of_the_user_travel_and_libraries_do_not(write, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "wide" / "deep").mkdir(parents=True)
    (elsewhere / "wide" / "deep" / "leaf.py").write_text("import numpy, json\nLEAF = 3")
    (elsewhere / "json.py").write_text("1 / 0")
    (elsewhere / "zipline.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(elsewhere)
    algorithm = Algorithm.from_file(
        write(algo="import json, wide.deep.leaf as leaf\nfrom zipline import api\nX = leaf.LEAF")
    )
    assert sorted(algorithm.sources) == [MAIN, "wide", "wide.deep", "wide.deep.leaf"]
    assert algorithm.load().namespace["X"] == 3


def test_each_load_is_afresh_with_the_names_that_parameters_spell(write):
    algorithm = Algorithm.from_file(write())
    run, context = Run(), Context()
    first = algorithm.load({"FAST": 7, "other": 1})
    second = algorithm.load()
    with api.activate(run):
        first.initialize(context)
        with pytest.raises(ZeroDivisionError):
            first.handle_data(context, True)
    assert context.asset == "AAA"
    assert run.recorded["value"] == (7 + 20 + 1) * 2
    assert (first.namespace["STATE"], second.namespace["STATE"]) == ([context], [])
    assert (second.namespace["FAST"], "other" in first.namespace) == (5, False)
    assert first.before_trading_start is first.analyze is None
    assert not first.as_array


def test_settings_and_functions_of_every_form(write):
    text = """
        HISTORY_AS_ARRAY = True
        def before_trading_start(context, data): return "before"
        analyze = lambda context, perf: "analyzed"
    """
    found = Algorithm.from_file(write(algo=text)).load()
    assert found.as_array
    assert (found.before_trading_start(0, 0), found.analyze(0, 0), found.handle_data) == ("before", "analyzed", None)
    assert found.initialize(None) is None
    assert not Algorithm.from_file(write(algo=text)).load({"HISTORY_AS_ARRAY": False}).as_array


def test_functions_make_an_algorithm_too():
    def initialize(context):
        context.fast = context.params["fast"]

    def handle_data(context, data):
        return data

    algorithm = Algorithm(initialize, handle_data, analyze=print)
    found = algorithm.load({"fast": 1})
    assert (found.initialize, found.handle_data, found.analyze) == (initialize, handle_data, print)
    assert (algorithm.__name__, algorithm.file, algorithm.source) == (__name__.rpartition(".")[2], None, None)
    again = unpack(pack(algorithm))
    assert again.load().handle_data(0, 5) == 5
    assert value_digest(again, "a") == value_digest(algorithm, "a")
    assert value_digest(Algorithm(initialize, lambda context, data: data + 1), "a") != value_digest(algorithm, "a")
    with pytest.raises(StrategyError, match=r"handle_data of .* is 3 \(algorithm\)\. It must be a function\."):
        Algorithm(initialize, 3)


LOADER = """
import sys, traceback
from pathlib import Path
from types import SimpleNamespace
from rustybt_ray.strategies.identity import strategy_digest
from rustybt_ray.strategies.shipping import unpack
algorithm = unpack(Path("packed").read_bytes())
print(strategy_digest(algorithm))
found = algorithm.load({"FAST": 1})
try:
    found.handle_data(SimpleNamespace(zero=0), False)
except ZeroDivisionError:
    traceback.print_exc(file=sys.stdout)
assert not {"zipline", "helpers", "tools", "pandas"} & set(sys.modules), "left behind"
"""


def test_it_travels_to_a_process_that_has_none_of_its_files(write, tmp_path):
    algorithm = Algorithm.from_file(write())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "packed").write_bytes(pack(algorithm))
    for path in (tmp_path / "mine").rglob("*.py"):
        path.rename(path.with_suffix(".gone"))
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-P", "-c", LOADER]
    done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    digest, shown = done.stdout.split("\n", 1)
    assert digest == strategy_digest(algorithm)
    assert f'File "{algorithm.file}", line 22, in handle_data\n    return 1 / context.zero' in shown


def test_the_digest_is_of_the_code_wherever_it_lies(write, tmp_path):
    known = strategy_digest(Algorithm.from_file(write()))
    moved = write("another/folder").rename(tmp_path / "another/folder/renamed.py")
    assert strategy_digest(Algorithm.from_file(moved)) == known
    same = {
        "algo": FILE.replace("# trade", "# more words").replace('"""Set up."""', '"""Other words."""\n\n'),
        "helpers": f'"""A docstring."""\n\n{HELPERS}',
        "unused": "2",
    }
    for name, text in same.items():
        assert strategy_digest(Algorithm.from_file(write("edited", **{name: text}))) == known, name
    other = {"algo": FILE.replace("SLOW = 5, 20", "SLOW = 5, 21"), "helpers": HELPERS + "X = 1", "late": "LATER = 2"}
    found = {
        strategy_digest(Algorithm.from_file(write(f"changed {name}", **{name: text}))) for name, text in other.items()
    }
    assert len(found | {known}) == 4
    assert strategy_digest(cloudpickle.loads(cloudpickle.dumps(Algorithm.from_file(write())))) == known


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("FAST", "SLOW", "STATE"), None),
        (("fsat",), r"algo has no parameter 'fsat': .* \(parameters: fsat\)\. Did you mean 'FAST' or 'STATE'\?"),
        (
            ("order",),
            r"no parameter 'order': it is set by no assignment of the file and not read as context.params\['order'\]",
        ),
        (("FAST", "zzz"), r"\(parameters: FAST, zzz\)\. It has: FAST, SLOW, STATE\."),
    ],
)
def test_parameters_must_be_names_of_the_file(write, names, message):
    algorithm = Algorithm.from_file(write())
    if message is None:
        algorithm.check_parameters(names)
        return
    with pytest.raises(StrategyError, match=message):
        algorithm.check_parameters(names)


def test_parameters_of_functions_are_what_their_text_reads():
    def handle_data(context, data):
        return context.params["only in this file"]

    algorithm = Algorithm(handle_data=handle_data)
    algorithm.check_parameters(["only in this file"])
    with pytest.raises(StrategyError, match="no parameter 'other': it is not read as"):
        algorithm.check_parameters(["other"])
    Algorithm(handle_data=eval("lambda context, data: 1")).check_parameters(["anything"])  # no text to look into


def test_what_is_no_file(tmp_path):
    with pytest.raises(StrategyError, match=r"there is no file 'nowhere\.py' \(in "):
        Algorithm.from_file("nowhere.py")
    bad = tmp_path / "bad.py"
    bad.write_text("def initialize(:")
    with pytest.raises(SyntaxError):
        Algorithm.from_file(bad)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def initialize(): pass", r"initialize of algo takes \(\) \(.*algo\.py:1\)\. It is called with \(context\)\."),
        (
            "\ndef handle_data(context): pass",
            r"takes \(context\) \(.*algo\.py:2\)\. It is called with \(context, data\)\.",
        ),
        ("def analyze(context, perf, more): pass", r"analyze of algo takes .* It is called with \(context, perf\)\."),
    ],
)
def test_functions_take_what_they_are_called_with(tmp_path, text, message):
    path = tmp_path / "algo.py"
    path.write_text(text)
    with pytest.raises(StrategyError, match=message):
        Algorithm.from_file(path).load()
    path.write_text(
        "def initialize(*args): pass\ndef handle_data(context, data, more=1): pass\nbefore_trading_start = print"
    )
    Algorithm.from_file(path).load()


@pytest.mark.skipif(not ALGOS, reason="no shared algorithms here")
@pytest.mark.parametrize("path", ALGOS, ids=lambda path: path.stem)
def test_the_shared_algorithms_load(path):
    pytest.importorskip("rustybt_ray.zipline.events")
    algorithm = Algorithm.from_file(path)
    found = algorithm.load()
    assert found.initialize is found.namespace["initialize"]
    assert sorted(algorithm.sources) == [MAIN]
    assert value_digest(algorithm, "a") == value_digest(unpack(pack(algorithm)), "a")
