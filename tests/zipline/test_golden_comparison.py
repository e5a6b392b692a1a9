"""The comparison of a dump with a golden finds what differs, and says where."""

import copy

import pytest
from zipline_goldens import assert_same, differences, read_golden

NAME = "order_styles.synthetic"


@pytest.fixture
def golden():
    return read_golden(NAME)


@pytest.fixture
def ours(golden):
    return copy.deepcopy(golden)


def test_a_golden_agrees_with_itself(ours, golden):
    assert differences(ours, golden) == []


def test_a_number_may_differ_by_a_billionth_of_itself(ours, golden):
    value = golden["daily"]["portfolio_value"][300]
    ours["daily"]["portfolio_value"][300] = value * (1 + 5e-10)
    assert differences(ours, golden) == []
    ours["daily"]["portfolio_value"][300] = value * (1 + 2e-9)
    (line,) = differences(ours, golden)
    assert line.startswith(f"daily.portfolio_value: 1 of 503 differ, first on {golden['sessions'][300]} ([300]): ours ")


def test_near_zero_the_magnitudes_behind_a_number_count(ours, golden):
    at = golden["daily"]["pnl"].index(0.0)
    ours["daily"]["pnl"][at] = 1e-9  # of a portfolio of 100,000: a rounding of the sums that pnl is the difference of
    assert differences(ours, golden) == []
    ours["daily"]["pnl"][at] = 1e-8
    assert [line[:9] for line in differences(ours, golden)] == ["daily.pnl"]


@pytest.mark.parametrize("column", ["sharpe", "sortino", "algo_volatility", "returns", "max_drawdown", "net_leverage"])
def test_small_errors_of_ratios_are_found(ours, golden, column):
    at = max(i for i, value in enumerate(golden["daily"][column]) if value)
    ours["daily"][column][at] *= 1 + 2e-9
    ours["daily"][column][at] += 1e-12
    assert [line.split(":")[0] for line in differences(ours, golden)] == [f"daily.{column}"]


def test_constant_and_daily_are_one(ours, golden):
    ours["daily"]["beta"] = [ours["constant"].pop("beta")] * 503
    assert differences(ours, golden) == []
    ours["daily"]["beta"][7] = 0.0
    assert "daily.beta: 1 of 503 differ" in differences(ours, golden)[0]


def test_share_counts_dates_and_statuses_are_exact(ours, golden):
    changes = {"created": "2018-01-02T20:00:00+00:00", "amount": 151, "status": "HELD", "limit": None}
    for name, value in changes.items():
        place = golden["orders"]["columns"].index(name)
        row = next(i for i, row in enumerate(golden["orders"]["rows"]) if row[place] != value)
        ours["orders"]["rows"][row][place] = value
    assert [line.split(":")[0] for line in differences(ours, golden)] == [f"orders.{name}" for name in changes]


def test_a_missing_order_is_told_once(ours, golden):
    del ours["orders"]["rows"][40]
    lines = differences(ours, golden)
    assert [line.partition(":")[0] for line in lines] == ["orders, row 40", "orders"]
    assert lines[1] == "orders: ours has 551 rows, theirs 552"


def test_recorded_values_keep_their_kinds(ours, golden):
    at = golden["recorded"]["watched_reached"].index(False)
    ours["recorded"]["watched_reached"][at] = 0
    ours["recorded"]["open"][3] += 1
    del ours["recorded"]["watched_stop"]
    ours["recorded"]["more"] = [None] * 503
    lines = differences(ours, golden)
    assert lines[0] == "recorded.more: only ours has it"
    assert lines[1].startswith("recorded.open: 1 of 503 differ")
    assert lines[2].startswith("recorded.watched_reached: 1 of 503 differ")
    assert lines[3] == "recorded.watched_stop: only theirs has it"


def test_other_sessions_are_all_that_is_told(ours, golden):
    for section in ("sessions", "period_close"):
        del ours[section][-1]
    assert differences(ours, golden) == [
        "sessions: ours has 502 values, theirs 503",
        "period_close: ours has 502 values, theirs 503",
    ]


def test_errors_are_compared_by_type(ours, golden):
    error = read_golden("account_leverage.synthetic")
    assert differences({"error": {"type": error["error"]["type"], "message": "in other words"}}, error) == []
    assert differences(ours, error)[0].startswith("error: ours None, theirs {")
    assert differences(error, golden)[0].startswith("error: ours {")


def test_the_report_is_cut(ours, golden):
    for values in ours["daily"].values():
        values[-1] = 12345
    with pytest.raises(AssertionError, match="and 5 more") as raised:
        assert_same(ours, golden, limit=len(golden["daily"]) - 5)
    assert str(raised.value).count("differ") == len(golden["daily"]) - 5
