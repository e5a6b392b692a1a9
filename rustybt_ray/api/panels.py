"""Bundles by name, opened once in this process."""

from datetime import date
from pathlib import Path

from rustybt_ray.config import OptimizationConfig
from rustybt_ray.data.bundle import Bundle
from rustybt_ray.data.panel import Panel
from rustybt_ray.data.store import BundleStore
from rustybt_ray.engine.settings import Settings
from rustybt_ray.exceptions import InputError
from rustybt_ray.workspace.workspace import Workspace

EPOCH, DAY = date(1970, 1, 1).toordinal(), 86_400_000_000_000  # nanoseconds
_workspaces: dict[OptimizationConfig, Workspace] = {}


def workspace(config: OptimizationConfig) -> Workspace:
    """The workspace of this process for a configuration: panels and indicators outlive a study."""
    if config not in _workspaces:
        _workspaces[config] = Workspace(config)
    return _workspaces[config]


def open_panel(
    bundle: "str | Bundle | Panel", root: str | Path | None, config: OptimizationConfig
) -> tuple[Panel, str]:
    """The panel of a bundle and the bundle's name, opened in this process's workspace.

    Raises
    ------
    BundleError
        If there is no such bundle or it is damaged.
    InputError
        If `bundle` is none of a name, a Bundle and a Panel.
    """
    known = workspace(config)
    if isinstance(bundle, Panel):
        known.open(bundle)
        return bundle, f"panel {bundle.version[:12]}"
    if not isinstance(bundle, str | Bundle):
        raise InputError(
            "bundle", "a bundle's name, a Bundle or a Panel", bundle, "rustybt-ray bundles list names them."
        )
    store = BundleStore(root)
    found = bundle if isinstance(bundle, Bundle) else store.info(bundle)
    if found.version not in known.bundles:
        known.open(store.open(found.name, found.version), found.name)
    return known.bundles.get(found.version), found.name


def traded_panel(panel: Panel, settings: Settings, config: OptimizationConfig) -> Panel:
    """The panel that trials trade: where the settings ask for zipline's price grid, the view of it, opened beside it."""
    if settings.price_grid is None:
        return panel
    known = workspace(config)
    view = known.view(panel.version)
    if view.version not in known.bundles:
        known.open(view)
    return view


def day(panel: Panel, row: int) -> str:
    """ISO date of a row's session."""
    return date.fromordinal(EPOCH + int(panel.sessions[panel.session[row]]) // DAY).isoformat()
