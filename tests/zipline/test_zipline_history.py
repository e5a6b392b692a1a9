"""Adjusted windows against the rules written out row by row."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zipline_market import by_definition, market

from rustybt_ray.zipline.history import HISTORY_FIELDS, History

T, N = 24, 3


def same(found, expected):
    return np.array_equal(found, np.array(expected, dtype=float), equal_nan=True)


@st.composite
def markets(draw):
    steps = draw(st.lists(st.integers(2, 90_000), min_size=T * N, max_size=T * N))
    close = np.array(steps, dtype=float).reshape(T, N) / 1000.0
    blank = draw(st.lists(st.integers(0, 9), min_size=T * N, max_size=T * N))
    close[np.array(blank).reshape(T, N) < 3] = np.nan
    cells = st.tuples(st.integers(1, T - 1), st.integers(0, N - 1))
    ratios = st.sampled_from([1.5, 2.0, 3.0, 0.125, 7.0])
    splits = [(*at, draw(ratios)) for at in sorted(draw(st.sets(cells, max_size=8)))]
    dividends = [(*at, draw(st.sampled_from([0.001, 0.37, 0.01]))) for at in sorted(draw(st.sets(cells, max_size=10)))]
    volume = (
        np.array(draw(st.lists(st.integers(0, 3), min_size=T * N, max_size=T * N)), dtype=float).reshape(T, N) * 333
    )
    return market(close, volume=volume, splits=splits, dividends=dividends)


REQUESTS = st.lists(
    st.tuples(
        st.sampled_from(HISTORY_FIELDS),
        st.lists(st.integers(0, N - 1), min_size=1, max_size=N).map(tuple),
        st.integers(0, T - 1),
        st.integers(1, T),
        st.booleans(),
    ),
    max_size=30,
)


@settings(max_examples=60)
@given(markets(), REQUESTS)
def test_any_window_in_any_order_is_as_the_rules_say(view, requests):
    history = History(view)
    for field, columns, row, count, again in requests:
        if again:
            history.reset()
        count = min(count, row + 1)
        window = history.window(field, columns, row, count)
        assert window.shape == (count, len(columns))
        assert window.flags.c_contiguous
        for k, column in enumerate(columns):
            assert same(window[:, k], by_definition(view, field, column, row, count)), (field, column, row, count)


@settings(max_examples=25)
@given(markets(), st.integers(1, 9), st.integers(1, 3))
def test_a_run_from_day_to_day(view, count, stride):
    history, kept = History(view), []
    for row in range(count - 1, T, stride):
        for field in HISTORY_FIELDS:
            window = history.window(field, (0, 1, 2), row, count)
            kept.append((window, window.copy()))
            for column in range(N):
                assert same(window[:, column], by_definition(view, field, column, row, count)), (field, column, row)
    assert all(same(window, copy) for window, copy in kept)


def test_windows_belong_to_who_asked():
    view = market([10.0, 11.0, 12.0, 6.0], splits=[(3, 0, 2.0)])
    history = History(view)
    window = history.window("close", (0,), 2, 3)
    window[:] = -1.0
    assert history.window("close", (0,), 2, 3).ravel().tolist() == [10.0, 11.0, 12.0]
    assert history.window("close", (0,), 3, 4).ravel().tolist() == [5.0, 5.5, 6.0, 6.0]
    assert window.ravel().tolist() == [-1.0] * 3


def test_a_split_on_odd_thousandths_is_rounded_after_each_ratio_has_been_applied():
    odd = [10.001, 10.003, 33.335, 7.127, 5.0]
    view = market(odd, splits=[(4, 0, 2.0)])
    window = History(view).window("close", (0,), 4, 5).ravel()
    assert window.tolist() == [*np.round(view.close[:4, 0] * 0.5, 3).tolist(), 5.0]
    assert window[:2].tolist() == [5.0, 5.002]


def test_ratio_by_ratio_is_not_a_cumulative_factor():
    """3:1 and then 2:3 make 2:1 together, but not in the last bit, and half of an odd thousandth is a tie."""
    odd = np.arange(10_001, 10_401, 2) / 1000.0
    view = market([*odd, 3.0, 5.0], splits=[(200, 0, 3.0), (201, 0, 2.0 / 3.0)])
    window = History(view).window("close", (0,), 201, 202).ravel()
    assert same(window, by_definition(view, "close", 0, 201, 202))
    assert np.count_nonzero(window[:200] != np.round(view.close[:200, 0] * 0.5, 3)) > 10


def test_the_example_of_a_split_and_a_dividend_on_one_day():
    view = market([51.87, 50.82, 33.5], splits=[(2, 0, 1.5)], dividends=[(2, 0, 0.37)])
    assert History(view).window("close", (0,), 2, 3)[0, 0] == 34.328


def test_a_blank_first_row_of_price_is_not_rounded():
    view = market([62.783, np.nan, 60.0], splits=[(2, 0, 1.5)])
    history = History(view)
    assert history.window("price", (0,), 2, 2).ravel().tolist() == [41.855333333333334, 60.0]
    assert history.window("price", (0,), 2, 3).ravel().tolist() == [41.855, 41.855, 60.0]


def test_a_carried_price_is_multiplied_by_the_splits_before_the_dividends():
    """Whatever their dates: the last bit tells."""
    close = [40.909, np.nan, 33.966, 85.948, 45.558, 27.385]
    view = market(close, splits=[(5, 0, 3.0)], dividends=[(3, 0, 0.6), (4, 0, 0.84)])
    price, ratio = view.close[:, 0], 1.0 / 3.0
    for amount, before in ((0.6, price[2]), (0.84, price[3])):
        ratio *= 1.0 - amount / before
    assert History(view).window("price", (0,), 5, 5)[0, 0] == price[0] * ratio


def test_volume_is_split_into_fractions():
    view = market([10.0, 10.0], volume=1_966_819.0, splits=[(1, 0, 1.5)])
    assert History(view).window("volume", (0,), 1, 2).ravel().tolist() == [2_950_228.5, 1_966_819.0]


def test_an_asset_has_no_price_after_its_end_and_none_before_its_start():
    close = np.array([[np.nan, 5.0], [3.0, 6.0], [4.0, np.nan], [5.0, np.nan]])
    history = History(market(close))
    assert same(history.window("price", (0, 1), 3, 4), [[np.nan, 5.0], [3.0, 6.0], [4.0, np.nan], [5.0, np.nan]])
    assert same(history.window("price", (1,), 3, 2), [[np.nan], [np.nan]])


@pytest.mark.parametrize("singles", [5, 26])
def test_columns_asked_for_one_by_one(singles):
    rng = np.random.default_rng(5)
    close = np.round(rng.uniform(5.0, 50.0, (40, singles)), 3)
    splits = sorted((int(r), c, 2.0) for c in range(singles) for r in rng.choice(np.arange(1, 40), 3, replace=False))
    view = market(close, splits=splits)
    history = History(view)
    for row in range(9, 40, 3):
        for column in range(singles):
            window = history.window("close", (column,), row, 10)
            assert same(window[:, 0], by_definition(view, "close", column, row, 10)), (row, column)
