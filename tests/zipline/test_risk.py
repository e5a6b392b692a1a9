"""Cumulative risk columns against their definition on each prefix, with numpy, with empyrical and with exact fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustybt_ray.zipline.risk import cumulative_risk

YEAR = 252


def root(number):
    """Square root of a fraction, to more digits than a float has."""
    scale = 10**60
    return Fraction(math.isqrt(int(number * scale * scale)), scale)


def by_fractions(returns, benchmark):
    """The figures of one whole sample, exactly; None where undefined."""
    r, b = [Fraction(x) for x in returns], [Fraction(x) for x in benchmark]
    n = len(r)
    mean, center = sum(r) / n, sum(b) / n
    if n < 2:
        return dict.fromkeys(("algo_volatility", "benchmark_volatility", "sharpe", "sortino", "beta", "alpha"))
    deviation = root(sum((x - mean) ** 2 for x in r) / (n - 1))
    loss = root(sum(min(x, 0) ** 2 for x in r) / n)
    spread = sum((y - center) ** 2 for y in b) / n
    beta = sum((y - center) * (x - mean) for x, y in zip(r, b, strict=True)) / n / spread if spread >= 1e-30 else None
    return {
        "algo_volatility": float(deviation) * math.sqrt(YEAR),
        "benchmark_volatility": float(root(sum((y - center) ** 2 for y in b) / (n - 1))) * math.sqrt(YEAR),
        "sharpe": float(mean / deviation) * math.sqrt(YEAR) if deviation else None,
        "sortino": float(mean / loss) * math.sqrt(YEAR) if loss else None,
        "beta": None if beta is None else float(beta),
        "alpha": None if beta is None else float((1 + mean - beta * center) ** YEAR - 1),
    }


def assert_as_defined(returns, benchmark):
    """To 1e-12 of each figure, or of the largest that its parts could make of it where they cancel."""
    found = cumulative_risk(np.array(returns), np.array(benchmark))
    for t in range(len(returns)):
        for name, value in by_fractions(returns[: t + 1], benchmark[: t + 1]).items():
            got = getattr(found, name)[t]
            if value is None:
                assert math.isnan(got), (name, t)
                continue
            cancelled = 0.0
            if name in ("beta", "alpha"):
                tight = found.benchmark_volatility[t] / math.sqrt(YEAR)
                cancelled = 1e-13 * max(map(abs, returns[: t + 1])) / tight
                if name == "alpha":
                    cancelled = YEAR * (1.0 + abs(value)) * 1e-13 * (1.0 + cancelled + abs(found.beta[t]))
            assert got == pytest.approx(value, rel=1e-12, abs=cancelled), (name, t)


cents = st.integers(-2000, 2000).map(lambda n: n / 16384)
sizes = st.sampled_from([1.0, 1.0, 1.0, 1e-6, 1e-9, 0.0])
daily = st.tuples(cents, sizes).map(lambda pair: pair[0] * pair[1])


@given(st.lists(st.tuples(daily, cents), min_size=1, max_size=40), st.integers(0, 20))
def test_equals_the_definition_on_every_prefix_after_a_quiet_start(days, quiet):
    assert_as_defined([0.0] * quiet + [r for r, _ in days], [0.0] * quiet + [b for _, b in days])


@given(cents, cents, st.integers(2, 25))
def test_equal_returns_have_no_ratio(r, b, sessions):
    found = cumulative_risk(np.full(sessions, r), np.full(sessions, b))
    assert np.isnan(found.sharpe).all()
    assert np.isnan(found.beta).all()
    assert np.isnan(found.alpha).all()
    assert found.algo_volatility[1:].tolist() == found.benchmark_volatility[1:].tolist() == [0.0] * (sessions - 1)


def test_the_first_session_defines_only_sums():
    found = cumulative_risk(np.array([-0.25, 0.5]), np.array([0.125, 0.0]))
    undefined = ("algo_volatility", "benchmark_volatility", "sharpe", "sortino", "beta", "alpha")
    assert all(np.isnan(getattr(found, name)[0]) for name in undefined)
    assert not any(np.isnan(getattr(found, name)[1]) for name in undefined)
    assert found.max_drawdown.tolist() == [-0.25, -0.25]
    assert found.benchmark_period_return.tolist() == [0.125, 0.125]


def test_without_a_benchmark_alpha_and_beta_are_never_defined():
    returns = np.random.default_rng(3).normal(0.0, 0.01, 50)
    for benchmark in (None, np.zeros(50)):
        found = cumulative_risk(returns, benchmark)
        assert np.isnan(found.alpha).all()
        assert np.isnan(found.beta).all()
        assert np.isnan(found.benchmark_volatility[0])
        assert found.benchmark_volatility[1:].tolist() == [0.0] * 49
        assert found.benchmark_period_return.tolist() == [0.0] * 50


@pytest.mark.parametrize("blank", [[0, 1, 2], [0, 4], [3, 4, 9], range(10)])
def test_sessions_without_a_return_of_the_benchmark_are_passed_over(blank):
    import empyrical

    random = np.random.default_rng(5)
    returns, benchmark = random.normal(0.0, 0.01, (2, 10))
    benchmark[list(blank)] = np.nan
    found = cumulative_risk(returns, benchmark)
    for t in range(1, 10):
        known = ~np.isnan(benchmark[: t + 1])
        alpha, beta = empyrical.alpha_beta_aligned(returns[: t + 1][known], benchmark[: t + 1][known])
        volatility = np.std(benchmark[: t + 1][known], ddof=1) * np.sqrt(252) if known.sum() > 1 else np.nan
        assert found.alpha[t] == pytest.approx(alpha, rel=1e-9, nan_ok=True)
        assert found.beta[t] == pytest.approx(beta, rel=1e-9, nan_ok=True)
        assert found.benchmark_volatility[t] == pytest.approx(volatility, rel=1e-12, nan_ok=True)
    assert np.isnan(found.benchmark_period_return).tolist() == np.logical_or.accumulate(np.isnan(benchmark)).tolist()


def test_an_infinite_return_of_the_benchmark_has_no_beta_and_no_part_in_the_volatility():
    found = cumulative_risk(np.array([0.01, -0.02, 0.01, 0.03]), np.array([0.01, np.inf, 0.02, 0.03]))
    expected = [np.nan, np.nan, *(np.std(known, ddof=1) * np.sqrt(252) for known in ([0.01, 0.02], [0.01, 0.02, 0.03]))]
    assert found.benchmark_volatility == pytest.approx(expected, rel=1e-12, nan_ok=True)
    assert np.isnan(found.beta).all()
    assert np.isnan(found.alpha).all()


def test_no_loss_no_sortino():
    found = cumulative_risk(np.array([0.0, 0.01, 0.0, -0.01, 0.02]))
    assert np.isnan(found.sortino).tolist() == [True, True, True, False, False]


def test_returns_that_differ_in_their_last_digits():
    """Squares of what is left after a mean a million times larger keep their digits."""
    returns = [0.1 + n * 2.0**-40 for n in (0, 3, 1, 4, 1, 5, 9, 2, 6)]
    assert_as_defined(returns, [0.25 - 2.0 * r for r in returns])


def test_returns_that_cancel_leave_the_small_one():
    """What a sum of large returns rounds away is there when they are gone."""
    assert_as_defined([0.75, 2.0**-60, -0.75, 2.0**-58], [0.5, -0.25, 2.0**-62, -0.25])


def test_long_series_against_numpy_and_empyrical():
    import empyrical

    random = np.random.default_rng(7)
    returns = np.where(random.random(4000) < 0.3, 0.0, random.normal(0.0005, 0.01, 4000))
    returns[:300] = 0.0
    benchmark = random.normal(0.0003, 0.008, 4000)
    found = cumulative_risk(returns, benchmark)
    for t in (1, 2, 299, 300, 301, 305, 1000, 3999):
        r, b = returns[: t + 1], benchmark[: t + 1]
        deviation = np.std(r, ddof=1)
        assert found.algo_volatility[t] == pytest.approx(deviation * np.sqrt(252), rel=1e-12)
        assert found.benchmark_volatility[t] == pytest.approx(np.std(b, ddof=1) * np.sqrt(252), rel=1e-12)
        if not deviation:
            assert np.isnan(found.sharpe[t])
            continue
        assert found.sharpe[t] == pytest.approx(np.mean(r) / deviation * np.sqrt(252), rel=1e-12)
        alpha, beta = empyrical.alpha_beta_aligned(r, b)
        assert found.beta[t] == pytest.approx(beta, rel=1e-11)
        assert found.alpha[t] == pytest.approx(alpha, rel=1e-11)
        assert found.max_drawdown[t] == pytest.approx(empyrical.max_drawdown(r), rel=1e-12)
        if r.min() < 0.0:
            assert found.sortino[t] == pytest.approx(empyrical.sortino_ratio(r), rel=1e-12)


def test_an_undefined_return_leaves_what_came_before():
    returns = np.array([0.01, -0.02, np.nan, 0.01])
    found = cumulative_risk(returns)
    assert np.isfinite(found.sharpe[1])
    assert np.isnan(found.sharpe[2:]).all()
    assert np.isnan(found.max_drawdown[2:]).all()


def test_nothing_at_all():
    assert all(len(column) == 0 for column in cumulative_risk(np.empty(0)))
