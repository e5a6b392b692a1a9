"""The performance frame of a small run made by hand: formulas, undefined values, recorded columns, polars and pandas."""

import dataclasses
import math
import pickle
from enum import IntEnum

import numpy as np
import polars as pl
import pytest

from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.data.grid import on_grid
from rustybt_ray.exceptions import InputError
from rustybt_ray.zipline.assets import Equity
from rustybt_ray.zipline.perf import CUMULATIVE, LEDGER, number_columns, perf_frame
from rustybt_ray.zipline.record import ORDER_STATUS, Record
from rustybt_ray.zipline.result import AlgorithmBacktest

NAN = math.nan
DAYS = ["2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07"]


@pytest.fixture
def record():
    """100 AAA bought on the second day for 1001, 40 BBB sold short on the third, a dividend of 5 paid that morning.

    The simulation starts on the panel's second day.
    """
    price = np.column_stack([np.full(5, 10.0), np.full(5, 20.0)])
    view = on_grid(panel_from_arrays(["2019-12-31", *DAYS], ["AAA", "BBB"], *[price] * 4, np.full((5, 2), 1e6)))
    daily = [
        [2000.0, 0.0, 2000.0, 0.0, 0.0, 0, 0, 0.0],
        [2000.0, 0.0, 999.0, 1000.0, 0.0, 1, 0, -1001.0],
        [1004.0, 1000.0, 1803.0, 1010.0, -800.0, 1, 1, -197.0],
        [1803.0, 210.0, 1803.0, 1010.0, -800.0, 1, 1, -197.0],
    ]
    orders = [
        [1, 0, 0, 100, 0, 0, 10.5, NAN, 0, 0, 0.0, 1, 1],
        [2, 0, 0, 100, 100, 1, 10.5, NAN, 1, 0, 1.0, 1, 2],
        [2, 1, 1, -40, 0, 0, NAN, 20.5, 0, 0, 0.0, 2, 2],
        [3, 1, 1, -40, -40, 1, NAN, 20.5, 0, 1, 1.0, 2, 3],
        [4, 2, 1, 7, 0, 2, NAN, NAN, 0, 0, 0.0, 3, 3.5],
    ]
    positions = [
        [4, 0, 100, 10.01, 10.1, 0], [4, 1, -40, 19.975, 20.0, 1],
        [2, 0, 100, 10.01, 10.0, 0], [2, 1, 0, 0.0, 0.0, 1],
        [3, 1, -40, 19.975, 20.0, 1], [3, 0, 100, 10.01, 10.1, 0],
    ]  # fmt: skip
    equity = np.array([2000.0, 1999.0, 2013.0, 2013.0])
    return Record(
        view=view,
        first=1,
        last=4,
        capital=2000.0,
        benchmark=None,
        daily=np.array(daily),
        transactions=np.array([[2, 0, 100, 10.0, 0, 1.0, 9.99], [3, 1, -40, 20.0, 1, 1.0, 20.1]]),
        orders=np.array(orders, float),
        positions=np.array(positions, float),
        recorded={},
        order_ids=lambda index: f"id{index}",
        metrics={"total_return": 0.0065},
        returns=equity / np.concatenate([[2000.0], equity[:-1]]) - 1.0,
        equity=equity,
    )


def with_recorded(record, **recorded):
    return dataclasses.replace(record, recorded=recorded)


def with_values(record, cash, longs):
    daily = record.daily.copy()
    daily[:, 2:5] = np.column_stack([cash, longs, np.zeros(4)])
    return dataclasses.replace(record, daily=daily)


def test_columns_by_hand(record):
    found = number_columns(record)
    assert found.keys() == LEDGER | CUMULATIVE
    assert found["portfolio_value"] == [2000.0, 1999.0, 2013.0, 2013.0]
    assert found["pnl"] == [0.0, -1.0, 9.0, 0.0]  # without the dividend of the third morning
    assert found["returns"] == pytest.approx([0.0, -0.0005, 14 / 1999, 0.0], rel=1e-13)
    assert found["algorithm_period_return"] == pytest.approx([0.0, -0.0005, 0.0065, 0.0065], rel=1e-13)
    assert found["capital_used"] == [0.0, -1001.0, 804.0, 0.0]
    assert found["starting_exposure"] == found["starting_value"] == [0.0, 0.0, 1000.0, 210.0]
    assert found["ending_exposure"] == found["ending_value"] == [0.0, 1000.0, 210.0, 210.0]
    assert found["long_exposure"] == found["long_value"] == [0.0, 1000.0, 1010.0, 1010.0]
    assert found["short_exposure"] == found["short_value"] == [0.0, 0.0, -800.0, -800.0]
    assert found["gross_leverage"] == [0.0, 1000 / 1999, 1810 / 2013, 1810 / 2013]
    assert found["net_leverage"] == [0.0, 1000 / 1999, 210 / 2013, 210 / 2013]
    assert found["longs_count"] == [0, 1, 1, 1]
    assert found["shorts_count"] == [0, 0, 1, 1]
    assert found["trading_days"] == [1, 2, 3, 4]
    assert found["alpha"] == found["beta"] == [None] * 4
    assert found["sharpe"][0] is None
    assert found["excess_return"] == found["treasury_period_return"] == [0.0] * 4


def test_a_session_without_change_returns_exactly_nothing(record):
    cash = np.array([2000.0, 2000.1, 2000.1, 2000.1])
    found = number_columns(with_values(record, cash, np.zeros(4)))
    assert found["returns"][2:] == [0.0, 0.0]
    assert found["sharpe"][1] is not None


def test_leverage_of_nothing_is_infinite(record):
    found = number_columns(with_values(record, [2000.0, -100.0, 500.0, 400.0], [0.0, 100.0, 100.0, 100.0]))
    assert found["portfolio_value"][1] == 0.0
    assert found["gross_leverage"][:2] == [0.0, math.inf]
    assert found["net_leverage"][1] == math.inf
    assert found["max_leverage"] == [0.0, math.inf, math.inf, math.inf]


def test_after_a_total_loss_returns_are_undefined(record):
    """The chain of gains stays at minus one for good: what has nothing gains nothing."""
    found = number_columns(with_values(record, [2000.0, 0.0, 500.0, 600.0], np.zeros(4)))
    assert found["algorithm_period_return"] == [0.0, -1.0, -1.0, -1.0]
    assert found["returns"][:2] == [0.0, -1.0]
    assert np.isnan(found["returns"][2:]).all()
    assert perf_frame(with_values(record, [2000.0, 0.0, 500.0, 600.0], np.zeros(4)))["returns"].null_count() == 2


def test_max_leverage_never_falls_and_starts_at_zero(record):
    found = number_columns(with_values(record, [-3000.0, -5000.0, 1000.0, 0.0], [1000.0, 1000.0, 1000.0, 2000.0]))
    assert found["gross_leverage"] == [-0.5, -0.25, 0.5, 1.0]
    assert found["max_leverage"] == [0.0, 0.0, 0.5, 1.0]


def test_recorded_names_of_columns(record):
    """A ledger column is replaced from the first value on, a cumulative one is not, and other names are columns."""
    run = with_recorded(record, pnl=[NAN, NAN, 7, 8], sharpe=[1.0, 2.0, 3.0, 4.0], own=[NAN, 1, 1, 2])
    found = number_columns(run)
    assert found["pnl"] == [0.0, -1.0, 7, 8]
    assert found["sharpe"] == number_columns(record)["sharpe"]
    for frame in (perf_frame(run), AlgorithmBacktest.of(run).perf.to_pandas()):
        assert frame["pnl"].to_list() == [0.0, -1.0, 7.0, 8.0]
        assert frame["sharpe"].to_list()[2] == found["sharpe"][2]
        assert frame["own"].to_list()[1:] == [1.0, 1.0, 2.0]


def test_recorded_lists_and_labels(record):
    run = with_recorded(record, orders=[NAN, 3, 4, 4], period_label=["a", "b", "c", "d"], period_open=[NAN, NAN, 1, 2])
    polars, pandas = perf_frame(run), AlgorithmBacktest.of(run).perf.to_pandas()
    assert polars["orders"].to_list() == [None, 3.0, 4.0, 4.0]
    assert [len(pandas["orders"].iloc[0]), *pandas["orders"].iloc[1:]] == [1, 3, 4, 4]
    assert polars["period_label"].to_list() == pandas["period_label"].to_list() == ["2020-01"] * 4
    assert pandas["period_open"].iloc[3] == 2


def test_polars_frame(record):
    frame = perf_frame(record)
    assert frame.height == 4
    assert frame["period_label"].to_list() == ["2020-01"] * 4
    assert frame["period_close"].dtype == pl.Datetime("ns", "UTC")
    assert frame["period_close"].dt.strftime("%F %R").to_list() == [f"{day} 21:00" for day in DAYS]
    assert frame["period_open"].dt.strftime("%R").to_list() == ["14:31"] * 4
    assert frame["alpha"].null_count() == 4
    assert frame["orders"].list.len().to_list() == [1, 2, 1, 1]
    assert frame["transactions"].list.len().to_list() == [0, 1, 1, 0]
    assert frame["positions"].list.len().to_list() == [0, 1, 2, 2]
    (order,) = frame["orders"][3]
    assert (order["id"], order["symbol"], order["status"], order["limit"]) == ("id2", "BBB", "CANCELLED", None)
    assert f"{order['created']:%F %R} {order['dt']:%F %R}" == "2020-01-06 21:00 2020-01-07 13:45"
    assert [held["symbol"] for held in frame["positions"][2]] == ["AAA", "BBB"]
    (traded,) = frame["transactions"][1]
    assert (traded["order_id"], traded["amount"], traded["price"], traded["commission"]) == ("id0", 100, 10.0, None)


def test_pandas_frame_is_ziplines(record):
    frame = AlgorithmBacktest.of(record).perf.to_pandas()
    assert [stamp.isoformat() for stamp in frame.index] == [f"{day}T21:00:00+00:00" for day in DAYS]
    assert frame["period_close"].tolist() == list(frame.index)
    assert (str(frame["longs_count"].dtype), str(frame["trading_days"].dtype)) == ("int64", "int64")
    assert (frame["alpha"].dtype, frame["alpha"].tolist()) == (object, [None] * 4)
    assert np.isnan(frame["sharpe"].iloc[0])
    first, second = (frame["orders"].iloc[at][0] for at in (0, 1))
    assert list(first) == [
        "id", "dt", "reason", "created", "amount", "filled", "commission", "stop", "limit", "stop_reached", "limit_reached",
        "sid", "status",
    ]  # fmt: skip
    assert isinstance(first["sid"], Equity)
    assert (repr(first["sid"]), first["status"], first["status"].name) == ("Equity(0 [AAA])", ORDER_STATUS.OPEN, "OPEN")
    assert isinstance(first["status"], IntEnum)
    assert (type(first["commission"]), type(second["commission"]), type(first["amount"])) == (int, float, int)
    assert (first["limit"], first["stop"], second["limit_reached"]) == (10.5, None, True)
    (traded,) = frame["transactions"].iloc[1]
    assert list(traded) == ["amount", "dt", "price", "order_id", "sid", "commission"]
    assert traded["commission"] is None
    assert traded["dt"] == frame.index[1]
    held = frame["positions"].iloc[3]
    assert [list(each.values()) for each in held] == [[0, 100, 10.01, 10.1], [1, -40, 19.975, 20.0]]
    assert frame["positions"].iloc[0] == []


def test_what_is_made_of_the_frame_is_ordinary(record):
    perf = AlgorithmBacktest.of(record).perf
    assert "period_close" in perf.head(2).to_pandas().columns
    assert perf.select("pnl").to_pandas().shape == (4, 1)
    assert pickle.loads(pickle.dumps(perf)).equals(perf)


def test_an_auto_close_has_no_order(record):
    table = record.transactions.copy()
    table[1, 4] = -1
    run = AlgorithmBacktest.of(dataclasses.replace(record, transactions=table))
    assert run.transactions["order_id"].to_list() == ["id0", None]
    assert run.perf.to_pandas()["transactions"].iloc[2][0]["order_id"] is None
    assert run.fills["kind"].to_list() == ["order", "delisting"]


def test_result(record):
    run = AlgorithmBacktest.of(with_recorded(record, text=[NAN, "a", "b", "b"], flag=[NAN, True, False, True]))
    assert run.metrics == {"total_return": 0.0065}
    assert run.cash.tolist() == [2000.0, 999.0, 1803.0, 1803.0]
    assert run.curve["equity"].to_list() == [2000.0, 1999.0, 2013.0, 2013.0]
    assert run.positions.tolist() == [[0, 0], [100, 0], [100, -40], [100, -40]]
    assert run.holdings["BBB"].to_list() == [0, 0, -40, -40]
    assert run.fills["slippage"].to_list() == pytest.approx([1.0, 4.0])
    assert run.fills["commission"].to_list() == [1.0, 1.0]
    assert run.transactions["reference"].to_list() == [9.99, 20.1]
    assert run.orders["row"].to_list() == [1, 2, 2, 3, 4]
    assert run.recorded["text"].to_list() == [None, "a", "b", "b"]
    assert run.recorded["flag"].dtype == pl.Boolean
    assert run.recorded["time"].dt.date().cast(pl.String).to_list() == DAYS


def test_a_run_without_any_trade(record):
    run = AlgorithmBacktest.of(
        dataclasses.replace(record, orders=np.empty((0, 13)), transactions=np.empty((0, 7)), positions=np.empty((0, 6)))
    )
    assert run.orders.height == run.transactions.height == run.fills.height == 0
    assert run.perf["orders"].to_list() == run.perf["positions"].to_list() == [[]] * 4
    assert run.perf.to_pandas()["transactions"].tolist() == [[]] * 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"orders": np.empty((3, 12))}, r"Record.orders must be of shape \(k, 13\); received \(3, 12\)"),
        ({"daily": np.empty((3, 8))}, r"Record.daily must be of shape \(4, 8\); received \(3, 8\)"),
        ({"recorded": {"x": [1.0]}}, r"Record: x must be of 4 values; received 1"),
        ({"benchmark": np.zeros(5)}, r"Record: benchmark must be of 4 values; received 5"),
    ],
)
def test_tables_of_other_shapes(record, changes, message):
    with pytest.raises(InputError, match=message):
        dataclasses.replace(record, **changes)
