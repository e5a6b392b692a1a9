"""The directory that holds bundles: publish, open, list, verify, remove.

A bundle is the folder ``NAME/VERSION`` below the root: a manifest and the Arrow files of its panel. Its content never
changes; when the same content is published again, the manifest gets the new date and description.
"""

import os
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from rustybt_ray.data import catalog
from rustybt_ray.data.bundle import MANIFEST, Bundle, Manifest, describe
from rustybt_ray.data.files import write_panel
from rustybt_ray.data.panel import Panel
from rustybt_ray.data.staging import aside, place, sweep, write_text
from rustybt_ray.data.verify import load, verified
from rustybt_ray.exceptions import BundleError, InputError

Bundles: TypeAlias = list[Bundle]


def default_root() -> Path:
    """Where bundles are kept: ``bundles`` in ``RUSTYBT_RAY_HOME`` if that is set, else in the user's data folder."""
    if home := os.environ.get("RUSTYBT_RAY_HOME"):
        return Path(home).expanduser() / "bundles"
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "rustybt_ray" / "bundles"


class BundleStore:
    """Bundles below a directory.

    Parameters
    ----------
    root : str or Path, optional
        Default: `default_root`. The first publish makes it.

    Notes
    -----
    Wherever a method takes a bundle, ``"mag-7"`` is the version of that name published last, ``"mag-7@1f3a"`` the
    one that begins like that, and a version (at least its first 8 digits) alone is that version under any name.
    """

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        self.root = default_root() if root is None else Path(root).expanduser()

    def publish(
        self, name: str, panel: Panel, *, source: str = "", calendar: str = "", warnings: tuple[str, ...] = ()
    ) -> Bundle:
        """Keep the panel under `name`, which from now on means this version.

        Content that is there already and intact is not written again. Nothing can be seen before all of it is on
        the disk.

        Raises
        ------
        InputError
            If the name has other characters than letters, digits and ``. _ -``.
        BundleError
            If it cannot be written.
        """
        check_name(name)
        target = self.root / name / panel.version
        try:
            sweep(self.root)
            created = self._next_instant(name)
            bundle = describe(name, panel, calendar=calendar, source=source, created=created, warnings=warnings)
            if not self._renewed(target, bundle):
                self._write(target, bundle, panel)
        except OSError as error:
            remedy = "Free or repair that disk, or choose another place with root= or RUSTYBT_RAY_HOME."
            raise BundleError(f"The bundle cannot be written: {error}", str(target), remedy) from error
        return bundle

    def open(self, bundle: str, version: str | None = None) -> Panel:
        """The panel of a bundle, as read-only views of its files: nothing is copied or computed.

        Raises
        ------
        BundleError
            If there is no such bundle (the message lists those there are), or it is damaged.
        """
        return load(catalog.find(self.root, bundle, version))[1]

    def info(self, bundle: str, version: str | None = None) -> Bundle:
        """What is known about a bundle without opening it.

        Raises
        ------
        BundleError
            If there is no such bundle, or its manifest is damaged.
        """
        return Manifest.read(catalog.find(self.root, bundle, version)).bundle

    def list(self) -> Bundles:
        """All bundles that can be described, by name and then from old to new."""
        return catalog.scan(self.root)[0]

    def damaged(self) -> tuple[BundleError, ...]:
        """Why the bundles that `list` leaves out cannot be described."""
        return tuple(catalog.scan(self.root)[1])

    def verify(self, bundle: str, version: str | None = None) -> Bundle:
        """The bundle, if all of it is as it was published.

        Raises
        ------
        BundleError
            If there is no such bundle; or naming each part that is damaged.
        """
        return verified(catalog.find(self.root, bundle, version))

    def remove(self, bundle: str, version: str | None = None) -> tuple[str, ...]:
        """Remove all versions of a name, or the one version that is said; returns the versions removed.

        A panel that is open keeps its data.

        Raises
        ------
        BundleError
            If there is no such bundle, or it cannot be removed.
        """
        whole = version is None and catalog.NAME.fullmatch(bundle) and catalog.versions(self.root / bundle)
        folders = whole or [catalog.find(self.root, bundle, version)]
        try:
            with aside(self.root) as trash:
                for folder in folders:
                    folder.rename(trash / folder.name)
        except OSError as error:
            raise BundleError(f"The bundle cannot be removed: {error}", str(folders[0]), "Check the rights.") from error
        with suppress(OSError):  # other versions are left
            folders[0].parent.rmdir()
        return tuple(folder.name for folder in folders)

    def _next_instant(self, name: str) -> str:
        """Now in UTC, but later than any version of `name` there is, so that a clock set back does no harm."""
        now = datetime.now(UTC)
        for bundle in catalog.scan(self.root)[0]:
            if bundle.name == name:
                now = max(now, datetime.fromisoformat(bundle.created) + timedelta(microseconds=1))
        return now.isoformat(timespec="microseconds")

    def _renewed(self, target: Path, bundle: Bundle) -> bool:
        """Give the content that is at `target` the new description; False if there is none, or it is damaged."""
        try:
            verified(target)
            manifest = Manifest.read(target)
        except BundleError:
            return False
        write_text(target / MANIFEST, Manifest(bundle, manifest.parts, manifest.files).to_json())
        return True

    def _write(self, target: Path, bundle: Bundle, panel: Panel) -> None:
        """Write the bundle aside and rename it into place."""
        from rustybt_ray.data.digest import digests

        with aside(self.root) as folder:
            new = folder / bundle.version
            new.mkdir()
            sizes = write_panel(new, panel)
            _, arrays = panel.to_arrays()
            parts = digests(panel.symbols, panel.periods_per_year, panel.fractional, arrays)
            write_text(new / MANIFEST, Manifest(bundle, parts, sizes).to_json())
            while not place(new, target) and not self._renewed(target, bundle):
                with suppress(FileNotFoundError):
                    target.rename(folder / f"damaged-{bundle.version}")


def check_name(name: object) -> str:
    """`name` if a bundle can be called so."""
    if not isinstance(name, str) or not catalog.NAME.fullmatch(name):
        rule = "1 to 100 letters, digits, '.', '_' and '-', beginning with a letter, a digit or '_'"
        raise InputError("name", rule, name, "Pick a name such as 'mag-7'.")
    return name
