"""A worker's open panels, the least recently used let go, an old version replaced by a new one."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from rustybt_ray._validation import check_count
from rustybt_ray.data.panel import Panel
from rustybt_ray.exceptions import BundleError


class BundlePool:
    """Panels by version.

    Parameters
    ----------
    size : int
        Panels kept open at most.
    on_drop : callable, optional
        Told the version of each panel that is let go, so that what was made from it goes too.

    Raises
    ------
    InputError
        If `size` is below 1.
    """

    def __init__(self, size: int, on_drop: Callable[[str], None] | None = None) -> None:
        self.size = check_count("max_bundle_pool_size", size, low=1)
        self._on_drop = on_drop
        self._panels: OrderedDict[str, Panel | None] = OrderedDict()
        self._names: dict[str, str] = {}
        self._counts = {"opened": 0, "hits": 0, "evicted": 0, "replaced": 0}

    def put(self, panel: Panel, name: str | None = None) -> None:
        """Open a panel; an older version of the same `name` is let go, unless another name still means it."""
        if name is not None:
            before = self._names.get(name)
            self._names[name] = panel.version
            if before is not None and before in self._panels and before not in self._names.values():
                self._counts["replaced"] += 1
                self.drop(before)
        if self._panels.get(panel.version) is not None:
            self._panels.move_to_end(panel.version)
            return
        self._panels[panel.version] = panel
        self._panels.move_to_end(panel.version)
        self._counts["opened"] += 1
        while len(self._panels) > self.size:
            self._counts["evicted"] += 1
            self.drop(next(iter(self._panels)))

    def get(self, version: str) -> Panel:
        """The panel of a version.

        Raises
        ------
        BundleError
            If it is not open.
        """
        panel = self._panels.get(version)
        if panel is None:
            have = ", ".join(known[:12] for known in self._open) or "none"
            raise BundleError(f"bundle version {version[:12]} is not open here", f"open: {have}", "Open it first.")
        self._panels.move_to_end(version)
        self._counts["hits"] += 1
        return panel

    def drop(self, version: str) -> None:
        """Let a panel go, if it is open."""
        if version not in self._panels:
            return
        del self._panels[version]
        self._names = {name: known for name, known in self._names.items() if known != version}
        if self._on_drop is not None:
            self._on_drop(version)

    def unmap(self) -> None:
        """Close all panels: each is to be opened again, until when what was made from it stays."""
        self._panels = OrderedDict.fromkeys(self._panels)

    def __contains__(self, version: object) -> bool:
        return version in self._open

    def __len__(self) -> int:
        return len(self._open)

    @property
    def _open(self) -> dict[str, Panel]:
        return {version: panel for version, panel in self._panels.items() if panel is not None}

    def statistics(self) -> dict[str, Any]:
        """Panels opened, found, evicted and replaced, how many are open, and their bytes."""
        return {**self._counts, "open": len(self), "bytes": sum(panel.nbytes for panel in self._open.values())}
