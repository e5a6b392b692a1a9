import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustybt_ray.engine import rolling
from rustybt_ray.exceptions import InputError

VALUES = st.one_of(st.just(math.nan), st.floats(0.01, 1e6), st.sampled_from([1.0, 2.0, 2.0, 3.0]))
WINDOWS = st.integers(1, 7)
FEW = st.integers(1, 3)


@st.composite
def matrices(draw, columns=FEW):
    """Rows x assets with missing values; many columns have long runs without any."""
    rows, assets = draw(st.integers(1, 30)), draw(columns)
    made = np.array(draw(st.lists(VALUES, min_size=rows * assets, max_size=rows * assets))).reshape(rows, assets)
    for column in range(assets):
        if draw(st.booleans()):
            made[draw(st.integers(0, rows - 1)) :, column] = np.linspace(1.0, draw(st.floats(0.5, 900.0)), rows)[-1]
            made[:, column] = np.nan_to_num(made[:, column], nan=7.0)
    return made


def by_window(values, n, formula):
    """`formula` of each full window of n values; NaN where there is none."""
    out = np.full(values.shape, np.nan)
    for t in range(n - 1, len(values)):
        for a in range(values.shape[1]):
            window = [float(v) for v in values[t - n + 1 : t + 1, a]]
            if not any(math.isnan(v) for v in window):
                out[t, a] = formula(window)
    return out


def mean_of(window):
    return math.fsum(window) / len(window)


def deviation_of(window):
    centre = mean_of(window)
    return math.sqrt(math.fsum((v - centre) ** 2 for v in window) / (len(window) - 1))


def running_mean(column, n):
    """total += x[t], then total -= x[t-n], then total / n, from the first value after a gap: to the last bit."""
    out, total, count = [], 0.0, 0
    for t, value in enumerate(column):
        if math.isnan(value):
            total, count = 0.0, 0
        else:
            total, count = total + value, count + 1
            if count > n:
                total -= column[t - n]
        out.append(total / n if count >= n else math.nan)
    return out


@given(matrices(), WINDOWS)
def test_mean_and_sum_are_the_running_sum_to_the_last_bit(values, n):
    means, sums = rolling.rolling_mean(values, n), rolling.rolling_sum(values, n)
    for a, column in enumerate(values.T.tolist()):
        expected = np.array(running_mean(column, n))
        np.testing.assert_array_equal(means[:, a], expected)
        np.testing.assert_array_equal(sums[:, a] / n, expected)
    np.testing.assert_allclose(means, by_window(values, n, mean_of), rtol=1e-7)


def test_a_sum_begins_anew_after_a_gap_and_an_infinite_value_is_one():
    values = np.array([[1e16], [1.0], [math.nan], [1.0], [1.0], [math.inf], [2.0], [3.0]])
    expected = [math.nan, 1e16, math.nan, math.nan, 2.0, math.nan, math.nan, 5.0]
    np.testing.assert_array_equal(rolling.rolling_sum(values, 2)[:, 0], expected)


@given(matrices(), st.integers(2, 7))
def test_deviation_and_score_are_their_definitions(values, n):
    deviation = by_window(values, n, deviation_of)
    scale = by_window(values, n, max)
    found = rolling.rolling_std(values, n)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(deviation))
    assert np.nanmax(np.abs(found - deviation) / scale, initial=0.0) < 1e-13
    score = rolling.rolling_zscore(values, n)
    safe = deviation > 1e-6 * scale
    expected = (values - by_window(values, n, mean_of)) / np.where(safe, deviation, np.nan)
    np.testing.assert_allclose(score[safe], expected[safe], rtol=1e-6, atol=1e-8)
    assert np.isnan(score[~(deviation > 0)]).all()


def test_deviation_forgets_what_left_the_window():
    values = np.array([1e15, 3.0, 1.0, 2.0, 4.0, 2.0, 2.0, 2.0])[:, None]
    found = rolling.rolling_std(values, 3)[3:, 0]
    np.testing.assert_allclose(found, [1.0, math.sqrt(7 / 3), math.sqrt(4 / 3), math.sqrt(4 / 3), 0.0], rtol=1e-14)
    assert found[-1] == 0.0


def test_deviation_of_large_values_close_together():
    small = np.array([[0.0], [1.0], [3.0], [2.0], [5.0], [4.0], [4.5]])
    np.testing.assert_allclose(
        rolling.rolling_std(small + 1e9, 4), rolling.rolling_std(small, 4), rtol=1e-7, equal_nan=True
    )


@given(matrices(), WINDOWS)
def test_extremes_are_those_of_the_window(values, n):
    np.testing.assert_array_equal(rolling.rolling_max(values, n), by_window(values, n, max))
    np.testing.assert_array_equal(rolling.rolling_min(values, n), by_window(values, n, min))


def smoothed(values, n, alpha):
    """Mean of the first n values, then alpha of each new one."""
    if len(values) < n:
        return []
    out = [sum(values[:n]) / n]
    for value in values[n:]:
        out.append(out[-1] + alpha * (value - out[-1]))
    return out


def placed(rows, at, values):
    """`values` on the last of the rows `at`, NaN elsewhere."""
    out = np.full(rows, math.nan)
    if values:
        out[at[-len(values) :]] = values
    return out


@given(matrices(), WINDOWS)
def test_exponential_mean_is_its_recursion(values, n):
    found = rolling.exponential_mean(values, n)
    for a, column in enumerate(values.T):
        at = np.flatnonzero(~np.isnan(column))
        expected = placed(len(column), at, smoothed(column[at].tolist(), n, 2.0 / (n + 1)))
        np.testing.assert_allclose(found[:, a], expected, rtol=1e-12)


@given(matrices(), WINDOWS)
def test_relative_strength_is_wilders(values, n):
    found = rolling.relative_strength(values, n)
    for a, column in enumerate(values.T):
        at = np.flatnonzero(~np.isnan(column))
        changes = np.diff(column[at])
        gains = smoothed(np.maximum(changes, 0.0).tolist(), n, 1.0 / n)
        losses = smoothed(np.maximum(-changes, 0.0).tolist(), n, 1.0 / n)
        strength = [100.0 * g / (g + b) if g + b > 0.0 else 50.0 for g, b in zip(gains, losses, strict=True)]
        np.testing.assert_allclose(found[:, a], placed(len(column), at, strength), rtol=1e-7, atol=1e-7)


@given(matrices(columns=st.just(1)), WINDOWS, st.data())
def test_true_range_is_wilders(close, n, data):
    spread = np.array(data.draw(st.lists(st.floats(0.0, 5.0), min_size=len(close), max_size=len(close))))[:, None]
    high, low = close + spread, close - spread / 2
    at = np.flatnonzero(~np.isnan(close[:, 0]))
    ranges = []
    for position, t in enumerate(at):
        reach = [high[t, 0] - low[t, 0]]
        if position:
            last = close[at[position - 1], 0]
            reach += [abs(high[t, 0] - last), abs(low[t, 0] - last)]
        ranges.append(max(reach))
    expected = placed(len(close), at, smoothed(ranges, n, 1.0 / n))
    np.testing.assert_allclose(rolling.average_true_range(high, low, close, n)[:, 0], expected, rtol=1e-12, atol=1e-12)


@given(matrices(columns=st.just(2)), st.integers(2, 7))
def test_correlation_is_pearsons(values, n):
    found = rolling.rolling_correlation(values[:, :1], values[:, 1:], n)[:, 0]
    for t in range(len(values)):
        x, y = values[max(t - n + 1, 0) : t + 1].T.tolist()
        if t < n - 1 or any(math.isnan(v) for v in x + y):
            assert math.isnan(found[t])
            continue
        mx, my = mean_of(x), mean_of(y)
        xx, yy = math.fsum((v - mx) ** 2 for v in x), math.fsum((v - my) ** 2 for v in y)
        if xx == 0.0 or yy == 0.0:
            assert math.isnan(found[t])
        elif xx > 1e-12 * n * max(x) ** 2 and yy > 1e-12 * n * max(y) ** 2:
            product = math.fsum((v - mx) * (w - my) for v, w in zip(x, y, strict=True))
            assert found[t] == pytest.approx(product / math.sqrt(xx * yy), abs=1e-6)


def test_a_column_can_be_correlated_with_all():
    values = np.random.default_rng(1).standard_normal((20, 3))
    found = rolling.rolling_correlation(values, values[:, 1:2], 5)
    np.testing.assert_allclose(found[4:, 1], 1.0, rtol=1e-12)
    np.testing.assert_allclose(found[9, 0], np.corrcoef(values[5:10, 0], values[5:10, 1])[0, 1], rtol=1e-12)


@given(matrices(columns=st.integers(1, 12)))
def test_rank_is_the_mid_rank_over_the_count(values):
    found = rolling.rank(values)
    for row, ranks in zip(values.tolist(), found.tolist(), strict=True):
        there = [v for v in row if not math.isnan(v)]
        for value, rank in zip(row, ranks, strict=True):
            if math.isnan(value):
                assert math.isnan(rank)
            else:
                places = [i + 1 for i, v in enumerate(sorted(there)) if v == value]
                assert rank == sum(places) / len(places) / len(there)


@given(matrices(), WINDOWS)
def test_change_is_the_ratio_of_both_ends(values, n):
    found = rolling.change(values, n)
    assert np.isnan(found[:n]).all()
    np.testing.assert_array_equal(found[n:], values[n:] / values[:-n] - 1.0)


def test_pandas_agrees():
    import pandas as pd

    values = 100 * np.exp(np.random.default_rng(3).normal(0, 0.01, (400, 5)).cumsum(axis=0))
    values[:130, 2], values[200:203, 4] = np.nan, np.nan
    frame = pd.DataFrame(values)
    window = frame.rolling(20)
    for found, expected in (
        (rolling.rolling_mean(values, 20), window.mean()),
        (rolling.rolling_sum(values, 20), window.sum()),
        (rolling.rolling_std(values, 20), window.std()),
        (rolling.rolling_min(values, 20), window.min()),
        (rolling.rolling_max(values, 20), window.max()),
        (rolling.rolling_correlation(values, values[:, :1], 20), window.corr(frame[0])),
        (rolling.rank(values), frame.rank(axis=1, pct=True)),
        (rolling.change(values, 20), frame.pct_change(20, fill_method=None)),
    ):
        # pandas' running sums leave up to 1e-11 in correlations near zero, where ours are right to the last digits
        np.testing.assert_allclose(found, expected.to_numpy(), rtol=1e-9, atol=1e-11)


def test_a_correlation_near_zero_has_the_digits_of_the_definition():
    values = 100 * np.exp(np.random.default_rng(3).normal(0, 0.01, (400, 5)).cumsum(axis=0))
    found = rolling.rolling_correlation(values, values[:, :1], 20)[:, 4]
    row = 20 + int(np.argmin(np.abs(found[20:])))
    x, y = ([Decimal(float(v)) for v in values[row - 19 : row + 1, column]] for column in (4, 0))
    dx, dy = [v - sum(x) / 20 for v in x], [v - sum(y) / 20 for v in y]
    product = sum(a * b for a, b in zip(dx, dy, strict=True))
    expected = product / (sum(a * a for a in dx) * sum(b * b for b in dy)).sqrt()
    assert abs(found[row]) < 1e-2
    assert found[row] == pytest.approx(float(expected), rel=1e-11)


INDICATORS = {
    "mean": rolling.rolling_mean,
    "sum": rolling.rolling_sum,
    "std": rolling.rolling_std,
    "zscore": rolling.rolling_zscore,
    "min": rolling.rolling_min,
    "max": rolling.rolling_max,
    "ema": rolling.exponential_mean,
    "rsi": rolling.relative_strength,
    "atr": lambda x, n: rolling.average_true_range(x * 1.25, x * 0.5, x, n),
    "change": rolling.change,
    "correlation": lambda x, n: rolling.rolling_correlation(x, x[:, :1] ** 2, n),
    "rank": lambda x, n: rolling.rank(x),
}


def bits(values):
    """Bytes that are equal for equal bits, NaN being one value."""
    return np.where(np.isnan(values), np.nan, values).tobytes()


@pytest.mark.parametrize("indicator", INDICATORS.values(), ids=INDICATORS.keys())
@given(values=matrices(columns=st.integers(1, 5)), n=st.integers(2, 7), seed=st.integers(0, 9), data=st.data())
def test_no_later_row_changes_a_bit(indicator, values, n, seed, data):
    cut = data.draw(st.integers(1, len(values)))
    other = values.copy()
    other[cut:] *= np.random.default_rng(seed).choice([0.5, 3.0, np.nan], other[cut:].shape)
    before = bits(indicator(values, n)[:cut])
    assert bits(indicator(other, n)[:cut]) == before
    assert bits(indicator(np.ascontiguousarray(values[:cut]), n)) == before


@pytest.mark.parametrize("indicator", [v for k, v in INDICATORS.items() if k not in ("rank", "correlation")])
def test_a_column_does_not_know_its_neighbours(indicator):
    values = np.exp(np.random.default_rng(5).normal(0, 0.1, (60, 19)).cumsum(axis=0))
    values[:21, 3], values[30:33, 17], values[59, 18] = np.nan, np.nan, np.nan
    together = indicator(values, 6)
    for a in range(values.shape[1]):
        assert bits(together[:, a]) == bits(indicator(np.ascontiguousarray(values[:, a : a + 1]), 6)[:, 0])


@pytest.mark.parametrize("indicator", INDICATORS.values(), ids=INDICATORS.keys())
def test_a_window_longer_than_the_rows_is_never_full(indicator):
    values = np.array([[1.0], [2.0], [4.0]])
    if indicator is not INDICATORS["rank"]:
        assert np.isnan(indicator(values, 1_000_000_000)).all()


def test_inputs_may_be_read_only_and_are_compiled_once():
    values = np.arange(1.0, 13.0).reshape(6, 2)
    rolling.rolling_mean(values, 2)
    assert values.flags.writeable
    values.flags.writeable = False
    rolling.rolling_mean(values, np.int64(2))
    rolling.rolling_mean(np.asfortranarray(values), 2)
    assert len(rolling._sum._known) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: rolling.rolling_mean(x, 0), "n must be a whole number of at least 1; received 0"),
        (lambda x: rolling.rolling_mean(x, 2.0), "n must be a whole number of at least 1; received 2.0"),
        (lambda x: rolling.rolling_max(x, True), "received True"),
        (lambda x: rolling.rolling_std(x, 1), "n must be a whole number of at least 2; received 1"),
        (lambda x: rolling.rolling_correlation(x, x, 1), "at least 2; received 1"),
        (lambda x: rolling.rolling_sum(x[:, 0], 2), r"x must be two-dimensional, rows x assets; received \(3,\)"),
        (
            lambda x: rolling.average_true_range(x[:2], x, x, 2),
            r"high, low and close must be of one shape; received \(\(2, 2\), \(3, 2\), \(3, 2\)\)",
        ),
        (lambda x: rolling.average_true_range(x, x[:, :1], x, 2), "of one shape"),
        (
            lambda x: rolling.rolling_correlation(x, x[:2], 2),
            r"y must be of shape \(3, 2\) or one column; received \(2, 2\)",
        ),
        (lambda x: rolling.rolling_correlation(x, x[0], 2), r"one column; received \(2,\)"),
    ],
)
def test_says_what_is_wrong(call, message):
    with pytest.raises(InputError, match=message):
        call(np.ones((3, 2)))
