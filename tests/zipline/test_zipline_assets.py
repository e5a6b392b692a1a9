"""Assets as algorithms see them, and how they are found."""

import pickle

import cloudpickle
import numpy as np
import pandas as pd
import pytest

from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.data.grid import on_grid
from rustybt_ray.zipline.assets import Asset, AssetFinder, Equity, equities_of
from rustybt_ray.zipline.clock import Clock
from rustybt_ray.zipline.errors import (
    MultipleSymbolsFound,
    NotSupported,
    SidsNotFound,
    SymbolNotFound,
    UnsupportedDatetimeFormat,
)

NAN = float("nan")
DAYS = ["2021-04-01", "2021-04-05", "2021-04-06", "2021-04-07", "2021-04-08"]
CLOSE = np.array([
    [1.0, NAN, 3.0, NAN],
    [1.0, NAN, 3.0, NAN],
    [NAN, 2.0, 3.0, NAN],
    [NAN, 2.0, 3.0, NAN],
    [NAN, 2.0, 3.0, NAN],
])  # fmt: skip
NAMES = ("AAA", "BRK_B", "Ccc", "NIL")


@pytest.fixture
def view():
    return on_grid(panel_from_arrays(DAYS, NAMES, *[CLOSE] * 4, np.where(np.isnan(CLOSE), NAN, 10.0)))


def finder_of(view, last=4):
    return AssetFinder(view, Clock(0, last))


def test_attributes(view):
    asset = finder_of(view).symbol("aaa")
    assert (asset.sid, asset.column, asset.symbol, repr(asset)) == (0, 0, "AAA", "Equity(0 [AAA])")
    assert (asset.exchange, asset.exchange_full, asset.country_code, asset.asset_name) == ("CSVDIR", "CSVDIR", "??", "")
    assert (asset.tick_size, asset.price_multiplier, asset.first_traded) == (0.01, 1.0, None)
    assert (asset.start_date, asset.end_date) == (pd.Timestamp("2021-04-01"), pd.Timestamp("2021-04-05"))
    assert asset.auto_close_date == pd.Timestamp("2021-04-06")
    assert (asset.first_row, asset.last_row, asset.close_row) == (0, 1, 2)
    dates, tail = (
        ["start_date", "end_date", "first_traded", "auto_close_date"],
        ["tick_size", "multiplier", "exchange_info"],
    )
    assert list(asset.to_dict()) == ["sid", "symbol", "asset_name", *dates, "exchange", "exchange_full", *tail]
    assert asset.to_dict()["start_date"] == asset.start_date
    assert isinstance(asset, Asset)
    assert not hasattr(asset, "__dict__")


def test_rows_of_those_that_go_on_or_never_were(view):
    _, other, whole, never = finder_of(view).equities
    assert (other.first_row, other.last_row, other.close_row) == (2, 4, 5)
    assert (whole.first_row, whole.close_row, whole.symbol) == (0, 5, "CCC")
    assert (never.first_row, never.last_row, never.close_row) == (5, -1, 5)
    assert (never.start_date, never.end_date, never.auto_close_date) == (None, None, None)


def test_a_friday_is_closed_on_monday():
    close = np.array([[1.0, 1.0], [NAN, 1.0], [NAN, 1.0]])
    days = ["2021-04-09", "2021-04-12", "2021-04-13"]
    view = on_grid(panel_from_arrays(days, ["A", "B"], *[close] * 4, np.ones((3, 2))))
    assert [asset.close_row for asset in equities_of(view)] == [1, 3]


def test_a_market_that_never_closes_keeps_what_has_a_last_bar():
    days = ["2021-04-10", "2021-04-11", "2021-04-12"]
    close = np.array([[1.0, 1.0], [1.0, 1.0], [NAN, 1.0]])
    view = on_grid(panel_from_arrays(days, ["A", "B"], *[close] * 4, np.ones((3, 2))))
    assert [asset.close_row for asset in equities_of(view)] == [2, 3]


def test_assets_are_their_numbers(view):
    first, second, third, _ = finder_of(view).equities
    assert sorted([third, first, second]) == [first, second, third]
    assert (first == 0, first != 1, second > first, second >= 1, first <= second) == (True,) * 5
    assert (int(third), hash(third), [10, 20, 30][third]) == (2, 2, 30)
    assert {second: "x"}[second] == "x"
    assert first != "AAA"
    with pytest.raises(TypeError, match="not supported between"):
        _ = first < "AAA"
    frame = pd.DataFrame(np.ones((1, 2)), columns=[first, third])
    assert frame.columns.dtype == object
    assert frame[third].tolist() == [1.0]


def test_equal_in_every_run_and_process(view):
    again = finder_of(view, 2)
    assert again.equities is finder_of(view).equities
    for tool in (pickle, cloudpickle):
        copy = tool.loads(tool.dumps(again.equities[0]))
        assert copy == again.equities[0]
        assert (type(copy), copy.symbol, copy.end_date) == (Equity, "AAA", pd.Timestamp("2021-04-05"))
        with pytest.raises(NotSupported, match="another run"):
            copy.is_exchange_open(pd.Timestamp("2021-04-05 15:00", tz="UTC"))


def test_names_have_many_spellings(view):
    finder = finder_of(view)
    for text in ("BRK_B", "BRK.B", "brk-b", "BRK/B"):
        assert finder.symbol(text).sid == 1
    assert [asset.sid for asset in finder.symbols("CCC", "aaa")] == [2, 0]
    with pytest.raises(SymbolNotFound, match="Symbol 'BRKB' was not found"):
        finder.symbol("BRKB")


def test_two_that_spell_alike():
    view = on_grid(panel_from_arrays(DAYS[:1], ["A-B", "A_B"], *[np.ones((1, 2))] * 5))
    finder = finder_of(view, 0)
    assert [finder.symbol("A-B").sid, finder.symbol("a_b").sid] == [0, 1]
    with pytest.raises(MultipleSymbolsFound, match=r"A\.B"):
        finder.symbol("A.B")


def test_names_are_known_from_their_start_to_ever_after(view):
    assert finder_of(view, 4).symbol("AAA").sid == 0
    assert finder_of(view, 2).symbol("BRK.B").sid == 1
    with pytest.raises(SymbolNotFound, match=r"BRK\.B"):
        finder_of(view, 1).symbol("BRK.B")
    with pytest.raises(SymbolNotFound, match="NIL"):
        finder_of(view).symbol("NIL")


@pytest.mark.parametrize("day", ["2021-04-06", pd.Timestamp("2021-04-05 23:00", tz="US/Eastern")])
def test_another_lookup_date(view, day):
    finder = finder_of(view, 1)
    finder.set_lookup_date(day)
    assert finder.symbol("BRK.B").sid == 1
    finder.set_lookup_date("2021-04-05")
    with pytest.raises(SymbolNotFound, match=r"BRK\.B"):
        finder.symbol("BRK.B")
    with pytest.raises(UnsupportedDatetimeFormat, match=r"'someday'.*set_symbol_lookup_date"):
        finder.set_lookup_date("someday")


@pytest.mark.parametrize("text", [7, None, NAN, b"AAA"])
def test_a_name_is_text(view, text):
    with pytest.raises(TypeError, match="symbol"):
        finder_of(view).symbol(text)


@pytest.mark.parametrize("number", [4, 99, -1])
def test_numbers_that_nobody_has(view, number):
    finder = finder_of(view)
    assert finder.sid(np.int64(2)).symbol == "CCC"
    assert finder.sid(finder.equities[1]).sid == 1
    with pytest.raises(SidsNotFound, match=str(number)):
        finder.sid(number)


def test_life_and_hours(view):
    asset = finder_of(view).symbol("AAA")
    alive = [asset.is_alive_for_session(pd.Timestamp(day)) for day in DAYS]
    assert alive == [True, True, False, False, False]
    assert not finder_of(view).equities[3].is_alive_for_session(pd.Timestamp(DAYS[0]))
    open_at = {"13:30": False, "13:31": True, "20:00": True, "20:01": False}
    for minute, expected in open_at.items():
        assert asset.is_exchange_open(pd.Timestamp(f"2021-04-05 {minute}", tz="UTC")) is expected
    assert not asset.is_exchange_open(pd.Timestamp("2021-04-03 15:00", tz="UTC"))
    assert not asset.is_exchange_open(pd.Timestamp("2021-04-09 15:00", tz="UTC"))
