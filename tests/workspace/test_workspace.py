import numpy as np
import pytest

from rustybt_ray.config import OptimizationConfig
from rustybt_ray.exceptions import BundleError, InputError
from rustybt_ray.workspace.asset_cache import AssetCache, Assets
from rustybt_ray.workspace.bundle_pool import BundlePool
from rustybt_ray.workspace.workspace import Workspace


@pytest.fixture
def panels(make_panel):
    """Three panels of different content."""
    return [make_panel([[1.0], [2.0], [last]]) for last in (3.0, 4.0, 5.0)]


def test_the_pool_lets_the_least_recently_used_go(panels):
    gone = []
    pool = BundlePool(2, gone.append)
    first, second, third = panels
    pool.put(first)
    pool.put(second)
    assert pool.get(first.version) is first
    pool.put(third)
    assert gone == [second.version]
    assert [panel.version in pool for panel in panels] == [True, False, True]
    expected = {"opened": 3, "hits": 1, "evicted": 1, "replaced": 0, "open": 2, "bytes": first.nbytes + third.nbytes}
    assert pool.statistics() == expected


def test_a_new_version_of_a_name_replaces_the_old(panels):
    gone = []
    pool = BundlePool(8, gone.append)
    first, second, third = panels
    pool.put(first, "prices")
    pool.put(third, "other")
    pool.put(second, "prices")
    assert gone == [first.version]
    assert third.version in pool
    pool.put(second, "prices")
    assert pool.statistics()["replaced"] == 1


def test_a_version_that_is_open_already_takes_the_name(panels):
    gone = []
    pool = BundlePool(8, gone.append)
    first, second, third = panels
    pool.put(first, "prices")
    pool.put(second)
    pool.put(second, "prices")
    assert gone == [first.version]
    pool.put(third, "prices")
    assert gone == [first.version, second.version]


def test_a_version_with_another_name_stays(panels):
    gone = []
    pool = BundlePool(8, gone.append)
    first, second, _ = panels
    pool.put(first, "prices")
    pool.put(first, "copy")
    pool.put(second, "prices")
    assert gone == []
    pool.put(second, "copy")
    assert gone == [first.version]


def test_dropping_twice_tells_once(panels):
    gone = []
    pool = BundlePool(2, gone.append)
    pool.put(panels[0])
    pool.drop(panels[0].version)
    pool.drop(panels[0].version)
    assert gone == [panels[0].version]
    assert len(pool) == 0


def test_a_version_that_is_not_open_is_named(panels):
    pool = BundlePool(2)
    pool.put(panels[0])
    version = panels[1].version
    with pytest.raises(
        BundleError, match=rf"bundle version {version[:12]} is not open here \(open: {panels[0].version[:12]}\)"
    ):
        pool.get(version)
    with pytest.raises(InputError, match="max_bundle_pool_size must be a whole number of at least 1; received 0"):
        BundlePool(0)


def test_asset_tables_are_made_once_a_version(panels):
    cache = AssetCache()
    table = cache.get(panels[0])
    assert cache.get(panels[0]) is table
    assert (cache.hits, cache.misses, len(cache)) == (1, 1, 1)
    cache.drop(panels[0].version)
    assert cache.get(panels[0]) is not table


def test_listing_ranges(make_panel):
    nan = np.nan
    assets = Assets.of(make_panel([[nan, 1.0, nan], [5.0, nan, nan], [nan, 1.0, nan], [5.0, nan, nan]]))
    assert (assets.first_row.tolist(), assets.last_row.tolist()) == ([1, 0, 4], [3, 2, -1])
    assert assets.listed.T.tolist() == [[False, True, True, True], [True, True, True, False], [False] * 4]
    assert assets.begun.T.tolist() == [[False, True, True, True], [True] * 4, [False] * 4]
    assert not assets.listed.flags.writeable
    assert not assets.begun.flags.writeable


def test_a_symbol_that_is_not_there_gets_suggestions(make_panel):
    assets = Assets(("AAPL", "AMZN", "MSFT"), np.zeros(3, np.int64), np.zeros(3, np.int64), 1)
    assert assets.column("AMZN") == 1
    with pytest.raises(InputError, match=r"symbol must be one of the bundle's; received 'appl'\. Near it: AAPL"):
        assets.column("appl")
    with pytest.raises(InputError, match=r"received 7\. Near it: AAPL, AMZN, MSFT"):
        assets.column(7)
    with pytest.raises(InputError, match=r"received \['AAPL'\]"):
        assets.column(["AAPL"])


def test_data_is_the_same_object_until_its_version_goes(panels):
    workspace = Workspace()
    first, second, _ = panels
    workspace.open(first, "prices")
    data = workspace.data(first.version)
    assert workspace.data(first.version) is data
    data.sma("close", 2)
    data.sma("close", 20)
    assert len(workspace.history) == 2
    workspace.open(second, "prices")
    assert (len(workspace.history), len(workspace.assets)) == (0, 0)
    with pytest.raises(BundleError, match="is not open here"):
        workspace.data(first.version)
    assert workspace.data(second.version).close[2, 0] == 4.0


def test_closing_forgets_one_version_alone(panels):
    workspace = Workspace()
    for panel in panels[:2]:
        workspace.open(panel)
        workspace.data(panel.version).sma("close", 2)
    workspace.close(panels[0].version)
    assert len(workspace.history) == 1
    found = workspace.data(panels[1].version).sma("close", 2)
    np.testing.assert_array_equal(found[:, 0], [np.nan, 1.5, 3.0])
    statistics = workspace.statistics()
    assert statistics["bundles"]["open"] == 1
    assert statistics["history"]["lru"]["hits"] == 1
    assert statistics["assets"]["entries"] == 1


def test_the_configuration_is_obeyed(panels):
    plain = Workspace(OptimizationConfig(enable_caching=False, enable_bundle_pooling=False))
    for panel in panels:
        plain.open(panel)
        data = plain.data(panel.version)
        assert data.sma("close", 2) is not data.sma("close", 2)
    assert (len(plain.bundles), len(plain.history)) == (1, 0)
    assert Workspace(OptimizationConfig(cache_size_gb=1.0), workers=4).history.limit_bytes == 2**28


class TestView:
    """The view on zipline's price grid: made once, under its own version, gone with its panel."""

    def test_once_and_with_its_own_history(self, make_panel):
        workspace, panel = Workspace(), make_panel([[10.0004], [11.0], [12.0]])
        workspace.open(panel, "prices")
        view = workspace.view(panel.version)
        assert workspace.view(panel.version) is view
        assert view.version != panel.version
        assert workspace.data(view.version).close[0, 0] == 10.0
        assert workspace.data(panel.version).close[0, 0] == 10.0004
        assert workspace.data(view.version).sma("close", 2)[1, 0] == 10.5
        assert workspace.data(panel.version).sma("close", 2)[1, 0] == pytest.approx(10.5002)

    def test_goes_with_its_panel(self, panels):
        workspace = Workspace()
        workspace.open(panels[0], "prices")
        view = workspace.view(panels[0].version)
        workspace.data(view.version).sma("close", 2)
        held = workspace.statistics()["history"]["bytes"]
        workspace.open(panels[1], "prices")
        assert workspace.statistics()["history"]["bytes"] < held
        assert workspace.statistics()["assets"]["entries"] == 0
        for version in (view.version, panels[0].version):
            with pytest.raises(BundleError, match="is not open here"):
                workspace.data(version)
        with pytest.raises(BundleError, match="is not open here"):
            workspace.view(panels[0].version)

    def test_using_it_keeps_its_panel(self, panels):
        workspace = Workspace(OptimizationConfig(max_bundle_pool_size=2))
        workspace.open(panels[0])
        view = workspace.view(panels[0].version)
        workspace.open(panels[1])
        workspace.data(view.version)
        workspace.open(panels[2])
        assert panels[0].version in workspace.bundles
        assert panels[1].version not in workspace.bundles


class TestUnmap:
    """Panels closed until they are opened again, what was made from them kept."""

    def test_indicators_of_a_panel_and_of_its_view_are_there_when_it_is_open_again(self, panels):
        workspace = Workspace()
        panel = panels[0]
        workspace.open(panel, "prices")
        view = workspace.view(panel.version)
        kept = [workspace.data(version).sma("close", 2) for version in (panel.version, view.version)]
        workspace.unmap()
        assert workspace.statistics()["bundles"]["bytes"] == 0
        for version in (panel.version, view.version):
            with pytest.raises(BundleError, match="is not open here"):
                workspace.data(version)
        workspace.open(panel, "prices")
        assert workspace.view(panel.version) is not view
        again = [workspace.data(version).sma("close", 2) for version in (panel.version, view.version)]
        assert all(one is other for one, other in zip(kept, again, strict=True))

    def test_they_go_when_a_newer_version_takes_the_name(self, panels):
        workspace = Workspace()
        workspace.open(panels[0], "prices")
        for version in (panels[0].version, workspace.view(panels[0].version).version):
            workspace.data(version).sma("close", 2)
        workspace.unmap()
        workspace.open(panels[1], "prices")
        assert workspace.history.nbytes == 0
        assert len(workspace.assets) == 0

    def test_the_pool_counts_closed_panels_and_lets_the_oldest_go(self, panels):
        gone = []
        pool = BundlePool(2, gone.append)
        for panel in panels[:2]:
            pool.put(panel)
        pool.unmap()
        assert len(pool) == 0
        assert panels[0].version not in pool
        pool.put(panels[0])
        pool.put(panels[2])
        assert gone == [panels[1].version]
        assert pool.get(panels[0].version) is panels[0]


class Ledger:
    """Stands for a simulator: what is put aside needs its panel."""

    def __init__(self, panel):
        self.panel = panel


class TestLedgersPutAside:
    """For the next study with the same panel and rules, each for one taker."""

    def test_one_is_taken_once(self, panels):
        workspace, ledger = Workspace(), Ledger(panels[0])
        workspace.open(panels[0])
        workspace.put_ledger(panels[0].version, {"capital": 1.0}, ledger)
        assert workspace.take_ledger(panels[0].version, {"capital": 1.0}) is ledger
        assert workspace.take_ledger(panels[0].version, {"capital": 1.0}) is None

    def test_other_rules_get_none(self, panels):
        workspace = Workspace()
        workspace.open(panels[0])
        workspace.put_ledger(panels[0].version, {"capital": 1.0}, Ledger(panels[0]))
        assert workspace.take_ledger(panels[0].version, {"capital": 2.0}) is None

    @pytest.mark.parametrize("end", [lambda workspace, panel: workspace.close(panel.version), lambda w, _: w.unmap()])
    def test_it_goes_with_its_panel(self, panels, end):
        workspace = Workspace()
        for after in (False, True):  # put aside before the panel goes, and after
            workspace.open(panels[0], "prices")
            if not after:
                workspace.put_ledger(panels[0].version, {}, Ledger(panels[0]))
            end(workspace, panels[0])
            if after:
                workspace.put_ledger(panels[0].version, {}, Ledger(panels[0]))
            assert workspace.take_ledger(panels[0].version, {}) is None

    def test_those_of_large_panels_are_not_kept(self, panels, monkeypatch):
        monkeypatch.setattr("rustybt_ray.workspace.workspace.SMALL", panels[0].close.nbytes - 1)
        workspace = Workspace()
        workspace.open(panels[0])
        workspace.put_ledger(panels[0].version, {}, Ledger(panels[0]))
        assert workspace.take_ledger(panels[0].version, {}) is None
