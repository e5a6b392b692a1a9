"""The one compile policy of our kernels, and the folder of their compiled code."""

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import llvmlite.binding
import numba
from numba import config, njit

Function = TypeVar("Function", bound=Callable[..., Any])

OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}


def entry(function: Function) -> Function:
    """Compile a kernel that Python calls: without the GIL, cached on disk, IEEE arithmetic as written (no fastmath)."""
    return _compiled(function, **OPTIONS)


def kernel(function: Function) -> Function:
    """As `entry`, for the functions a kernel is made of: they are inlined where they are called."""
    return _compiled(function, forceinline=True, _nrt=False, **OPTIONS)


def compiled_for(function: Any, arguments: tuple[Any, ...]) -> Callable[..., Any]:
    """The machine code of an entry for arguments of just these types, which the caller answers for.

    The dispatcher looks at each array of each tuple in every call, which took 7 of the 120 microseconds of a trial.
    """
    # numba leaves out the pass that joins equal operations side by side (a twentieth of a trial); it moves no bit
    before, config.SLP_VECTORIZE = config.SLP_VECTORIZE, 1
    try:
        return function.compile(tuple(numba.typeof(argument) for argument in arguments))
    finally:
        config.SLP_VECTORIZE = before


def _compiled(function: Function, **options: Any) -> Function:
    # numba reads the folder when it decorates; what the user set for kernels of their own comes back afterwards
    before = config.CACHE_DIR
    config.CACHE_DIR = str(CACHE)
    try:
        return njit(**options)(function)
    finally:
        config.CACHE_DIR = before


def cache_folder(sources: Path) -> Path:
    """Where compiled kernels of these `sources` live.

    numba keys a compiled kernel by its own file alone, so that an edited callee in another file would run stale; the
    folder's name is therefore a digest of every kernel file, numba's version and the processor.
    """
    digest = hashlib.sha256()
    for path in [*sorted(sources.glob("*_nb.py")), Path(__file__)]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    features = llvmlite.binding.get_host_cpu_features().flatten()
    digest.update(
        f"{numba.__version__} {sys.version_info[:2]} {llvmlite.binding.get_host_cpu_name()} {features}".encode()
    )
    return cache_root() / digest.hexdigest()[:16]


def cache_root() -> Path:
    """The folder of all compiled kernels: NUMBA_CACHE_DIR, or the user's cache folder, or a temporary one."""
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(chosen) / "rustybt_ray"
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = base / "rustybt_ray" / "kernels"
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.gettempdir()) / f"rustybt_ray-kernels-{os.getuid() if hasattr(os, 'getuid') else 0}"
    return root


CACHE = cache_folder(Path(__file__).parent)
