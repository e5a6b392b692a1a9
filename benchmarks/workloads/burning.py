"""Trials that burn a known time: by a plain loop, on a pool, and in plain processes."""

import hashlib
import subprocess
import sys
import time
from typing import Any

import rustybt_ray as rb
from measuring.samples import clock
from rustybt_ray.data.panel import Panel
from rustybt_ray.strategies.trial import Trial
from workloads.strategies import burn

TRIAL = 0.05  # seconds that a trial takes


def burning(count: int) -> list[dict[str, Any]]:
    """Points of trials of about `TRIAL` seconds."""
    rounds = 100_000
    seconds = min(clock(lambda: hashlib.pbkdf2_hmac("sha256", b"0", b"", rounds)) for _ in range(5))
    return [{"k": k, "rounds": int(rounds * TRIAL / seconds)} for k in range(count)]


def plain(points: list[dict[str, Any]]) -> list[float]:
    """The loop: what a study keeps of an objective function, nothing else."""
    rows = [{**params, "value": burn(Trial(k, params, None))} for k, params in enumerate(points)]  # type: ignore[arg-type]
    return [row["value"] for row in rows]


def study_of(panel: Panel, points: list[dict[str, Any]], pool: rb.PersistentWorkerPool) -> rb.Study:
    """One whole `optimize` call on a pool that is there, all trials complete."""
    study = rb.optimize(burn, bundle=panel, points=points, pool=pool, executor="ray", progress=False)
    assert study.n_trials == len(points), "trials are missing"
    assert not study.n_failed, "trials failed"
    return study


def sweep(panel: Panel, points: list[dict[str, Any]], pool: rb.PersistentWorkerPool) -> tuple[float, float]:
    """Seconds of `study_of`, and those that its trials took by their worker's clock."""
    start = time.perf_counter()
    study = study_of(panel, points, pool)
    return time.perf_counter() - start, float(study.trials["duration"].sum())


def values(study: rb.Study) -> list[float]:
    """Values in the order of the points."""
    return [float(value) for value in study.trials.sort("trial")["value"]]


def two_processes(rounds: int) -> float:
    """How much more two plain processes do than one in the same time: the most that this machine can give."""
    code = f"import hashlib; hashlib.pbkdf2_hmac('sha256', b'0', b'', {rounds})"

    def together(count: int) -> float:
        def work() -> None:
            for process in [subprocess.Popen([sys.executable, "-c", code]) for _ in range(count)]:
                process.wait()

        return clock(work)

    return 2.0 * together(1) / together(2)
