"""Slippage and commission: each formula against numbers worked out by hand, and what users build upon."""

import math
import statistics
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest
from zipline_fakes import Bars, an_order, one_bar
from zipline_market import market, seen

from rustybt_ray.engine.costs import Charges, Impact
from rustybt_ray.exceptions import RustybtRayError
from rustybt_ray.zipline import commission, slippage
from rustybt_ray.zipline.assets import Equity
from rustybt_ray.zipline.errors import HistoryWindowStartsBeforeData, NotSupported
from rustybt_ray.zipline.models import Future


def fill(model, data, order, before=0):
    model._volume_for_bar = before
    return model.process_order(data, order)


def trade(amount, price=10.0):
    return SimpleNamespace(amount=amount, price=price)


class TestSlippage:
    @pytest.mark.parametrize(
        ("order", "before", "expected"),
        [
            (an_order(150, limit=9.99), 0, (9.994995, 100)),  # above its limit, a tenth of 1000
            (an_order(150, filled=100), 0, (9.994995, 50)),
            (an_order(-150), 30, (9.985005, -70)),
            (an_order(1), 99, (9.994995, 1)),
        ],
    )
    def test_fixed_basis_points(self, order, before, expected):
        model = slippage.FixedBasisPointsSlippage()
        assert fill(model, one_bar(9.99, 1009), order, before) == pytest.approx(expected, abs=1e-12)

    def test_fixed_basis_points_is_evaluated_product_by_product(self):
        price, shares = slippage.FixedBasisPointsSlippage(7.0, 0.3).process_order(one_bar(0.054, 10), an_order(-2))
        assert (price, shares) == (0.054 + 0.054 * (7.0 / 10000 * -1.0), -2.0)

    @pytest.mark.parametrize(("volume", "before"), [(9, 0), (1000, 100)])
    def test_fixed_basis_points_ends_the_bar(self, volume, before):
        with pytest.raises(slippage.LiquidityExceeded):
            fill(slippage.FixedBasisPointsSlippage(), one_bar(10.0, volume), an_order(5), before)

    @pytest.mark.parametrize(
        ("order", "before", "shares", "share"),
        [
            (an_order(150), 0, 25, 0.025),
            (an_order(10), 0, 10, 0.01),
            (an_order(-10), 10, -10, 0.02),
            (an_order(12, filled=2), 20, 5, 0.025),
            (an_order(-9, limit=9.9), 0, -9, 0.009),
        ],
    )
    def test_volume_share(self, order, before, shares, share):
        price, volume = fill(slippage.VolumeShareSlippage(), one_bar(10.0, 1000), order, before)
        assert volume == shares
        assert price == pytest.approx(10.0 + math.copysign(share**2 * 0.1 * 10.0, shares), abs=1e-12)

    def test_volume_share_keeps_a_limit_that_its_impact_would_break(self):
        model, data = slippage.VolumeShareSlippage(volume_limit=0.5, price_impact=0.2), one_bar(10.0, 1000)
        assert model.process_order(data, an_order(400, limit=10.0)) == (None, None)
        assert model.process_order(data, an_order(-400, limit=10.0)) == (None, None)
        assert model.process_order(data, an_order(400, limit=0.0))[1] == 400  # a limit of nothing is none

    def test_volume_share_ends_the_bar_below_one_share(self):
        with pytest.raises(slippage.LiquidityExceeded):
            fill(slippage.VolumeShareSlippage(), one_bar(10.0, 1000), an_order(5), 24.5)
        assert fill(slippage.VolumeShareSlippage(), one_bar(10.0, 1000), an_order(5), 24)[1] == 1

    def test_fixed_slippage_and_none_fill_the_whole_amount(self):
        data, order = one_bar(10.0, 3), an_order(-500, filled=-20)
        assert slippage.FixedSlippage(spread=0.04).process_order(data, order) == (9.98, -500)
        assert slippage.FixedSlippage().process_order(data, an_order(5)) == (10.0, 5)
        assert slippage.NoSlippage().process_order(data, order) == (10.0, -500)

    @pytest.mark.parametrize("arguments", [(-1.0,), (5.0, 0.0), (5.0, -0.1), (float("nan"),)])
    def test_what_basis_points_cannot_be(self, arguments):
        with pytest.raises(ValueError, match=r"FixedBasisPointsSlippage\(\) expected a "):
            slippage.FixedBasisPointsSlippage(*arguments)

    def test_a_users_model_needs_no_super_init(self):
        class Mine(slippage.SlippageModel):
            def __init__(self):
                self.calls = 0

            def process_order(self, data, order):
                return 1.0, self.volume_for_bar

        assert Mine().process_order(None, None) == (1.0, 0)
        assert Mine().engine_terms() is None
        with pytest.raises(TypeError, match="abstract"):
            slippage.SlippageModel()


class Impacted(slippage.MarketImpactBase):
    def get_txn_volume(self, data, order):
        return data.current(order.asset, "volume") * 0.1

    def get_simulated_impact(self, order, current_price, current_volume, txn_volume, mean_volume, volatility):
        self.seen = current_price, current_volume, txn_volume, mean_volume, volatility
        return current_price * volatility * txn_volume / mean_volume


class TestMarketImpact:
    closes = [100 + (7 * n) % 11 for n in range(20)] + [500.0]
    volumes = [1000 + 10 * n for n in range(20)] + [640]
    data = MappingProxyType({"high": [12.0] * 21, "low": [10.0] * 21})

    def test_from_twenty_sessions_without_today(self):
        model, data = Impacted(), Bars(close=self.closes, volume=self.volumes, **self.data)
        price, shares = model.process_order(data, an_order(-100))
        changes = [b / a - 1 for a, b in zip(self.closes[:19], self.closes[1:20], strict=True)]
        volatility = statistics.stdev(changes) * math.sqrt(252)
        assert model.seen == pytest.approx((11.0, 640, 64, 1095.0, volatility), rel=1e-12)
        assert (price, shares) == pytest.approx((11.0 - 11.0 * volatility * 64 / 1095.0, -64), rel=1e-12)
        model.process_order(data, an_order(-100))
        assert data.asked == 2  # the second order of a session asks no more

    def test_a_model_that_outlives_its_run_asks_the_next_ones_data(self):
        model, seen = Impacted(), []
        for volumes in (self.volumes, [2 * volume for volume in self.volumes]):
            model.process_order(Bars(close=self.closes, volume=volumes, **self.data), an_order(10))
            seen.append(model.seen[3])
        assert seen == [1095.0, 2190.0]

    def test_blank_closes_count_as_the_last_one(self):
        blank = [*self.closes[:5], float("nan"), *self.closes[6:]]
        padded = [*self.closes[:5], self.closes[4], *self.closes[6:]]
        seen = []
        for closes in (blank, padded):
            model = Impacted()
            model.process_order(Bars(close=closes, volume=self.volumes, **self.data), an_order(10))
            seen.append(model.seen)
        assert seen[0] == seen[1]

    @pytest.mark.parametrize(
        "fields",
        [
            {"close": [float("nan"), *closes[1:]], "volume": volumes},
            {"close": closes, "volume": [0] * 20 + [640]},
        ],
    )
    def test_ten_basis_points_where_there_is_no_past(self, fields):
        found = Impacted().process_order(Bars(**fields, **self.data), an_order(10))
        assert found == pytest.approx((11.0 + 11.0 * 0.001, 10), rel=1e-15)

    def test_only_a_window_before_the_data_is_forgiven(self):
        class Short(Bars):
            error = HistoryWindowStartsBeforeData(first_trading_day=0, suggested_start_day=1)

            def history(self, *arguments, **more):
                raise self.error

        data = Short(close=[1.0], volume=[640], high=[12.0], low=[10.0])
        assert Impacted().process_order(data, an_order(10))[0] == pytest.approx(11.011)
        data.error = LookupError("before the first date")
        with pytest.raises(LookupError):
            Impacted().process_order(data, an_order(10))

    def test_limits_are_kept_and_small_volumes_fill_nothing(self):
        data = Bars(close=self.closes, volume=self.volumes, **self.data)
        assert Impacted().process_order(data, an_order(10, limit=11.0)) == (None, None)
        assert Impacted().process_order(data, an_order(10, filled=10)) == (None, None)
        thin = Bars(close=self.closes, volume=[*self.volumes[:20], 9], **self.data)
        assert Impacted().process_order(thin, an_order(10)) == (None, None)
        none = Bars(close=self.closes, volume=[*self.volumes[:20], 0], **self.data)
        assert Impacted().process_order(none, an_order(10)) == (None, None)


class TestCommission:
    def test_per_share_with_a_minimum_over_three_fills(self):
        model, order, paid = commission.PerShare(0.01, 1.0), an_order(180), []
        for _ in range(3):
            paid.append(model.calculate(order, trade(60)))
            order.commission += paid[-1]
            order.filled += 60
        assert paid == pytest.approx([1.0, 0.2, 0.6], abs=1e-12)

    def test_per_share_below_its_minimum_is_free_after_the_first_fill(self):
        model = commission.PerShare(cost=0.01, min_trade_cost=5.0)
        assert model.calculate(an_order(-90, filled=-30, commission=5.0), trade(-60)) == 0
        assert commission.PerShare().calculate(an_order(-90), trade(-60)) == 0.06
        assert commission.PerShare(min_trade_cost=None).min_trade_cost == 0

    def test_per_trade_on_the_first_fill(self):
        model = commission.PerTrade(4.95)
        assert model.calculate(an_order(9), trade(4)) == 4.95
        assert model.calculate(an_order(9, filled=4, commission=4.95), trade(5)) == 0.0

    def test_per_dollar_on_every_fill(self):
        assert commission.PerDollar().calculate(an_order(-9), trade(-4, 25.0)) == 4 * (25.0 * 0.0015)
        assert commission.NoCommission().calculate(an_order(9), trade(9)) == 0.0

    def test_attributes_and_text_are_ziplines(self):
        assert (commission.PerShare(1, 2).cost_per_share, commission.PerShare(1, 2).min_trade_cost) == (1.0, 2)
        assert (commission.PerTrade(2).cost, commission.PerDollar(1).cost_per_dollar) == (2.0, 1.0)
        assert repr(commission.PerShare()) == "PerShare(cost_per_share=0.001, min_trade_cost=0)"
        assert repr(commission.PerTrade(1)) == "PerTrade(cost_per_trade=1.0)"
        assert repr(commission.PerDollar()) == "PerDollar(cost_per_dollar=0.0015)"
        assert repr(slippage.FixedSlippage(0.1)) == "FixedSlippage(spread=0.1)"
        assert repr(slippage.VolumeShareSlippage()).replace("\n", "") == (
            "VolumeShareSlippage(    volume_limit=0.025,    price_impact=0.1)"
        )
        assert repr(slippage.FixedBasisPointsSlippage()).replace("\n", "") == (
            "FixedBasisPointsSlippage(    basis_points=5.0,    volume_limit=0.1,)"
        )


@pytest.mark.parametrize(
    ("model", "terms"),
    [
        (slippage.FixedBasisPointsSlippage(), Impact(slippage=0.0005, volume_limit=0.1)),
        (slippage.VolumeShareSlippage(), Impact(price_impact=0.1, volume_limit=0.025)),
        (slippage.VolumeShareSlippage(0.1, -0.2), Impact(price_impact=0.2, volume_limit=0.1)),
        (slippage.VolumeShareSlippage(0.1, 0.0), None),  # only its own code keeps limits
        (slippage.VolumeShareSlippage(0.0), None),  # nothing fills; a limit of 0 is none to the ledger
        (slippage.FixedSlippage(0.02), Impact(spread=0.02)),
        (slippage.NoSlippage(), Impact()),
        (Impacted(), None),
        (commission.PerShare(0.01, 1), Charges(per_share=0.01, minimum=1.0)),
        (commission.PerShare(-0.01), None),
        (commission.PerTrade(4.95), Charges(fixed=4.95)),
        (commission.PerDollar(), Charges(per_dollar=0.0015)),
        (commission.NoCommission(), Charges()),
    ],
)
def test_the_ledgers_terms(model, terms):
    assert model.engine_terms() == terms


def test_terms_follow_what_the_user_changes():
    model = slippage.FixedBasisPointsSlippage()
    model.volume_limit = 0.5
    assert model.engine_terms() == Impact(slippage=0.0005, volume_limit=0.5)
    model.percentage = 0.5
    assert model.engine_terms() is None


def test_a_users_formula_has_no_terms_of_the_ledgers():
    class Cheap(commission.PerShare):
        def __init__(self):
            super().__init__(0.0005)

    class Free(Cheap):
        def calculate(self, order, transaction):
            return 0.5 * super().calculate(order, transaction)

    class Moved(slippage.VolumeShareSlippage):
        def process_order(self, data, order):
            price, volume = super().process_order(data, order)
            return price + 0.01, volume

    assert Cheap().engine_terms() == Charges(per_share=0.0005)
    assert Free().engine_terms() is Moved().engine_terms() is None
    assert Free().calculate(an_order(10), trade(10)) == 0.0025
    assert Moved().process_order(one_bar(10.0, 1000), an_order(10))[0] == pytest.approx(10.0101)
    patched = slippage.NoSlippage()
    patched.process_order = lambda data, order: (1.0, 1)
    assert patched.engine_terms() is None


def test_on_the_data_of_a_run():
    close = 50.0 + np.arange(40) % 7
    close[12] = np.nan
    run = seen(market(close, volume=1000.0), row=30)
    asset, padded = run.assets[0], np.where(np.isnan(close), close[11], close)[10:30]
    changes = padded[1:] / padded[:-1] - 1
    model = Impacted()
    price, shares = model.process_order(run.data, an_order(30, asset=asset))
    impact = close[30] * changes.std(ddof=1) * math.sqrt(252) * 30 / 950.0
    assert (price, shares) == (pytest.approx(close[30] + impact, rel=1e-12), 30)
    filled = slippage.FixedBasisPointsSlippage().process_order(run.data, an_order(-300, asset=asset))
    assert filled == (close[30] - close[30] * 0.0005, -100)
    early = seen(market(close, volume=1000.0), row=19)
    with pytest.raises(LookupError):
        Impacted().process_order(early.data, an_order(30, asset=early.assets[0]))


def test_which_assets_models_are_for():
    class Both(slippage.FutureSlippageModel, slippage.EquitySlippageModel):
        def process_order(self, data, order):
            return None, None

    class Own(commission.PerShare):
        allowed_asset_types = (Future,)

    class Plain(commission.CommissionModel):
        def calculate(self, order, transaction):
            return 0.0

    assert slippage.FixedSlippage.allowed_asset_types == Plain.allowed_asset_types == (Equity, Future)
    assert commission.PerShare.allowed_asset_types == (Equity,)
    assert commission.PerTrade.allowed_asset_types == (Equity, Future)
    assert Both.allowed_asset_types == (Future, Equity)
    assert Own.allowed_asset_types == (Future,)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: slippage.VolatilityVolumeShare(0.05), "VolatilityVolumeShare"),
        (lambda: commission.PerContract(0.85, 1.5), "PerContract"),
        (lambda: commission.PerFutureTrade(5), "PerFutureTrade"),
        (lambda: Future(), "a future"),
    ],
)
def test_futures_are_refused_by_name(make, name):
    with pytest.raises(NotSupported, match=f"{name}.* is not supported here. Algorithms trade daily bars") as caught:
        make()
    assert isinstance(caught.value, RustybtRayError)
