"""Algorithms that do wrong things: the trial ends in an error that names the algorithm's own line, the others go on."""

import re
from pathlib import Path

import polars as pl
import pytest

import rustybt_ray as rb
from rustybt_ray.data.sample import sample_panel
from rustybt_ray.zipline import api
from rustybt_ray.zipline.algorithm import Algorithm

PACKAGE = Path(rb.__file__).resolve().parent
TEXT = """
import helper
from zipline.api import order, schedule_function, symbol, symbols

FAULT = ""


def initialize(context):
    context.asset = symbol("ALDERO")
    context.rows = 0
    if FAULT == "unknown symbol in initialize":
        symbol("NOBODY")  # line 12
    if FAULT == "order in initialize":
        order(context.asset, 1)  # line 14
    schedule_function(monthly)


def before_trading_start(context, data):
    if FAULT == "order before trading":
        order(context.asset, 1)  # line 20


def monthly(context, data):
    if FAULT == "scheduled":
        context.nothing  # line 25


def handle_data(context, data):
    context.rows += 1
    order(context.asset, 1)
    if context.rows == 10:
        if FAULT == "unknown symbol":
            order(symbol("NOBODY"), 1)  # line 33
        if FAULT == "no asset":
            order("ALDERO", 1)  # line 35
        if FAULT == "history":
            data.history(context.asset, "price", 5000, "1d")  # line 37
        if FAULT == "division":
            1 / 0  # line 39
        if FAULT == "in a module":
            helper.fail()  # line 41
        if FAULT == "exit":
            raise SystemExit(3)  # line 43
        while FAULT == "never returns":
            context.rows += 1  # line 45 or 44
"""
HELPER = "def fail():\n    raise RuntimeError('from the module')  # line 2\n"
FAULTS = {
    "unknown symbol": ("SymbolNotFound: Symbol 'NOBODY' was not found", 33, "handle_data"),
    "no asset": ("UnsupportedOrderParameters: Passing non-Asset argument", 35, "handle_data"),
    "history": ("LookupError: ", 37, "handle_data"),
    "division": ("ZeroDivisionError: division by zero", 39, "handle_data"),
    "in a module": ("RuntimeError: from the module", 41, "handle_data"),
    "exit": ("SystemExit: 3", 43, "handle_data"),
    "unknown symbol in initialize": ("SymbolNotFound: Symbol 'NOBODY' was not found", 12, "initialize"),
    "order in initialize": ("AssertionError: ", 14, "initialize"),
    "order before trading": ("OrderInBeforeTradingStart: ", 20, "before_trading_start"),
    "scheduled": ("AttributeError: context has no attribute 'nothing'", 25, "monthly"),
}
PERIOD = {"start": "2015-01-02", "end": "2015-06-30"}


@pytest.fixture
def file(tmp_path):
    folder = tmp_path / f"{PACKAGE.name}_of_mine"
    folder.mkdir()
    (folder / "helper.py").write_text(HELPER)
    path = folder / "faulty.py"
    path.write_text(TEXT)
    return path


def sweep(strategy, faults, **options):
    defaults = {"bundle": sample_panel(), "executor": "inline", "progress": False, **PERIOD}
    return rb.optimize(strategy, space={"FAULT": faults}, **{**defaults, **options})


def own_lines(error):
    """(file, line, function) of the error's traceback, none of them ours."""
    found = re.findall(r'File "(.*)", line (\d+), in (\w+)', error.traceback)
    assert not [file for file, _, _ in found if Path(file).is_relative_to(PACKAGE)]
    return [(Path(file).name, int(line), function) for file, line, function in found]


def test_each_fault_ends_its_trial_and_names_the_line(file):
    names = ["", *FAULTS, "none"]
    study = sweep(str(file), names)
    trials = study.trials
    failed = trials.filter(pl.col("state") == "failed")
    assert failed["FAULT"].to_list() == list(FAULTS)
    for number, (name, (message, line, function)) in zip(failed["trial"], FAULTS.items(), strict=True):
        error = study.trial(number).error
        assert failed.row(number - 1, named=True)["error"].startswith(message), name
        lines = own_lines(error)
        assert lines[0] == ("faulty.py", line, function), name
        assert lines[1:] == ([("helper.py", 2, "fail")] if name == "in a module" else [])
        assert f"# line {line}" in error.traceback, name
    first, last = (trials.filter(pl.col("FAULT") == name) for name in ("", "none"))
    assert first["total_return"].to_list() == last["total_return"].to_list()
    assert sweep(str(file), [""]).trials["total_return"].to_list() == first["total_return"].to_list()


def test_a_function_names_its_line_too():
    def handle_data(context, data):
        if context.params["FAULT"]:
            api.order(api.symbol("NOBODY"), 1)

    study = sweep(Algorithm(handle_data=handle_data), [False, True])
    assert study.trials["state"].to_list() == ["complete", "failed"]
    ((file, _, function),) = own_lines(study.trial(1).error)
    assert (file, function) == (Path(__file__).name, "handle_data")


@pytest.mark.parametrize("objects", [True, False])
def test_history_from_before_the_bundle_is_an_error_on_the_very_session(objects):
    def handle_data(context, data):
        got = data.history(api.sid(0), "price", context.params["FAULT"], "1d", as_array=not objects)
        assert len(got) == context.params["FAULT"]

    panel = sample_panel()
    days = [str(day.astype("datetime64[D]")) for day in panel.sessions[[9, 12]].astype("datetime64[ns]")]
    study = sweep(Algorithm(handle_data=handle_data), [10, 11], bundle=panel, start=days[0], end=days[1])
    assert study.trials["state"].to_list() == ["complete", "failed"]
    assert study.trial(1).error.type == "LookupError"


def test_a_backtest_raises_what_the_algorithm_raises(file):
    with pytest.raises(ZeroDivisionError) as raised:
        rb.backtest(str(file), {"FAULT": "division"}, bundle=sample_panel(), **PERIOD)
    assert raised.traceback[-1].path.name == "faulty.py"


@pytest.mark.ray
def test_one_that_never_returns_costs_its_trial_alone_and_names_its_line(file):
    study = sweep(str(file), ["", "division", "never returns", "none"], executor="ray", n_jobs=2, trial_timeout=3.0)
    assert study.trials["state"].to_list() == ["complete", "failed", "failed", "complete"]
    error = study.trial(2).error
    assert (error.type, error.message) == ("TrialTimedOut", "it took longer than 3 s")
    ((name, line, function),) = own_lines(error)
    assert (name, function) == ("faulty.py", "handle_data")
    assert line in (44, 45)
    assert own_lines(study.trial(1).error) == [("faulty.py", 39, "handle_data")]
    assert study.trials["total_return"][0] == study.trials["total_return"][3]
