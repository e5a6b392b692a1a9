"""The session: processes of both sides, parity, runs in turn, records."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from catalogue import ENVIRONMENTS, PEERS, Peer
from environments import DEFAULT_HOME, is_ready, python_of
from measuring.archive import Archive
from measuring.machine import describe
from measuring.rows import Row
from panels import prepare
from parity import Parity
from tasks import AUTO, OURS, WORKLOADS

HERE = Path(__file__).resolve().parent
SLOW = 2.0  # seconds of a run from which on few are made
LEAST = 0.3  # seconds of CPU that a run takes at least: shorter ones are repeated within it
MOST = 50  # repetitions
RUNS = {False: (12, 4), True: (4, 2)}
"""Runs of quick and of slow workloads, by whether the session is quick."""
Answer = dict[str, Any]


class Side:
    """A process that answers.

    Parameters
    ----------
    command : list of str
    """

    def __init__(self, command: list[str]) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 — closed with the process
        environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True, env=environment
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End its input; it is killed if that does not end it."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            self._process.wait(timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def ask(self, workload: str, loops: int = 1) -> Answer:
        """One run."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{workload} {loops}\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self._process.wait()
            self._errors.seek(0)
            raise RuntimeError(f"it ended with {self._process.returncode}:\n{self._errors.read()[-2000:]}")
        answer: Answer = json.loads(line)
        return answer


def main(about: str) -> int:
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="PEER", help=f"of {', '.join(PEERS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="fewer runs, W3 over five years")
    parser.add_argument("--csvdir", type=Path, help="SYMBOL.csv files of eight assets; default: the sample bundle")
    parser.add_argument("--home", type=Path, default=DEFAULT_HOME, help="folder of the environments")
    parser.add_argument("--results", type=Path, default=HERE.parent.parent / "profiling-results")
    args = parser.parse_args()
    if unknown := [name for name in args.names if name not in PEERS]:
        parser.error(f"unknown peer: {', '.join(unknown)}; there are {', '.join(PEERS)}")
    archive, failed = Archive(args.results), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, args.csvdir, args.quick)
        for peer in args.names or PEERS:
            if not is_ready(args.home / PEERS[peer].environment, ENVIRONMENTS[PEERS[peer].environment]):
                problem: str | None = "no environment; environments.py makes it"
            else:
                problem = hold_against(peer, folder, args, archive)
            if problem is not None:
                print(f"{peer}: not measured: {problem}", file=sys.stderr, flush=True)
                failed.append(peer)
    archive.tables(describe()["date"])
    return int(bool(failed))


def hold_against(name: str, folder: Path, args: argparse.Namespace, archive: Archive) -> str | None:
    """Measure one peer and keep its record; why not, or None."""
    peer, machine, start = PEERS[name], describe(), time.perf_counter()
    home = args.home / peer.environment
    print(f"{name}: {peer.what}", flush=True)
    with ExitStack() as stack:
        script = [sys.executable, str(HERE / "ours.py"), str(folder)]
        ours = dict.fromkeys(OURS, stack.enter_context(Side([*script, *peer.workloads])))
        if AUTO in {way for workload in peer.workloads for way in WORKLOADS[workload].ours}:
            ours[AUTO] = stack.enter_context(Side([*script, AUTO]))
        theirs = stack.enter_context(Side([str(python_of(home)), str(HERE / peer.script), str(folder), *peer.options]))
        parities, rows, problems = measure(peer, ours, theirs, args.quick)
    if rows:
        command = f".venv/bin/python benchmarks/peers/compare.py {name}" + (" --quick" if args.quick else "")
        installed = home / "installed.txt"
        result = {
            "question": f"How does ours compare with {peer.what}?", "command": command, "machine": machine,
            "quick": args.quick, "seconds": time.perf_counter() - start,
            "data": "the sample bundle" if args.csvdir is None else args.csvdir.name,
            "parity": {key: asdict(parity) for key, parity in parities.items()}, "rules": peer.rules,
            "installed": installed.read_text(encoding="utf-8").split(), "rows": [row.record() for row in rows],
        }  # fmt: skip
        print(f"  kept in {archive.keep('peers', name, result).name}", flush=True)
    return "; ".join(problems) or None


def measure(
    peer: Peer, ours: dict[str, Side], theirs: Side, quick: bool
) -> tuple[dict[str, Parity], list[Row], list[str]]:
    """Each workload's parity and, where it holds, its rows; what went wrong with the others."""
    parities: dict[str, Parity] = {}
    rows: list[Row] = []
    problems = []
    for workload in peer.workloads:
        ways = [(ours[way], way) for way in WORKLOADS[workload].ours]
        try:
            found = agreement(workload, ways, theirs, peer)
            about = "; ".join(f"{key}: {parity}" for key, parity in found.items())
            print(f"  {about}", flush=True)
            parities |= found
            if not list(found.values())[-1].holds(peer.within):
                problems.append(f"results differ, {about}")
                continue
            timed = in_turn([*ways, (theirs, workload)], quick)
        except RuntimeError as error:
            return parities, rows, [*problems, f"{workload}: {error}"]
        rows += rows_of(workload, timed, f"{peer.what}; {about}" + (f"; {peer.rules}" if peer.rules else ""))
    return parities, rows, problems


def agreement(workload: str, ways: list[tuple[Side, str]], theirs: Side, peer: Peer) -> dict[str, Parity]:
    """How far results agree: as each runs by itself, and, where they do not, once more with our averages in theirs."""

    def worst(question: str) -> Parity:
        other = theirs.ask(question)["total_returns"]
        return max((Parity.of(returns, other) for returns in mine), key=lambda parity: parity.largest)

    mine = [side.ask(way)["total_returns"] for side, way in ways]
    found = {workload: worst(workload)}
    if peer.takes_averages and not found[workload].holds():
        found[f"{workload} with our averages"] = worst(f"{workload}_given")
    return found


def rows_of(workload: str, timed: list[list[Answer]], note: str) -> list[Row]:
    """CPU and wall time of each of our ways beside the peer's, which is the last of each round."""
    about, rows = WORKLOADS[workload], []
    for place, way in enumerate(about.ours):
        for clock, key in (("cpu", way), ("wall", f"{way}_wall")):
            mine, other = ([micro(answers[side], clock) for answers in timed] for side in (place, -1))
            what = f"{about.what}; ours: {OURS[way]}; {clock} time a {about.unit}"
            rows.append(Row(key, what, "us", mine, other, note=note))
            print(f"    {told(rows[-1])}", flush=True)
    return rows


def in_turn(sides: list[tuple[Side, str]], quick: bool) -> list[list[Answer]]:
    """Runs of all sides in turn; the first ones only tell how long they last, but those of slow sides count."""
    warm = [side.ask(name) for side, name in sides]
    loops = [max(round(LEAST / max(answer["cpu"], LEAST / MOST)), 1) for answer in warm]
    slow = max(answer["cpu"] for answer in warm) > SLOW
    timed = []
    if slow:
        runs = zip(sides, warm, loops, strict=True)
        timed.append([answer if loop == 1 else side.ask(name, loop) for (side, name), answer, loop in runs])
    while len(timed) < RUNS[quick][slow]:
        timed.append([side.ask(name, loop) for (side, name), loop in zip(sides, loops, strict=True)])
    return timed


def micro(answer: Answer, clock: str) -> float:
    """Microseconds a trial; a clock tick at least, as nothing is free."""
    return max(float(answer[clock]), 1e-9) / int(answer["trials"]) * 1e6


def told(row: Row) -> str:
    """A row as a line."""
    mine, other, apart = statistics.median(row.ours), statistics.median(row.baseline), row.difference
    line = f"{row.key:20} theirs {other:10.5g} us, ours {mine:10.5g} us"
    if apart is not None:
        line += f", ratio {apart.ratio:.4g} ({apart.ratio_low:.4g} to {apart.ratio_high:.4g}), {len(row.ours)} runs"
    return line
