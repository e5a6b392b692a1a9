"""Pools that outlive their driver, on a cluster of real processes."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from named_driver import sweep, work

from actors.naming import NAMESPACE
from actors.pool import PersistentWorkerPool, named_pools
from rustybt_ray.config import OptimizationConfig
from rustybt_ray.data.sample import sample_panel
from rustybt_ray.exceptions import ExecutionError

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.timeout(240)]
ROOT = Path(__file__).resolve().parents[2]
STORE = 100 << 20
PANEL = sample_panel()


@pytest.fixture(scope="module")
def address():
    from ray.cluster_utils import Cluster

    store = {"object_store_memory": STORE}
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, **store})
    try:
        made.add_node(num_cpus=1, **store)
        yield made.address
    finally:
        made.shutdown()


@pytest.fixture
def pool(address, request):
    """Makes pools of a name that no other test uses; whatever its workers are, they are ended."""
    name, made = re.sub(r"\W+", "-", request.node.name), []

    def make(n_jobs=None, **options):
        made.append(PersistentWorkerPool(n_jobs, address=address, name=name, **options))
        return made[-1]

    make.pool_name = name
    yield make
    for each in made:
        each.close()
    PersistentWorkerPool(address=address, name=name).shutdown()


@contextlib.contextmanager
def other_driver(address, name, workers=2):
    """Another process, once it has said its first line: the process, and the line."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'support'}"}
    command = [sys.executable, "-c", "import named_driver; named_driver.main()", address, name, str(workers)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT)
    try:
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.wait(30)
        process.stdout.close()


@pytest.fixture(scope="module")
def expected():
    return results(sweep(executor="inline"))


def results(study):
    assert study.stopped is None
    return study.trials.drop("worker", "duration")


def by_name(statistics, *keys):
    """A figure of each worker."""
    found = {}
    for worker in statistics["workers"]:
        value = worker
        for key in keys:
            value = value[key]
        found[worker["name"]] = value
    return found


def misses(statistics):
    (found,) = ((one["permanent"]["misses"], one["lru"]["misses"]) for one in by_name(statistics, "history").values())
    assert min(found) > 0
    return found


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def ended(pids, limit=30.0):
    """Whether the processes end."""
    until = time.monotonic() + limit
    while any(map(alive, pids)) and time.monotonic() < until:
        time.sleep(0.05)
    return not any(map(alive, pids))


def actors_of(name):
    import ray

    listed = ray.util.list_named_actors(all_namespaces=True)
    return [
        each["name"] for each in listed if each["namespace"] == NAMESPACE and each["name"].startswith(f"pool/{name}/")
    ]


def test_a_driver_that_was_killed_leaves_workers_and_indicators_to_the_next(address, pool, expected):
    with other_driver(address, pool.pool_name) as (process, line):
        before = json.loads(line)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        mine = pool()
        mine.open(PANEL, "sample")
        found = mine.statistics()
        assert (found["name"], found["kept"], found["refused"]) == (pool.pool_name, 2, 0)
        assert by_name(found, "pid") == by_name(before, "pid")
        for worker, kept in by_name(before, "history", "bytes").items():
            assert by_name(found, "history", "bytes")[worker] >= kept > 0
        assert results(sweep(pool=mine)).equals(expected)
        assert mine.statistics()["restarts"] == 0


def test_what_a_worker_still_maps_of_a_dead_driver_never_changes(address, pool, expected):
    import ray

    with other_driver(address, pool.pool_name, 1) as (process, line):
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    mine = pool(1)
    mine.open(PANEL, "sample")
    for _ in range(3):
        held = [ray.put(np.full(1_000_000, 7.0)) for _ in range(STORE // 8_000_000)]
        del held
    # every trial reads the view that the dead driver's sweep cached: nothing is computed again
    assert results(sweep(pool=mine)).equals(expected)
    assert misses(mine.statistics()) == misses(json.loads(line))


def test_a_pool_has_one_driver_at_a_time(address, pool, expected):
    with other_driver(address, pool.pool_name) as (process, line):
        assert len(json.loads(line)["workers"]) == 2
        said = (
            f"another driver uses the pool '{pool.pool_name}': process {process.pid} on {socket.gethostname()}, since"
        )
        with pytest.raises(ExecutionError, match=re.escape(said)):
            pool().open(PANEL)
        with pytest.raises(ExecutionError, match=re.escape(said)):
            pool().shutdown()
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        assert results(sweep(pool=pool())).equals(expected)


def test_close_leaves_the_workers_and_shutdown_ends_them(address, pool, expected):
    import ray

    first = pool()
    with first:
        pids = by_name(work(first, 2), "pid")
    assert not ray.is_initialized()
    with pool() as second:
        second.open(PANEL)
        found = second.statistics()
        assert (found["kept"], by_name(found, "pid")) == (2, pids)
        assert set(by_name(found, "bundles", "open").values()) == {1}
        assert results(sweep(pool=second)).equals(expected)
        second.shutdown()
        assert ended(pids.values())
    with pool() as third:
        pids = by_name(work(third, 2), "pid")
        assert len(actors_of(pool.pool_name)) == 3
    pool().shutdown()
    assert ended(pids.values())
    ray.init(address, log_to_driver=False, logging_level="ERROR")
    try:
        assert actors_of(pool.pool_name) == []
    finally:
        ray.shutdown()


def test_a_worker_that_died_meanwhile_is_replaced(pool, expected):
    with pool() as first:
        pids = by_name(work(first, 2), "pid")
    (gone, pid), (stays, other) = sorted(pids.items())
    os.kill(pid, signal.SIGKILL)
    with pool() as second:
        found = work(second, 2)
        assert results(sweep(pool=second)).equals(expected)
        assert found["kept"] == 1
        assert by_name(found, "pid")[stays] == other
        assert len(found["workers"]) == 2
        assert gone not in by_name(found, "pid")


def test_workers_with_other_limits_are_replaced_and_the_log_says_why(pool, expected, caplog):
    with pool() as first:
        pids = by_name(work(first, 2), "pid")
    with pool(config=OptimizationConfig(cache_size_gb=0.5)) as second:
        second.open(PANEL)
        assert f"worker-1 of the pool '{pool.pool_name}' is ended: cache_size_gb 2 there, 0.5 here" in caplog.text
        study = sweep(pool=second, config=OptimizationConfig(cache_size_gb=0.5))
        assert results(study).equals(expected)
        found = second.statistics()
        assert (found["kept"], found["refused"]) == (0, 2)
        assert not set(by_name(found, "pid").values()) & set(pids.values())
        assert set(by_name(found, "pid")) <= {"worker-3", "worker-4"}


def test_fewer_workers_are_kept_than_there_are(pool, expected, caplog):
    with pool() as first:
        work(first, 2)
    with pool(1) as second:
        assert results(sweep(pool=second)).equals(expected)
        found = second.statistics()
        assert (found["kept"], found["refused"], len(found["workers"])) == (1, 1, 1)
        assert "is ended: no more than 1 wanted" in caplog.text


def test_a_name_will_do_for_a_study(address, pool, expected):
    place = {"pool": pool.pool_name, "address": address}
    assert results(sweep(**place)).equals(expected)
    (listed,) = (each for each in named_pools(address) if each["name"] == pool.pool_name)
    assert listed["workers"] in (1, 2)  # one that had found no CPU when the study ended has gone
    assert listed["driver"] is None
    with pool() as mine:
        mine.open(PANEL)
        assert mine.statistics()["kept"] == listed["workers"]
        (listed,) = (each for each in named_pools(address) if each["name"] == pool.pool_name)
        assert listed["driver"].startswith(f"process {os.getpid()} on {socket.gethostname()}, since ")
    mine.shutdown()
    assert pool.pool_name not in [each["name"] for each in named_pools(address)]


def test_a_ray_of_the_process_itself_is_refused():
    with other_driver("own", "mine") as (process, line):
        assert "a named pool outlives this process, and the Ray that it would be on does not" in line
        assert "Run `ray start --head` and pass address='auto'" in line
        assert process.wait(60) == 0
