"""`data` of zipline algorithms: every form of current, can_trade, is_stale and history, and what raises."""

import datetime as dt
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from zipline_market import market, seen, step

from rustybt_ray.exceptions import RustybtRayError
from rustybt_ray.zipline.errors import HistoryWindowStartsBeforeData, NotSupported, NotTradingMinuteError

NAN = float("nan")
CLOSE = np.array([[10.0, NAN, 5.0], [NAN, NAN, 5.5], [12.345, 7.0, NAN], [6.2, 8.0, NAN]])
"""AAA has a blank bar, BBB is listed late, CCC ends early."""


@pytest.fixture
def run():
    view = market(CLOSE, start="2021-03-29", splits=[(3, 0, 2.0)])
    return seen(view), view


def test_single_values(run):
    run, view = run
    aaa, bbb, ccc = run.assets
    assert [run.data.current(aaa, name) for name in ("open", "close", "price")] == [6.2, 6.2, 6.2]
    volume = run.data.current(aaa, "volume")
    assert (volume, type(volume)) == (1000, int)
    assert run.data.current(aaa, "last_traded") == pd.Timestamp("2021-04-01")
    assert np.isnan(run.data.current(ccc, "price"))
    assert run.data.current(ccc, "volume") == 0
    assert run.data.current(ccc, "last_traded") == pd.Timestamp("2021-03-30")
    assert np.isnan([run.data.current(aaa, "nope"), run.data.current("AAA", "price")]).all()
    step(run, view, 1)
    assert np.isnan(run.data.current(aaa, "close"))
    assert run.data.current(aaa, "price") == 10.0
    assert run.data.current(bbb, "last_traded") is pd.NaT
    assert run.data.current_session == pd.Timestamp("2021-03-30")
    assert run.data.current_dt == pd.Timestamp("2021-03-30 20:00", tz="UTC")


def test_price_is_adjusted_over_a_blank_bar_and_today_is_not_rounded():
    view = market([178.92, NAN, 120.0], splits=[(1, 0, 1.5)])
    run = seen(view, row=1)
    assert run.data.current(run.assets[0], "price") == 178.92000000000002 * (1 / 1.5)
    step(run, view, 0)
    assert run.data.current(run.assets[0], "price") == 178.92000000000002


def test_several_fields_of_an_asset(run):
    run, _ = run
    found = run.data.current(run.assets[0], ["price", "volume"])
    expected = pd.Series([6.2, 1000.0], index=["price", "volume"], name="AAA")
    pd.testing.assert_series_equal(found, expected)
    assert run.data.current(run.assets[0], ["volume"]).dtype == np.int64
    mixed = run.data.current(run.assets[0], ("close", "last_traded"))
    assert mixed["last_traded"] == pd.Timestamp("2021-04-01")


def test_a_field_of_several_assets(run):
    run, _ = run
    found = run.data.current(run.assets, "price")
    expected = pd.Series([6.2, 8.0, NAN], index=pd.Index(run.assets, dtype=object), name="price")
    pd.testing.assert_series_equal(found, expected)
    assert found[run.assets[1]] == 8.0
    assert run.data.current(run.assets, "volume").tolist() == [1000, 1000, 0]
    assert run.data.current(run.assets, "volume").dtype == np.int64
    assert run.data.current(run.assets, "last_traded").dtype == np.dtype("datetime64[ns]")
    assert np.isnan(run.data.current(run.assets, "nope")).all()


def test_several_fields_of_several_assets(run):
    run, _ = run
    found = run.data.current(run.assets[::-1], ["close", "volume", "last_traded"])
    assert found.columns.tolist() == ["close", "volume", "last_traded"]
    assert found.index.tolist() == run.assets[::-1]
    assert found.loc[run.assets[0], "close"] == 6.2
    assert found.dtypes.tolist() == [np.float64, np.int64, np.dtype("datetime64[ns]")]


def test_can_trade_and_is_stale(run):
    run, view = run
    aaa, bbb, ccc = run.assets
    assert [run.data.can_trade(asset) for asset in run.assets] == [True, True, False]
    step(run, view, 1)
    assert run.data.can_trade(aaa) is True
    assert run.data.can_trade(run.assets).tolist() == [True, False, True]
    assert run.data.can_trade(run.assets).index.tolist() == run.assets
    assert [run.data.is_stale(asset) for asset in run.assets] == [True, False, False]
    stale = run.data.is_stale([bbb, aaa, ccc])
    assert (stale.tolist(), stale.dtype) == ([False, True, False], bool)
    step(run, view, 3)
    assert run.data.is_stale(ccc) is False


def test_a_zero_volume_bar_has_a_price_and_is_stale():
    view = market([5.0, 6.0], volume=np.array([[10.0], [0.0]]))
    run = seen(view)
    (asset,) = run.assets
    assert (run.data.current(asset, "price"), run.data.current(asset, "volume")) == (6.0, 0)
    assert run.data.is_stale(asset) is True
    step(run, view, 0)
    assert run.data.is_stale(asset) is False


def test_an_asset_that_never_traded_is_not_stale():
    run = seen(market([5.0, 6.0], volume=0.0))
    assert run.data.is_stale(run.assets[0]) is False
    assert run.data.current(run.assets[0], "last_traded") is pd.NaT


def test_restricted_assets_cannot_be_traded(run):
    _, view = run

    class First:
        asked = None

        def is_restricted(self, asset, dt):
            self.asked = dt
            return asset.sid == 0

    found = seen(view, restrictions=First())
    assert found.data.can_trade(found.assets).tolist() == [False, True, False]
    assert found.data._restrictions.asked == pd.Timestamp("2021-04-01 20:00", tz="UTC")
    found.data.restrict(None)
    assert found.data.can_trade(found.assets[0])


def test_history_of_one_asset(run):
    run, _ = run
    found = run.data.history(run.assets[0], "close", 3, "1d")
    assert np.array_equal(found.to_numpy(), [NAN, 6.172, 6.2], equal_nan=True)
    assert found.name is run.assets[0]
    assert found.index.tolist() == list(pd.to_datetime(["2021-03-30", "2021-03-31", "2021-04-01"]))
    assert (found.index.freqstr, found.index.tz, found.index.name) == ("C", None, None)
    assert found.index.dtype == np.dtype("datetime64[ns]")


def test_history_of_several_assets(run):
    run, _ = run
    found = run.data.history(run.assets[::-1], "price", 3, "1d")
    assert found.columns.tolist() == run.assets[::-1]
    expected = [[5.5, NAN, 5.0], [NAN, 7.0, 6.172], [NAN, 8.0, 6.2]]
    assert np.array_equal(found.to_numpy(), expected, equal_nan=True)
    assert (found.index.freqstr, found.columns.name) == ("C", None)
    assert found[run.assets[0]].iloc[-1] == 6.2
    found.iloc[:] = 0.0
    assert run.data.history(run.assets[::-1], "price", 1, "1d").iloc[0, 2] == 6.2
    tuples = run.data.history(tuple(run.assets[:2]), "volume", 2, "1d")
    assert tuples.dtypes.tolist() == [np.float64, np.float64]
    assert tuples.to_numpy().tolist() == [[2000.0, 1000.0], [1000.0, 1000.0]]


@pytest.mark.parametrize("several", [True, False])
def test_history_of_several_fields(run, several):
    run, _ = run
    asked = [run.assets[1], run.assets[0]] if several else run.assets[0]
    found = run.data.history(asked, ["volume", "close"], 2, "1d")
    assert found.columns.tolist() == ["volume", "close"]
    assert (found.columns.name, list(found.index.names)) == ("fields", ["date", None])
    assert found.index.levels[0].freqstr == "C"
    days = pd.to_datetime(["2021-03-31", "2021-04-01"])
    order = run.assets[:2] if several else run.assets[:1]
    assert found.index.tolist() == [(day, asset) for day in days for asset in order]
    oldest = found.loc[found.index[0][0]]
    assert oldest.loc[run.assets[0]].tolist() == [2000.0, 6.172]
    assert found.dtypes.tolist() == [np.float64, np.float64]
    assert found.index.is_monotonic_increasing


def test_history_without_assets(run):
    run, _ = run
    found = run.data.history([], "close", 6, "1d")
    assert found.shape == (6, 0)
    assert found.index[-1] == pd.Timestamp("2021-04-01")
    assert run.data.history([], "close", 3, "1d", as_array=True).shape == (3, 0)


def test_history_as_arrays(run):
    run, view = run
    one = run.data.history(run.assets[0], "close", 2, "1d", as_array=True)
    assert (one.tolist(), one.dtype) == ([6.172, 6.2], np.float64)
    several = run.data.history(run.assets[1::-1], "close", 2, "1d", as_array=True)
    assert several.tolist() == [[7.0, 6.172], [8.0, 6.2]]
    fields = run.data.history(run.assets[:2], ["close", "volume"], 2, "1d", as_array=True)
    assert {name: values.tolist() for name, values in fields.items()} == {
        "close": [[6.172, 7.0], [6.2, 8.0]],
        "volume": [[2000.0, 1000.0], [1000.0, 1000.0]],
    }
    assert run.data.history(run.assets[0], ["close"], 2, "1d", as_array=True)["close"].shape == (2,)
    arrays = seen(view, as_array=True)
    assert isinstance(arrays.data.history(arrays.assets, "close", 2, "1d"), np.ndarray)
    assert isinstance(arrays.data.history(arrays.assets, "close", 2, "1d", as_array=False), pd.DataFrame)


def test_a_list_that_changes_is_another_list(run):
    run, _ = run
    listed = run.assets[:2]
    assert run.data.history(listed, "close", 1, "1d").columns.tolist() == listed
    listed.reverse()
    assert run.data.history(listed, "close", 1, "1d").iloc[0].tolist() == [8.0, 6.2]
    listed.append(run.assets[2])
    assert run.data.history(listed, "close", 1, "1d").shape == (1, 3)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (("nope", 2, "1d"), ValueError, "Invalid field: 'nope'. Fields are open"),
        ((["close", "nope"], 2, "1d"), ValueError, "Invalid field: 'nope'"),
        (("close", 0, "1d"), ValueError, "bar_count must be >= 1, but got 0"),
        (("close", -3, "1d"), ValueError, "bar_count must be >= 1, but got -3"),
        (("close", 2, "1w"), ValueError, "Invalid frequency: '1w'. The only one is '1d'"),
        (("close", 2, "1m"), NotTradingMinuteError, "daily mode"),
        (
            ("close", 5, "1d"),
            LookupError,
            "history of 5 sessions must begin within the data, which have 4 until 2021-04-01",
        ),
        (("close", 8000, "1d"), HistoryWindowStartsBeforeData, "extends before 1990-01-02.*on or after 2021-"),
        (("close", 9000, "1d"), IndexError, "out of bounds"),
        (("close", 2.0, "1d"), TypeError, "float"),
        (("close", 2, 1), TypeError, "frequency argument to be of type str"),
        ((3, 2, "1d"), TypeError, "fields argument"),
        (([3], 2, "1d"), TypeError, "fields argument"),
    ],
)
def test_what_history_refuses(run, arguments, kind, message):
    run, _ = run
    with pytest.raises(kind, match=message) as caught:
        run.data.history(run.assets[0], *arguments)
    assert type(caught.value) is kind


@pytest.mark.parametrize("assets", ["AAA", 3, ["AAA"], [None]])
def test_what_is_no_asset(run, assets):
    run, _ = run
    for ask in (lambda: run.data.history(assets, "close", 1, "1d"), lambda: run.data.can_trade(assets)):
        with pytest.raises(TypeError, match="assets argument"):
            ask()


def test_futures_are_not_supported(run):
    run, _ = run
    with pytest.raises(NotSupported, match="current_chain") as caught:
        run.data.current_chain(None)
    assert isinstance(caught.value, RustybtRayError)


def test_windows_end_today_whatever_the_clock_did(run):
    run, view = run
    for row in (2, 0, 3, 1, 3):
        step(run, view, row)
        days = run.data.history(run.assets, "close", 1, "1d").index
        assert days.tolist() == [run.data.current_session]
        assert days[0].date() == dt.date(2021, 3, 29 + row) if row < 3 else dt.date(2021, 4, 1)


def test_arrays_need_no_pandas():
    code = """
import sys, numpy as np
sys.path.insert(0, "tests/support")
from zipline_market import market, seen
run = seen(market([[1.0, 2.0], [3.0, 4.0]], splits=[(1, 0, 2.0)]))
asset = run.finder.symbol("aaa")
assert run.data.history(run.assets, "price", 2, "1d", as_array=True).tolist() == [[0.5, 2.0], [3.0, 4.0]]
assert run.data.can_trade(asset) and run.data.current(asset, "price") == 3.0 and not run.data.is_stale(asset)
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
