"""Dividends, splits, delistings, financing, ruin and round trips, with numbers worked out by hand."""

import math

import pytest
from hand import case_of, column, panel_of
from numpy.testing import assert_allclose
from reference_market import Plan

from rustybt_ray.engine.costs import Costs, FixedBasisPoints, PerDollar, PerTrade

FLAT = [10.0] * 6
HALF = column(0.5)


def held(result, i=0):
    return result.positions[:, i].tolist()


class TestDividends:
    def test_on_the_shares_held_over_the_previous_close(self, ledger):
        got = ledger(case_of(panel_of(column(*FLAT), dividends=[(1, 0, 1.0), (3, 0, 1.0)]), HALF))
        assert got.cash.tolist() == [1000, 500, 500, 550, 550, 550]  # the buyer of row 1 gets nothing that day

    @pytest.mark.parametrize("fill", ["next_open", "next_close"])
    def test_belongs_to_the_old_holder(self, ledger, fill):
        got = ledger(case_of(panel_of(column(*FLAT), dividends=[(3, 0, 1.0)]), column(0.5, None, 0.0), fill=fill))
        assert held(got) == [0, 50, 50, 0, 0, 0]
        assert got.cash[-1] == 1050

    def test_shorts_pay(self, ledger):
        got = ledger(case_of(panel_of(column(*FLAT), dividends=[(3, 0, 1.0)]), column(-0.5)))
        assert got.cash[-1] == 1450

    def test_before_the_split_of_the_same_day(self, ledger):
        panel = panel_of(column(10.0, 10.0, 5.0, 5.0), splits=[(2, 0, 2.0)], dividends=[(2, 0, 1.0)])
        got = ledger(case_of(panel, HALF))
        assert held(got) == [0, 50, 100, 100]
        assert got.cash.tolist() == [1000, 500, 550, 550]

    def test_a_known_pay_date_moves_only_the_cash(self, ledger):
        got = ledger(case_of(panel_of(column(*FLAT), dividends=[(2, 0, 1.0, 4)]), HALF))
        assert got.cash.tolist() == [1000, 500, 500, 500, 550, 550]
        assert got.equity.tolist() == [1000, 1000, 1050, 1050, 1050, 1050]

    def test_a_claim_due_after_the_panel_stays_a_claim(self, ledger):
        got = ledger(case_of(panel_of(column(*FLAT), dividends=[(2, 0, 1.0, 6)]), HALF))
        assert (got.cash[-1], got.equity[-1]) == (500, 1050)

    def test_a_claim_buys(self, ledger):
        got = ledger(case_of(panel_of(column(*FLAT), dividends=[(2, 0, 1.0, 6)]), column(1.0, None, 1.0)))
        assert held(got) == [0, 100, 100, 110, 110, 110]  # 1100 of value, 100 of it a claim
        assert got.cash[-1] == -100

    @pytest.mark.parametrize(
        ("mode", "pay", "cash"),
        [
            ("pay date", 4, [500, 500, 550, 550]),
            ("pay date", 2, [550] * 4),
            ("pay date", -1, [500] * 4),
            ("never", 4, [500] * 4),
            ("never", -1, [500] * 4),
            ("ex-date", 2, [550] * 4),
        ],
    )
    def test_modes(self, ledger, mode, pay, cash):
        got = ledger(case_of(panel_of(column(*FLAT), dividends=[(2, 0, 1.0, pay)]), HALF, dividends=mode))
        assert got.cash.tolist()[2:] == cash
        assert mode == "ex-date" or got.equity.tolist()[2:] == [500 + money for money in cash]


class TestSplits:
    close = column(10.0, 10.0, 8.0, 8.0)

    @pytest.mark.parametrize(("weight", "shares", "fraction"), [(0.25, 37, 0.5), (-0.25, -37, -0.5)])
    def test_the_fraction_is_paid_at_the_previous_close_over_the_split(self, ledger, weight, shares, fraction):
        got = ledger(case_of(panel_of(self.close, splits=[(2, 0, 1.5)]), column(weight)))
        assert held(got)[1:] == [25 if weight > 0 else -25, shares, shares]
        assert_allclose(got.cash[2] - got.cash[1], fraction * 10.0 / 1.5)
        row, _, sold, price, commission, slippage, kind = got.fills[-1]
        assert (row, sold, commission, slippage, kind) == (2, -fraction, 0, 0, "split fraction")
        assert price == pytest.approx(10.0 / 1.5)
        assert got.metrics["traded_notional"] == pytest.approx(250.0)

    def test_at_the_cost_basis_in_cents(self, ledger):
        panel = panel_of(column(10.0, 10.0, 13.0, 8.0, 8.0), splits=[(3, 0, 1.998)])
        # 25 at 10 and 8 at 13: 354 / 33 / 1.998 = 5.3690..; 33 x 1.998 = 65.934
        got = ledger(case_of(panel, column(0.25, 0.4), split_fraction="cost basis", max_leverage=None))
        assert held(got) == [0, 25, 33, 65, 65]
        assert got.cash[3] - got.cash[2] == pytest.approx(5.02, abs=1e-9)  # 0.934 x 5.37 = 5.01558

    def test_fractional_positions_keep_the_fraction(self, ledger):
        got = ledger(case_of(panel_of(self.close, splits=[(2, 0, 1.5)]), column(0.25), shares="fractional"))
        assert held(got) == [0, 25, 37.5, 37.5]
        assert got.cash[2] == 750

    def test_a_ratio_that_floating_point_misses(self, ledger):
        got = ledger(case_of(panel_of(self.close, splits=[(2, 0, 1.1)]), column(0.1)))
        assert held(got)[2] == 11  # 10 x 1.1 = 11.000000000000002
        got = ledger(case_of(panel_of(self.close, splits=[(2, 0, 0.29)]), column(1.0)))
        assert held(got)[2] == 29  # 100 x 0.29 = 28.999999999999996

    def test_a_position_may_vanish(self, ledger):
        got = ledger(case_of(panel_of(column(10.0, 10.0, 80.0), splits=[(2, 0, 0.125)]), column(0.05)))
        assert held(got) == [0, 5, 0]
        assert got.cash[-1] == pytest.approx(950 + 0.625 * 80)
        assert (got.metrics["n_trades"], got.metrics["win_rate"]) == (1, 0)

    def test_open_orders_grow_with_it(self, ledger):
        panel = panel_of(column(10.0, 10.0, 5.0, 5.0, 5.0), volume=column(*[100.0] * 5), splits=[(2, 0, 2.0)])
        costs = Costs(slippage=FixedBasisPoints(0.0, volume_limit=0.1))
        got = ledger(case_of(panel, column(0.15, None), costs=costs))
        assert held(got) == [0, 10, 30, 30, 30]  # 10 of 15; 20 after the split and the 10 that were left

    def test_counts_decided_before_it_too(self, ledger):
        panel = panel_of(column(10.0, 10.0, 5.0, 5.0), splits=[(2, 0, 2.0)])
        got = ledger(case_of(panel, column(0.25), sizing="decision", delay=1))
        assert held(got) == [0, 0, 50, 50]

    def test_counts_decided_before_the_segment_too(self, ledger):
        panel = panel_of(column(10.0, 5.0, 5.0, 5.0), splits=[(1, 0, 2.0)])
        got = ledger(case_of(panel, column(0.25), sizing="decision", delay=1, first=2))
        assert held(got) == [50, 50]

    def test_missing_bars_carry_the_close_through_events(self, ledger):
        close = column(10.0, 10.0, None, None, 4.0)
        panel = panel_of(close, splits=[(2, 0, 2.0)], dividends=[(2, 0, 1.0), (3, 0, 0.5)])
        got = ledger(case_of(panel, HALF))
        # mark: 10 x 0.9 / 2 = 4.5, then 4.0; 100 shares, 50 + 50 of dividends
        assert_allclose(got.equity, [1000, 1000, 550 + 450, 600 + 400, 600 + 400])


class TestDelisting:
    close = column(10.0, 10.0, 12.0, None, None, None)
    other = FLAT

    @pytest.mark.parametrize(("change", "cash"), [(0.0, 1100.0), (-0.5, 800.0), (-1.0, 500.0)])
    @pytest.mark.parametrize("when", ["morning", "session end"])
    def test_closed_on_the_next_row(self, ledger, change, cash, when):
        costs = Costs(commission=PerTrade(0.0), slippage=FixedBasisPoints(0.0))
        panel = panel_of([*self.close, self.other])
        got = ledger(case_of(panel, HALF, costs=costs, delisting_return=change, delisting=when))
        assert held(got) == [0, 50, 50, 0, 0, 0]
        assert got.cash.tolist()[3:] == [cash] * 3
        assert got.fills[-1] == (3, 0, -50, 12 * (1 + change), 0, 0, "delisting")
        assert got.metrics["traded_notional"] == 500 + 600 * (1 + change)
        assert got.metrics["n_trades"] == 1

    def test_without_commission_or_slippage(self, ledger):
        costs = Costs(commission=PerTrade(7.0), slippage=FixedBasisPoints(100.0))
        got = ledger(case_of(panel_of([*self.close, self.other]), column(0.4), costs=costs))
        assert got.metrics["commission_paid"] == 7
        assert got.metrics["slippage_paid"] == pytest.approx(40 * 0.1)

    def test_in_the_morning_its_money_buys_that_day(self, ledger):
        weights = [[1.0], [None, None, 0.5]]
        panel = panel_of([*self.close, self.other])
        assert ledger(case_of(panel, weights)).positions[3].tolist() == [0, 60]
        assert ledger(case_of(panel, weights, delisting="session end")).positions[3].tolist() == [0, 0]

    def test_open_orders_end_and_later_ones_are_ignored(self, ledger):
        close = [[10.0, 10.0, None, None, None, None], self.other]
        got = ledger(case_of(panel_of(close), [[None, 0.5, None, 0.5], [None]]))
        assert got.fills == []
        assert (got.metrics["n_trades"], got.metrics["n_open_trades"]) == (0, 0)

    def test_not_when_the_last_bar_is_in_the_last_session(self, ledger):
        dates = ["2021-03-01T10", "2021-03-01T15", "2021-03-02T10", "2021-03-02T15"]
        close = [[10.0, 10.0, 12.0, None], [10.0] * 4]
        got = ledger(case_of(panel_of(close, dates=dates), HALF))
        assert held(got) == [0, 50, 50, 50]
        assert got.equity[-1] == 1100


class TestFinancing:
    dates = ("2021-03-04", "2021-03-05", "2021-03-08", "2021-03-09")  # Thursday to Tuesday

    def test_interest_by_calendar_days(self, ledger):
        costs = Costs(cash=0.0365)
        got = ledger(case_of(panel_of(column(*FLAT[:4]), dates=self.dates), HALF, costs=costs))
        # row 1: 0.1 on 1000, then 50 shares; three days on 500.1; one more
        assert got.cash.tolist()[:2] == pytest.approx([1000, 500.1])
        assert got.cash[2] == pytest.approx(500.1 * 1.0003)
        assert got.cash[3] == pytest.approx(500.1 * 1.0003 * 1.0001)
        assert got.metrics["financing_paid"] == pytest.approx(500 - got.cash[3])

    def test_margin_and_borrow(self, ledger):
        close = [[10.0, 10.0, 10.0, 10.0], [10.0, 10.0, 12.0, 12.0]]
        costs = Costs(margin=0.365, borrow=0.73)
        got = ledger(case_of(panel_of(close, dates=self.dates), [[1.5], [-0.3]], costs=costs, max_leverage=2.0))
        assert got.positions[1].tolist() == [150, -30]
        # cash -200: margin 0.2 a day; shorts 300 at the close before: borrow 0.6 a day, 360 on the last morning
        assert got.cash[1] == -200
        assert got.cash[2] == pytest.approx(-200 - 3 * 0.2 - 3 * 0.6)
        assert got.cash[3] == pytest.approx(got.cash[2] * 1.001 - 0.72)

    def test_once_a_session_and_not_on_the_first_row(self, ledger):
        dates = ["2021-03-01T10", "2021-03-01T15", "2021-03-02T10", "2021-03-02T15"]
        panel = panel_of(column(*FLAT[:4]), dates=dates)
        none, costs = column(None), Costs(cash=0.365)
        assert ledger(case_of(panel, none, costs=costs)).cash.tolist() == pytest.approx([1000, 1000, 1001, 1001])
        assert ledger(case_of(panel, none, costs=costs, first=2)).cash.tolist() == [1000, 1000]


class TestRuin:
    def test_the_value_stays_at_zero(self, ledger):
        close = column(10.0, 10.0, 30.0, 5.0, 5.0)
        got = ledger(case_of(panel_of(close), column(-1.0, None, -0.5), dividends="ex-date"))
        assert got.equity.tolist() == [1000, 1000, 0, 0, 0]
        assert got.returns.tolist() == [0, 0, -1, 0, 0]
        assert held(got) == [0, -100, 0, 0, 0]
        metrics = got.metrics
        assert metrics["ruined"] == 1
        assert [metrics[name] for name in ("total_return", "annual_return", "max_drawdown")] == [-1, -1, -1]
        assert (metrics["max_drawdown_length"], metrics["n_trades"], metrics["n_open_trades"]) == (3, 0, 0)
        assert len(got.fills) == 1

    def test_zero_is_ruin(self, ledger):
        got = ledger(case_of(panel_of(column(10.0, 10.0, 20.0, 5.0)), column(-1.0)))
        assert got.metrics["ruined"] == 1

    def test_a_loss_within_the_day_is_not(self, ledger):
        panel = panel_of(column(10.0, 10.0, 15.0, 5.0), opened=column(10.0, 10.0, 30.0, 5.0))
        got = ledger(case_of(panel, column(-1.0), fill="next_open"))
        assert got.equity.tolist() == [1000, 1000, 500, 1500]


class TestRoundTrips:
    def test_adds_and_trims_belong_to_one(self, ledger):
        close = column(10.0, 10.0, 20.0, 20.0, 20.0, 20.0)
        got = ledger(case_of(panel_of(close), column(0.3, 0.6, 0.2, 0.0)))
        assert (got.metrics["n_trades"], got.metrics["win_rate"]) == (1, 1)
        assert math.isnan(got.metrics["profit_factor"])

    def test_gains_over_losses_with_costs_and_dividends(self, ledger):
        close = [[10.0, 10.0, 12.0, 12.0], [10.0, 10.0, 8.0, 8.0], [10.0, 10.0, 9.5, 9.5], [10.0, 10.0, 10.0, 10.0]]
        panel = panel_of(close, dividends=[(2, 2, 1.0)])
        weights = [[0.2, 0.0], [0.2, 0.0], [0.2, 0.0], [0.2, 0.0]]
        got = ledger(case_of(panel, weights, costs=Costs(commission=PerDollar(0.01))))
        gains = (40 - 0.01 * 440) + (20 - 10 - 0.01 * 390)
        losses = (40 + 0.01 * 360) + 0.01 * 400
        assert (got.metrics["n_trades"], got.metrics["win_rate"]) == (4, 0.5)
        assert got.metrics["profit_factor"] == pytest.approx(gains / losses)

    def test_no_gain_is_no_win(self, ledger):
        got = ledger(case_of(panel_of(column(*FLAT)), column(0.5, 0.0)))
        assert (got.metrics["n_trades"], got.metrics["win_rate"]) == (1, 0)
        assert math.isnan(got.metrics["profit_factor"])

    def test_a_claim_counts_from_the_ex_date(self, ledger):
        panel = panel_of(column(*FLAT), dividends=[(2, 0, 1.0, 5)])
        got = ledger(case_of(panel, column(0.5, None, 0.0)))
        assert (got.metrics["n_trades"], got.metrics["win_rate"]) == (1, 1)

    def test_open_ones_are_counted_apart(self, ledger):
        got = ledger(case_of(panel_of([FLAT, FLAT, FLAT]), Plan("mask", [[True, True, False]] * 6, "change")))
        assert (got.metrics["n_trades"], got.metrics["n_open_trades"]) == (0, 2)
        assert math.isnan(got.metrics["win_rate"])


def test_turnover_is_one_way_a_year_against_the_session_before(ledger):
    dates = ["2021-03-01T10", "2021-03-01T15", "2021-03-02T10", "2021-03-02T15"]
    close = column(10.0, 10.0, 20.0, 20.0)
    got = ledger(case_of(panel_of(close, dates=dates), column(0.5, None, 0.0)))
    # 500 on the first day against the capital, 1000 on the second against 1000
    assert got.metrics["turnover"] == pytest.approx((500 / 1000 + 1000 / 1000) / 2 * 252 / 2)
    assert got.metrics["break_even_cost"] == pytest.approx(1e4 * 500 / 1500)
    assert got.metrics["exposure"] == pytest.approx(0.5 / 2)
    assert got.metrics["time_in_market"] == 0.5
    assert got.returns.tolist() == [0.0, 0.5]
