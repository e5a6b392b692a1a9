"""A million trials: from a cold process to the ranked table, on two workers.

Four parameters, so that trials differ: two averages, a lookback and the momentum that an asset must have had. There is no baseline:
what counts is the whole time and the memory of all processes.
"""

import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

import rustybt_ray as rb
from measuring.rows import Benchmark, Row

SPACE = {
    "fast": rb.Int(5, 54),
    "slow": rb.Int(60, 259),
    "lookback": rb.Int(20, 200, step=20),
    "floor": rb.Float(-0.09, 0.09, step=0.02),
}
MEMORY, PAUSE = "/proc/{}/smaps_rollup", 2.0


def rising(close: Any, lookback: int, floor: float) -> Any:
    """Where adjusted closes have risen by more than `floor` over `lookback` sessions; kept by the worker for other averages."""
    made = np.zeros(close.shape, bool)
    made[lookback:] = close[lookback:] > (1.0 + floor) * close[:-lookback]
    return made


def crossover(data: Any, fast: int, slow: int, lookback: int, floor: float) -> Any:
    """Hold what is above its slow average and has risen by more than `floor` over `lookback` sessions."""
    above = data.sma("close", fast) > data.sma("close", slow)
    above &= data.cached(rising, "close", lookback, floor, scale="none")
    return rb.equal_weight(above)


def measure(quick: bool) -> list[Row]:
    """One sweep; the best trial and a few others are run again by themselves and compared bit by bit."""
    rb.ingest_sample()
    space = SPACE | ({"fast": rb.Int(5, 54, step=10), "slow": rb.Int(60, 259, step=40)} if quick else {})
    watch = Watch()
    start = time.perf_counter()
    study = rb.optimize(
        crossover, bundle="sample-mag-7", space=space, costs=rb.Costs(rb.PerDollar(0.001)), executor="ray", n_jobs=2,
        progress=False,
    )  # fmt: skip
    best = study.top(10)
    seconds = time.perf_counter() - start
    peak = watch.end()
    for number in (*best["trial"].to_list()[:3], 0, study.n_trials - 1):
        row = study.trials.row(number, named=True)
        found = rb.backtest(
            crossover, {name: row[name] for name in SPACE}, bundle="sample-mag-7", costs=rb.Costs(rb.PerDollar(0.001))
        )
        assert found.metrics["total_return"] == row["total_return"], f"trial {number} is another one by itself"
    assert study.n_failed == 0, "trials failed"
    return [
        Row("trials", "trials", "", [study.n_trials]),
        Row("seconds", "from the call to the ranked table, Ray's start and end included", "s", [seconds]),
        Row("rate", "trials a second", "/s", [study.n_trials / seconds]),
        Row("memory", "largest memory of all processes together (PSS)", "GB", [peak / 1e9]),
    ]


class Watch:
    """The largest proportional memory of this process and all below it, looked at every two seconds."""

    def __init__(self) -> None:
        self._peak, self._ended = 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> int:
        """Stop, and say the largest sum in bytes."""
        self._ended.set()
        self._thread.join()
        return self._peak

    def _look(self) -> None:
        while not self._ended.wait(PAUSE):
            self._peak = max(self._peak, sum(map(proportional, family(os.getpid()))))


def family(root: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        children.setdefault(int(words[1]), []).append(int(path.parent.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def proportional(pid: int) -> int:
    """Bytes of a process, shared pages divided among those who share them; 0 if it has ended."""
    try:
        lines = Path(MEMORY.format(pid)).read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


BENCHMARK = Benchmark("million", "workflows", "Do a million trials fit into two minutes and six gigabytes?", measure)
