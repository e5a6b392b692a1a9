"""What is known about a bundle without opening it, and the manifest that says so beside its data."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from rustybt_ray._record import record_class
from rustybt_ray.data.panel import UNKNOWN, Panel
from rustybt_ray.exceptions import BundleError

FORMAT = 1
MANIFEST = "manifest.json"
LATER = ("pay_dates", "stock_dividends")
READ = 64  # manifests that are kept: a study in the same process asks again


@record_class(frozen=True)
class Bundle:
    """An immutable, versioned set of bars, splits and dividends.

    Attributes
    ----------
    name, version : str
        The version is the SHA-256 of the content, in hexadecimal; `name` may have several versions side by side.
    symbols : tuple of str
        The assets, in code point order.
    first_session, last_session : str
        ISO dates.
    sessions, rows, bars : int
        Number of sessions, of rows of the panel (equal for daily bars), and of bars of all assets.
    splits, dividends : int
        Number of events.
    daily : bool
        Whether each session has one row, at its midnight UTC.
    periods_per_year : int
    fractional : bool
    calendar : str
        Where the sessions' openings and closings come from.
    source : str
        What was ingested.
    created : str
        When it was published: UTC, ISO format; the newest version of a name is the one published last.
    warnings : tuple of str
        What the ingest found odd.
    pay_dates, stock_dividends : int, default 0
        Number of dividends whose pay date is known, and of dividends paid in shares.
    """

    name: str
    version: str
    symbols: tuple[str, ...]
    first_session: str
    last_session: str
    sessions: int
    rows: int
    bars: int
    splits: int
    dividends: int
    daily: bool
    periods_per_year: int
    fractional: bool
    calendar: str
    source: str
    created: str
    warnings: tuple[str, ...] = ()
    pay_dates: int = 0
    stock_dividends: int = 0

    @property
    def assets(self) -> int:
        """Number of assets."""
        return len(self.symbols)

    @property
    def reference(self) -> str:
        """Name and the start of the version, as `BundleStore.open` takes it."""
        return f"{self.name}@{self.version[:12]}"


@record_class(frozen=True)
class Manifest:
    """A bundle, the digest of each of its parts, and the size of each of its files in bytes."""

    bundle: Bundle
    parts: Mapping[str, str]
    files: Mapping[str, int]

    def to_json(self) -> str:
        """The manifest as text, with the number of its format."""
        body = {"format": FORMAT, "bundle": asdict(self.bundle), "parts": dict(self.parts), "files": dict(self.files)}
        return json.dumps(body, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest of the bundle in `folder`.

        Raises
        ------
        BundleError
            If it is missing, damaged, or of a format that this version does not know.
        """
        path = f"{folder}/{MANIFEST}"
        remedy = "Ingest the bundle again."
        try:
            file = os.stat(path)  # noqa: PTH116 (a path takes three times the time)
            number, manifest = _read(path, file.st_ino, file.st_size, file.st_mtime_ns)
        except FileNotFoundError:
            raise BundleError("The bundle has no manifest", path, remedy) from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BundleError(f"The manifest is damaged: {error!r}", path, remedy) from None
        if manifest is not None:
            return manifest
        upgrade = f"This version of rustybt_ray reads format {FORMAT}: upgrade it, or ingest the bundle again."
        raise BundleError(f"The bundle has format {number!r}", path, upgrade)


def describe(
    name: str, panel: Panel, *, calendar: str, source: str, created: str, warnings: tuple[str, ...] = ()
) -> Bundle:
    """What the manifest of this panel says."""
    first, last = (str(np.datetime64(int(panel.sessions[at]), "ns").astype("datetime64[D]")) for at in (0, -1))
    return Bundle(
        name=name,
        version=panel.version,
        symbols=panel.symbols,
        first_session=first,
        last_session=last,
        sessions=len(panel.sessions),
        rows=len(panel.time),
        bars=int(np.count_nonzero(~np.isnan(panel.close))),
        splits=len(panel.split_row),
        dividends=len(panel.dividend_row),
        daily=np.array_equal(panel.time, panel.sessions),
        periods_per_year=panel.periods_per_year,
        fractional=panel.fractional,
        calendar=calendar,
        source=source,
        created=created,
        warnings=warnings,
        pay_dates=int(np.count_nonzero(panel.pay_dates != UNKNOWN)),
        stock_dividends=len(panel.stock_row),
    )


@lru_cache(READ)
def _read(path: str, inode: int, size: int, modified: int) -> tuple[Any, Manifest | None]:
    """The number of a manifest's format, and the manifest if that is ours; one that is written anew is another file."""
    body = json.loads(Path(path).read_text(encoding="utf-8"))
    number = body["format"]
    if number != FORMAT:
        return number, None
    return number, Manifest(_bundle(body["bundle"]), _mapping(body["parts"], str), _mapping(body["files"], int))


def _bundle(body: Mapping[str, Any]) -> Bundle:
    # manifests written before there was any lack the later ones
    known = dict.fromkeys(LATER, 0) | dict(body)
    known |= {"symbols": tuple(body["symbols"]), "warnings": tuple(body["warnings"])}
    values = {field.name: known[field.name] for field in fields(Bundle)}
    for field in fields(Bundle):
        kind = {"str": str, "int": int, "bool": bool}.get(str(getattr(field.type, "__name__", field.type)), tuple)
        if not isinstance(values[field.name], kind):
            raise TypeError(f"{field.name} is {values[field.name]!r}")
    return Bundle(**values)


def _mapping(body: Mapping[str, Any], kind: type) -> dict[str, Any]:
    if not all(isinstance(value, kind) for value in body.values()):
        raise TypeError(f"expected names and {kind.__name__} in {body!r}")
    return dict(body)
