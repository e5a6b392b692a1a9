import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rustybt_ray.data.adjust import forward_factors

PRICES = st.one_of(st.just(math.nan), st.floats(0.5, 500.0))
RATIOS = st.sampled_from([2.0, 3.0, 1.5, 0.125, 7.0, 1.998])


@st.composite
def markets(draw, rows=12, assets=3):
    """Closes with missing bars, splits and dividends in any cell, several in one too."""
    close = np.array(draw(st.lists(PRICES, min_size=rows * assets, max_size=rows * assets))).reshape(rows, assets)
    cell = st.tuples(st.integers(0, rows - 1), st.integers(0, assets - 1))
    splits = draw(st.lists(st.tuples(cell, RATIOS), max_size=8))
    dividends = draw(st.lists(st.tuples(cell, st.floats(0.01, 40.0)), max_size=12))
    return close, sorted(splits), sorted(dividends)


def factors(close, splits, dividends):
    columns = []
    for events in (splits, dividends):
        columns += [np.array([cell[axis] for cell, _ in events], dtype=np.int64) for axis in (0, 1)]
        columns.append(np.array([value for _, value in events], dtype=np.float64))
    return forward_factors(close, *columns)


def by_definition(close, splits, dividends):
    """G[t] = G[t-1] / ratio[t], ratio = (1 / split) x (1 - dividend / mark[t-1]); one cell after the other."""
    rows, assets = close.shape
    factor, shares, mark = np.ones(close.shape), np.ones(close.shape), np.full((assets, rows), math.nan)
    for column in range(assets):
        before, total, split_only = math.nan, 1.0, 1.0
        for row in range(rows):
            share, cash = 1.0, 0.0
            for cell, ratio in splits:
                share *= 1.0 / ratio if cell == (row, column) else 1.0
            for cell, amount in dividends:
                cash += amount if cell == (row, column) else 0.0
            left = 1.0 - cash / before
            if math.isnan(before):
                share, left = 1.0, 1.0
            ratio = share * (left if left > 0.0 else 1.0)
            total, split_only = total / ratio, split_only / share
            before = before * ratio if math.isnan(close[row, column]) else close[row, column]
            factor[row, column], shares[row, column], mark[column, row] = total, split_only, before
    return factor, shares, mark


@given(markets())
def test_matches_the_definition_to_the_last_bit(market):
    for found, expected in zip(factors(*market), by_definition(*market), strict=True):
        assert found.tobytes() == expected.tobytes()
        assert found.flags.c_contiguous


@given(markets(), markets(), st.integers(0, 11))
def test_the_future_changes_no_bit_of_the_past(market, other, row):
    """Cut after `row`, or put another market's future there: all values up to `row` keep their bits."""
    close, splits, dividends = market
    whole = factors(close, splits, dividends)
    past = [[event for event in events if event[0][0] <= row] for events in (splits, dividends)]
    future = [[event for event in events if event[0][0] > row] for events in other[1:]]
    cut = factors(close[: row + 1].copy(), *past)
    edited = factors(
        np.vstack([close[: row + 1], other[0][row + 1 :]]), *(a + b for a, b in zip(past, future, strict=True))
    )
    for name in ("factor", "split_factor"):
        kept = getattr(whole, name)[: row + 1].tobytes()
        assert getattr(cut, name).tobytes() == kept
        assert getattr(edited, name)[: row + 1].tobytes() == kept
    kept = whole.mark[:, : row + 1].tobytes()
    assert cut.mark.tobytes() == kept
    assert edited.mark[:, : row + 1].tobytes() == kept


def test_adjusted_prices_earn_what_a_holder_earns():
    close = np.array([[100.0], [98.0], [24.0]])
    found = factors(close, [((2, 0), 4.0)], [((1, 0), 3.0), ((2, 0), 1.0)])
    adjusted = (close * found.factor).ravel()
    assert np.allclose(adjusted[1] / adjusted[0], 98.0 / (100.0 - 3.0), rtol=1e-15)
    assert np.allclose(adjusted[2] / adjusted[1], 4 * 24.0 / (98.0 - 1.0), rtol=1e-15)


def test_a_missing_bar_carries_the_close_through_its_events():
    close = np.array([[50.0], [math.nan], [math.nan], [12.0]])
    found = factors(close, [((1, 0), 4.0)], [((2, 0), 0.5)])
    assert found.mark.tolist() == [[50.0, 12.5, 12.0, 12.0]]


def test_what_has_no_close_before_changes_no_factor():
    close = np.array([[math.nan], [10.0], [10.0]])
    found = factors(close, [((0, 0), 2.0), ((1, 0), 3.0)], [((0, 0), 1.0), ((1, 0), 1.0)])
    assert found.factor.tolist() == [[1.0]] * 3
    assert math.isnan(found.mark[0, 0])


def test_a_dividend_of_the_close_or_more_changes_no_factor():
    close = np.array([[10.0], [9.0], [8.0]])
    found = factors(close, [((1, 0), 2.0)], [((1, 0), 10.0), ((2, 0), 90.0)])
    assert found.factor.ravel().tolist() == [1.0, 2.0, 2.0]


@settings(max_examples=20)
@given(markets())
def test_the_input_is_not_touched(market):
    close = market[0]
    before = close.tobytes()
    close.flags.writeable = False
    factors(*market)
    assert close.tobytes() == before
