"""docs/PERFORMANCE.md from the kept results."""

from pathlib import Path
from typing import Any


def write_page(results: dict[str, dict[str, Any]], path: Path) -> Path:
    """Write the page and say where it is."""
    path.write_text("# Performance\n", encoding="utf-8")
    return path
