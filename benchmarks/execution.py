"""What the driver and the Ray workers cost, and what they gain.

    python benchmarks/execution.py                      # all of it, about 20 minutes on an idle machine
    python benchmarks/execution.py overhead scaling     # some of it
    python benchmarks/execution.py --quick              # smaller and fewer runs

overhead   one worker against a plain loop of the same trials of 50 ms, start of Ray excluded
small      25 trials with executor="auto" against the loop of plain_loop.py, cold processes
scaling    two workers against one, beside what the machine itself gives two processes
capacity   trials a second that the driver can feed to simulated workers, Ray's own calls excluded
nearness   random points whose indicators do not fit the caches, near ones together and in the order of the search
pools      consecutive studies on one pool against a fresh pool each
memory     what each worker on a large panel holds beyond a bare actor with the same imports

Each prints the load of the machine as it begins; a bound that is missed at a load beside ours says little. The trials of
`overhead` and `scaling` compute a hash: the same work in every process, whatever the caches and the layout of memory.
"""

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import rustybt_ray as rb
from actors.pool import PersistentWorkerPool
from plain_loop import compare
from rustybt_ray.api.executors import Sink
from rustybt_ray.api.searches import Source
from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.data.panel import Panel
from rustybt_ray.data.sample import sample_panel
from rustybt_ray.engine.metrics import MOMENTS, NAMES
from rustybt_ray.execution.driver import run
from rustybt_ray.execution.events import ChunkDone, WorkerReady
from rustybt_ray.execution.messages import Block, Chunk, Job
from rustybt_ray.execution.policy import ChunkPolicy
from rustybt_ray.execution.ports import Report
from rustybt_ray.search.grid import GridSearch
from rustybt_ray.search.space import ParameterSpace
from rustybt_ray.strategies.trial import Trial
from rustybt_ray.studies.journal import Journal
from rustybt_ray.studies.spec import StudySpec
from rustybt_ray.studies.study import Study

BOUNDS = {"overhead": 1.02, "small": 1.02, "scaling": 1.85, "memory": 0.02}
TRIAL = 0.05  # seconds that a trial of `overhead` and `scaling` takes
SIMULATED = (0.001, 0.05)  # seconds that trials of simulated workers claim to have taken
WORKERS = (1, 4, 16, 64, 256)


def burn(trial: Trial) -> float:
    """A trial that computes for as long as its `rounds` say."""
    return float(hashlib.pbkdf2_hmac("sha256", b"%d" % trial.params["k"], b"", trial.params["rounds"])[0])


def nothing(trial: Trial) -> float:
    """A trial that computes nothing: the worker is ready, no more."""
    return 0.0


def hold(data: Any, k: int) -> Any:
    """Weights without an indicator, from a mask of the panel's shape."""
    return rb.equal_weight(data.close > float(k))


def crossover(data: Any, fast: int, slow: int) -> Any:
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))


def overhead(quick: bool) -> bool:
    """One whole `optimize` call on a pool that is there, against a loop in this process."""
    count, pairs = (200, 3) if quick else (400, 7)
    panel, points, own = sample_panel(), burning(count), []
    with PersistentWorkerPool(n_jobs=1) as pool:
        sweep(panel, points[:10], pool)
        times = np.empty((pairs, 2))
        for i in range(pairs):
            for which in ((0, 1), (1, 0))[i % 2]:
                if which:
                    times[i, 1] = clock(lambda: plain(points))
                else:
                    times[i, 0], busy = sweep(panel, points, pool)
                    own.append(times[i, 0] / busy)
    ray_, loop = np.median(times, axis=0)
    ratio = float(np.median(times[:, 0] / times[:, 1]))
    print(
        f"overhead: {count} trials of {loop / count * 1e3:.1f} ms, one worker {ray_:.2f} s, loop {loop:.2f} s, "
        f"ratio {ratio:.4f} (bound {BOUNDS['overhead']}), {pairs} pairs; "
        f"the call by the time of its own trials {statistics.median(own):.4f}"
    )
    return ratio <= BOUNDS["overhead"]


def small(quick: bool) -> bool:
    """Cold processes: nobody waits for what a study of 25 trials does not need."""
    pairs = compare(25, 10 if quick else 80)
    print(f"small: {pairs} (bound {BOUNDS['small']} at the upper end)")
    return pairs.interval[1] <= BOUNDS["small"]


def scaling(quick: bool) -> bool:
    """Pools of one and two workers in turn, their start excluded."""
    count, pairs = (200, 1) if quick else (480, 3)
    panel, points = sample_panel(), burning(count)
    times, shares, idle, alone = np.empty((pairs, 2)), [], [], []
    for i in range(pairs):
        alone.append(two_processes(points[0]["rounds"] * 60))
        for workers in (1, 2):
            with PersistentWorkerPool(n_jobs=workers) as pool:
                sweep(panel, points[:20], pool)
                cpu = time.process_time()
                times[i, workers - 1], busy = sweep(panel, points, pool)
            if workers == 2:
                shares.append((time.process_time() - cpu) / times[i, 1])
                idle.append(1.0 - busy / (2.0 * times[i, 1]))
    one, two = np.median(times, axis=0)
    ratio = float(np.median(times[:, 0] / times[:, 1]))
    print(
        f"scaling: {count} trials, one worker {one:.2f} s, two {two:.2f} s, ratio {ratio:.3f} (bound "
        f"{BOUNDS['scaling']}; two plain processes {statistics.median(alone):.3f}), of two workers' time "
        f"{statistics.median(idle):.1%} without a trial, driver's CPU share {statistics.median(shares):.1%}, {pairs} pairs"
    )
    return ratio >= BOUNDS["scaling"]


def capacity(quick: bool) -> bool:
    """The real driver, study, journal and grid, on workers that answer at once."""
    print(
        "capacity: trials/s that the driver feeds; us of its CPU a chunk and a trial; share of a CPU that its workers need"
    )
    print(
        f"{'trial':>8} {'workers':>8} {'chunk':>6} | {'trials/s':>10} {'us/chunk':>9} {'us/trial':>9} {'need':>7} |",
        end="",
    )
    print(f" with a journal: {'trials/s':>10} {'us/chunk':>9} {'us/trial':>9} {'need':>7}")
    feed(1, SIMULATED[0], 10, journal=True)
    for seconds in SIMULATED:
        for workers in WORKERS:
            row = f"{seconds * 1e3:5.0f} ms {workers:8d} "
            for journal in (False, True):
                trials, chunks, cpu = feed(
                    workers, seconds, max(1000, 8 * workers) if quick else max(4000, 32 * workers), journal
                )
                needed = workers / seconds * cpu / trials
                row += f"{trials / chunks:6.1f} | " if not journal else " | " + " " * 15
                row += f"{trials / cpu:10,.0f} {cpu / chunks * 1e6:9.0f} {cpu / trials * 1e6:9.2f} {needed:7.1%}"
            print(row, flush=True)
    return True


class InOrder(PersistentWorkerPool):
    """A pool whose workers get trials in the order of the search."""

    @property
    def policy(self) -> ChunkPolicy:
        """As that of other pools, but without looking ahead."""
        return ChunkPolicy(ahead=0)


def nearness(quick: bool) -> bool:
    """Two workers whose caches hold a tenth of the averages that are searched, one pool after the other."""
    panel, trials, pairs = wide_panel(100), 500 if quick else 2000, 1 if quick else 3
    space = {"fast": rb.Int(5, 54), "slow": rb.Int(60, 259)}
    config = rb.OptimizationConfig(cache_size_gb=0.1 * 250 * panel.close.nbytes / 2**30)
    times, rates = np.empty((pairs, 2)), np.empty((pairs, 2))
    for i in range(pairs):
        for which, kind in enumerate((InOrder, PersistentWorkerPool)):
            with kind(n_jobs=2, config=config) as pool:
                options: dict[str, Any] = {"bundle": panel, "pool": pool, "executor": "ray", "progress": False}
                rb.optimize(nothing, points=[{"k": 0}, {"k": 1}], **options)
                asked: dict[str, Any] = {"space": space, "search": "random", "n_trials": trials, "seed": i}
                times[i, which] = clock(lambda: rb.optimize(crossover, **asked, **options))  # noqa: B023
                caches = [worker["history"] for worker in pool.statistics()["workers"]]
                rates[i, which] = statistics.fmean(cache["hit_rate"] for cache in caches)
    (plain_, near), (few, many) = np.median(times, axis=0), np.median(rates, axis=0)
    print(
        f"nearness: {trials} random pairs on {panel.nbytes / 1e6:.0f} MB, in the order of the search {plain_:.1f} s (hits "
        f"{few:.0%}), near ones together {near:.1f} s (hits {many:.0%}), ratio {np.median(times[:, 0] / times[:, 1]):.2f}, "
        f"{pairs} pairs"
    )
    return True


def pools(quick: bool) -> bool:
    """Small studies one after another; the first one on the kept pool pays for its start."""
    studies, panel = 3 if quick else 10, sample_panel()
    points = [{"fast": fast, "slow": slow} for fast in range(5, 51, 5) for slow in range(60, 251, 10)]

    def study(pool: PersistentWorkerPool) -> None:
        rb.optimize(crossover, bundle=panel, points=points, pool=pool, executor="ray", progress=False)

    def fresh() -> None:
        with PersistentWorkerPool(n_jobs=2) as pool:
            study(pool)

    start = time.perf_counter()
    with PersistentWorkerPool(n_jobs=2) as pool:
        kept = [clock(lambda: study(pool)) for _ in range(studies)]
    whole = time.perf_counter() - start
    each = [clock(fresh) for _ in range(studies)]
    print(
        f"pools: {studies} studies of {len(points)} trials, one pool {whole / studies:.2f} s a study with start and end "
        f"({statistics.median(kept):.3f} s once it is there), fresh pools {sum(each) / studies:.2f} s, "
        f"ratio {sum(each) / whole:.1f}"
    )
    return True


def memory(quick: bool) -> bool:
    """Memory of workers that are ready, and after trials, less that of others: bare actors, and workers on a small panel.

    The bound is for extra workers: pages of libraries that bare actors do not use are one worker's alone, but shared by two.
    """
    small_, large, worst = wide_panel(1), wide_panel(100 if quick else 500), 0.0
    for workers in (1, 2, 4):
        tiny, _ = stages(small_, workers)
        rows, bare = stages(large, workers)
        beyond = [(mean(row, "unique") - mean(bare, "unique")) / large.nbytes for row in rows]
        by_panel = [
            (mean(row, "unique") - mean(other, "unique")) / large.nbytes for row, other in zip(rows, tiny, strict=True)
        ]
        print(
            f"memory: {workers} on {large.nbytes / 1e6:.0f} MB, unique MB (PSS): bare actor {shown(bare)}, ready "
            f"{shown(rows[0])}, after trials {shown(rows[1])}; of the panel, beyond a bare actor {beyond[0]:.2%} and "
            f"{beyond[1]:.2%} (bound {BOUNDS['memory']:.0%}), beyond a worker on a small panel {by_panel[0]:.2%} and "
            f"{by_panel[1]:.2%}"
        )
        worst = max(worst, *beyond) if workers > 1 else worst
    return worst <= BOUNDS["memory"]


def stages(panel: Panel, workers: int) -> tuple[list[list[dict[str, float]]], list[dict[str, float]]]:
    """Memory of each worker when it is ready and after trials that keep no indicator; that of bare actors beside them."""
    with PersistentWorkerPool(n_jobs=workers) as pool:
        pool.open(panel)
        actors, rows = bare_actors(workers), []  # beside the workers, so that pages of libraries are shared alike
        for strategy in (nothing, hold):
            points = [{"k": k} for k in range(8 * workers)]
            rb.optimize(strategy, bundle=panel, points=points, pool=pool, executor="ray", progress=False)
            figures = pool.statistics()["workers"]
            assert len(figures) == workers, "a worker did not answer"
            assert not any(worker["history"]["bytes"] for worker in figures), "an indicator is kept"
            rows.append([resident(worker["pid"]) for worker in figures])
        return rows, measured(actors)


def burning(count: int) -> list[dict[str, Any]]:
    """Points of trials of about `TRIAL` seconds."""
    rounds = 100_000
    seconds = min(clock(lambda: hashlib.pbkdf2_hmac("sha256", b"0", b"", rounds)) for _ in range(5))
    return [{"k": k, "rounds": int(rounds * TRIAL / seconds)} for k in range(count)]


def plain(points: list[dict[str, Any]]) -> None:
    """The loop: what a study keeps of an objective function, nothing else."""
    [{**params, "value": burn(Trial(k, params, None))} for k, params in enumerate(points)]  # type: ignore[arg-type]


def sweep(panel: Panel, points: list[dict[str, Any]], pool: PersistentWorkerPool) -> tuple[float, float]:
    """Seconds of one whole `optimize` call, and those that its trials took by their worker's clock."""
    start = time.perf_counter()
    study = rb.optimize(burn, bundle=panel, points=points, pool=pool, executor="ray", progress=False)
    spent = time.perf_counter() - start
    assert study.n_trials == len(points), "trials are missing"
    assert not study.n_failed, "trials failed"
    return spent, float(study.trials["duration"].sum())


def two_processes(rounds: int) -> float:
    """How much more two plain processes do than one in the same time: the most that this machine can give."""
    code = f"import hashlib; hashlib.pbkdf2_hmac('sha256', b'0', b'', {rounds})"

    def together(count: int) -> float:
        def work() -> None:
            for process in [subprocess.Popen([sys.executable, "-c", code]) for _ in range(count)]:
                process.wait()

        return clock(work)

    return 2.0 * together(1) / together(2)


class ReadyAnswers:
    """Simulated workers: the head of each queue is answered at the next poll, with a block of the right shape.

    Parameters
    ----------
    size : int
        Workers.
    seconds : float
        What each trial claims to have taken; the driver sizes its chunks by it.
    """

    in_process = False

    def __init__(self, size: int, seconds: float) -> None:
        self.size, self.seconds, self.chunks = size, seconds, 0
        self._queues: list[deque[Chunk]] = [deque() for _ in range(size)]
        self._told = False

    @property
    def policy(self) -> ChunkPolicy:
        """As that of workers on Ray."""
        return ChunkPolicy()

    def open(self, panel: Panel, name: str | None = None) -> None:
        """Nothing to open."""

    def prepare(self, job: Job) -> None:
        """Every worker is ready at once."""
        self._told = False

    def submit(self, worker: int, chunk: Chunk) -> None:
        """Queue a chunk."""
        self._queues[worker].append(chunk)

    def poll(self, timeout: float) -> Sequence[Report]:
        """One answer of every worker that has work."""
        if not self._told:
            self._told = True
            return [(WorkerReady(worker), None) for worker in range(self.size)]
        busy = [(worker, queue.popleft()) for worker, queue in enumerate(self._queues) if queue]
        self.chunks += len(busy)
        return [self._answer(worker, chunk) for worker, chunk in busy]

    def replace(self, worker: int) -> None:
        """Workers that do nothing do not die."""
        raise AssertionError(worker)

    def abandon(self) -> None:
        """Forget all chunks."""
        for queue in self._queues:
            queue.clear()

    def close(self) -> None:
        """Nothing is left open."""

    def _answer(self, worker: int, chunk: Chunk) -> Report:
        count, seconds = len(chunk), np.full(len(chunk), self.seconds)
        metrics, moments = np.full((count, len(NAMES)), 0.5), np.full((count, MOMENTS), 0.5)
        numbers, state = chunk.numbers.copy(), np.zeros(count, np.uint8)
        block = Block(numbers, NAMES, state, metrics, moments, seconds, {}, f"worker-{worker}")
        size = sum(array.nbytes for array in (numbers, state, metrics, moments, seconds))
        return ChunkDone(worker, chunk.number, float(seconds.sum()), size), block


def feed(workers: int, seconds: float, chunks: int, journal: bool) -> tuple[int, int, float]:
    """Trials, chunks and seconds of CPU of one study of about `chunks` chunks."""
    trials = int(chunks * ChunkPolicy().target / seconds)
    space = ParameterSpace({"a": rb.Int(1, 1000), "b": rb.Int(1, trials // 1000 + 1), "c": rb.Choice(["x"])})
    asked: dict[str, Any] = {"digest": "0" * 64, "kind": "target", "version": "0" * 64, "seed": 0}
    asked |= {"capital": 1e6, "costs": rb.Costs(), "fill": "next_close", "settings": rb.Settings()}
    job = Job(strategy=b"", segments=((0, 1),), **asked)
    study = Study(
        StudySpec(
            {}, bundle="", search={}, objective=NAMES[0], direction="maximize", require=(), start="", end="", **asked
        )
    )
    pool, source = ReadyAnswers(workers, seconds), Source(GridSearch(space, n_trials=trials), NAMES[0])
    with tempfile.TemporaryDirectory() as folder:
        written = Journal(Path(folder) / "journal") if journal else None
        before = time.process_time()
        run(source, job, pool, journal=Sink(study, (), written), speculate=True)
        cpu = time.process_time() - before
        if written is not None:
            written.close()
    assert study.n_trials == trials, "trials are missing"
    return trials, pool.chunks, cpu


def wide_panel(megabytes: int) -> Panel:
    """Random walks of 20 years of sessions, as many as fill the bytes."""
    rows, generator = 5040, np.random.default_rng(7)

    def made(assets: int) -> Panel:
        close = 50.0 * np.exp(np.cumsum(generator.standard_normal((rows, assets)) * 0.01, axis=0))
        time_ = np.datetime64("2000-01-01", "ns") + np.arange(rows) * np.timedelta64(1, "D")
        symbols = [f"S{i:05d}" for i in range(assets)]
        return panel_from_arrays(time_, symbols, close, close, close, close, np.full(close.shape, 1e6))

    two, four = made(2).nbytes, made(4).nbytes
    return made(2 + int((megabytes * 1e6 - two) / ((four - two) / 2)))


class Bare:
    """An actor that imports what a worker imports, and does nothing."""

    def pid(self) -> int:
        """Its process, with everything imported."""
        import pyarrow as pa  # noqa: F401 - Ray imports it where the first message is read

        import rustybt_ray.execution.chunk
        import rustybt_ray.workspace.workspace  # noqa: F401

        return os.getpid()


def bare_actors(count: int) -> list[Any]:
    """Bare actors in the Ray that runs."""
    import ray

    actors = [ray.remote(Bare).options(num_cpus=0).remote() for _ in range(count)]
    ray.get([actor.pid.remote() for actor in actors])
    return actors


def measured(actors: list[Any]) -> list[dict[str, float]]:
    """Memory of bare actors, which end."""
    import ray

    found = [resident(pid) for pid in ray.get([actor.pid.remote() for actor in actors])]
    for actor in actors:
        ray.kill(actor)
    return found


def resident(pid: int) -> dict[str, float]:
    """Bytes of a process: that it alone has, and its proportional share of what it maps."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    kilobytes = {name: float(rest.split()[0]) for name, rest in (line.split(":") for line in lines)}
    unique = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
    return {"unique": unique * 1024.0, "share": kilobytes["Pss"] * 1024.0}


def mean(rows: list[dict[str, float]], name: str) -> float:
    return statistics.fmean(row[name] for row in rows)


def shown(rows: list[dict[str, float]]) -> str:
    return f"{mean(rows, 'unique') / 1e6:.1f} ({mean(rows, 'share') / 1e6:.1f})"


def clock(call: Callable[[], Any]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


BENCHMARKS = {one.__name__: one for one in (overhead, small, scaling, capacity, nearness, pools, memory)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="name", help=f"some of {', '.join(BENCHMARKS)}; default all")
    parser.add_argument("--quick", action="store_true", help="smaller and fewer runs")
    args = parser.parse_args()
    if unknown := set(args.names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {sorted(unknown)[0]!r}; there are {', '.join(BENCHMARKS)}")
    missed = []
    for name in args.names or BENCHMARKS:
        print(f"[load {os.getloadavg()[0]:.2f}] ", end="", flush=True)
        if not BENCHMARKS[name](args.quick):
            missed.append(name)
    if missed:
        print(f"bounds missed: {', '.join(missed)}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
