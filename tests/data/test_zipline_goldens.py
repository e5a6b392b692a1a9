"""What zipline itself read from its bundles, held against the view: recorded prices, marks of positions, windows."""

import gzip
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from rustybt_ray.data.grid import adjustments, on_grid
from rustybt_ray.data.ingest import ingest

ZIPLINE = Path(__file__).resolve().parents[2] / ".." / "shared" / "zipline"
pytestmark = pytest.mark.skipif(not ZIPLINE.is_dir(), reason="the goldens in ../shared are not here")


@pytest.fixture(scope="module")
def view_of(tmp_path_factory):
    from rustybt_ray.data.store import BundleStore

    root = tmp_path_factory.mktemp("bundles")
    sources = {"synthetic": ZIPLINE / "synthetic" / "daily", "mag7": ZIPLINE.parent / "data" / "mag7"}

    @cache
    def make(name):
        base, paid = name.removesuffix("_paid"), name.endswith("_paid")
        ingest(name, sources[base], root=root, payouts=ZIPLINE / base / "payouts.csv" if paid else None)
        return on_grid(BundleStore(root).open(name))

    return make


def read(name):
    path = next((ZIPLINE / "golden").glob(f"{name}.json*"))
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return json.loads(text)


def rows_of(view, golden):
    days = np.array(golden["sessions"], dtype="datetime64[ns]").astype(np.int64)
    rows = np.searchsorted(view.sessions, days)
    assert view.sessions[rows].tolist() == days.tolist()
    return rows


def numbers(values):
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def test_every_field_of_a_stock_with_missing_bars(view_of):
    golden = read("missing_bars.synthetic")
    view = view_of("synthetic")
    rows, column = rows_of(view, golden), view.symbols.index("FFF")
    for name in ("open", "high", "low", "close", "volume"):
        recorded = numbers(golden["recorded"][f"now_{name}"])
        assert np.array_equal(getattr(view, name)[rows, column], recorded, equal_nan=True), name
    assert np.array_equal(view.mark[column, rows], numbers(golden["recorded"]["now_price"]), equal_nan=True)
    gone = view.close[rows, view.symbols.index("EEE")]
    assert np.array_equal(gone, numbers(golden["recorded"]["gone_close"]), equal_nan=True)


def test_prices_of_a_penny_stock(view_of):
    golden = read("penny_stock.synthetic")
    view = view_of("synthetic")
    price = view.mark[view.symbols.index("HHH"), rows_of(view, golden)]
    assert np.array_equal(price, numbers(golden["recorded"]["price"]), equal_nan=True)


def held_goldens():
    """All goldens whose runs did not end in an error."""
    for path in sorted((ZIPLINE / "golden").glob("*.json*")):
        name = path.name.partition(".json")[0]
        if (golden := read(name))["error"] is None:
            yield name, golden


def test_positions_are_marked_at_the_views_mark_and_sessions_end_at_its_closes(view_of):
    """A delisted asset that is still held stays at its last price; forward-filled prices know splits and dividends."""
    checked = 0
    for name, golden in held_goldens():
        view = view_of(name.partition(".")[2])
        rows = rows_of(view, golden)
        closes = view.close_time[rows].astype("datetime64[ns]").astype("datetime64[s]").astype(str).tolist()
        assert closes == [stamp.removesuffix("+00:00") for stamp in golden["period_close"]], name
        for session, symbol, _, price, _ in golden["positions"]["rows"]:
            mark = view.mark[view.symbols.index(symbol), rows[session]]
            assert mark == price, (name, symbol, golden["sessions"][session])
            checked += 1
    assert checked > 70_000


def oldest(view, found, name, row, count, column):
    """First value of a window of the last `count` rows, as history has it on `row`."""
    first = row - count + 1
    value = getattr(view, name)[first, column]
    for at in range(found.start[column], found.start[column + 1]):
        if first < found.row[at] <= row:
            if name != "volume":
                value *= found.ratio[at]
            elif found.split[at]:
                value *= 1.0 / found.ratio[at]
    return np.round(value, 3)


def test_windows_adjusted_ratio_by_ratio(view_of):
    golden = read("history_fields.synthetic")
    view = view_of("synthetic")
    rows, found, checked = rows_of(view, golden), adjustments(view), 0
    for symbol in ("AAA", "BBB", "CCC", "FFF", "KKK", "HHH"):
        column = view.symbols.index(symbol)
        wanted = [(f"{symbol}_{count}_close", "close", count) for count in (1, 2, 30, 60)]
        wanted += [(f"{symbol}_volume", "volume", 60), (f"{symbol}_open", "open", 60)]
        for name, field, count in wanted:
            recorded = numbers(golden["recorded"][name])
            for session in range(59, len(rows), 2):
                value = oldest(view, found, field, rows[session], count, column)
                assert value == recorded[session] or (np.isnan(value) and np.isnan(recorded[session])), (name, session)
                checked += 1
    assert checked > 5000


def test_payouts_of_the_synthetic_bundle(view_of):
    view = view_of("synthetic_paid")
    assert (len(view.dividend_row), len(view.stock_row)) == (15, 2)
    stock = [
        (view.symbols[own], view.symbols[paid]) for own, paid in zip(view.stock_column, view.stock_payment, strict=True)
    ]
    assert stock == [("BBB", "BBB"), ("AAA", "DDD")]
    assert view.life[0][view.symbols.index("DDD")] == 96
    assert view.listing[0][view.symbols.index("DDD")] == 98
