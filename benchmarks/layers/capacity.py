"""The driver alone: trials a second that it can feed to workers that answer at once."""

from measuring.rows import Benchmark, Row
from rustybt_ray.execution.policy import ChunkPolicy
from workloads.answers import feed

TRIALS = (0.001, 0.05)  # seconds that trials claim to have taken
WORKERS = (1, 4, 16, 64, 256)


def measure(quick: bool) -> list[Row]:
    """The real driver, study, journal and grid on simulated workers; Ray's own calls are excluded.

    There is no other way to compare with: the question is when the driver, one thread, becomes the limit.
    """
    feed(1, TRIALS[0], 10, journal=True)
    rows = [capacity(workers, seconds, quick) for seconds in TRIALS for workers in WORKERS[:: 4 if quick else 1]]
    return [row for found in rows for row in found]


def capacity(workers: int, seconds: float, quick: bool) -> list[Row]:
    """Trials a second of the driver's CPU, without and with a journal."""
    chunks, runs = (max(1000, 4 * workers), 1) if quick else (max(4000, 32 * workers), 3)
    made = []
    for journal in (False, True):
        found = [feed(workers, seconds, chunks, journal) for _ in range(runs)]
        rates = [one.trials / one.cpu for one in found]
        chunk = sum(one.cpu for one in found) / sum(one.chunks for one in found)
        need = workers / ChunkPolicy().target * chunk
        key = f"{'journal' if journal else 'plain'}_{workers}_{seconds * 1e3:g}ms"
        what = f"{workers} workers, trials of {seconds * 1e3:g} ms{', with a journal' if journal else ''}"
        note = f"{chunk * 1e6:.0f} us a chunk; these workers need {need:.1%} of a CPU"
        made.append(Row(key, what, "trials/s", rates, note=note))
    return made


BENCHMARK = Benchmark("capacity", "workers", "How many trials a second can the driver feed?", measure)
