"""The view on zipline's grid, against rules written out cell by cell."""

import math
from decimal import ROUND_HALF_EVEN, Decimal
from functools import reduce
from operator import mul

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.data.grid import adjustments, on_grid
from rustybt_ray.data.panel import FIELDS
from rustybt_ray.exceptions import InputError


def build(price, *, volume=1000.0, **changes):
    price = np.asarray(price, dtype=float)
    price = price[:, None] if price.ndim == 1 else price
    names = "ABCDEF"[: price.shape[1]]
    days = np.busday_offset("2021-03-01", np.arange(len(price)))
    volumes = np.where(np.isnan(price), np.nan, volume)
    return panel_from_arrays(days, names, price, price, price, price, volumes, **changes)


def stored(price):
    """round_half_even of the float product, in exact decimals; read back by one float multiplication."""
    whole = int(Decimal(price * 1000.0).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
    return whole * 0.001 if whole else math.nan


@given(st.lists(st.floats(1e-5, 4_294_967.0), min_size=1, max_size=20))
def test_prices_are_rounded_half_to_even_and_read_as_a_product(prices):
    view = on_grid(build(prices))
    for name in FIELDS[:4]:
        assert np.array_equal(getattr(view, name).ravel(), [stored(price) for price in prices], equal_nan=True)


def test_ties():
    ties = [0.0625, 0.1875, 1.0005, 2.0005, 0.0005, 0.0015, 178.92, 0.0539]
    expected = [62, 188, 1000, 2001, 0, 2, 178920, 54]  # 2.0005 * 1000 is above the tie
    found = on_grid(build(ties)).close.ravel()
    assert np.array_equal(found, [n * 0.001 if n else np.nan for n in expected], equal_nan=True)
    assert found[6] == 178.92000000000002
    assert found[6] != 178.92


def test_cells_are_stored_one_by_one():
    bars = {"open": 0.0004, "high": 0.0011, "low": 0.0002, "close": 0.0006, "volume": 7.0}
    panel = panel_from_arrays(["2021-03-01"], ["A"], **{name: [[value]] for name, value in bars.items()})
    view = on_grid(panel)
    assert [getattr(view, name)[0, 0] for name in ("high", "close", "volume")] == [0.001, 0.001, 7.0]
    assert np.isnan([view.open[0, 0], view.low[0, 0]]).all()


def test_volumes_are_cut_and_what_is_too_large_is_nothing():
    volume = [[10.9], [4_294_967_295.0], [4_294_967_295.5], [5e9], [0.0]]
    price = [10.0, 10.0, 10.0, 10.0, 10.0]
    view = on_grid(build(price, volume=np.array(volume)))
    assert view.volume.ravel().tolist() == [10.0, 4_294_967_295.0, 0.0, 0.0, 0.0]
    assert view.close.ravel().tolist() == [10.0] * 5
    gap = on_grid(build([10.0, np.nan, 10.0], volume=2.5, fractional=True))
    assert gap.volume.ravel().tolist() == [2.0, 0.0, 2.0]
    assert not gap.fractional


def test_prices_that_wrap_around_are_refused():
    on_grid(build([4_294_967.295]))
    with pytest.raises(InputError, match=r"open of A on 2021-03-02 must be at most 4,294,967.295; received 5000000.0"):
        on_grid(build([10.0, 5e6]))


def test_the_bundle_keeps_every_digit_and_the_view_has_a_version_that_follows_from_it():
    panel = build([10.00049, 11.0], splits=[(1, 0, 2.0)])
    view = on_grid(panel)
    assert panel.close[0, 0] == 10.00049
    assert (view.version, view.shape) == (on_grid(panel).version, panel.shape)
    assert len(view.version) == 64
    others = {panel.version, view.version, on_grid(build([10.0005, 11.0], splits=[(1, 0, 2.0)])).version}
    assert len(others) == 3
    assert view.folder is None
    assert view.split_ratio.tolist() == [2.0]


def test_dividends_adjust_by_the_stored_close_of_the_row_before():
    panel = build(
        [50.8204, 33.9, np.nan, 34.0, 0.3, 0.3],
        splits=[(1, 0, 1.5)],
        dividends=[(0, 0, 1.0), (1, 0, 0.37), (3, 0, 0.1), (4, 0, 1.0), (5, 0, 0.3)],
    )
    found = adjustments(on_grid(panel))
    assert found.row.tolist() == [1, 1, 4]
    assert found.ratio.tolist() == [1.0 - 0.37 / (50820 * 0.001), 1.0 / 1.5, 1.0 - 1.0 / (34000 * 0.001)]
    assert found.split.tolist() == [False, True, False]
    assert found.start.tolist() == [0, 3]


def test_a_dividend_that_takes_the_whole_close_adjusts_nothing():
    for amount, count in ((9.999, 1), (10.0, 0), (10.001, 0)):
        found = adjustments(on_grid(build([10.0, 9.0], dividends=[(1, 0, amount)])))
        assert len(found.row) == count


def test_adjustments_are_by_column_then_row():
    events = {"splits": [(2, 1, 2.0), (1, 0, 4.0)], "dividends": [(1, 1, 0.5), (2, 0, 0.5)]}
    found = adjustments(on_grid(build([[10.0, 20.0]] * 3, **events)))
    assert found.start.tolist() == [0, 2, 4]
    assert found.row.tolist() == [1, 2, 1, 2]
    assert found.split.tolist() == [True, False, False, True]


def test_a_two_for_one_split_on_odd_thousandths():
    """Half of an odd thousandth is a tie or next to one: the ratio alone finds zipline's side, a cumulative factor not."""
    odd = np.arange(15_901, 16_101, 2)
    last = len(odd) + 1
    view = on_grid(build([9.0, *(odd * 0.001), 8.0], splits=[(last, 0, 2.0)], dividends=[(1, 0, 0.05)]))
    found = adjustments(view)
    assert (found.row.tolist(), found.ratio[1]) == ([1, last], 0.5)
    window, factor = view.close[1:last, 0], view.factor[:, 0]
    expected = [round(float(np.rint(int(step) * 0.001 * 0.5 * 1000.0))) / 1000.0 for step in odd]
    assert np.round(window * found.ratio[1], 3).tolist() == expected
    assert np.round(window * factor[1] / factor[last], 3).tolist() != expected


def expected_price(view, column, row):
    """zipline's rule for "price", one cell."""
    close = view.close[:, column]
    seen = [r for r in range(row + 1) if not math.isnan(close[r])]
    if not seen:
        return math.nan
    last, ratios = seen[-1], []
    for r, c, s in zip(view.split_row, view.split_column, view.split_ratio, strict=True):
        if c == column and last < r <= row:
            ratios.append(1.0 / s)
    for r, c, amount in zip(view.dividend_row, view.dividend_column, view.dividend_amount, strict=True):
        if c == column and last < r <= row and r > 0 and 1.0 - amount / close[r - 1] > 0.0:
            ratios.append(1.0 - amount / close[r - 1])
    return close[last] * reduce(mul, ratios, 1.0)


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_price_over_missing_bars(seed):
    random = np.random.default_rng(seed)
    rows, columns = 14, 3
    price = random.uniform(0.5, 90.0, (rows, columns))
    price[random.uniform(size=price.shape) < 0.45] = np.nan
    price[0, 0] = 12.3456
    events = {"splits": [], "dividends": []}
    for row in range(rows):
        for column in range(columns):
            if random.uniform() < 0.25:
                events["splits"].append((row, column, float(random.choice([2.0, 1.5, 1.0 / 3.0, 0.125]))))
            if random.uniform() < 0.25:
                events["dividends"].append((row, column, float(random.uniform(0.01, 3.0))))
    view = on_grid(build(price, **events))
    expected = [[expected_price(view, column, row) for row in range(rows)] for column in range(columns)]
    assert np.array_equal(view.mark, expected, equal_nan=True)
    assert view.mark.flags.c_contiguous
    assert not view.mark.flags.writeable


def test_splits_come_before_a_dividend_in_a_gap():
    splits = [(1, 0, 1.5), (2, 0, 3.0), (3, 0, 7.0)]
    view = on_grid(build([62.783, np.nan, np.nan, np.nan], splits=splits, dividends=[(1, 0, 0.41)]))
    cut, (first, second, third) = 1.0 - 0.41 / view.close[0, 0], (1.0 / ratio for _, _, ratio in splits)
    assert view.mark[0, 3] == view.close[0, 0] * (first * second * third * cut)
    assert first * second * third * cut != cut * first * second * third


def test_factors_follow_the_adjustments():
    splits, dividends = [(2, 0, 4.0)], [(1, 0, 0.5), (2, 0, 1.0), (3, 1, 0.5)]
    view = on_grid(build([[10.0, 5.0], [9.5, np.nan], [2.2, np.nan], [2.0, 5.0]], splits=splits, dividends=dividends))
    assert view.split_factor[:, 0].tolist() == [1.0, 1.0, 4.0, 4.0]
    g1 = 1.0 / (1.0 - 0.5 / 10.0)
    assert view.factor[:, 0] == pytest.approx([1.0, g1, g1 / ((1.0 - 1.0 / 9.5) * 0.25), view.factor[2, 0]], rel=1e-15)
    assert view.factor[:, 1].tolist() == [1.0] * 4


def test_new_york_sessions_get_their_hours():
    view = on_grid(build([10.0, 11.0, 12.0]))
    closes = view.close_time.astype("datetime64[ns]").astype("datetime64[h]").astype(str)
    assert closes.tolist() == ["2021-03-01T21", "2021-03-02T21", "2021-03-03T21"]
