"""Virtual environments of the peers, one each, made before anything is measured.

    python benchmarks/peers/environments.py                       # all of them, in .peers/
    python benchmarks/peers/environments.py vectorbt raptorbt     # some
    python benchmarks/peers/environments.py --home DIR --python PATH_OF_PYTHON_3.12

An environment that is there with the versions asked for is left alone. One that cannot be made is reported with pip's last
lines, and the others are made all the same.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from catalogue import ENVIRONMENTS, Environment

DEFAULT_HOME = Path(__file__).resolve().parent.parent.parent / ".peers"
READY = "requirements.txt"  # what the environment holds; written last


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="PEER", help=f"of {', '.join(ENVIRONMENTS)}; default: all")
    parser.add_argument("--home", type=Path, default=DEFAULT_HOME, help="folder of the environments")
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        help="an interpreter to make them with, where its version fits; repeatable",
    )
    args = parser.parse_args()
    if unknown := [name for name in args.names if name not in ENVIRONMENTS]:
        parser.error(f"unknown peer: {', '.join(unknown)}; there are {', '.join(ENVIRONMENTS)}")
    failed = False
    for name in args.names or ENVIRONMENTS:
        problem = make(args.home / name, ENVIRONMENTS[name], args.python)
        print(f"{name:12} {'ready' if problem is None else problem}", flush=True)
        failed |= problem is not None
    return int(failed)


def make(folder: Path, environment: Environment, pythons: Sequence[str]) -> str | None:
    """Make an environment unless it is there; what went wrong, or None."""
    if is_ready(folder, environment):
        return None
    python = interpreter(environment, pythons)
    if python is None:
        return f"not made: it needs Python {' or '.join(environment.pythons)}, and none was found; say --python PATH"
    shutil.rmtree(folder, ignore_errors=True)
    commands = [[python, "-m", "venv", str(folder)]]
    if environment.requirements:
        commands.append([*pip(folder), "install", "--quiet", *environment.requirements])
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"not made: {' '.join(command[-3:])}\n{tail(done.stderr or done.stdout)}"
    frozen = subprocess.run([*pip(folder), "freeze"], capture_output=True, text=True, check=True).stdout
    (folder / "installed.txt").write_text(frozen, encoding="utf-8")
    (folder / READY).write_text("\n".join(environment.requirements), encoding="utf-8")
    return None


def is_ready(folder: Path, environment: Environment) -> bool:
    """Whether what is asked for has been installed there."""
    mark = folder / READY
    return mark.exists() and mark.read_text(encoding="utf-8") == "\n".join(environment.requirements)


def python_of(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / "bin" / "python"


def pip(folder: Path) -> list[str]:
    return [str(python_of(folder)), "-m", "pip", "--disable-pip-version-check"]


def interpreter(environment: Environment, pythons: Sequence[str]) -> str | None:
    """The first interpreter whose version fits: those named, this one, those on the path."""
    for python in (*pythons, sys.executable, *(f"python{version}" for version in environment.pythons)):
        if version_of(python) in environment.pythons:
            return python
    return None


def version_of(python: str) -> str | None:
    """Its version as "3.12"; None if it does not run: names on the path may be shims that refuse."""
    words = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-15:])


if __name__ == "__main__":
    sys.exit(main())
