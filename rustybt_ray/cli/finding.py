"""What a check of `doctor` tells."""

import tempfile
from pathlib import Path

from rustybt_ray._record import record_class

OK, WARNING, ERROR = "ok", "warning", "error"


@record_class(frozen=True)
class Finding:
    """What was looked at and what was found.

    Attributes
    ----------
    name : str
    state : str
        ``"ok"``, ``"warning"`` (it works, but not as well as it could) or ``"error"`` (it will not work).
    found : str
        The value.
    remedy : str
        What to change; empty if there is nothing to.
    commands : tuple of str
        Shell commands that do it. Nobody runs them but the reader.
    """

    name: str
    state: str
    found: str
    remedy: str = ""
    commands: tuple[str, ...] = ()


def size(nbytes: float) -> str:
    """Bytes to read.

    Examples
    --------
    >>> size(1_500_000_000), size(64_000_000), size(512)
    ('1.5 GB', '64 MB', '512 bytes')
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if nbytes >= factor:
            value = nbytes / factor
            return f"{value:.1f} {unit}" if value < 10 else f"{value:,.0f} {unit}"
    return f"{nbytes:.0f} bytes"


def why_unwritable(folder: Path) -> str:
    """Why a file cannot be made in a folder, or in the folder that it would be made in; empty if it can."""
    there = existing(folder)
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"x")
    except OSError as error:
        return f"{there}: {error.strerror or error}"
    return ""


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
