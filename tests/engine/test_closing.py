"""Segments that close everything at their end, worked out by hand; several segments in one call."""

import numpy as np
import pytest
from hand import column, panel_of

from rustybt_ray.data.panel import listing_of
from rustybt_ray.engine.backtest import Simulator, record
from rustybt_ray.engine.costs import Costs, FixedBasisPoints, FixedSpread, PerDollar, PerShare, PerTrade, VolumeShare
from rustybt_ray.engine.metrics import MOMENTS, NAMES
from rustybt_ray.engine.settings import Settings
from rustybt_ray.engine.weights import equal_weight
from rustybt_ray.exceptions import WeightsError
from rustybt_ray.workspace.cut_data import CutData
from rustybt_ray.workspace.history_cache import HistoryCache

HELD = np.array([[1.0], [np.nan], [np.nan], [np.nan]])


def closed(panel, weights, *, costs=None, capital=1000.0, fill="next_close", **settings):
    last = len(panel.time) - 1
    simulator = Simulator(
        panel, ((0, last),), capital=capital, costs=costs, fill=fill, settings=Settings(**settings), closing=(True,)
    )
    return record(simulator, np.asarray(weights))


def test_a_position_is_sold_at_the_last_close_with_commission_and_slippage():
    panel = panel_of(column(10.0, 10.0, 12.0, 14.0))
    found = closed(panel, HELD * 0.5, costs=Costs(PerDollar(0.01), FixedSpread(1.0)))
    # 50 shares are bought at 10.5 and sold at 13.5
    assert found.fills.select("shares", "price", "commission", "slippage", "kind").rows() == [
        (50.0, 10.5, 5.25, 25.0, "order"), (-50.0, 13.5, 6.75, 25.0, "closing"),
    ]  # fmt: skip
    assert found.equity.tolist() == [1000.0, 969.75, 1069.75, 1000.0 - 530.25 + 668.25]
    assert found.cash[-1] == found.equity[-1]
    assert found.positions[-1].tolist() == [0.0]
    known = found.metrics
    assert (known["n_trades"], known["n_open_trades"], known["win_rate"]) == (1.0, 0.0, 1.0)
    assert known["commission_paid"] == 12.0
    assert known["slippage_paid"] == 50.0
    assert known["traded_notional"] == 525.0 + 675.0
    assert known["time_in_market"] == 0.5
    assert known["turnover"] == pytest.approx((525.0 / 1000.0 + 675.0 / 1069.75) / 2 * 252 / 4, rel=1e-12)


def test_a_short_position_is_bought_back():
    panel = panel_of(column(10.0, 10.0, 12.0, 9.0))
    found = closed(panel, -HELD * 0.5, costs=Costs(PerTrade(1.0)))
    assert found.fills["shares"].to_list() == [-50.0, 50.0]
    assert found.equity[-1] == 1000.0 + 50.0 - 2.0


@pytest.mark.parametrize(
    ("costs", "price", "commission"),
    [
        (Costs(PerShare(0.01, 5.0)), 14.0, 5.0),
        (Costs(slippage=FixedBasisPoints(100.0)), 14.0 * 0.99, 0.0),
        (Costs(slippage=FixedSpread(19.0)), 4.5, 0.0),
        (Costs(slippage=VolumeShare(0.5, 0.2)), 14.0 * (1.0 - 0.2 * 0.25), 0.0),  # more than the share of the volume
    ],
)
def test_the_whole_position_goes_whatever_the_models_say(costs, price, commission):
    panel = panel_of(column(10.0, 10.0, 12.0, 14.0), volume=column(1e9, 1e9, 1e9, 60.0))
    found = closed(panel, HELD * 0.5, costs=costs)
    last = found.fills.row(-1, named=True)
    assert last["shares"] == -found.positions[1, 0]
    assert last["price"] == pytest.approx(price, rel=1e-12)
    assert last["commission"] == commission


def test_a_missing_last_bar_and_one_without_volume_do_not_keep_it():
    gone = panel_of([[10.0, 10.0, 12.0, None], [5.0, 5.0, 5.0, 5.0]])
    found = closed(gone, np.column_stack([HELD * 0.5, HELD * 0.0]))
    assert found.equity.tolist() == [1000.0, 1000.0, 1100.0, 1100.0]
    quiet = panel_of(column(10.0, 10.0, 12.0, 14.0), volume=column(1e6, 1e6, 1e6, 0.0))
    found = closed(quiet, HELD * 0.5, costs=Costs(slippage=VolumeShare(0.025, 0.1)))
    assert found.fills["shares"].to_list()[-1] == -found.positions[-2, 0]


def test_what_was_to_fill_on_the_last_row_is_filled_and_closed():
    panel = panel_of(column(10.0, 10.0, 12.0, 14.0))
    weights = np.array([[np.nan], [np.nan], [1.0], [np.nan]])
    found = closed(panel, weights, costs=Costs(PerDollar(0.01)))
    assert found.fills["shares"].to_list() == [70.0, -70.0]
    assert found.equity[-1] == pytest.approx(1000.0 - 2 * 9.8)


def test_costs_that_take_everything_ruin_the_segment():
    panel = panel_of(column(10.0, 10.0, 10.0, 10.0))
    found = closed(panel, HELD * 0.9, costs=Costs(PerTrade(600.0)), max_leverage=2.0)
    assert found.metrics["ruined"] == 1.0
    assert (found.metrics["total_return"], found.equity[-1]) == (-1.0, 0.0)


def test_kept_orders_close_likewise():
    panel = panel_of(column(10.0, 10.0, 12.0, 14.0))
    settings = {name: getattr(Settings.zipline(), name) for name in Settings.__dataclass_fields__} | {
        "price_grid": None
    }
    found = closed(panel, HELD * 0.5, costs=Costs(PerDollar(0.01)), **settings)
    assert found.fills["kind"].to_list()[-1] == "closing"
    assert found.equity[-1] == pytest.approx(1000.0 + 50.0 * 4.0 - 5.0 - 7.0)
    assert found.positions[-1].tolist() == [0.0]


def test_segments_in_one_call_are_each_alone_and_a_refused_one_costs_itself():
    dice = np.random.default_rng(1)
    panel = panel_of((20.0 * np.exp(np.cumsum(dice.normal(0, 0.02, (2, 60)), axis=1))).tolist())
    weights = np.where(dice.random((60, 2)) < 0.3, dice.random((60, 2)) / 2, np.nan)
    segments, closing = ((0, 20), (10, 30), (25, 59), (30, 40)), (False, True, True, False)
    many = Simulator(panel, segments, closing=closing)
    out, moments = np.empty((4, len(NAMES))), np.empty((4, MOMENTS))
    assert many.run_each(weights, out, moments) == {}
    for i, segment in enumerate(segments):
        one = Simulator(panel, (segment,), closing=(closing[i],))
        alone, few = np.empty((1, len(NAMES))), np.empty((1, MOMENTS))
        one.run(weights, alone, few)
        assert alone.tobytes() == out[i].tobytes()
        assert few.tobytes() == moments[i].tobytes()
        assert one.segment_returns(0).tobytes() == many.segment_returns(i).tobytes()
        again = np.full_like(out, np.nan)
        many.run_each(weights, again, moments, only=i)
        assert again[i].tobytes() == out[i].tobytes()
        assert np.isnan(np.delete(again, i, axis=0)).all()
        many.run_each(weights, out, moments)
    weights[27] = 5.0
    errors = many.run_each(weights, out, moments)
    assert sorted(errors) == [1, 2]
    assert "received 10 (row 27, " in str(errors[2])
    assert np.isnan(out[1:3]).all()
    assert not np.isnan(out[[0, 3], 0]).any()
    with pytest.raises(WeightsError):
        many.run(weights, out, moments)
    with pytest.raises(WeightsError, match="shape of the panel"):
        many.run_each(weights[:5], out, moments)


def test_a_cut_panel_has_nothing_of_what_came_later():
    panel = panel_of(
        [[10.0, 11.0, None, 12.0, 6.0], [None, None, None, 5.0, 5.0]], splits=[(4, 0, 2.0)], dividends=[(1, 0, 0.5)]
    )
    cut = CutData(panel, 2, HistoryCache(1 << 20))
    assert cut.shape == (3, 2)
    assert cut.close.tobytes() == panel.close[:3].tobytes()
    assert cut.price.tobytes() == np.ascontiguousarray(panel.mark[:, :3].T).tobytes()
    assert cut.adjusted("close").tobytes() == (panel.close[:3] * panel.factor[:3]).tobytes()
    assert not cut.listed[:, 1].any()
    assert (cut.assets.first_row.tolist(), cut.assets.last_row.tolist()) == ([0, 3], [1, -1])
    for last in range(5):
        seen, known = CutData(panel, last, HistoryCache(0)), listing_of(panel.close[: last + 1])
        assert (seen.assets.first_row.tolist(), seen.assets.last_row.tolist()) == (known[0].tolist(), known[1].tolist())
    assert len(cut.time) == len(cut.sessions) == 3
    assert equal_weight(cut.close > cut.sma("close", 2)).shape == (3, 2)
