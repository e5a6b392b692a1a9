"""The folder of compiled kernels, and how their machine code gets into a process.

A kernel is compiled once a machine by numba and kept as an object file. Loading that file takes llvmlite alone: numba with all
that it registers would take half a second and 45 MB in every process.
"""

import hashlib
import importlib.util
import os
import sys
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

MAGIC = b"RBTOBJ01"
SUFFIX = ".kernel"
_lock = threading.Lock()


@cache
def folder() -> Path:
    """Where the compiled kernels of this installation live on this machine."""
    return cache_folder(Path(__file__).parent)


def cache_folder(sources: Path) -> Path:
    """Where compiled kernels of these `sources` live: a digest of every source, numba's version and the processor."""
    digest = hashlib.sha256()
    for path in [
        *sorted(sources.glob("*_nb.py")),
        *(sources / name for name in ("_jit.py", "structures.py", "blotter.py")),
    ]:
        if path.exists():
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(f"{_version('numba')} {_version('llvmlite')} {sys.version_info[:2]} {' '.join(processor())}".encode())
    return cache_root() / digest.hexdigest()[:16]


def _version(package: str) -> str:
    """The version of an installed package, by the name of the folder beside it that describes it.

    `importlib.metadata` reads that folder, for which it loads a parser of e-mails and a dozen other modules.
    """
    spec = importlib.util.find_spec(package)
    beside = Path(spec.origin).parents[1].iterdir() if spec and spec.origin else ()
    found = [path.stem for path in beside if path.name.startswith(f"{package}-") and path.suffix == ".dist-info"]
    if len(found) == 1:
        return found[0].removeprefix(f"{package}-")
    from importlib.metadata import version

    return version(package)


def cache_root() -> Path:
    """The folder of all compiled kernels: NUMBA_CACHE_DIR, or the user's cache folder, or a temporary one."""
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(chosen) / "rustybt_ray"
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = base / "rustybt_ray" / "kernels"
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError:
        import tempfile

        return Path(tempfile.gettempdir()) / f"rustybt_ray-kernels-{os.getuid() if hasattr(os, 'getuid') else 0}"
    return root


@cache
def processor() -> tuple[str, str]:
    """Name and features of this machine's processor, as LLVM has them."""
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


@cache
def target_machine() -> Any:
    """LLVM's code generator for this processor."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    name, features = processor()
    target = llvm.Target.from_default_triple()
    reloc = "static" if target.name.startswith("x86") else "default"
    return target.create_target_machine(
        cpu=name, features=features, opt=3, reloc=reloc, codemodel="jitdefault", jit=True
    )


def write(path: Path, symbol: str, code: bytes) -> None:
    """Keep an object file; nobody sees half of it. A folder that cannot be written costs the next process a compile."""
    import tempfile

    name = symbol.encode()
    content = len(name).to_bytes(4, "little") + name + code
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(MAGIC + hashlib.sha256(content).digest() + content)
        written = Path(file.name)
        written.chmod(0o644)  # others who share the folder read it
        written.replace(path)


def read(path: Path) -> tuple[str, bytes] | None:
    """Symbol and code of an object file; None if there is none, or it is damaged."""
    try:
        found = path.read_bytes()
    except OSError:
        return None
    content = found[len(MAGIC) + 32 :]
    if found[: len(MAGIC)] != MAGIC or hashlib.sha256(content).digest() != found[len(MAGIC) : len(MAGIC) + 32]:
        return None
    length = int.from_bytes(content[:4], "little")
    return content[4 : 4 + length].decode(), content[4 + length :]


def load(symbol: str, code: bytes) -> int:
    """Bring an object file into this process; the address of its function."""
    with _lock:
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine())
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        engine.finalize_object()
        _loaded.append(engine)
        return int(engine.get_function_address(symbol))


_loaded: list[Any] = []
"""Their memory is the code's: it must last as long as the process."""
