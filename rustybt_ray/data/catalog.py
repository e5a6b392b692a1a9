"""Which bundles a directory holds, and which one a reference means: ``ROOT/NAME/VERSION`` is a bundle."""

import re
from pathlib import Path

from rustybt_ray.data.bundle import MANIFEST, Bundle, Manifest
from rustybt_ray.exceptions import BundleError

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
VERSION = re.compile(r"[0-9a-f]{64}")
SHORTEST = 8
LISTED = 20


def find(root: Path, bundle: str, version: str | None = None) -> Path:
    """The folder of the bundle that is meant.

    ``"mag-7"`` is the newest version of that name, ``"mag-7@1f3a"`` the one version of it that begins like that; at
    least `SHORTEST` hexadecimal digits alone are a version under any name.

    Raises
    ------
    BundleError
        If there is none, or several fit; the message lists what there is.
    """
    name, _, start = str(bundle).partition("@")
    start = start if version is None else version
    named = versions(root / name) if NAME.fullmatch(name) else []
    if named and not start:
        return named[0] if len(named) == 1 else max(named, key=lambda folder: Manifest.read(folder).bundle.created)
    if not named and not start and re.fullmatch(rf"[0-9a-f]{{{SHORTEST},64}}", name):
        found = {folder.name: folder for each in names(root) for folder in versions(root / each)}
        named, start = list(found.values()), name
        if not any(folder.name.startswith(start) for folder in named):
            raise _unknown(root, name)
    if not named:
        raise _unknown(root, name)
    fitting = [folder for folder in named if start and folder.name.startswith(start)]
    if len(fitting) == 1:
        return fitting[0]
    some = ", ".join(sorted(folder.name[:12] for folder in named)[:LISTED])
    what = (
        f"There is no version {start!r} of {name!r}" if not fitting else f"{start!r} fits several versions of {name!r}"
    )
    raise BundleError(what, str(root / name), f"Versions there: {some}.")


def names(root: Path) -> list[str]:
    """Names of which there is a version."""
    if not root.is_dir():
        return []
    return sorted(path.name for path in root.iterdir() if NAME.fullmatch(path.name) and versions(path))


def versions(folder: Path) -> list[Path]:
    """Folders of the versions of one name."""
    try:
        return [path for path in folder.iterdir() if VERSION.fullmatch(path.name)]
    except OSError:
        return []


def scan(root: Path) -> tuple[list[Bundle], list[BundleError]]:
    """All bundles, by name and then from old to new; and why those that cannot be described cannot."""
    bundles, errors = [], []
    for name in names(root):
        for folder in versions(root / name):
            try:
                bundles.append(Manifest.read(folder).bundle)
            except BundleError as error:
                if (folder / MANIFEST).exists() or folder.exists():  # not removed in this moment
                    errors.append(error)
    return sorted(bundles, key=lambda bundle: (bundle.name, bundle.created)), errors


def _unknown(root: Path, name: str) -> BundleError:
    there = names(root)
    listed = ", ".join(there[:LISTED]) + (f" and {len(there) - LISTED} more" if len(there) > LISTED else "")
    say = f"Bundles there: {listed or 'none'}. Make one with rustybt_ray.ingest(name, source) or `rustybt-ray ingest`."
    return BundleError(f"There is no bundle {name!r}", str(root), say)
