"""The ledger's rules one by one, with numbers worked out by hand, for the engine and the reference alike."""

import numpy as np
import pytest
from hand import case_of, column, panel_of
from numpy.testing import assert_allclose
from reference_market import Plan

from rustybt_ray.engine.backtest import simulate
from rustybt_ray.engine.costs import Costs, FixedBasisPoints, FixedSpread, PerDollar, PerShare, PerTrade, VolumeShare
from rustybt_ray.engine.settings import Settings
from rustybt_ray.engine.weights import equal_weight
from rustybt_ray.exceptions import WeightsError

FLAT = [10.0] * 6


def shares_of(result, i=0):
    return result.positions[:, i].tolist()


class TestTiming:
    close = column(10.0, 20.0, 25.0, 50.0)

    def test_fills_at_the_next_close(self, ledger):
        got = ledger(case_of(panel_of(self.close), column(0.5)))
        assert shares_of(got) == [0, 25, 25, 25]  # 0.5 x 1000 / 20
        assert got.equity.tolist() == [1000, 1000, 1125, 1750]

    def test_fills_at_the_next_open(self, ledger):
        panel = panel_of(self.close, opened=column(9.0, 16.0, 21.0, 30.0))
        got = ledger(case_of(panel, column(0.5), fill="next_open"))
        assert shares_of(got) == [0, 31, 31, 31]  # 0.5 x 1000 / 16 = 31.25
        assert got.cash.tolist() == [1000, 504, 504, 504]
        assert got.equity.tolist() == [1000, 504 + 620, 504 + 775, 504 + 1550]

    def test_delay(self, ledger):
        got = ledger(case_of(panel_of(self.close), column(0.5), delay=1))
        assert shares_of(got) == [0, 0, 20, 20]

    def test_sizing_at_the_decision_uses_its_price(self, ledger):
        got = ledger(case_of(panel_of(self.close), column(0.25, None, 0.0), sizing="decision"))
        assert shares_of(got) == [0, 25, 25, 0]  # 0.25 x 1000 / 10, not / 20

    def test_a_later_segment_decides_on_the_row_before(self, ledger):
        got = ledger(case_of(panel_of(self.close), column(0.5, 0.8), first=2))
        assert shares_of(got) == [32, 32]  # 0.8 x 1000 / 25: row 1 fills on row 2

    def test_delay_reaches_further_back(self, ledger):
        got = ledger(case_of(panel_of(self.close), column(0.5, 0.8), first=2, delay=1))
        assert shares_of(got) == [20, 24]  # row 0 on row 2: 500 / 25; row 1 on row 3: 0.8 x 1500 / 50


class TestOrders:
    def test_nan_orders_nothing_and_zero_closes(self, ledger):
        got = ledger(case_of(panel_of(column(*FLAT)), column(0.5, None, None, 0.0)))
        assert shares_of(got) == [0, 50, 50, 50, 0, 0]

    def test_an_array_restores_weights_on_every_row(self, ledger):
        close = column(10.0, 10.0, 20.0, 20.0)
        got = ledger(case_of(panel_of(close), column(0.5, 0.5, 0.5)))
        assert shares_of(got) == [0, 50, 37, 37]  # 0.5 x 1500 / 20 = 37.5

    def test_on_change_orders_a_cell_only_where_it_changes(self, ledger):
        plan = Plan("on_change", [[0.0], [0.5], [0.5], [np.nan], [0.5], [0.0]])
        close = column(10.0, 10.0, 10.0, 20.0, 20.0, 20.0, 20.0)
        plan.values.append([np.nan])
        got = ledger(case_of(panel_of(close), plan))
        assert shares_of(got) == [0, 0, 50, 50, 50, 50, 0]
        assert len(got.fills) == 2

    def test_a_mask_that_falls_before_two_missing_bars_is_sold_on_the_third(self, ledger):
        close = column(10.0, 10.0, 12.0, None, None, 14.0, 15.0)
        plan = Plan("mask", [[True], [True], [False], [False], [False], [False], [False]], "change")
        got = ledger(case_of(panel_of(close), plan))
        assert shares_of(got) == [0, 100, 100, 100, 100, 0, 0]
        assert got.cash[-1] == 1400

    def test_the_count_is_set_on_the_first_bar_even_without_volume(self, ledger):
        panel = panel_of(column(10.0, None, 20.0, 25.0, 25.0), volume=column(9.0, None, 0.0, 1e6, 1e6))
        got = ledger(case_of(panel, column(0.5)))
        assert shares_of(got) == [0, 0, 0, 25, 25]  # 500 / 20, filled at 25
        assert got.cash[-1] == 1000 - 25 * 25

    def test_a_newer_weight_replaces_an_open_order(self, ledger):
        panel = panel_of(column(*FLAT), volume=column(*[100.0] * 6))
        costs = Costs(slippage=FixedBasisPoints(0.0, volume_limit=0.1))
        got = ledger(case_of(panel, column(0.5, None, 0.25), costs=costs))
        assert shares_of(got) == [0, 10, 20, 25, 25, 25]

    def test_an_open_order_ends_when_a_newer_one_has_nothing_to_do(self, ledger):
        panel = panel_of(column(*FLAT), volume=column(*[100.0] * 6))
        costs = Costs(slippage=FixedBasisPoints(0.0, volume_limit=0.1))
        got = ledger(case_of(panel, column(0.5, None, 0.2), costs=costs))
        assert shares_of(got) == [0, 10, 20, 20, 20, 20]

    def test_a_row_beyond_the_leverage_is_refused(self):
        panel = panel_of([FLAT, FLAT])
        weights = np.full(panel.shape, 0.5)
        weights[2] = 0.7, -0.4
        with pytest.raises(WeightsError, match=r"max_leverage = 1; received 1\.1.*row 2, 2021-03-03"):
            simulate(panel, weights, 0, 5)
        simulate(panel, weights, 0, 5, settings=Settings(max_leverage=2.0))

    def test_a_refused_mask_says_what_it_orders(self):
        mask = np.array([[True, True]] * 6)
        with pytest.raises(WeightsError, match=r"max_leverage = 0\.4; received 0\.5"):
            simulate(panel_of([FLAT, FLAT]), equal_weight(mask, slots=4), 0, 5, settings=Settings(max_leverage=0.4))

    def test_a_row_with_a_gap_is_cut_instead(self, ledger):
        got = ledger(case_of(panel_of([FLAT, FLAT]), [[0.7], [None, 0.7]]))
        assert got.positions[-1].tolist() == [70, 30]
        assert got.metrics["n_cut_orders"] == 1


class TestSchedulesAndShares:
    # Thursday and Friday belong to ISO week 53 of 2020, the new year's first session is the Friday
    dates = ("2020-12-30", "2020-12-31", "2021-01-01", "2021-01-04", "2021-01-05")

    @pytest.mark.parametrize(("schedule", "rows"), [("weekly", [1, 4]), ("monthly", [1, 3]), ("daily", [1, 2, 3, 4])])
    @pytest.mark.parametrize("kind", ["mask", "on_schedule"])
    def test_first_session_of_the_week_or_month(self, ledger, schedule, rows, kind):
        close = column(10.0, 10.0, 12.0, 14.0, 17.0)
        plan = Plan(kind, [[0.5 if kind == "on_schedule" else True]] * 5, schedule, 2 if kind == "mask" else None)
        got = ledger(case_of(panel_of(close, dates=self.dates), plan))
        assert [fill[0] for fill in got.fills] == rows

    def test_an_intraday_schedule_orders_after_the_sessions_last_bar(self, ledger):
        dates = ["2021-03-01T10", "2021-03-01T15", "2021-03-02T10", "2021-03-02T15", "2021-03-03T10", "2021-03-03T15"]
        close = column(10.0, 11.0, 12.0, 13.0, 14.0, 15.0)
        got = ledger(case_of(panel_of(close, dates=dates), Plan("mask", [[True]] * 6, "daily", 2)))
        assert [fill[0] for fill in got.fills] == [2, 4]

    @pytest.mark.parametrize(("slots", "shares"), [(None, 25), (1, 50), (3, 33), (5, 20), ("listed", 33)])
    def test_share_of_a_true_cell(self, ledger, slots, shares):
        close = [FLAT, FLAT, FLAT, [None, None, None, 10.0, 10.0, 10.0]]
        mask = [[True, True, False, False]] * 6
        got = ledger(case_of(panel_of(close), Plan("mask", mask, "change", slots)))
        assert got.positions[-1].tolist() == [shares, shares, 0, 0]

    def test_a_mask_that_is_true_in_the_segments_first_row_is_an_entry(self, ledger):
        got = ledger(case_of(panel_of(column(*FLAT)), Plan("mask", [[True]] * 6, "change"), first=3))
        assert shares_of(got) == [100, 100, 100]

    def test_an_array_of_changes_is_not(self, ledger):
        got = ledger(case_of(panel_of(column(*FLAT)), Plan("on_change", [[0.5]] * 6), first=3))
        assert shares_of(got) == [0, 0, 0]


class TestBuyingPower:
    def test_long_only_cut(self, ledger):
        costs = Costs(commission=PerDollar(0.01), slippage=FixedBasisPoints(50.0))
        got = ledger(case_of(panel_of(column(*FLAT)), column(1.0), costs=costs))
        assert shares_of(got)[-1] == 98  # floor(1000 / (10.05 x 1.01)) = floor(98.5)
        assert got.cash[-1] == pytest.approx(1000 - 98 * 10.05 * 1.01, rel=1e-12)
        assert got.metrics["n_cut_orders"] == 1

    def test_a_minimum_commission_is_left_over(self, ledger):
        costs = Costs(commission=PerShare(0.01, minimum=25.0))
        got = ledger(case_of(panel_of(column(*FLAT)), column(1.0), costs=costs))
        assert shares_of(got)[-1] == 97  # (1000 - 25) / 10
        assert got.cash[-1] == pytest.approx(5.0)

    def test_above_the_minimum_it_grows_with_the_shares(self, ledger):
        costs = Costs(commission=PerShare(1.0, minimum=25.0))
        got = ledger(case_of(panel_of(column(*FLAT)), column(1.0), costs=costs))
        assert shares_of(got)[-1] == 90  # 1000 / 11
        assert got.cash[-1] == pytest.approx(10.0)

    def test_the_tolerance_buys_the_last_share_and_leaves_no_debt(self, ledger):
        assert 0.6 / 0.2 < 3
        got = ledger(case_of(panel_of(column(*[0.2] * 3)), column(1.0), capital=0.6))
        assert shares_of(got)[-1] == 3
        assert 0.0 <= got.cash[-1] < 1e-15

    def test_proceeds_of_a_short_buy_nothing(self, ledger):
        got = ledger(case_of(panel_of([FLAT, FLAT]), [[-0.5], [None, 0.8]]))
        assert got.positions[-1].tolist() == [-50, 50]  # 1500 + 2 x -500 = 500
        assert got.metrics["n_cut_orders"] == 1

    def test_leverage_above_one_counts_longs_and_shorts(self, ledger):
        got = ledger(case_of(panel_of([FLAT, FLAT]), [[1.0], [None, -1.5]], max_leverage=2.0))
        assert got.positions[-1].tolist() == [100, -100]  # 2 x 0 + (2 - 1) x 1000
        assert got.metrics["max_gross_leverage"] == pytest.approx(2.0)

    def test_without_a_limit_nothing_is_cut(self, ledger):
        got = ledger(case_of(panel_of(column(*FLAT)), column(7.0), max_leverage=None))
        assert shares_of(got)[-1] == 700
        assert got.cash[-1] == -6000

    def test_reductions_pay_for_openings(self, ledger):
        got = ledger(case_of(panel_of([FLAT, FLAT]), [[0.0, 1.0], [1.0, 0.0]]))
        assert got.positions.tolist() == [[0, 0], [0, 100], [100, 0], [100, 0], [100, 0], [100, 0]]

    def test_in_order_of_placement_they_do_not(self, ledger):
        got = ledger(case_of(panel_of([FLAT, FLAT]), [[0.0, 1.0], [1.0, 0.0]], sequence="placement"))
        assert got.positions[-1].tolist() == [0, 0]
        assert got.metrics["n_cut_orders"] == 1

    def test_openings_go_in_column_order(self, ledger):
        costs = Costs(commission=PerTrade(10.0))
        got = ledger(case_of(panel_of([FLAT, FLAT]), [[0.5], [0.5]], costs=costs))
        assert got.positions[-1].tolist() == [50, 48]  # (490 - 10) / 10
        assert got.cash[-1] == 0

    def test_commissions_after_the_bar_do_not_reduce_buying_power(self, ledger):
        costs = Costs(commission=PerTrade(10.0))
        got = ledger(case_of(panel_of([FLAT, FLAT]), [[0.5], [0.5]], costs=costs, commissions="after bar"))
        assert got.positions[-1].tolist() == [50, 49]  # (500 - 10) / 10
        assert got.cash[-1] == -10

    def test_what_is_cut_is_dropped_and_what_volume_holds_back_stays(self, ledger):
        panel = panel_of([FLAT, FLAT], volume=[[100.0] * 6] * 2)
        costs = Costs(slippage=FixedBasisPoints(0.0, volume_limit=0.4))
        got = ledger(case_of(panel, [[2.0], [None]], costs=costs))
        # 200 asked: 40, 40, 20 of 40, then nothing of the next 40s
        assert shares_of(got) == [0, 40, 80, 100, 100, 100]
        assert got.metrics["n_cut_orders"] == 1


class TestFills:
    def test_through_zero_a_fixed_commission_is_charged_once(self, ledger):
        costs = Costs(commission=PerTrade(10.0))
        got = ledger(case_of(panel_of(column(*FLAT)), column(0.5, -0.5), costs=costs))
        orders = [(row, shares, commission) for row, _, shares, _, commission, _, _ in got.fills]
        # 0.5 x 990 / 10 = 49.5 on row 2
        assert orders == [(1, 50, 10), (2, -50, 10), (2, -49, 0)]
        assert (got.metrics["n_trades"], got.metrics["n_open_trades"]) == (1, 1)

    def test_partial_fills_share_one_count_and_one_commission(self, ledger):
        panel = panel_of(column(10.0, 10.0, 20.0, 40.0, 40.0), volume=column(*[100.0] * 5))
        costs = Costs(commission=PerShare(0.1, minimum=1.5), slippage=FixedBasisPoints(0.0, volume_limit=0.1))
        got = ledger(case_of(panel, column(0.25), costs=costs))
        assert shares_of(got) == [0, 10, 20, 25, 25]  # the count of row 1: 250 / 10
        assert_allclose([fill[4] for fill in got.fills], [1.5, 0.5, 0.5])

    def test_a_volume_limit_below_one_share_fills_nothing(self, ledger):
        panel = panel_of(column(*FLAT), volume=column(9.0, 9.0, 9.0, 10.0, 10.0, 10.0))
        costs = Costs(slippage=FixedBasisPoints(0.0, volume_limit=0.1))
        assert shares_of(ledger(case_of(panel, column(0.5), costs=costs))) == [0, 0, 0, 1, 2, 3]

    def test_volume_share_price(self, ledger):
        panel = panel_of(column(*FLAT), volume=column(*[100.0] * 6))
        got = ledger(case_of(panel, column(0.25, 0.0), costs=Costs(slippage=VolumeShare(0.5, 0.1))))
        # (25 / 100)^2 x 0.1 x 10
        assert_allclose([(f[3], f[5]) for f in got.fills], [(10.0625, 25 * 0.0625), (9.9375, 25 * 0.0625)])

    def test_after_a_cut_the_price_is_found_again(self, ledger):
        panel = panel_of(column(*FLAT), volume=column(*[200.0] * 6))
        got = ledger(case_of(panel, column(1.0), costs=Costs(slippage=VolumeShare(1.0, 1.0))))
        # 100 shares would cost 10 + 0.5^2 x 10 = 12.5: 80 are left, at 10 + 0.4^2 x 10
        assert [fill[2:4] for fill in got.fills] == [(80.0, pytest.approx(11.6))]
        assert got.cash[-1] == pytest.approx(1000 - 80 * 11.6)

    def test_both_parts_of_an_order_through_zero_share_the_bars_volume(self, ledger):
        panel = panel_of(column(*FLAT), volume=column(100.0, 100.0, 100.0, 100.0, 100.0, 100.0))
        costs = Costs(slippage=VolumeShare(0.3, 0.1))
        got = ledger(case_of(panel, column(0.2, -0.2), costs=costs))
        assert [(f[0], f[2]) for f in got.fills] == [(1, 20.0), (2, -20.0), (2, -10.0), (3, -9.0)]
        assert_allclose([f[3] for f in got.fills[1:3]], [10 - 0.2**2, 10 - 0.3**2])

    def test_a_price_that_is_not_positive_leaves_the_order_open(self, ledger):
        close = column(10.0, 10.0, 10.0, 100.0, 100.0)
        costs = Costs(slippage=FixedSpread(30.0))
        got = ledger(case_of(panel_of(close), column(-0.5), costs=costs, max_leverage=None))
        assert shares_of(got) == [0, 0, 0, -50, -50]
        assert [fill[3] for fill in got.fills] == [85.0]

    def test_nobody_sells_for_nothing(self, ledger):
        costs = Costs(slippage=FixedBasisPoints(10_000.0))
        got = ledger(case_of(panel_of(column(*FLAT)), column(0.4, 0.2), costs=costs))
        assert [fill[2:4] for fill in got.fills] == [(40, 20.0)]
        assert got.equity[-1] == 600

    def test_fractional_shares(self, ledger):
        got = ledger(case_of(panel_of(column(3.0, 3.0, 3.0)), column(0.5), shares="fractional"))
        assert_allclose(shares_of(got), [0, 500 / 3, 500 / 3])

    def test_whole_targets_round_towards_zero(self, ledger):
        got = ledger(case_of(panel_of(column(3.0, 3.0, 3.0)), column(-0.5)))
        assert shares_of(got) == [0, -166, -166]
