"""A study of 25 trials in a cold process: nobody waits for what it does not need."""

from measuring.rows import Benchmark, Row
from plain_loop import compare

TRIALS, BOUND = 25, 1.02


def measure(quick: bool) -> list[Row]:
    """`optimize` with executor="auto" against a loop over the engine's parts; the best trials are compared first."""
    found = compare(TRIALS, 5 if quick else 80)
    low, high = found.interval
    what = f"{TRIALS} trials, whole cold processes: a loop over the engine's parts; `optimize`"
    note = f"time by the loop's: {low:.3f} to {high:.3f} (bound {BOUND} at the upper end)"
    return [Row("small", what, "s", found.times[:, 1], found.times[:, 0], bound=1.0 / BOUND, note=note)]


BENCHMARK = Benchmark("small", "workflows", "Is a small study slower than the loop one would write instead?", measure)
