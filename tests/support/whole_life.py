"""A driver process of its own, for tests of what Ray does to one: prints a JSON line when told to by its first argument."""

import json
import os
import signal
import sys
import time
from pathlib import Path

from trials import Counting, job_on, slow_square, square, values_of, wave_panel

from actors.leftovers import processes
from actors.pool import PersistentWorkerPool
from rustybt_ray.exceptions import ExecutionError
from rustybt_ray.execution.driver import run

PANEL = wave_panel()


def children():
    """Process ids of all descendants, by their parents' ids, and their command lines."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = stat.read_text().split(" ", 1)
        except OSError:
            continue
        parents[int(pid)] = int(rest.rsplit(")", 1)[1].split()[1])
    found, before = {os.getpid()}, 0
    while len(found) != before:
        before = len(found)
        found |= {pid for pid, parent in parents.items() if parent in found}
    return sorted(found - {os.getpid()})


def study(pool, function=square, count=12, **options):
    pool.open(PANEL)
    outcome = run(Counting(count), job_on(PANEL, function), pool, **options)
    return len(values_of(outcome.blocks, "square" if function is square else "value"))


def close():
    with PersistentWorkerPool(2) as pool:
        trials, during = study(pool), children()
    import ray

    return {"trials": trials, "during": during, "after": children(), "initialised": ray.is_initialized()}


def forget():
    return {"trials": study(PersistentWorkerPool(1)), "during": children()}


def attach():
    import ray

    ray.init("local", num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    with PersistentWorkerPool() as pool:
        trials, size = study(pool), pool.size
        threads = run(Counting(1), job_on(PANEL, polars_threads), pool).blocks[0].metrics.tolist()
    with PersistentWorkerPool(4) as pool:
        more = [study(pool), pool.size, len(pool.statistics()["workers"])]
    works = ray.get(ray.remote(num_cpus=1)(lambda: 42).remote())
    return {"size": size, "trials": trials, "threads": threads, "more": more, "busy": busy(ray), "works": works}


def broken_start():
    """Ray's daemons start, and the driver hears nothing of its node."""
    from ray._private import services

    def silent(*_):
        raise ValueError("no such node")

    services.get_node = silent
    try:
        study(PersistentWorkerPool(1))
    except ExecutionError as error:
        import ray

        until = time.monotonic() + 10.0
        while (left := own_daemons()) and time.monotonic() < until:
            time.sleep(0.1)
        return {"said": str(error), "after": left, "initialised": ray.is_initialized()}


def own_daemons():
    """Titles of Ray's processes in the sessions that this process began; those that have no parent any more too."""
    return [process.title for process in processes(Path("/proc")) if process.session.endswith(f"_{os.getpid()}")]


def busy(ray):
    """What a pool says when the caller's own actor holds the only CPU."""
    from actors import patience

    patience.START_LIMIT = 1.0
    holder = ray.remote(num_cpus=1)(Holder).remote()
    ray.get(holder.here.remote())
    try:
        study(PersistentWorkerPool(1))
    except ExecutionError as error:
        return str(error)
    return None


class Holder:
    def here(self):
        return True


def polars_threads(trial):
    return float(os.environ.get("POLARS_MAX_THREADS", "nan"))


def headless():
    """Ray's head dies while a study runs; the driver must outlive the minute after which Ray would end it."""
    pool = PersistentWorkerPool(2)
    study(pool)
    behead()
    trials = study(pool, slow_square, 200)
    time.sleep(70)
    return {"trials": trials}


def headless_cluster():
    """The same on a cluster, whose nodes the pool would look at: who asks a cluster without a head waits for ever."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    try:
        with PersistentWorkerPool(4, address=cluster.address) as pool:
            study(pool)
            pool.statistics()
            behead()
            return {"trials": [study(pool, slow_square, 200), study(pool)], "size": pool.size}
    finally:
        cluster.shutdown()


def behead():
    for pid in children():
        if "gcs_server" in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    lives = {"close": close, "forget": forget, "attach": attach, "broken_start": broken_start}
    lives |= {"headless": headless, "headless_cluster": headless_cluster}
    print(json.dumps(lives[sys.argv[1]]()))
