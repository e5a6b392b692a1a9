"""A worker's whole memory between trials."""

from collections.abc import Hashable
from typing import Any

from rustybt_ray.config import OptimizationConfig
from rustybt_ray.data.panel import Panel
from rustybt_ray.workspace.asset_cache import AssetCache
from rustybt_ray.workspace.bundle_pool import BundlePool
from rustybt_ray.workspace.heap import keep_freed_blocks
from rustybt_ray.workspace.history_cache import HistoryCache
from rustybt_ray.workspace.market_data import MarketData, Placed

SMALL = 1 << 20  # bytes of a field


class Workspace:
    """Open panels, indicators and asset tables; what is made from a panel goes with it.

    Parameters
    ----------
    config : OptimizationConfig, optional
    workers : int, default 1
        Workers that share the node's cache bytes.
    """

    def __init__(self, config: OptimizationConfig | None = None, workers: int = 1) -> None:
        self.config = config or OptimizationConfig()
        self.history = HistoryCache(self.config.cache_bytes(workers))
        self.assets = AssetCache()
        self.bundles = BundlePool(self.config.pool_size, self._forget)
        self._data: dict[str, MarketData] = {}
        self._views: dict[str, Panel] = {}
        self._viewed: dict[str, str] = {}  # versions of views by that of their panel, of closed ones too
        self._placed: dict[str, Placed] = {}
        self._ledgers: dict[str, tuple[dict[str, Any], Any]] = {}

    def share(self, workers: int) -> None:
        """Take another share of the node's cache bytes: `workers` share them from now on."""
        self.history.resize(self.config.cache_bytes(workers))

    def open(self, panel: Panel, name: str | None = None, placed: Placed | None = None) -> None:
        """Open a panel; an older version of the same bundle `name` is let go with everything made from it.

        `placed` gives the adjusted fields that need not be made here.
        """
        keep_freed_blocks(panel.close.nbytes)
        self.bundles.put(panel, name)
        if placed is not None:
            self._placed[panel.version] = placed

    def view(self, version: str) -> Panel:
        """The view of an open panel on zipline's price grid: made once, it goes with the panel.

        `data` takes its version, too.

        Raises
        ------
        BundleError
            If the panel is not open.
        InputError
            If zipline could not store one of its prices.
        """
        panel = self.bundles.get(version)
        if version not in self._views:
            from rustybt_ray.data.grid import on_grid

            self._views[version] = on_grid(panel)
            self._viewed[version] = self._views[version].version
        return self._views[version]

    def data(self, version: str, scope: Hashable = None) -> MarketData:
        """What strategies see of an open panel, the same object each time.

        Parameters
        ----------
        version : str
        scope : hashable, optional
            What functions given to `MarketData.cached` from now on belong to: the digest of the strategy that runs.

        Raises
        ------
        BundleError
            If it is not open.
        """
        panel = self._panel(version)
        if version not in self._data:
            self._data[version] = MarketData(panel, self.history, self.assets.get(panel), self._placed.get(version))
        data = self._data[version]
        data.scope = scope
        return data

    def take_ledger(self, version: str, rules: dict[str, Any]) -> Any:
        """The ledger that was put aside for a panel and these rules, which nobody else gets then; None if there is none."""
        kept, ledger = self._ledgers.pop(version, (None, None))
        return ledger if kept == rules else None

    def put_ledger(self, version: str, rules: dict[str, Any], ledger: Any) -> None:
        """Put a ledger aside for the next study, if its panel is open and so small that making one is what takes time."""
        if version in self.bundles and ledger.panel.close.nbytes <= SMALL:
            self._ledgers[version] = rules, ledger

    def close(self, version: str) -> None:
        """Let a panel go with everything made from it."""
        self.bundles.drop(version)

    def unmap(self) -> None:
        """Let go of the arrays of all panels, and keep the indicators made from them for when they are opened again."""
        self.bundles.unmap()
        self._views.clear()
        self._data.clear()
        self._placed.clear()
        self._ledgers.clear()

    def statistics(self) -> dict[str, Any]:
        """Counts and bytes of the three caches."""
        assets = {"hits": self.assets.hits, "misses": self.assets.misses, "entries": len(self.assets)}
        return {"bundles": self.bundles.statistics(), "history": self.history.statistics(), "assets": assets}

    def _panel(self, version: str) -> Panel:
        """A view by its own version, which keeps the panel it is of from being let go; else an open panel."""
        for source, view in self._views.items():
            if view.version == version:
                self.bundles.get(source)
                return view
        return self.bundles.get(version)

    def _forget(self, version: str) -> None:
        self._views.pop(version, None)
        if (view := self._viewed.pop(version, None)) is not None:
            self._forget(view)
        self.history.drop(version)
        self.assets.drop(version)
        for made in (self._data, self._placed, self._ledgers):
            made.pop(version, None)
