"""Daily returns of a benchmark against prices by hand and zipline's golden."""

import datetime as dt
import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from zipline_market import by_definition, market

from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.data.grid import on_grid
from rustybt_ray.data.ingest import ingest
from rustybt_ray.data.payouts import StockDividend, with_payouts
from rustybt_ray.exceptions import InputError
from rustybt_ray.zipline.assets import equities_of
from rustybt_ray.zipline.benchmark import benchmark_of_asset, benchmark_of_series
from rustybt_ray.zipline.errors import (
    BenchmarkAssetNotAvailableTooEarly,
    BenchmarkAssetNotAvailableTooLate,
    InvalidBenchmarkAsset,
)

ZIPLINE = Path(__file__).resolve().parents[2] / ".." / "shared" / "zipline"
NAN = float("nan")


def returns_of(view, first, last, column=0):
    return benchmark_of_asset(view, equities_of(view)[column], first, last)


def test_changes_of_prices_as_of_the_last_session():
    view = market([10.001, 10.003, NAN, 5.0, 5.1], splits=[(3, 0, 2.0)], dividends=[(4, 0, 0.05)])
    price = by_definition(view, "price", 0, 4, 5)
    expected = [after / before - 1.0 for before, after in itertools.pairwise(price)]
    assert returns_of(view, 1, 4).tolist() == expected
    assert expected[1] == 0.0
    assert returns_of(view, 2, 3).tolist() != expected[1:3]


def test_an_asset_that_starts_with_the_simulation():
    view = market([[NAN, 1.0], [10.0, 1.0], [11.0, 1.0]])
    assert returns_of(view, 1, 2).tolist() == [0.0, 11.0 / 10.0 - 1.0]
    assert len(returns_of(view, 1, 1)) == 1


def test_from_opening_to_close_on_the_first_session_ever():
    close, opening = np.array([[11.0], [12.1]]), np.array([[10.0], [11.5]])
    panel = panel_from_arrays(["2021-04-01", "2021-04-05"], ["A"], opening, close, opening, close, np.ones((2, 1)))
    assert returns_of(on_grid(panel), 0, 1) == pytest.approx([0.1, 0.1], rel=1e-12)


def test_assets_that_do_not_live_so_long():
    view = market([[NAN, 1.0, 1.0], [10.0, 1.0, 1.0], [11.0, NAN, 1.0]])
    with pytest.raises(
        BenchmarkAssetNotAvailableTooEarly, match=r"AAA.* does not exist on 2021-03-01 00:00:00.*started"
    ):
        returns_of(view, 0, 2)
    with pytest.raises(
        BenchmarkAssetNotAvailableTooLate, match=r"BBB.* does not exist on 2021-03-03 00:00:00.*stopped"
    ):
        returns_of(view, 0, 2, 1)
    assert returns_of(view, 0, 1, 1).tolist() == [0.0, 0.0]


def test_an_asset_with_a_dividend_in_shares():
    plain = market(np.ones(6))
    day = plain.sessions.tolist()
    view = with_payouts(plain, stock=[StockDividend(0, day[2], 0.1, 0, day[3])])
    with pytest.raises(InvalidBenchmarkAsset, match=r"AAA.*stock dividend on 2021-03-03"):
        returns_of(view, 0, 5)
    for first, last in ((2, 5), (0, 3)):
        assert not returns_of(view, first, last).any()


def test_a_series_on_the_sessions_of_the_simulation():
    view = market(np.ones(5))
    days = pd.to_datetime(["2021-03-05", "2021-02-26", "2021-03-02", "2021-03-06", "2021-03-04"])
    series = pd.Series([0.5, 9.0, 0.2, 9.0, NAN], index=days)
    assert benchmark_of_series(view, series, 0, 4).tolist() == [0.0, 0.2, 0.0, 0.0, 0.5]
    assert benchmark_of_series(view, series.tz_localize("US/Eastern"), 1, 4).tolist() == [0.2, 0.0, 0.0, 0.5]
    mapping = {"2021-03-02": 0.2, dt.date(2021, 3, 5): 0.5}
    assert benchmark_of_series(view, mapping, 1, 4).tolist() == [0.2, 0.0, 0.0, 0.5]
    assert benchmark_of_series(view, {}, 0, 4).tolist() == [0.0] * 5
    assert benchmark_of_series(view, pd.Series(dtype=float, index=days[:0]), 3, 4).tolist() == [0.0] * 2


@pytest.mark.parametrize("returns", [[0.1, 0.2], pd.Series([0.1]), 0.1, None])
def test_what_is_no_series(returns):
    with pytest.raises(InputError, match="benchmark_returns must be a pandas Series by date or a mapping"):
        benchmark_of_series(market(np.ones(2)), returns, 0, 1)


def test_a_date_that_comes_twice():
    series = pd.Series([0.1, 0.2], index=pd.to_datetime(["2021-03-02", "2021-03-02"]))
    with pytest.raises(InputError, match="each date once; received '2021-03-02'"):
        benchmark_of_series(market(np.ones(2)), series, 0, 1)


@pytest.mark.skipif(not ZIPLINE.is_dir(), reason="the goldens in ../shared are not here")
def test_the_benchmark_of_zipline(tmp_path):
    from rustybt_ray.data.store import BundleStore

    golden = json.loads((ZIPLINE / "golden" / "benchmark_before_open.synthetic.json").read_text())
    ingest("synthetic", ZIPLINE / "synthetic" / "daily", root=tmp_path)
    view = on_grid(BundleStore(tmp_path).open("synthetic"))
    days = np.array(golden["sessions"], dtype="datetime64[ns]").astype(np.int64)
    first, last = np.searchsorted(view.sessions, days[[0, -1]]).tolist()
    returns = returns_of(view, first, last, view.symbols.index("BBB"))
    assert len(returns) == len(days)
    assert np.cumprod(1.0 + returns) - 1.0 == pytest.approx(golden["daily"]["benchmark_period_return"], abs=1e-13)
    volatility = returns.std(ddof=1) * np.sqrt(252)
    assert volatility == pytest.approx(golden["daily"]["benchmark_volatility"][-1], rel=1e-12)
