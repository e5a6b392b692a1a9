"""All benchmarks by name: parity first, then interleaved runs, statistics, and the page of the results.

    python benchmarks/run.py                    # all of them, under an hour on two cores
    python benchmarks/run.py --quick            # fewer runs and smaller workloads, minutes
    python benchmarks/run.py grid history       # some
    python benchmarks/run.py --list             # what there is
    python benchmarks/run.py --page             # docs/PERFORMANCE.md and the README's table from kept results

Each benchmark is a process of its own, so that none finds what another one loaded. Results are kept in profiling-results/;
a full run of all ends by writing docs/PERFORMANCE.md and the README's table.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from layers import BENCHMARKS
from measuring.archive import Archive
from measuring.machine import describe
from measuring.page import write_page
from measuring.readme import write_table
from measuring.results import Results
from measuring.rows import Row

HOME = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="benchmarks; default: all")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--list", action="store_true", help="print the names and their questions")
    parser.add_argument("--page", action="store_true", help="write docs/PERFORMANCE.md")
    parser.add_argument("--results", type=Path, default=HOME / "profiling-results", help="where results are kept")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # one benchmark, in this process
    args = parser.parse_args()
    if unknown := [name for name in args.names if name not in BENCHMARKS]:
        parser.error(f"unknown benchmark: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    if args.list:
        for benchmark in BENCHMARKS.values():
            print(f"{benchmark.name:12} {benchmark.question}")
        return 0
    archive = Archive(args.results)
    if args.here:
        measure(args.names[0], args.quick, archive)
        return 0
    failed = [] if args.page and not args.names else run_all(args.names or list(BENCHMARKS), args.quick, args.results)
    archive.tables(describe()["date"])
    if args.page or not (args.names or args.quick or failed):
        print(f"written: {write_page(archive.newest(), HOME / 'docs' / 'PERFORMANCE.md')}")
        write_table(Results(archive.newest()), HOME / "README.md")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def run_all(names: list[str], quick: bool, results: Path) -> list[str]:
    """Each benchmark in a process of its own; the names of those that failed."""
    failed = []
    for name in names:
        command = [sys.executable, __file__, name, "--here", "--results", str(results)]
        environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "RUSTYBT_RAY_RESULTS": str(results.absolute())}
        if subprocess.run([*command, "--quick"] if quick else command, env=environment, check=False).returncode:
            failed.append(name)
    return failed


def measure(name: str, quick: bool, archive: Archive) -> None:
    """Run one benchmark here, print its rows and keep them."""
    benchmark, machine, start = BENCHMARKS[name], describe(), time.perf_counter()
    print(f"{name}: {benchmark.question}", flush=True)
    rows = benchmark.measure(quick)
    took = time.perf_counter() - start
    for row in rows:
        print(f"  {told(row)}", flush=True)
    command = f".venv/bin/python benchmarks/run.py {name}" + (" --quick" if quick else "")
    result = {"question": benchmark.question, "command": command, "machine": machine, "quick": quick, "seconds": took}
    kept = archive.keep(benchmark.layer, name, result | {"rows": [row.record() for row in rows]})
    print(f"  {took:.0f} s, kept in {kept.name}", flush=True)


def told(row: Row) -> str:
    """A row as a line."""
    record = row.record()
    ours, line = record["ours_summary"], f"{row.what:52}"
    if "baseline_summary" in record:
        line += f" {record['baseline_summary']['median']:10.4g} ->"
    line += f" {ours['median']:10.4g} {row.unit}"
    if "difference" in record:
        found = record["difference"]
        line += f", ratio {found['ratio']:.4g} ({found['ratio_low']:.4g} to {found['ratio_high']:.4g})"
        line += f", p {found['welch']:.2g}, {ours['runs']} runs"
        if row.bound is not None:
            line += f", bound {row.bound:g}" + ("" if found["ratio"] >= row.bound else ": MISSED")
    return line + (f" [{row.note}]" if row.note else "")


if __name__ == "__main__":
    sys.exit(main())
