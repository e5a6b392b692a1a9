"""Whether a bundle on the disk is, bit for bit, what was published."""

from pathlib import Path

from rustybt_ray.data.bundle import MANIFEST, Bundle, Manifest, describe
from rustybt_ray.data.files import read_arrays
from rustybt_ray.data.panel import Panel
from rustybt_ray.exceptions import BundleError

REMEDY = "Ingest the bundle again."


def load(folder: Path) -> tuple[Manifest, Panel]:
    """Manifest and panel of the bundle in `folder`; the panel's arrays are views of its files."""
    manifest = Manifest.read(folder)
    symbols, arrays = read_arrays(folder, manifest.files)
    known = manifest.bundle
    scalars = {"version": folder.name, "symbols": symbols}
    terms = {"periods_per_year": known.periods_per_year, "fractional": known.fractional, "folder": folder}
    return manifest, Panel.from_arrays({**scalars, **terms}, arrays)


def verified(folder: Path) -> Bundle:
    """The bundle in `folder`, after its digests were computed again and compared.

    Raises
    ------
    BundleError
        Naming each part that is damaged.
    """
    from rustybt_ray.data.digest import digests, version_of

    manifest, panel = load(folder)
    known = manifest.bundle
    _, arrays = panel.to_arrays()
    found = digests(panel.symbols, panel.periods_per_year, panel.fractional, arrays)
    if wrong := [part for part, digest in found.items() if manifest.parts.get(part) != digest]:
        raise BundleError(f"The bundle is damaged in {', '.join(wrong)}", str(folder), REMEDY)
    if not version_of(found) == known.version == folder.name:
        what = f"The content has the version {version_of(found)}, the manifest says {known.version}"
        raise BundleError(what, str(folder), REMEDY)
    same = {"calendar": known.calendar, "source": known.source, "created": known.created, "warnings": known.warnings}
    if describe(folder.parent.name, panel, **same) != known:  # type: ignore[arg-type]
        raise BundleError("The manifest does not describe the data beside it", str(folder / MANIFEST), REMEDY)
    return known
