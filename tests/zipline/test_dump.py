"""The file that `dump` writes: equal bytes for equal runs, compressed or not, and what JSON cannot say."""

import dataclasses
import gzip
import importlib.util
import json
import math

import pytest
from golden_record import record_of
from zipline_goldens import SHARED, read_golden

from rustybt_ray.zipline.dump import describe, dump
from rustybt_ray.zipline.result import AlgorithmBacktest

NAME = "buy_hold.synthetic"


@pytest.fixture
def run(view):
    return record_of(read_golden(NAME), view("synthetic"))


def test_equal_runs_give_equal_bytes(run, tmp_path):
    """Whatever the orders' own ids are, and whether the result or its record is handed over."""
    other = dataclasses.replace(run, order_ids=lambda index: f"other {index}")
    meta = read_golden(NAME)["meta"]
    files = [
        dump(run, tmp_path / "a.json.gz", meta),
        dump(AlgorithmBacktest.of(other), str(tmp_path / "new" / "b.json.gz"), meta),
        AlgorithmBacktest.of(run).dump(tmp_path / "c.json.gz", meta),
    ]
    first, second, third = (path.read_bytes() for path in files)
    assert first == second == third
    plain = dump(run, tmp_path / "d.json", meta).read_bytes()
    assert gzip.decompress(first) == plain
    assert first[4:8] == bytes(4)  # no time of writing
    assert plain.endswith(b"}\n")
    assert json.loads(plain) == describe(run, meta)


def test_what_json_cannot_say(run):
    values = [math.nan, math.inf, -math.inf, *[1.5] * (len(run) - 3)]
    odd = [None, True, "text", *[(1, 2)] * (len(run) - 3)]
    found = describe(dataclasses.replace(run, recorded={"x": values, "odd": odd}), {})["recorded"]
    assert found["x"][:4] == [None, "inf", "-inf", 1.5]
    assert found["odd"][:4] == [None, True, "text", "(1, 2)"]


def test_a_recorded_ledger_column_is_daily(run):
    rest = len(run) - 1
    recorded = {"returns": [7] * len(run), "pnl": [True, *[1] * rest], "beta": [1] * len(run)}
    found = describe(dataclasses.replace(run, recorded=recorded), {})
    assert found["constant"]["returns"] == 7
    assert found["daily"]["pnl"] == [True, *[1] * rest]  # equal, and not one value
    assert found["constant"]["beta"] is None
    assert found["recorded"] == {}


def test_orders_are_numbered_as_they_appear(run):
    """By session, its report before its transactions."""
    table = run.orders.copy()
    table[:, 1] = table[:, 1].max() - table[:, 1]
    transactions = run.transactions.copy()
    known = transactions[:, 4] >= 0
    transactions[known, 4] = run.orders[:, 1].max() - transactions[known, 4]
    turned = dataclasses.replace(run, orders=table, transactions=transactions)
    assert describe(turned, {}) == describe(run, {})


def test_an_error_says_its_type_and_message():
    assert describe(ZeroDivisionError(" division by zero\n"), {"start": "2018-01-02"}) == {
        "meta": {"start": "2018-01-02"},
        "error": {"type": "ZeroDivisionError", "message": "division by zero"},
    }


@pytest.mark.skipif(not SHARED.is_dir(), reason="the script that made the goldens lies in ../shared")
@pytest.mark.parametrize("name", ["delisting.synthetic", "record_values.synthetic", "order_styles.synthetic"])
def test_the_pandas_frame_is_read_by_what_reads_ziplines(name, view):
    """The goldens' own script finds in our pandas frame what our dump says."""
    spec = importlib.util.spec_from_file_location("run_zipline", SHARED / "run_zipline.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    run = AlgorithmBacktest.of(record_of(read_golden(name), view("synthetic")))
    found = describe(run, {})
    assert script.describe(run.perf.to_pandas()) == {key: found[key] for key in found if key not in ("meta", "error")}
