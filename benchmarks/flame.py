"""Flame graphs of a grid search, before and after: py-spy's pictures, and how much of the time is what.

    python benchmarks/flame.py                      # profiling-results/flame_graphs/*_grid_search_DATE.svg, and the shares
    python benchmarks/flame.py --seconds 10

Before: each session of each trial reads the bundle and filters its frame, as the ancestor did (`workloads/sessions.py`).
After: `optimize` in this process. Shares are of samples by the clock, start-up left out; each counts for the innermost function
that belongs to a part. Needs py-spy: pip install py-spy.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from measuring.machine import describe
from workloads import profiled, sessions

HOME = Path(__file__).resolve().parent
WAYS = {"before": "baseline", "after": "optimized"}
PARTS = ("assets", "filtering", "frames", "bundle", "compute")
RATE = 200  # samples a second
FRAME = re.compile(r"^(?P<function>.*) \((?P<file>[^():]*)(?::\d+)?\)$")
FILES = {
    "workspace/asset_cache.py": "assets",
    "workspace/market_data.py:adjusted": "filtering",
    "workspace/market_data.py:adjust_field": "filtering",
    "studies/trials.py": "frames",
    "workspace/bundle_pool.py": "bundle",
    "api/panels.py": "bundle",
    "data/store.py": "bundle",
    "data/catalog.py": "bundle",
    "data/files.py": "bundle",
    "data/bundle.py": "bundle",
    "data/verify.py": "bundle",
}
"""Which part our files, or functions of them, belong to; others compute."""
PAGE = """<!doctype html><meta charset="utf-8"><title>A grid search before and after</title>
<h1>Before</h1><object type="image/svg+xml" data="{before}" width="100%"></object>
<h1>After</h1><object type="image/svg+xml" data="{after}" width="100%"></object>
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--results", type=Path, default=HOME.parent / "profiling-results")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        profiled.prepared(Path(folder))
        for path in draw(args.results, Path(folder), args.seconds):
            print(f"written: {path}")
        for way in WAYS:
            found = shares(way, Path(folder), args.seconds)
            print(f"{way:7}", ", ".join(f"{part} {share:.1f} %" for part, share in found.items()))
    return 0


def draw(results: Path, folder: Path, seconds: float) -> list[Path]:
    """Both pictures, and a page with one above the other."""
    target, date = results / "flame_graphs", describe()["date"]
    target.mkdir(parents=True, exist_ok=True)
    names = {way: f"{name}_grid_search_{date}.svg" for way, name in WAYS.items()}
    for way, name in names.items():
        record(way, folder, seconds, target / name, "flamegraph")
    page = target / f"comparison_{date}.html"
    page.write_text(PAGE.format(**names), encoding="utf-8")
    return [*(target / name for name in names.values()), page]


def shares(way: str, folder: Path, seconds: float) -> dict[str, float]:
    """Percent of the search's time in each part."""
    path = folder / f"{way}.folded"
    record(way, folder, seconds, path, "raw")
    return reduced(path.read_text(encoding="utf-8"))


def record(way: str, folder: Path, seconds: float, path: Path, form: str) -> None:
    """Run a search below py-spy; threads that wait are sampled too, for polars works in threads that Python does not see."""
    options = ["--nonblocking", "--idle", "--rate", str(RATE), "--format", form, "--output", str(path)]
    search = [sys.executable, "-m", "workloads.profiled", way, str(folder), str(seconds)]
    done = subprocess.run(
        [spy(), "record", *options, "--", *search], cwd=HOME, capture_output=True, text=True, check=False
    )
    if done.returncode or not path.exists():
        raise SystemExit(f"py-spy failed:\n{done.stdout}{done.stderr}")


def spy() -> str:
    """Where py-spy is."""
    beside = Path(sys.executable).with_name("py-spy")
    found = str(beside) if beside.exists() else shutil.which("py-spy")
    if found is None:
        raise SystemExit("Flame graphs need py-spy, an optional tool: pip install py-spy")
    return found


def reduced(folded: str) -> dict[str, float]:
    """Percent of the samples in each part, from lines of ``frame;frame;frame count``."""
    counts: Counter[str] = Counter()
    for line in folded.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [found.groupdict() for frame in stack.split(";") if (found := FRAME.match(frame))]
        names = [frame["function"] for frame in frames]
        if profiled.SEARCHED in names:
            below = frames[names.index(profiled.SEARCHED) :]
            counts[next(filter(None, map(part_of, reversed(below))), "compute")] += int(count)
    total = sum(counts.values())
    assert total, "no sample of the search"
    return {part: 100.0 * counts[part] / total for part in PARTS}


def part_of(frame: dict[str, str]) -> str | None:
    """The part that a function belongs to, if it is known."""
    function, file = frame["function"], frame["file"]
    if file.endswith("workloads/sessions.py"):
        return sessions.PARTS.get(function)
    place = "/".join(Path(file).parts[-2:])
    return FILES.get(place) or FILES.get(f"{place}:{function}")


if __name__ == "__main__":
    sys.exit(main())
