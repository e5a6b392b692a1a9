"""Perf, risk and dump against zipline's own: each golden's cash, values, orders and transactions give its other columns."""

import json

import pytest
from golden_record import record_of
from zipline_goldens import assert_same, local_names, read_golden, shared_names

from rustybt_ray.zipline.dump import describe, dump

RUNS = [name for name in [*local_names(), *shared_names()] if read_golden(name)["error"] is None]


@pytest.fixture
def record(view, request):
    name = request.param
    return record_of(read_golden(name), view(name.partition(".")[2]))


def ids(names):
    return {"argvalues": names, "ids": names, "indirect": True}


@pytest.mark.parametrize("record", **ids(RUNS))
def test_reports_repeat_the_golden(record, request):
    golden = read_golden(request.node.callspec.params["record"])
    again = describe(record, golden["meta"])
    assert_same(again, golden)
    for section in ("sessions", "period_close", "orders", "transactions", "positions", "recorded"):
        assert json.dumps(again[section]) == json.dumps(golden[section]), section
    assert sorted(again["constant"]) == sorted(golden["constant"])
    zero = [value == 0.0 for value in golden["daily"].get("returns", [])]
    assert [value == 0.0 for value in again["daily"].get("returns", [])] == zero


@pytest.mark.parametrize("name", [name for name in local_names() if read_golden(name)["error"] is not None])
def test_an_error_is_all_there_is(name, tmp_path):
    golden = read_golden(name)
    error = type(golden["error"]["type"], (ValueError,), {})(golden["error"]["message"] + "\n")
    assert json.loads(dump(error, tmp_path / "error.json", golden["meta"]).read_text()) == golden
