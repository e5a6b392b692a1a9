"""What an algorithm's imports find, and that nobody else's imports change."""

import sys
import traceback
from textwrap import dedent

import pytest

from rustybt_ray.zipline import api, commission, errors, execution, math_utils, restrictions, slippage
from rustybt_ray.zipline.assets import Equity
from rustybt_ray.zipline.errors import UnsupportedImport
from rustybt_ray.zipline.loader import MAIN, Loader, Source
from rustybt_ray.zipline.modules import module_of


def run(text, **modules):
    """Names of a file, beside which others are; ``a__b`` is a.b, and ``a____init__`` the package a."""
    sources = {MAIN: Source(dedent(text), "/nowhere/algo.py")}
    for name, content in modules.items():
        package = name.endswith("____init__")
        key = name.removesuffix("____init__").replace("__", ".")
        sources[key] = Source(dedent(content), f"/nowhere/{name}.py", package)
    return Loader("strategy_test_loader", sources).run()


@pytest.fixture(autouse=True)
def nothing_of_ziplines_is_left():
    before = set(sys.modules)
    yield
    added = {name for name in set(sys.modules) - before if not name.startswith("rustybt_ray.")}
    assert {name for name in added if not name.startswith("strategy_test_loader")} <= {"helpers_of_nobody"}
    for name in added:
        del sys.modules[name]
    assert not {"zipline", "zipline.api", "rustybt", "helpers"}.intersection(sys.modules)


@pytest.mark.parametrize("top", ["zipline", "rustybt"])
@pytest.mark.parametrize(
    ("statement", "name", "expected"),
    [
        ("import {0}", "{0}.api.order", api.order),
        ("import {0}.api", "{0}.api.symbol", api.symbol),
        ("import {0}.api as zp", "zp.record", api.record),
        ("import {0}.finance.slippage", "{0}.finance.slippage.NoSlippage", slippage.NoSlippage),
        ("import {0}.finance.commission as c", "c.PerShare", commission.PerShare),
        ("from {0} import api", "api", api),
        ("from {0} import api as a, finance", "finance.execution", execution),
        ("from {0}.api import order, symbol as s", "s", api.symbol),
        ("from {0}.api import slippage, FixedSlippage", "slippage.FixedSlippage", slippage.FixedSlippage),
        ("from {0}.finance import slippage as sl, commission", "commission", commission),
        ("from {0}.finance.asset_restrictions import StaticRestrictions as S", "S", restrictions.StaticRestrictions),
        ("from {0}.finance.cancel_policy import EODCancel", "EODCancel", api.EODCancel),
        ("from {0}.gens.sim_engine import SESSION_END", "SESSION_END", 2),
        ("from {0}.errors import SymbolNotFound", "SymbolNotFound", errors.SymbolNotFound),
        ("import {0}.errors", "{0}.errors.ZiplineError", errors.ZiplineError),
        ("from {0}.assets import Equity", "Equity", Equity),
        ("from {0}.utils import math_utils", "math_utils", math_utils),
        ("from {0}.utils.math_utils import tolerant_equals as t", "t", math_utils.tolerant_equals),
        ("import {0}.utils.math_utils, {0}.finance.controls", "{0}.utils.math_utils", math_utils),
        ("m = __import__('{0}.api')", "m.api.sid", api.sid),
    ],
)
def test_every_way_of_importing(top, statement, name, expected):
    statement, name = statement.format(top), name.format(top)
    outside = run(f"{statement}\nfound = {name}")
    inside = run(f"def f():\n    {statement}\n    return {name}")
    in_class = run(f"class C:\n    {statement}\n    found = {name}\nfound = C.__dict__['found']")
    assert outside["found"] is expected
    assert inside["f"]() is expected
    assert in_class["found"] is expected


def test_everything_of_the_api_is_imported_by_name():
    names = sorted(set(api.__all__) - set(api.RULES))
    found = run(f"from zipline.api import {', '.join(names)}")
    assert all(found[name] is getattr(api, name) for name in names)


def test_rules_and_events():
    rules = pytest.importorskip("rustybt_ray.zipline.events")
    found = run("from zipline.api import date_rules, time_rules, calendars, events\nimport zipline.utils.events as e")
    assert found["date_rules"] is rules.date_rules
    assert found["events"] is found["e"] is rules
    everything = run("from zipline.api import *")
    assert all(name in everything for name in api.__all__)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("import zipline.pipeline", "zipline.pipeline is not supported here. Compute the factors"),
        ("from zipline.pipeline.data import USEquityPricing", "zipline.pipeline is not supported here. Compute"),
        ("from zipline import pipeline", "zipline.pipeline is not supported here"),
        ("from zipline.data import bundles", "zipline.data is not supported here. An algorithm may import zipline, "),
        ("import rustybt.data.bundles", "rustybt.data.bundles is not supported here"),
        ("from zipline import TradingAlgorithm", "zipline.TradingAlgorithm is not supported here"),
        ("from zipline.finance import blotter", "zipline.finance.blotter is not supported here"),
    ],
)
def test_what_is_not_there_says_so(statement, message):
    with pytest.raises(UnsupportedImport) as caught:
        run(statement)
    assert message in str(caught.value)
    assert run(f"try:\n    {statement}\nexcept ImportError:\n    found = 1")["found"] == 1


def test_a_name_that_a_module_has_not():
    with pytest.raises(ImportError, match="cannot import name 'Nope'"):
        run("from zipline.finance.slippage import Nope")
    with pytest.raises(ModuleNotFoundError, match="No module named 'no_such_module'"):
        run("import no_such_module")


def test_a_file_that_runs_itself_says_what_to_do_instead():
    found = run("from zipline import run_algorithm\nif __name__ == '__main__': run_algorithm()")
    with pytest.raises(NotImplementedError, match=r"Run the file with `rustybt-ray backtest -f FILE"):
        found["run_algorithm"](start=1)


def test_a_minute_that_is_none_is_caught_by_its_name():
    found = run("from exchange_calendars.errors import NotTradingMinuteError")
    assert found["NotTradingMinuteError"] is errors.NotTradingMinuteError


def test_an_installed_zipline_is_not_touched(monkeypatch):
    installed = type(sys)("zipline")
    monkeypatch.setitem(sys.modules, "zipline", installed)
    assert run("import zipline")["zipline"] is module_of("zipline")
    import zipline

    assert zipline is installed
    monkeypatch.undo()


def test_local_modules_are_the_algorithms_own():
    text = """
        import helpers, tools.deep as deep
        from tools import more, near
        from tools.deep import depth
        found = helpers.VALUE, deep.depth(), depth(), more.MORE, near()
    """
    modules = {
        "helpers": "from zipline.api import order\nVALUE = [1]",
        "tools____init__": "from .more import MORE as _M\nfrom . import deep\ndef near(): return _M + deep.D",
        "tools__deep": "import helpers\nfrom .more import MORE\nD = 10\ndef depth():\n    from . import more\n    return more.MORE",
        "tools__more": "from zipline.finance import slippage\nMORE = 5",
    }
    first, second = run(text, **modules), run(text, **modules)
    assert first["found"] == second["found"] == ([1], 5, 5, 5, 15)
    first["helpers"].VALUE.append(2)
    assert second["helpers"].VALUE == [1]
    assert first["helpers"] is not second["helpers"]
    assert first["helpers"].order is api.order


def test_star_imports_of_a_package_take_its_modules_too():
    found = run("from tools import *", tools____init__="__all__ = ['one']", tools__one="X = 1")
    assert found["one"].X == 1


def test_modules_that_import_each_other():
    found = run("import a", a="import b\nX = 1\ndef get(): return b.Y", b="import a\nY = 2\ndef get(): return a.X")
    assert (found["a"].get(), found["a"].b.get()) == (2, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("from . import x", "attempted relative import"),
        ("import tools.nope", "No module named 'tools.nope'"),
        ("from tools import nope", "cannot import name 'nope'"),
        ("import tools.up", "attempted relative import beyond top-level package"),
    ],
)
def test_local_modules_that_are_missing(text, message):
    with pytest.raises(ImportError, match=message):
        run(text, tools____init__="", tools__up="from ... import x")


def test_a_module_that_fails_is_tried_again():
    sources = {"bad": Source("counter.append(1)\nraise ValueError", "/nowhere/bad.py")}
    text = "found = 0\nfor _ in range(2):\n    try:\n        import bad\n    except NameError:\n        found += 1"
    assert Loader("strategy_test_loader", {MAIN: Source(text, "/nowhere/algo.py"), **sources}).run()["found"] == 2


def test_dataclasses_and_enums_of_the_file():
    found = run(
        """
        from __future__ import annotations
        import dataclasses, enum, typing
        import shapes

        @dataclasses.dataclass
        class Point:
            x: int
            y: list[int] = dataclasses.field(default_factory=list)
            n: typing.ClassVar[int] = 3

        class Kind(enum.Enum):
            A = 1

        def make():
            return Point(1, [2]), Kind.A, shapes.Box(2.0), typing.get_type_hints(Point)
        """,
        shapes="""
        from __future__ import annotations
        from dataclasses import dataclass

        @dataclass
        class Box:
            side: float
        """,
    )
    point, kind, box, hints = found["make"]()
    assert (point.x, point.y, kind.value, box.side, hints["x"]) == (1, [2], 1, 2.0, int)


def test_an_error_shows_the_line_of_a_file_that_is_not_there():
    found = run(
        "import helpers\ndef handle_data(context, data):\n    return helpers.divide(1, 0)  # the line",
        helpers="""
        def divide(a, b):
            return a / b
        """,
    )
    with pytest.raises(ZeroDivisionError) as caught:
        found["handle_data"](None, None)
    shown = "".join(traceback.format_exception(caught.value))
    assert 'File "/nowhere/algo.py", line 3, in handle_data\n    return helpers.divide(1, 0)  # the line' in shown
    assert 'File "/nowhere/helpers.py", line 3, in divide\n    return a / b' in shown


def test_a_file_that_is_there_again_is_read_by_python(tmp_path):
    path = tmp_path / "algo.py"
    source = Source("def f():\n    return 1 / 0\n", str(path))
    assert "return 1 / 0" in _shown(source)
    path.write_text("def f():\n    return 2 / 0\n")
    assert "return 2 / 0" in _shown(source)


def _shown(source):
    with pytest.raises(ZeroDivisionError) as caught:
        Loader("strategy_test_loader", {MAIN: source}).run()["f"]()
    return "".join(traceback.format_exception(caught.value))
