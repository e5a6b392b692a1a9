"""The regression gate: ratios of our time to that of fixed code beside it, held against committed ones.

    python benchmarks/gate.py            # fails where a ratio is more than 10 % above its reference, beyond its noise
    python benchmarks/gate.py --prove    # 20 repeats must pass, and a planted slowdown of 20 % be caught, in each case
    python benchmarks/gate.py --write    # measure long and write benchmarks/reference.json

Machines cancel out of a ratio: `change` and `daily` are a sweep of 200 pairs over eight stocks and 25 years against the
limit's kernel for the same trades, `loop` is that sweep against a loop over our own simulator, `small` is 25 trials of a year
against such a loop, `forward` is a walk-forward of 44 windows against the plain grid. CPU time counts, since other processes
take turns on a busy machine but do not work in ours. Pairs of runs are added until the 95 % interval of their median ratio
lies on one side of the bound, or there are 60. Two things slow one side more than the other. A neighbour on the same core: for
minutes the median of `daily` was 1.55 where it is 1.17, while the ratio of the least times mostly stayed. And where the kernel's
code happens to lie in memory: some versions of it take a fifth longer in a third of all processes, for as long as these live
(`copies.py` shows it). A case fails where both ratios are above their bounds, the median with its interval, in five series of
pairs over more than three minutes, the later ones in processes of their own.
"""

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import rustybt_ray as rb
from baselines import simulator_loop
from limit import FEE, LIMITS, PAIRS, crossover, limit_of, without_events
from measuring.samples import interleaved, median_interval
from rustybt_ray._typing import FloatArray
from rustybt_ray.data.panel import Panel

REFERENCE = Path(__file__).with_name("reference.json")
TOLERANCE, FIRST, STEP, MOST, SERIES = 1.10, 9, 6, 60, 6
PAUSES = (0.0, 0.0, 20.0, 60.0, 120.0)  # seconds before each hearing of a case that failed in those before
COSTS = rb.Costs(rb.PerDollar(FEE))
YEAR = {"start": "2023-01-01", "end": "2023-12-31"}
Call = Callable[[], Any]


@dataclass(frozen=True)
class Reference:
    """What is committed of a case: the median of pairwise ratios, and the ratio of the least times."""

    median: float
    least: float


@dataclass(frozen=True)
class Verdict:
    """A case's median ratio with its 95 % interval, the ratio of its least times, and how many pairs it took."""

    name: str
    ratio: float
    low: float
    high: float
    least: float
    pairs: int
    reference: Reference

    @property
    def failed(self) -> bool:
        """Whether both ratios are above their bounds, the median beyond its noise."""
        return self.low > self.reference.median * TOLERANCE and self.least > self.reference.least * TOLERANCE

    def __str__(self) -> str:
        state = "SLOWER" if self.failed else "ok" if self.high <= self.reference.median * TOLERANCE else "ok, but noisy"
        return (
            f"{self.name:8} median {self.ratio:.3f} ({self.low:.3f} to {self.high:.3f}, {self.pairs} pairs), reference "
            f"{self.reference.median:.3f}; least {self.least:.3f}, reference {self.reference.least:.3f}: {state}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="CASE", help="change, daily, loop, small, forward; default: all")
    parser.add_argument("--prove", action="store_true", help="show that the gate holds and catches")
    parser.add_argument("--write", action="store_true", help="write the reference")
    parser.add_argument("--hear", type=float, metavar="SHARE", help=argparse.SUPPRESS)  # one series, slowed by a share
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        cases = made(root)
        if unknown := [name for name in args.names if name not in cases]:
            parser.error(f"unknown case: {', '.join(unknown)}; there are {', '.join(cases)}")
        cases = {name: cases[name] for name in args.names or cases}
        if args.write:
            return write(cases)
        ratios = json.loads(REFERENCE.read_text(encoding="utf-8"))["ratios"]
        references = {name: Reference(**ratios[name]) for name in cases}
        if args.prove:
            return prove(cases, references)
        if args.hear is not None:
            ((name, (ours, theirs)),) = cases.items()
            print(json.dumps(asdict(series(name, slowed(ours, args.hear), theirs, references[name]))))
            return 0
        verdicts = [judge(name, *case, references[name], partial(elsewhere, name)) for name, case in cases.items()]
    print(*verdicts, sep="\n")
    return int(any(verdict.failed for verdict in verdicts))


def made(root: str) -> dict[str, tuple[Call, Call]]:
    """The cases: ours and what it is held against, each run once, results compared."""
    name, filled = without_events(root, None)
    panel = rb.BundleStore(root).open(name)
    sweep = partial(optimize, panel, PAIRS)
    cases: dict[str, tuple[Call, Call]] = {}
    for case in LIMITS:
        cases[case] = (partial(sweep, rebalance=case), limit_of(case, panel.close, filled, PAIRS))
    year = panel.rows_between(**YEAR)
    cases["loop"] = (sweep, partial(simulator_loop, crossover("change"), panel, PAIRS, (0, panel.shape[0] - 1)))
    cases["small"] = (
        partial(optimize, panel, PAIRS[::8], start=YEAR["start"], end=YEAR["end"]),
        partial(simulator_loop, crossover("change"), panel, PAIRS[::8], year),
    )
    windows = rb.Rolling(train="3y", test="6mo")
    cases["forward"] = (partial(sweep, function=rb.walk_forward, windows=windows), sweep)
    for ours, theirs in cases.values():
        ours()
        theirs()
    table = sweep().trials["total_return"].to_numpy()
    assert np.allclose(table, cases["change"][1](), rtol=1e-9), "the limit finds other returns"
    assert table.tolist() == cases["loop"][1](), "the loop finds other returns"
    return cases


def optimize(
    panel: Panel,
    points: list[dict[str, int]],
    *,
    rebalance: str = "change",
    function: Callable[..., Any] = rb.optimize,
    **options: Any,
) -> Any:
    """One whole call in this process."""
    strategy = crossover(rebalance)
    return function(strategy, bundle=panel, points=points, costs=COSTS, executor="inline", progress=False, **options)


def judge(
    name: str, ours: Call, theirs: Call, reference: Reference, again: Callable[[], Verdict] | None = None
) -> Verdict:
    """The verdict of a series of pairs; one that fails is heard again, later each time: a neighbour goes, a slowdown stays.

    `again` hears it elsewhere.
    """
    here: Callable[[], Verdict] = partial(series, name, ours, theirs, reference)
    for hearing, pause in enumerate(PAUSES):
        time.sleep(pause)
        verdict = again() if hearing and again is not None else here()
        if not verdict.failed:
            break
    return verdict


def elsewhere(name: str, slower: float = 0.0) -> Verdict:
    """The verdict of a series in a process of its own."""
    command = [sys.executable, __file__, name, "--hear", str(slower)]
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return Verdict(**found | {"reference": Reference(**found["reference"])})


def series(name: str, ours: Call, theirs: Call, reference: Reference) -> Verdict:
    """Add pairs of runs until it is clear on which side of the bound the median ratio lies."""
    times, bound = np.empty((0, 2)), reference.median * TOLERANCE
    while True:
        times = np.vstack([times, pairs(ours, theirs, STEP if len(times) else FIRST)])
        ratios = times[:, 0] / times[:, 1]
        low, high = median_interval(ratios)
        if len(times) >= MOST or not low <= bound <= high:
            least = float(times[:, 0].min() / times[:, 1].min())
            return Verdict(name, float(np.median(ratios)), low, high, least, len(times), reference)


def pairs(ours: Call, theirs: Call, count: int) -> FloatArray:
    """CPU seconds of both in turn, shape (count, 2)."""
    return interleaved(count, ours, theirs, timer=cpu)


def cpu(call: Call) -> float:
    """Seconds of CPU that one call takes in this process."""
    gc.collect()
    start = time.process_time()
    call()
    return time.process_time() - start


def slowed(call: Call, share: float) -> Call:
    """The call, and then as much idle work as `share` of its time."""

    def both() -> None:
        start = time.process_time()
        call()
        end = start + (time.process_time() - start) * (1.0 + share)
        while time.process_time() < end:
            pass

    return both


def prove(cases: dict[str, tuple[Call, Call]], references: dict[str, Reference]) -> int:
    """Twenty repeats of each case as it is, and one with a planted slowdown of a fifth."""
    wrong = 0
    for name, (ours, theirs) in cases.items():
        repeats = [judge(name, ours, theirs, references[name], partial(elsewhere, name)) for _ in range(20)]
        failed = sum(verdict.failed for verdict in repeats)
        planted = judge(name, slowed(ours, 0.2), theirs, references[name], partial(elsewhere, name, 0.2))
        print(f"{name:8} {failed} of 20 repeats failed; with a fifth more: {planted}", flush=True)
        wrong += failed + (not planted.failed)
    return int(wrong > 0)


def write(cases: dict[str, tuple[Call, Call]]) -> int:
    """Measure each case in series apart, which other cases lie between; do it on a quiet machine.

    The reference is the lower quartile of the medians: a neighbour that stays for a few series must not raise the bound.
    """
    found: dict[str, list[FloatArray]] = {name: [] for name in cases}
    for _ in range(SERIES):
        for name, (ours, theirs) in cases.items():
            found[name].append(pairs(ours, theirs, FIRST))
    ratios = json.loads(REFERENCE.read_text(encoding="utf-8"))["ratios"] if REFERENCE.exists() else {}
    for name, times in found.items():
        median = float(np.quantile([np.median(each[:, 0] / each[:, 1]) for each in times], 0.25))
        least = float(np.vstack(times)[:, 0].min() / np.vstack(times)[:, 1].min())
        ratios[name] = {"median": round(median, 3), "least": round(least, 3)}
        print(f"{name:8} {ratios[name]}", flush=True)
    REFERENCE.write_text(json.dumps({"ratios": ratios}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
