"""Three Ray nodes on this machine: one goes away while a study runs, another joins."""

import pytest
from trials import Counting, crossover, errors_of, job_on, pairs, slow_square, values_of, wave_panel

from actors.pool import PersistentWorkerPool
from rustybt_ray.exceptions import ExecutionError
from rustybt_ray.execution.driver import run
from rustybt_ray.execution.inline import InlinePool
from rustybt_ray.execution.ports import Silent
from rustybt_ray.studies.trials import merge

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.timeout(240)]
PANEL = wave_panel()


@pytest.fixture(scope="module")
def cluster():
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        made.workers = [made.add_node(num_cpus=1) for _ in range(2)]
        yield made
    finally:
        made.shutdown()


@pytest.fixture
def pool(cluster):
    with PersistentWorkerPool(3, address=cluster.address) as made:
        made.open(PANEL)
        yield made


def test_workers_are_spread_and_give_the_same_bits(pool):
    job = job_on(PANEL, crossover, kind="target")
    alone = InlinePool()
    alone.open(PANEL)
    expected = merge(run(Counting(40, pairs), job, alone).blocks)
    found = merge(run(Counting(40, pairs), job, pool).blocks)
    assert found.metrics.tobytes() == expected.metrics.tobytes()
    assert len(pool.statistics()["workers"]) == 3


def test_more_workers_than_cpus_are_refused_with_the_numbers(cluster):
    with pytest.raises(
        ExecutionError, match=rf"5 workers need one CPU each \(the cluster at {cluster.address} has 3\)"
    ):
        PersistentWorkerPool(5, address=cluster.address).open(PANEL)


def test_a_node_that_goes_away_costs_no_trial(cluster, pool):
    class Removing(Silent):
        removed, died = False, 0

        def finished_block(self, chunk, block):
            if not self.removed and chunk.number > 6:
                self.removed = True
                cluster.remove_node(cluster.workers[0], allow_graceful=False)
                cluster.workers.append(cluster.add_node(num_cpus=1))

        def worker_died(self, worker, cause):
            self.died += 1

    removing = Removing()
    outcome = run(Counting(600), job_on(PANEL, slow_square), pool, listener=removing)
    assert values_of(outcome.blocks) == {n: n**2 for n in range(600)}
    assert not errors_of(outcome.blocks)
    assert removing.died >= 1
