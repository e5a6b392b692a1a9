"""What zipline's algorithms recorded of `data`, recomputed from ours by stepping the clock from session to session."""

import gzip
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from zipline_market import seen, step

from rustybt_ray.data.grid import on_grid
from rustybt_ray.data.ingest import ingest

ZIPLINE = Path(__file__).resolve().parents[2] / ".." / "shared" / "zipline"
pytestmark = pytest.mark.skipif(not ZIPLINE.is_dir(), reason="the goldens in ../shared are not here")
FIELDS = ["open", "high", "low", "close", "volume", "price"]


@pytest.fixture(scope="module")
def view_of(tmp_path_factory):
    from rustybt_ray.data.store import BundleStore

    root = tmp_path_factory.mktemp("bundles")
    sources = {"synthetic": ZIPLINE / "synthetic" / "daily", "mag7": ZIPLINE.parent / "data" / "mag7"}

    @cache
    def make(name):
        ingest(name, sources[name], root=root)
        return on_grid(BundleStore(root).open(name))

    return make


def read(name):
    path = next((ZIPLINE / "golden").glob(f"{name}.json*"))
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return json.loads(text)


def replay(view, golden):
    """`data` on each session of the run that made the golden, with the session's position."""
    days = np.array(golden["sessions"], dtype="datetime64[ns]").astype(np.int64)
    rows = np.searchsorted(view.sessions, days).tolist()
    run = seen(view, rows[0])
    run.clock.first, run.clock.last = rows[0], rows[-1]
    for at, row in enumerate(rows):
        step(run, view, row)
        yield at, run


def plain(value):
    return None if isinstance(value, float) and np.isnan(value) else value


def equal(recorded, values, at):
    for name, value in values.items():
        assert recorded[name][at] == plain(value), (name, at)


def test_windows_of_every_field(view_of):
    golden = read("history_fields.synthetic")
    recorded, checked = golden["recorded"], 0
    for at, run in replay(view_of("synthetic"), golden):
        if at < 59 or at % 2 == 0:
            continue
        data, assets = run.data, run.finder.symbols("AAA", "BBB", "CCC", "FFF", "KKK", "HHH")
        values = {}
        for length in (1, 2, 30, 60):
            window = data.history(assets, FIELDS, length, "1d")
            oldest = window.loc[window.index[0][0]]
            for asset in assets:
                values[f"{asset.symbol}_{length}_close"] = oldest.loc[asset, "close"]
                if length == 60:
                    values[f"{asset.symbol}_volume"] = oldest.loc[asset, "volume"]
                    values[f"{asset.symbol}_open"] = oldest.loc[asset, "open"]
        low = data.history(assets[0], "low", 45, "1d")
        both = data.history(assets[:2], "high", 45, "1d")
        values |= {"low": low.min(), "low_place": int(low.values.argmin()), "high": both.max().sum(), "rows": len(both)}
        mean = data.history(assets[3], "price", 20, "1d").mean()
        assert recorded["mean"][at] == pytest.approx(mean, rel=1e-15)
        equal(recorded, values, at)
        checked += 1
    assert checked == 222


def test_a_stock_with_missing_bars(view_of):
    golden = read("missing_bars.synthetic")
    for at, run in replay(view_of("synthetic"), golden):
        data, (gappy, late, gone) = run.data, run.finder.symbols("FFF", "DDD", "EEE")
        now = data.current(gappy, FIELDS)
        window = data.history(gappy, ["price", "close", "volume"], min(at + 1, 4), "1d")
        traded = data.current(gappy, "last_traded")
        values = {f"now_{field}": now[field] for field in FIELDS}
        values |= {
            "traded": int(f"{traded:%Y%m%d}"),
            "first_price": window["price"].iloc[0],
            "blanks": int(window["close"].isna().sum()),
            "volume": window["volume"].sum(),
            "tradable": int(data.can_trade([gappy, late, gone]).sum()),
            "stale": int(data.is_stale([gappy, late, gone]).sum()),
            "late_traded": str(data.current(late, "last_traded")),
            "gone_close": data.current(gone, "close"),
        }
        equal(golden["recorded"], values, at)
    assert at == 502


def test_before_trading_start_sees_today(view_of):
    golden = read("benchmark_before_open.synthetic")
    for at, run in replay(view_of("synthetic"), golden):
        run.clock.before_trading, run.clock.dt = True, run.clock.dt - 8 * 3_600_000_000_000
        asset = run.finder.symbol("AAA")
        assert golden["recorded"]["ahead"][at] is True
        if at:
            previous = run.data.history(asset, "close", 2, "1d").iloc[0]
            assert golden["recorded"]["previous"][at] == previous
        seen_before = run.data.current(asset, "price")
        run.clock.before_trading, run.clock.dt = False, run.clock.dt + 8 * 3_600_000_000_000
        assert run.data.current(asset, "price") == seen_before
    assert at == 502


@pytest.mark.parametrize("bundle", ["synthetic", "mag7"])
@pytest.mark.parametrize("arrays", [True, False])
def test_averages_of_windows(view_of, bundle, arrays):
    golden = read(f"dual_moving_average.{bundle}")
    names = ("AAA", "BBB", "CCC", "FFF") if bundle == "synthetic" else ("AAPL", "AMZN", "MSFT", "NVDA")
    count = 0
    for at, run in replay(view_of(bundle), golden):
        if count == 0:
            assets = run.finder.symbols(*names)
        if at < 49:
            continue
        closes = run.data.history(assets, "price", 50, "1d", as_array=arrays)
        fast, slow = closes[-12:].mean(axis=0), closes.mean(axis=0)
        first = 0 if arrays else assets[0]
        assert golden["recorded"]["fast"][at] == pytest.approx(fast[first], rel=2e-15)
        assert golden["recorded"]["slow"][at] == pytest.approx(slow[first], rel=2e-15)
        count += 1
    assert count == len(golden["sessions"]) - 49


def test_errors_by_name(view_of):
    golden = read("errors.synthetic")
    outcomes = golden["recorded"]["outcome"]
    for at, run in replay(view_of("synthetic"), golden):
        data, finder = run.data, run.finder
        asset, _late, gone = finder.symbols("AAA", "DDD", "EEE")
        tries = {
            0: lambda f=finder: f.symbol("NONE"),
            1: lambda f=finder: f.sid(99),
            2: lambda f=finder: f.symbol(7),
            18: lambda d=data, a=asset: d.history(a, "close", 2000, "1d"),
            19: lambda d=data, a=asset: d.history(a, "nope", 2, "1d"),
            20: lambda d=data, a=asset: d.history(a, "close", 0, "1d"),
            21: lambda d=data, a=asset: d.history(a, "close", 2, "1w"),
            22: lambda d=data, a=asset: d.history(a, "close", 2, "1m"),
            25: lambda d=data, a=asset: d.current(a, "nope"),
            34: lambda d=data, a=asset: d.history(a, "close", 7200, "1d"),
            35: lambda f=finder: f.symbol("aaa"),
            36: lambda g=gone: g.symbol,
        }
        if at not in tries:
            continue
        outcome = "fine"
        try:
            tries[at]()
        except Exception as problem:
            outcome = type(problem).__name__
        assert outcome == outcomes[at], at
