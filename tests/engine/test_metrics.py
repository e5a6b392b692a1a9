"""Every metric of the table from the replayed equity and fills by plain numpy, by empyrical where it is named, and its
degenerate cases."""

import math
import warnings
from collections import defaultdict
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from cases import all_costs, all_settings, cases, shapes_of
from comparing import run_engine
from hand import case_of, column, panel_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from rustybt_ray.engine.backtest import Simulator
from rustybt_ray.engine.costs import Costs, PerDollar
from rustybt_ray.engine.metrics import FLAT, METRICS, MOMENTS, NAMES, ORDERED, check_metric
from rustybt_ray.exceptions import InputError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import empyrical

RATIOS = ("sharpe_ratio", "sortino_ratio", "calmar_ratio", "tail_ratio")
NAN = float("nan")
quiet_panels = shapes_of(splits=0, dividends=0, pay_rows=False)


def curve(values, capital=1000.0, **rules):
    """A trial whose equity is `values`: all money in one asset from its second row on, in fractions of a share."""
    rules = {"shares": "fractional", "capital": capital} | rules
    return run_engine(case_of(panel_of(column(capital, capital, *values)), column(1.0), **rules))


def equal(got, expected, rel=1e-9):
    if math.isnan(expected):
        return math.isnan(got)
    return got == pytest.approx(expected, rel=rel, abs=1e-9)


class Plain:
    """A trial's metrics from its equity, positions and fills, in plain numpy."""

    def __init__(self, case, got):
        panel, rows = case.panel, slice(case.first, case.last + 1)
        sessions = panel.session[rows]
        self.last = np.flatnonzero(np.append(np.diff(sessions) > 0, True))
        self.case, self.got, self.capital = case, got, case.capital
        self.v = np.append(case.capital, got.equity[self.last])
        self.n, self.p = len(self.last), case.settings.periods_per_year or panel.periods_per_year
        self.free = (1 + case.settings.risk_free) ** (1 / self.p) - 1
        self.r = self.v[1:] / self.v[:-1] - 1
        mark = np.nan_to_num(panel.mark.T[rows])
        self.gross = (np.abs(got.positions) * mark).sum(axis=1)[self.last] / self.v[1:]
        self.day = np.searchsorted(self.last, np.arange(len(sessions)))

    def noisy(self):
        """Metrics that hang on the last bit of a sum, where another order of summing would decide otherwise."""
        below = np.abs(self.v[1:] / np.maximum.accumulate(self.v)[:-1] - 1)
        names = {"max_drawdown_length"} if below.min() < 1e-12 else set()
        if self.r.std() < 1e-6 or self.r.min() > -1e-7 or np.abs(np.percentile(self.r, 5)) < 1e-7:
            names |= {*RATIOS, "skewness", "kurtosis"}
        return names

    def metrics(self):
        return self.growth() | self.moments() | self.drawdowns() | self.trades() | self.trading()

    def growth(self):
        total = self.v[-1] / self.v[0]
        return {"total_return": total - 1, "annual_return": total ** (self.p / self.n) - 1, "ruined": 0.0}

    def moments(self):
        r, n, root = self.r, self.n, math.sqrt(self.p)
        std = r.std(ddof=1) if n > 1 else NAN
        std = 0.0 if std < 1e-14 else std
        away = r - r.mean()
        down = math.sqrt(np.mean(np.minimum(r - self.free, 0.0) ** 2))
        low, high = np.percentile(r, [5, 95])
        few = n < 20 or std == 0.0
        return {
            "volatility": std * root,
            "sharpe_ratio": NAN if few else np.mean(r - self.free) / std * root,
            "sortino_ratio": NAN if few or down < 1e-14 else np.mean(r - self.free) * self.p / (down * root),
            "skewness": NAN if not std > 0.0 else np.mean(away**3) / np.mean(away**2) ** 1.5,
            "kurtosis": NAN if not std > 0.0 else np.mean(away**4) / np.mean(away**2) ** 2,
            "value_at_risk": low,
            "cvar": np.sort(r)[: math.floor(0.05 * (n - 1)) + 1].mean(),
            "tail_ratio": NAN if few or low == 0 else abs(high) / abs(low),
        }

    def drawdowns(self):
        bars = np.append(self.capital, self.got.equity)
        deepest = (bars / np.maximum.accumulate(bars) - 1).min()
        under = "".join(".x"[int(v < p)] for v, p in zip(self.v, np.maximum.accumulate(self.v), strict=True))
        annual = self.growth()["annual_return"]
        return {
            "max_drawdown": deepest,
            "max_drawdown_length": max(map(len, under.split("."))),
            "calmar_ratio": NAN if self.n < 20 or deepest == 0 else annual / abs(deepest),
        }

    def trades(self):
        """Round trips; a panel without events has no cash but that of fills."""
        held, trip, closed = defaultdict(float), defaultdict(float), []
        for _, i, shares, price, commission, _, _ in self.got.fills:
            held[i] += shares
            trip[i] -= shares * price + commission
            if held[i] == 0:
                closed.append(trip.pop(i))
        closed = np.array(closed)
        losses = -closed[closed < 0].sum()
        return {
            "n_trades": len(closed),
            "n_open_trades": sum(shares != 0 for shares in held.values()),
            "win_rate": np.mean(closed > 0) if len(closed) else NAN,
            "profit_factor": closed[closed > 0].sum() / losses if losses > 0 else NAN,
        }

    def trading(self):
        fills = np.array([f[:6] for f in self.got.fills]).reshape(-1, 6)
        notional = np.abs(fills[:, 2] * fills[:, 3])
        before = self.v[self.day[fills[:, 0].astype(int) - self.case.first]]
        commission, slippage, traded = fills[:, 4].sum(), fills[:, 5].sum(), notional.sum()
        gain = self.v[-1] - self.v[0] + commission + slippage
        return {
            "turnover": (notional / 2 / before).sum() * self.p / self.n,
            "exposure": self.gross.mean(),
            "time_in_market": (self.got.positions[self.last] != 0).any(axis=1).mean(),
            "max_gross_leverage": self.gross.max(),
            "commission_paid": commission,
            "slippage_paid": slippage,
            "costs_paid": commission + slippage + self.got.metrics["financing_paid"],
            "break_even_cost": 1e4 * gain / traded if traded else NAN,
            "traded_notional": traded,
        }


@settings(max_examples=100)
@given(cases(all_costs, all_settings.map(lambda rules: replace(rules, shares="whole")), quiet_panels))
def test_every_metric_from_equity_and_fills(case):
    got = run_engine(case)
    assume(not got.metrics["ruined"])
    plain = Plain(case, got)
    skip = plain.noisy()
    np.testing.assert_allclose(got.returns, plain.r, rtol=1e-12, atol=1e-15)
    expected = plain.metrics()
    assert set(got.metrics) - set(expected) == {"financing_paid", "n_cut_orders"}
    wrong = {
        name: (got.metrics[name], value)
        for name, value in expected.items()
        if name not in skip and not equal(got.metrics[name], value)
    }
    assert not wrong, f"(engine, numpy): {wrong}"


@settings(max_examples=60)
@given(
    steps=st.lists(st.floats(-0.3, 0.4), min_size=21, max_size=120),
    risk_free=st.sampled_from([0.0, 0.04]),
    periods=st.sampled_from([252, 365]),
)
def test_as_empyrical_and_scipy_say(steps, risk_free, periods):
    got = curve(1000.0 * np.cumprod(1.0 + np.round(steps, 4)), risk_free=risk_free, periods_per_year=periods)
    r, m, free = got.returns, got.metrics, (1 + risk_free) ** (1 / periods) - 1
    assume(r.std() > 1e-5 and r.min() < -1e-5 and abs(np.percentile(r, 5)) > 1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = {
            "total_return": empyrical.cum_returns_final(r),
            "annual_return": empyrical.annual_return(r, annualization=periods),
            "volatility": empyrical.annual_volatility(r, annualization=periods),
            "sharpe_ratio": empyrical.sharpe_ratio(r, risk_free=free, annualization=periods),
            "sortino_ratio": empyrical.sortino_ratio(r, required_return=free, annualization=periods),
            "max_drawdown": empyrical.max_drawdown(r),
            "calmar_ratio": empyrical.calmar_ratio(r, annualization=periods),
            "value_at_risk": empyrical.value_at_risk(r),
            "cvar": empyrical.conditional_value_at_risk(r),
            "tail_ratio": empyrical.tail_ratio(r),
            "skewness": stats.skew(r),
            "kurtosis": stats.kurtosis(r, fisher=False),
        }
    wrong = {name: (m[name], value) for name, value in expected.items() if not equal(m[name], value)}
    assert not wrong, f"(engine, library): {wrong}"


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), drift=st.sampled_from([-0.01, -0.001, 0.0, 0.002]), rows=st.integers(1, 2000))
def test_the_drawdown_is_bitwise_that_of_one_row_after_another(seed, drift, rows):
    steps = np.random.default_rng(seed).normal(drift, 0.01, rows).round(4)
    got = curve(1000.0 * np.cumprod(1.0 + steps))
    peak, worst, run, longest = 1000.0, 1.0, 0, 0
    for value in got.equity.tolist():
        if value >= peak * (1.0 - FLAT):
            peak, run = max(peak, value), 0
            continue
        run += 1
        longest = max(longest, run)
        if value < worst * peak:
            worst = value / peak
    assert got.metrics["max_drawdown"] == worst - 1.0
    assert got.metrics["max_drawdown_length"] == longest


@pytest.mark.parametrize(
    ("growth", "noise"), [(0.0, 0.01), (0.01, 0.0105), (0.01, 0.0095), (0.01, 1e-5), (-0.002, 1e-7)]
)
def test_moments_lose_no_digits_whatever_the_mean_is_beside_the_deviation(growth, noise):
    """Against sums in whole fractions of the same returns."""
    steps = growth + np.random.default_rng(5).normal(0.0, noise, 3000) ** 3 / noise**2
    got = curve(1000.0 * np.cumprod(1.0 + steps))
    r = [Fraction(float(x)) for x in got.returns]
    mean = sum(r) / len(r)
    second, third, fourth = (float(sum((x - mean) ** k for x in r) / len(r)) for k in (2, 3, 4))
    assert got.metrics["volatility"] == pytest.approx(math.sqrt(second * len(r) / (len(r) - 1) * 252), rel=1e-12)
    assert got.metrics["skewness"] == pytest.approx(third / second**1.5, rel=1e-11, abs=1e-11)
    assert got.metrics["kurtosis"] == pytest.approx(fourth / second**2, rel=1e-11)


def test_the_return_of_a_day_on_which_nothing_moves_is_exactly_zero():
    got = curve(np.repeat(1000.0 + 7.3 * np.arange(40), 9), capital=1000.3)
    same = np.diff(got.equity) == 0.0
    assert same.sum() > 200
    assert np.all(got.returns[1:][same] == 0.0)


class TestDegenerate:
    def test_a_constant_curve(self):
        m = curve([1000.0] * 30).metrics
        assert (m["volatility"], m["max_drawdown"], m["max_drawdown_length"], m["total_return"]) == (0, 0, 0, 0)
        assert all(math.isnan(m[name]) for name in (*RATIOS, "skewness", "kurtosis"))
        assert (m["value_at_risk"], m["cvar"]) == (0, 0)

    def test_cash_alone(self):
        m = run_engine(case_of(panel_of(column(*[10.0] * 30)), column(None))).metrics
        zero = ("volatility", "turnover", "exposure", "time_in_market", "max_gross_leverage", "costs_paid", "n_trades")
        assert [m[name] for name in zero] == [0.0] * len(zero)
        undefined = (*RATIOS, "win_rate", "profit_factor", "break_even_cost", "skewness", "kurtosis")
        assert all(math.isnan(m[name]) for name in undefined)

    def test_trading_at_prices_that_do_not_move_is_no_loss(self):
        """The last bit of a sum is no drawdown and no downside."""
        weights = column(*[0.33, 0.77, 0.51, 0.2, 0.9] * 6)
        for shares in ("whole", "fractional"):
            m = run_engine(case_of(panel_of(column(*[10.1] * 30)), weights, capital=1000.07, shares=shares)).metrics
            assert m["turnover"] > 0
            assert {name: m[name] for name in RATIOS if not math.isnan(m[name])} == {}
            assert (m["volatility"], m["max_drawdown_length"]) == (0, 0)
            assert m["max_drawdown"] == pytest.approx(0.0, abs=1e-14)

    def test_no_drawdown(self):
        m = curve(1000.0 * 1.01 ** np.array([1, 2, 4] * 10).cumsum()).metrics
        assert (m["max_drawdown"], m["max_drawdown_length"]) == (0, 0)
        assert math.isnan(m["calmar_ratio"])
        assert math.isnan(m["sortino_ratio"])
        assert m["sharpe_ratio"] > 0

    def test_the_start_is_part_of_the_peak(self):
        m = curve([900.0, 950.0]).metrics
        assert m["max_drawdown"] == pytest.approx(-0.1)
        assert m["max_drawdown_length"] == 2  # unrecovered to the end

    @pytest.mark.parametrize(("days", "defined"), [(19, False), (20, True)])
    def test_few_returns(self, days, defined):
        values = 1000.0 + 50.0 * np.cos(np.arange(days - 2) * 2.0)
        m = curve(values).metrics
        assert [math.isnan(m[name]) for name in RATIOS] == [not defined] * 4
        assert not any(math.isnan(m[name]) for name in ("volatility", "value_at_risk", "cvar", "annual_return"))

    def test_a_fifth_percentile_of_zero(self):
        m = curve([1000.0] * 28 + [1500.0]).metrics
        assert m["value_at_risk"] == 0
        assert math.isnan(m["tail_ratio"])

    def test_one_day(self):
        m = run_engine(case_of(panel_of(column(10.0, 11.0)), column(0.5), first=1)).metrics
        assert math.isnan(m["volatility"])
        assert not math.isnan(m["total_return"])

    def test_depth_sees_every_bar_and_length_days(self):
        dates = [f"2021-03-0{day}T{hour}" for day in (1, 2, 3) for hour in (10, 15)]
        panel = panel_of(column(10.0, 10.0, 6.0, 11.0, 9.0, 12.0), dates=dates)
        m = run_engine(case_of(panel, column(1.0))).metrics
        assert m["max_drawdown"] == pytest.approx(-0.4)
        assert m["max_drawdown_length"] == 0
        assert m["total_return"] == pytest.approx(0.2)

    def test_no_undefined_metric_is_infinite(self):
        for values in ([1000.0] * 25, [1000.0, 2000.0] * 12, [1e-9] * 25):
            assert not any(math.isinf(value) for value in curve(values).metrics.values())


@settings(max_examples=40)
@given(cases())
def test_moments_of_the_daily_returns(case):
    """n, mean, standard deviation, skewness, kurtosis; 16 blocks of equal length, the oldest days that are over left out."""
    got = run_engine(case)
    assume(got.returns.std() > 1e-6)
    rules = {"capital": case.capital, "costs": case.costs, "fill": case.fill, "settings": case.settings}
    simulator = Simulator(case.panel, ((case.first, case.last),), **rules)
    out, moments = np.empty((1, len(NAMES))), np.empty((1, MOMENTS))
    simulator.run(case.weights(), out, moments)
    r = got.returns
    expected = [len(r), r.mean(), r.std(ddof=1), stats.skew(r), stats.kurtosis(r, fisher=False)]
    assert moments[0, :5] == pytest.approx(expected, rel=1e-9, abs=1e-12)
    blocks = r[len(r) % 16 :].reshape(16, -1)
    assert moments[0, 5:21] == pytest.approx(blocks.sum(axis=1), rel=1e-9, abs=1e-12)
    assert moments[0, 21:] == pytest.approx((blocks**2).sum(axis=1), rel=1e-9, abs=1e-12)


def test_costs_paid_and_break_even():
    costs = Costs(commission=PerDollar(0.01))
    m = run_engine(case_of(panel_of(column(10.0, 10.0, 12.0, 12.0)), column(0.5, 0.0), costs=costs)).metrics
    assert m["commission_paid"] == pytest.approx(5.0 + 6.0)
    assert m["costs_paid"] == pytest.approx(11.0)
    assert m["break_even_cost"] == pytest.approx(1e4 * 100 / 1100)


def test_names():
    got = curve([1000.0] * 5).metrics
    assert tuple(got) == NAMES + tuple(ORDERED)
    assert tuple(METRICS) == NAMES
    assert check_metric("tail_ratio") == "tail_ratio"
    with pytest.raises(InputError, match=r"objective must be one of 'total_return'.*received 'sharp'"):
        check_metric("sharp")
