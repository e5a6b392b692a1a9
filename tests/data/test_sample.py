import numpy as np
import polars as pl
import pytest

from rustybt_ray.data.ingest import ingest
from rustybt_ray.data.panel import FIELDS
from rustybt_ray.data.sample import NAME, ingest_sample, sample_panel
from rustybt_ray.exceptions import InputError

VERSION = "1653da0b93571727287cff59244a07976374346df83e1821017ad49ddcd36a50"


def test_the_same_bits_everywhere():
    assert sample_panel().version == VERSION
    assert sample_panel(8).version != VERSION


def test_it_looks_like_a_market():
    panel = sample_panel()
    assert panel.shape == (6289, 8)
    first, last = panel.listing
    assert first.tolist() == [0, 0, 0, 0, 598, 1162, 2637, 3114]
    assert set(last.tolist()) == {6288}
    assert 10 <= len(panel.split_row) <= 30
    assert 150 <= len(panel.dividend_row) <= 350
    bar = ~np.isnan(panel.close)
    low, high = np.minimum(panel.open, panel.close)[bar], np.maximum(panel.open, panel.close)[bar]
    assert np.all((panel.low[bar] > 1.0) & (panel.low[bar] <= low) & (high <= panel.high[bar]))
    for name in FIELDS[:4]:
        prices = getattr(panel, name)[bar]
        assert np.array_equal(prices, np.rint(prices * 100) / 100)
    adjusted = panel.close * panel.factor
    returns = adjusted[1:] / adjusted[:-1] - 1.0
    assert np.all(np.abs(returns[~np.isnan(returns)]) < 0.2), "a split or dividend moved an adjusted price"
    yearly = np.nanstd(returns, axis=0) * np.sqrt(252)
    assert np.all((yearly > 0.1) & (yearly < 0.6))
    worth = {symbol: adjusted[6288, at] / adjusted[first[at], at] for at, symbol in enumerate(panel.symbols)}
    assert all(1.0 < times < 500.0 for times in worth.values()), worth


def test_it_is_published_once(store):
    bundle = ingest_sample(store)
    assert (bundle.name, bundle.version, bundle.calendar) == (NAME, VERSION, "XNYS")
    assert ingest_sample(store) == bundle
    assert store.verify(NAME) == bundle
    other = ingest_sample(store, seed=8)
    assert store.info(NAME).version == other.version != VERSION
    assert ingest_sample(store).version == store.info(NAME).version == VERSION
    assert len(store.list()) == 2
    (store.root / NAME / VERSION / "manifest.json").write_text("")
    store.remove(NAME, other.version)
    assert ingest_sample(store).version == store.verify(NAME).version == VERSION


def test_its_table_is_the_same_bundle(store):
    """Through the long way, an ingest of its rows, comes the same version: the hours of New York are recognised."""
    panel = sample_panel()
    rows, columns = np.nonzero(~np.isnan(panel.close))
    events = {"dividend": np.zeros(panel.shape), "split": np.ones(panel.shape)}
    events["dividend"][panel.dividend_row, panel.dividend_column] = panel.dividend_amount
    events["split"][panel.split_row, panel.split_column] = panel.split_ratio
    days = panel.time.astype("datetime64[ns]").astype("datetime64[D]")[rows]
    table = pl.DataFrame({"date": days, "symbol": np.array(panel.symbols)[columns]})
    values = {name: getattr(panel, name) for name in FIELDS} | events
    table = table.with_columns(pl.Series(name, array[rows, columns]) for name, array in values.items())
    bundle = ingest("s", table.sample(fraction=1.0, shuffle=True, seed=3), root=store.root)
    assert (bundle.version, bundle.warnings) == (VERSION, ())


def test_seeds_are_whole_numbers():
    with pytest.raises(InputError, match="seed must be a whole number of at least 0; received -1"):
        sample_panel(-1)
