"""One worker against a plain loop: what messages and bookkeeping add to trials of 50 ms."""

import numpy as np

import rustybt_ray as rb
from measuring.rows import Benchmark, Row
from measuring.samples import interleaved
from rustybt_ray.data.sample import sample_panel
from workloads.burning import TRIAL, burning, plain, study_of, sweep, values

BOUND = 1.02  # of the loop's time


def measure(quick: bool) -> list[Row]:
    """One whole `optimize` call on a pool of one worker that is there, against a loop in this process.

    Values are compared first. The trials compute a hash, which takes as long in every process.
    """
    count, runs = (60, 2) if quick else (80, 30)
    panel, points, own = sample_panel(), burning(count), list[float]()
    with rb.PersistentWorkerPool(n_jobs=1) as pool:
        assert values(study_of(panel, points[:10], pool)) == plain(points[:10]), "the values differ"

        def ours() -> None:
            spent, busy = sweep(panel, points, pool)
            own.append(100.0 * (spent / busy - 1.0))

        times = interleaved(runs, lambda: plain(points), ours)
    what = f"{count} trials of {TRIAL * 1e3:.0f} ms: a plain loop; one Ray worker, its start apart"
    calls = "an `optimize` call beyond the time of its own trials by their worker's clock"
    return [
        Row("ray_path", what, "s", times[:, 1], times[:, 0], bound=1.0 / BOUND),
        Row("beyond_trials", calls, "%", np.array(own)),
    ]


BENCHMARK = Benchmark(
    "overhead", "workers", "What does the way through Ray add to one worker's trials, against a plain loop?", measure
)
