"""Ray nodes on this machine that go away and join while studies run."""

import time

import pytest
from trials import Counting, GoingOn, crossover, job_on, pairs, wave_panel

from actors.pool import PersistentWorkerPool
from rustybt_ray.config import OptimizationConfig
from rustybt_ray.execution.driver import run
from rustybt_ray.execution.inline import InlinePool
from rustybt_ray.execution.ports import Silent
from rustybt_ray.studies.trials import merge

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.timeout(240)]
PANEL = wave_panel()
ENOUGH = 5  # blocks from those who joined
CONFIG = OptimizationConfig(cache_size_gb=0.5)


def slow_crossover(data, fast, slow):
    time.sleep(0.02)
    return crossover(data, fast, slow)


def spread_pairs(numbers):
    """As `pairs`, over and over again: a panel has only so many sessions."""
    return pairs([number % 200 for number in numbers])


@pytest.fixture
def cluster():
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        made.workers = [made.add_node(num_cpus=1) for _ in range(2)]
        yield made
    finally:
        made.shutdown()


class Changing(Silent):
    """Calls `change` when `workers` are ready and the first trials done; knows who joined then, and what they ran."""

    def __init__(self, change, workers=3):
        self.change, self.workers, self.ready, self.done, self.died = change, workers, 0, 0, 0
        self.joined, self.by_joined = set(), 0
        self.changed = False

    @property
    def enough(self):
        return self.by_joined >= ENOUGH

    def worker_ready(self, worker):
        self.ready += 1
        if self.changed:
            self.joined.add(f"worker-{worker}")

    def worker_died(self, worker, cause):
        self.died += 1

    def finished_block(self, chunk, block):
        self.done += len(block)
        self.by_joined += block.worker in self.joined
        if not self.changed and self.ready >= self.workers and self.done >= 30:
            self.changed = True
            self.change()


def study(pool, listener, enough):
    """Trials on the pool until there are enough; asserts that they are what one process makes of them."""
    pool.open(PANEL)
    source = GoingOn(enough, spread_pairs)
    outcome = run(source, job_on(PANEL, slow_crossover, kind="target"), pool, listener=listener)
    assert outcome.stopped is None
    alone = InlinePool()
    alone.open(PANEL)
    expected = run(Counting(source.given, spread_pairs), job_on(PANEL, crossover, kind="target"), alone)
    found, expected = merge(outcome.blocks), merge(expected.blocks)
    assert not found.errors
    for name in ("numbers", "state", "metrics", "moments"):
        assert getattr(found, name).tobytes() == getattr(expected, name).tobytes()


def workers_by_node(pool):
    found = {}
    for worker in pool.statistics()["workers"]:
        found.setdefault(worker["node"], {})[worker["name"]] = worker["history"]["limit"]
    return found


def test_a_node_goes_away_and_another_joins_during_a_study(cluster):
    def change():
        cluster.remove_node(cluster.workers[0], allow_graceful=False)
        cluster.workers.append(cluster.add_node(num_cpus=1))

    listener = Changing(change)
    with PersistentWorkerPool(address=cluster.address, config=CONFIG) as pool:
        # Ray counts the lost node for some seconds more
        study(pool, listener, lambda: listener.enough and pool.size == 3)
        assert listener.died >= 1
        on_new_node = workers_by_node(pool)[cluster.workers[-1].node_id]
        assert set(on_new_node) <= listener.joined
        assert pool.size == 3


def test_more_workers_than_cpus_start_when_nodes_join(cluster, caplog):
    listener = Changing(lambda: cluster.workers.append(cluster.add_node(num_cpus=2)))
    with PersistentWorkerPool(5, address=cluster.address, config=CONFIG) as pool:
        pool.open(PANEL)
        assert f"the cluster at {cluster.address} has 3 CPUs for 5 workers" in caplog.text
        assert pool.size == 3
        study(pool, listener, lambda: listener.enough)
        assert pool.size == 5
        found = workers_by_node(pool)
        both = found.pop(cluster.workers[-1].node_id)
        assert len(listener.joined) == len(both) == 2
        assert set(both.values()) == {CONFIG.cache_bytes(2)}
        assert [list(workers.values()) for workers in found.values()] == [[CONFIG.cache_bytes(1)]] * 3


def test_workers_whose_node_goes_away_are_not_hired_again_without_one(cluster):
    listener = Changing(lambda: cluster.remove_node(cluster.workers[0]))
    with PersistentWorkerPool(address=cluster.address) as pool:
        study(pool, listener, lambda: listener.died and pool.size == 2)
        assert len(pool.statistics()["workers"]) == 2
        before = pool.statistics()["restarts"]
        study(pool, Changing(lambda: None), lambda: True)
        assert pool.statistics()["restarts"] == before


def test_a_node_that_was_killed_is_not_counted_though_ray_lists_it(cluster):
    listener = Changing(lambda: cluster.remove_node(cluster.workers[0], allow_graceful=False))
    with PersistentWorkerPool(address=cluster.address) as pool:
        sizes = []
        listener.worker_died = lambda worker, cause: sizes.append(pool.size)
        study(pool, listener, lambda: sizes)
        assert sizes[0] == 2


def test_what_other_jobs_hold_is_used_when_they_let_go(cluster):
    import ray

    class Holder:
        def here(self):
            return True

    ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
    try:
        holder = ray.remote(num_cpus=1)(Holder).remote()
        ray.get(holder.here.remote())
        listener = Changing(lambda: ray.kill(holder), workers=2)
        with PersistentWorkerPool(3) as pool:
            study(pool, listener, lambda: listener.enough)
            assert len(listener.joined) == 1
            assert len(pool.statistics()["workers"]) == 3
    finally:
        ray.shutdown()
