import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.data.sample import sample_panel
from rustybt_ray.exceptions import InputError
from rustybt_ray.workspace.asset_cache import Assets
from rustybt_ray.workspace.history_cache import HistoryCache
from rustybt_ray.workspace.market_data import MarketData, adjusted_bytes, adjusted_fields

ROWS, ASSETS, DAY = 14, 3, 86_400_000_000_000
PRICE = st.one_of(st.floats(1.0, 500.0), st.floats(1.0, 500.0), st.just(math.nan))
FIELDS = ("open", "high", "low", "close", "price", "volume")


def data_of(panel, limit=1 << 20):
    return MarketData(panel, HistoryCache(limit), Assets.of(panel))


@st.composite
def futures(draw, first_row=0):
    """Closes, volumes and events of the rows from `first_row` on."""
    count = (ROWS - first_row) * ASSETS
    close = np.array(draw(st.lists(PRICE, min_size=count, max_size=count))).reshape(-1, ASSETS)
    volume = np.array(draw(st.lists(st.integers(0, 10**6), min_size=count, max_size=count)), float).reshape(-1, ASSETS)
    cell = st.tuples(st.integers(first_row, ROWS - 1), st.integers(0, ASSETS - 1))
    splits = draw(
        st.lists(st.tuples(cell, st.sampled_from([2.0, 3.0, 1.5, 0.125])), max_size=4, unique_by=lambda e: e[0])
    )
    dividends = draw(st.lists(st.tuples(cell, st.floats(0.01, 30.0)), max_size=5, unique_by=lambda e: e[0]))
    return close, volume, splits, dividends


def build(close, volume, splits, dividends):
    """A panel whose other prices lie around the closes."""
    volume = np.where(np.isnan(close), np.nan, volume)
    events = [[(*cell, value) for cell, value in kind] for kind in (splits, dividends)]
    times = np.arange(len(close)) * DAY
    return panel_from_arrays(times, list("ABC"), close * 0.998, close * 1.02, close * 0.97, close, volume, *events)


def joined(past, future, cut):
    """The past up to row `cut`, the future from there on."""
    arrays = [np.vstack([before[: cut + 1], after]) for before, after in zip(past[:2], future[:2], strict=True)]
    events = [
        [event for event in before if event[0][0] <= cut] + after
        for before, after in zip(past[2:], future[2:], strict=True)
    ]
    return build(*arrays, *events)


def everything(data, adjust):
    """All that a strategy can ask for, by name."""
    found = {f"raw {field}": getattr(data, field) for field in FIELDS}
    found["listed"] = data.listed.astype(float)
    for field in FIELDS:
        found[f"adjusted {field}"] = data.adjusted(field, adjust=adjust)
        for name in ("sma", "ema", "sum", "min", "max", "rsi", "momentum", "std", "zscore"):
            for n in (2, 3):
                found[f"{name} {field} {n}"] = getattr(data, name)(field, n, adjust=adjust)
        found[f"rank {field}"] = data.rank(field)
    found["returns"] = data.returns(adjust=adjust)
    found["rank of returns"] = data.rank(data.returns(2, adjust=adjust))
    found["atr"] = data.atr(2, adjust=adjust)
    found["correlation"] = data.correlation("B", 3, adjust=adjust)
    found["cached"] = data.cached(np.cumsum, "close", 0, adjust=adjust)
    found["cached price"] = data.cached(np.cbrt, "close", scale="price", adjust=adjust)
    return found


@pytest.mark.parametrize("adjust", ["all", "splits"])
@settings(max_examples=40)
@given(past=futures(), cut=st.integers(0, ROWS - 2), draw=st.data())
def test_no_later_bar_or_event_changes_a_bit(adjust, past, cut, draw):
    future = draw.draw(futures(first_row=cut + 1))
    before, after = (everything(data_of(p), adjust) for p in (build(*past), joined(past, future, cut)))
    for name, values in before.items():
        one, other = (np.where(np.isnan(v[: cut + 1]), np.nan, v[: cut + 1]) for v in (values, after[name]))
        assert one.tobytes() == other.tobytes(), name


def as_of(panel, field, t, a, adjust):
    """Every value up to t in the money or shares of t: multiplied by each event's ratio after it, one after the other."""
    raw = (panel.mark.T if field == "price" else getattr(panel, field))[:, a].tolist()
    shares = {
        int(r): s for r, c, s in zip(panel.split_row, panel.split_column, panel.split_ratio, strict=True) if c == a
    }
    rows = zip(panel.dividend_row, panel.dividend_column, panel.dividend_amount, strict=True)
    cash = {int(r): d for r, c, d in rows if c == a}
    out = []
    for i in range(t + 1):
        value = raw[i]
        for event in range(i + 1, t + 1):
            before = panel.mark[a, event - 1]
            if math.isnan(before):
                continue
            share = shares.get(event, 1.0)
            left = 1.0 - cash.get(event, 0.0) / before
            if field == "volume":
                value *= share
            else:
                value *= (left if left > 0.0 and adjust == "all" else 1.0) / share
        out.append(value)
    return np.array(out)


@pytest.mark.parametrize("adjust", ["all", "splits"])
@settings(max_examples=30)
@given(market=futures(), n=st.integers(2, 4))
def test_indicators_are_in_the_prices_of_their_own_row(adjust, market, n):
    panel = build(*market)
    data = data_of(panel)
    for field in FIELDS:
        means, highest = data.sma(field, n, adjust=adjust), data.max(field, n, adjust=adjust)
        deviation, ratio = data.std(field, n, adjust=adjust), data.momentum(field, n, adjust=adjust)
        for t in range(n, ROWS):
            for a in range(ASSETS):
                known = as_of(panel, field, t, a, adjust)
                window = known[-n:]
                size = np.abs(window).max() if np.isfinite(window).all() else 0.0
                np.testing.assert_allclose(
                    means[t, a], window.mean(), rtol=1e-9, atol=1e-6 if field == "volume" else 0.0
                )
                np.testing.assert_allclose(highest[t, a], window.max(), rtol=1e-9)
                np.testing.assert_allclose(deviation[t, a], window.std(ddof=1), rtol=1e-6, atol=1e-9 * size)
                if known[-n - 1] != 0.0:
                    np.testing.assert_allclose(ratio[t, a], known[-1] / known[-n - 1] - 1.0, rtol=1e-9, atol=1e-12)


def test_a_split_and_a_dividend_by_hand(make_panel):
    panel = make_panel(
        [[100.0], [100.0], [50.0], [49.0]],
        [[1000], [1000], [2000], [2000]],
        splits=[(2, 0, 2.0)],
        dividends=[(3, 0, 1.0)],
    )
    data = data_of(panel)
    np.testing.assert_allclose(data.sma("close", 3)[2:, 0], [50.0, 49.0], rtol=1e-15)
    np.testing.assert_allclose(data.sma("close", 3, adjust="splits")[2:, 0], [50.0, 149.0 / 3], rtol=1e-15)
    np.testing.assert_array_equal(data.sum("volume", 3)[2:, 0], [6000.0, 6000.0])
    np.testing.assert_allclose(data.returns()[1:, 0], 0.0, atol=1e-15)
    np.testing.assert_allclose(data.returns(adjust="splits")[1:, 0], [0.0, 0.0, -0.02], atol=1e-15)
    np.testing.assert_allclose(data.adjusted("close")[:, 0], 100.0, rtol=1e-15)
    np.testing.assert_allclose(data.cached(np.positive, "close", scale="price")[:, 0], panel.close[:, 0], rtol=1e-15)
    np.testing.assert_allclose(data.cached(np.positive, "close")[:, 0], 100.0, rtol=1e-15)
    np.testing.assert_allclose(data.rank("close"), 1.0)


def test_without_events_nothing_is_multiplied(make_panel):
    data = data_of(make_panel([[1.0, 2.0], [3.0, math.nan], [5.0, 4.0]]))
    assert data.adjusted("close") is data.close
    assert data.adjusted("volume", adjust="splits") is data.volume
    np.testing.assert_array_equal(data.price, [[1.0, 2.0], [3.0, 2.0], [5.0, 4.0]])
    np.testing.assert_array_equal(data.sma("price", 2)[1:], [[2.0, 2.0], [4.0, 3.0]])


def test_what_there_is(make_panel):
    data = data_of(make_panel([[1.0, math.nan], [3.0, 1.0], [5.0, math.nan]]))
    assert (data.symbols, data.shape, data.column("B")) == (("A", "B"), (3, 2), 1)
    assert data.time.tolist() == [0, DAY, 2 * DAY]
    assert data.sessions.astype(str).tolist() == ["1970-01-01", "1970-01-02", "1970-01-03"]
    assert data.listed.tolist() == [[True, False], [True, True], [True, True]]
    np.testing.assert_array_equal(data.correlation("A", 2)[:, 0], [np.nan, np.nan, 1.0])


@settings(max_examples=10)
@given(market=futures())
def test_nothing_can_be_written_into(market):
    data = data_of(build(*market))
    found = everything(data, "all")
    for name in [name for name in found if not name.startswith(("rank", "listed"))] + ["data.listed"]:
        array = data.listed if name == "data.listed" else found[name]
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1.0


def test_a_second_call_computes_nothing(make_panel):
    data = data_of(make_panel([[1.0], [2.0], [4.0]]))
    for ask in (
        lambda: data.sma("close", 2),
        lambda: data.atr(2),
        lambda: data.returns(1),
        lambda: data.correlation("A", 2),
        lambda: data.cached(np.cumsum, "close", 0),
        lambda: data.price,
    ):
        assert ask() is ask()
    assert data.sma("close", np.int64(2)) is data.sma("close", 2)
    assert data.momentum("close", 1) is data.returns(1)
    assert data.sma("close", 2) is not data.sma("close", 2, adjust="splits")


def times(factor):
    def multiply(x):
        return x * factor

    return multiply


def named(factor):
    def multiply(x, *, factor=factor):
        return x * factor

    return multiply


def positional(factor):
    def multiply(x, factor=factor):
        return x * factor

    return multiply


class Multiplier:
    def __init__(self, factor):
        self.factor = factor

    def of(self, x):
        return x * self.factor

    def __call__(self, x):
        return x * self.factor


def through(factor):
    inner = times(factor)
    return lambda x: inner(x)


def own_recursion(factor):
    def power(x, left=3):
        return x if left == 0 else factor * power(x, left - 1)

    return power


@pytest.mark.parametrize(
    "make", [times, named, positional, lambda k: Multiplier(k).of, Multiplier, through, own_recursion]
)
def test_functions_that_differ_in_what_they_hold_are_kept_apart(make, make_panel):
    data = data_of(make_panel([[1.0], [2.0]]))
    first, second = data.cached(make(2.0), "close"), data.cached(make(5.0), "close")
    assert first[1, 0] != second[1, 0]


@pytest.mark.parametrize("make", [times, named, positional, through, own_recursion, lambda k: partial(np.multiply, k)])
def test_a_function_made_anew_in_each_trial_is_the_same(make, make_panel):
    data = data_of(make_panel([[1.0], [2.0]]))
    assert data.cached(make(2.0), "close") is data.cached(make(2.0), "close")
    assert data.cached(make(2.0), "close") is not data.cached(make(2), "close")


def test_arguments_of_different_types_are_kept_apart(make_panel):
    data = data_of(make_panel([[1.0], [2.0]]))

    def kind(x, k):
        return x * {int: 1.0, float: 2.0, bool: 3.0}[type(k)]

    assert [data.cached(kind, "close", k)[0, 0] for k in (1, 1.0, True)] == [1.0, 2.0, 3.0]
    assert data.cached(kind, "close", k=1)[0, 0] == 1.0


def test_a_scope_keeps_equal_code_apart(make_panel):
    data = data_of(make_panel([[1.0], [2.0]]))
    data.scope = "one strategy"
    first = data.cached(times(2.0), "close")
    data.scope = "another"
    assert data.cached(times(2.0), "close") is not first
    data.scope = "one strategy"
    assert data.cached(times(2.0), "close") is first


def test_results_keep_masks_and_belong_to_nobody_else(make_panel):
    data = data_of(make_panel([[1.0], [2.0]]))
    assert data.cached(lambda x: x > 1.5, "close").dtype == np.bool_
    mine = Multiplier(np.array([[7.0], [8.0]]))
    found = data.cached(partial(getattr, mine, "factor"))
    mine.factor[0, 0] = 0.0
    assert found[0, 0] == 7.0
    assert data.cached(lambda x: x[:, 0], "close").shape == (2,)


def test_a_window_is_refused_whether_or_not_its_value_is_cached(make_panel):
    data = data_of(make_panel([[1.0], [2.0], [3.0]]))
    asks = [
        lambda n: data.sma("close", n),
        lambda n: data.rsi("close", n),
        lambda n: data.atr(n),
        lambda n: data.correlation("A", n),
        lambda n: data.returns(n),
    ]
    for ask in asks:
        for wrong in (2.0, "2", None, 0, -1, True):
            for _ in range(2):
                with pytest.raises(InputError, match="n must be a whole number of at least 1; received"):
                    ask(wrong)
            ask(2)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (
            lambda d: d.sma("closes", 2),
            r"field must be one of 'open', .*'volume'; received 'closes'\. Did you mean 'close'\?",
        ),
        (lambda d: d.sma(["close"], 2), r"field must be one of .*received \['close'\]"),
        (lambda d: d.adjusted("symbols"), "field must be one of .*received 'symbols'"),
        (lambda d: d.rank("zscore"), "field must be one of .*received 'zscore'"),
        (lambda d: d.sma("close", 2, adjust="none"), "adjust must be one of 'all', 'splits'; received 'none'"),
        (lambda d: d.atr(2, adjust="dividends"), "adjust must be one of"),
        (lambda d: d.std("close", 1), "n must be a whole number of at least 2; received 1"),
        (lambda d: d.correlation("Z", 2), r"symbol must be one of the bundle's; received 'Z'\. Near it: A\."),
        (
            lambda d: d.cached(np.cumsum, "close", scale="volume"),
            "scale must be one of 'price', 'none'; received 'volume'",
        ),
        (lambda d: d.cached(np.cumsum, "close", adjust="x"), "adjust must be one of"),
        (lambda d: d.cached(np.add, "close", [1.0]), r"cached arguments must be hashable.*unhashable type: 'list'"),
        (
            lambda d: d.cached(times(np.ones(2)), "close"),
            "what the function captured.*unhashable type: 'numpy.ndarray'",
        ),
        (lambda d: d.cached(np.sum, "close"), "a cached function's result must be an array of 3 rows"),
        (lambda d: d.cached(lambda x: "text", "close"), "a cached function's result must be an array of 3 rows"),
        (lambda d: d.cached(lambda x: x[:, 0], "close", scale="price"), r"of shape \(3, 1\); received \(3,\)"),
    ],
)
def test_says_what_is_wrong(ask, message, make_panel):
    data = data_of(make_panel([[1.0], [2.0], [3.0]]))
    for _ in range(2):
        with pytest.raises(InputError, match=message):
            ask(data)


def test_a_small_cache_changes_no_bit(make_panel):
    close = np.exp(np.random.default_rng(2).normal(0, 0.1, (60, 3)).cumsum(axis=0)) * 20
    panel = make_panel(close, splits=[(30, 1, 2.0)], dividends=[(40, 0, 0.5)])
    wide, narrow = everything(data_of(panel), "all"), everything(data_of(panel, limit=3000), "all")
    again = everything(data_of(panel, limit=0), "all")
    for name, values in wide.items():
        assert narrow[name].tobytes() == values.tobytes() == again[name].tobytes()


def test_adjusted_fields_that_are_placed_are_not_made():
    panel = sample_panel()
    marker = np.zeros(panel.shape)
    placed = {("close", "all"): marker}
    data = MarketData(panel, HistoryCache(1 << 30), Assets.of(panel), lambda *key: placed.get(key))
    assert data.adjusted("close") is marker
    assert np.array_equal(data.adjusted("close", adjust="splits"), panel.close * panel.split_factor, equal_nan=True)
    assert np.array_equal(data.adjusted("open"), panel.open * panel.factor, equal_nan=True)


@pytest.mark.parametrize("events", ["split", "dividend", "both", "none"])
def test_bytes_of_adjusted_fields_are_known_before_they_are_made(make_panel, events):
    options = {}
    if events in ("split", "both"):
        options["splits"] = [(3, 0, 2.0)]
    if events in ("dividend", "both"):
        options["dividends"] = [(4, 0, 0.5)]
    panel = make_panel(np.full((8, 2), 10.0), **options)
    assert adjusted_bytes(panel) == sum(values.nbytes for _, values in adjusted_fields(panel))
