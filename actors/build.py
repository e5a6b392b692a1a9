"""What a worker runs: the code and the limits that make one worker as good as another."""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from rustybt_ray.config import OptimizationConfig

ROOT = Path(__file__).resolve().parent.parent


def build_of(config: OptimizationConfig, runner: Any = None) -> dict[str, str]:
    """Versions of the packages that results depend on, a digest of our sources, the caches' limits, the runner.

    Parameters
    ----------
    config : OptimizationConfig
    runner : callable, optional
        What the worker was given to make its runner.
    """
    from rustybt_ray.studies.spec import packages

    own = {
        "sources": sources(),
        "cache_size_gb": f"{config.cache_size_gb:g}" if config.enable_caching else "0",
        "max_bundle_pool_size": str(config.pool_size),
        "runner": f"{runner.__module__}.{runner.__qualname__}" if runner is not None else "default",
    }
    return {**packages(), **own}


@cache
def sources() -> str:
    """A digest of this package's files as they were when it was first asked for."""
    made = hashlib.sha256()
    for file in sorted(path for package in ("actors", "rustybt_ray") for path in (ROOT / package).rglob("*.py")):
        made.update(f"{file.relative_to(ROOT).as_posix()}\n".encode() + file.read_bytes())
    return made.hexdigest()[:12]


def differences(there: Mapping[str, str], here: Mapping[str, str]) -> str:
    """What differs, in words; empty if nothing does.

    Examples
    --------
    >>> differences({"numpy": "2.0", "python": "3.11"}, {"numpy": "2.1", "python": "3.11"})
    'numpy 2.0 there, 2.1 here'
    """
    names = [name for name in dict.fromkeys([*there, *here]) if there.get(name) != here.get(name)]
    return "; ".join(f"{name} {there.get(name)} there, {here.get(name)} here" for name in names)
