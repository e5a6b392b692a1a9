"""Two workers against one, and what the driver's own costs make of 4, 8 and 16."""

import statistics
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import rustybt_ray as rb
from measuring.rows import Benchmark, Row
from rustybt_ray.data.panel import Panel
from rustybt_ray.data.sample import sample_panel
from rustybt_ray.execution.policy import ChunkPolicy
from workloads.answers import feed
from workloads.burning import TRIAL, burning, plain, study_of, sweep, two_processes, values

BOUND = 1.85
SIMULATED = (4, 8, 16)
MODEL = (
    "simulated: the real driver on workers that answer at once, plus what Ray's calls cost the driver a chunk with two real "
    "workers; n CPUs then run the chunks and their driver"
)


@dataclass
class Real:
    """What pools of one and two workers took."""

    one: list[float] = field(default_factory=list)
    two: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    chunk: list[float] = field(default_factory=list)
    processes: list[float] = field(default_factory=list)


def measure(quick: bool) -> list[Row]:
    """Real pools of one and two workers first, then the simulation, which needs their driver's CPU a chunk."""
    count, runs = (100, 1) if quick else (420, 4)
    real = pools(sample_panel(), burning(count), runs)
    note = (
        f"driver's CPU share {statistics.median(real.shares):.1%}; of two workers' time {statistics.median(real.idle):.1%} "
        f"without a trial; two plain processes {statistics.median(real.processes):.3f} times one"
    )
    what = f"{count} trials of {TRIAL * 1e3:.0f} ms: one worker; two workers, their start apart"
    efficiency = np.divide(real.one, real.two) / 2.0 * 100.0
    rows = [
        Row("two", what, "s", real.two, real.one, bound=BOUND, note=note),
        Row("efficiency_2", "two workers: speed-up by their number", "%", efficiency),
    ]
    for workers in SIMULATED:
        rows += simulated(workers, real, 2 if quick else 10)
    return [*rows, fed(256, quick)]


def pools(panel: Panel, points: list[dict[str, Any]], runs: int) -> Real:
    """The same trials on pools of one and two workers in turn, their start excluded, beside plain processes."""
    real, expected = Real(), plain(points[:10])
    for run in range(runs):
        real.processes.append(two_processes(points[0]["rounds"] * 30))
        for workers in (1, 2)[:: 1 - 2 * (run % 2)]:
            with rb.PersistentWorkerPool(n_jobs=workers) as pool:
                assert values(study_of(panel, points[:10], pool)) == expected, "the values differ"
                chunks, cpu = pool.statistics()["chunks"], time.process_time()
                spent, busy = sweep(panel, points, pool)
                cpu, chunks = time.process_time() - cpu, pool.statistics()["chunks"] - chunks
            if workers == 1:
                real.one.append(spent)
                continue
            real.two.append(spent)
            real.shares.append(cpu / spent)
            real.idle.append(1.0 - busy / (2.0 * spent))
            real.chunk.append(cpu / chunks)
    return real


def simulated(workers: int, real: Real, runs: int) -> list[Row]:
    """Speed-up and efficiency of more workers than this machine has CPUs."""
    both = [(chunk_cpu(workers), chunk_cpu(2)) for _ in range(runs)]
    whole = statistics.median(real.chunk)
    costs = [own + max(whole - two, 0.0) for own, two in both]
    speed = np.array([speed_up(workers, cost) for cost in costs])
    cost = statistics.median(costs)
    chunk = ChunkPolicy().target * 1e3
    note = f"{MODEL}; the driver's {cost * 1e3:.2f} ms for each chunk of {chunk:.0f} ms"
    return [
        Row(f"simulated_{workers}", f"{workers} workers: speed-up", "x", speed, note=note),
        Row(f"efficiency_{workers}", f"{workers} workers: speed-up by their number", "%", speed / workers * 100.0),
    ]


def chunk_cpu(workers: int) -> float:
    """The driver's seconds of CPU a chunk without Ray's calls."""
    found = feed(workers, TRIAL, 1000, journal=False)
    return found.cpu / found.chunks


def speed_up(workers: int, cost: float) -> float:
    """How many times one CPU's trials, if each chunk costs the driver `cost` on the same CPUs; one thread feeds them all."""
    target = ChunkPolicy().target
    return min(workers * target / (target + cost), target / cost)


def fed(workers: int, quick: bool) -> Row:
    """Trials a second that the driver can feed, each claiming to take 1 ms."""
    found = [feed(workers, 0.001, 1000 if quick else 32 * workers, journal=False) for _ in range(3 if quick else 10)]
    rates = [one.trials / one.cpu for one in found]
    what = f"the driver alone, feeding {workers} simulated workers whose trials take 1 ms"
    return Row(
        f"capacity_{workers}", what, "trials/s", rates, note="a second of the driver's CPU; Ray's calls excluded"
    )


BENCHMARK = Benchmark("scaling", "workers", "How much faster are more workers?", measure)
