"""What a pool places on a real Ray: adjusted fields once for all workers, new versions instead of old ones."""

import numpy as np
import pytest
from trials import Counting, errors_of, job_on, values_of, wave_panel

import rustybt_ray as rb
from actors import crew
from actors.pool import PersistentWorkerPool
from rustybt_ray.data.sample import sample_panel
from rustybt_ray.data.store import BundleStore
from rustybt_ray.execution.driver import run

pytestmark = pytest.mark.ray


def where_it_is(trial):
    """1.0 if the adjusted closes are nobody's own memory, and the same each time."""
    values = trial.data.adjusted("close")
    assert values is trial.data.adjusted("close") or np.shares_memory(values, trial.data.adjusted("close"))
    assert not values.flags.writeable
    assert not values.flags.owndata
    return float(np.nansum(values))


def rows(trial):
    return float(len(trial.data.time))


@pytest.fixture(scope="module")
def pool():
    with PersistentWorkerPool(n_jobs=2) as made:
        yield made


def test_adjusted_fields_are_placed_once_and_no_worker_keeps_its_own(pool):
    panel = sample_panel()
    pool.open(panel, "sample")
    outcome = run(Counting(8), job_on(panel, where_it_is), pool)
    assert not errors_of(outcome.blocks)
    expected = float(np.nansum(panel.close * panel.factor))
    assert set(values_of(outcome.blocks).values()) == {expected}
    found = pool.statistics()
    assert found["panel_bytes"] == panel.nbytes + 5 * panel.close.nbytes
    assert [worker["history"]["bytes"] for worker in found["workers"]] == [0, 0]


def test_indicators_have_the_same_bits_as_in_this_process(pool):
    panel = sample_panel()

    def strategy(data, n):
        return rb.equal_weight((data.sma("close", n) > data.atr(n)) & (data.momentum("volume", n) > 0.0))

    space = {"n": [5, 20, 60]}
    there, here = (
        rb.optimize(strategy, bundle=panel, space=space, progress=False, **place)
        for place in ({"pool": pool}, {"executor": "inline"})
    )
    assert there.trials.drop("worker", "duration").equals(here.trials.drop("worker", "duration"))


def test_a_new_version_of_a_bundle_replaces_the_old_one_in_every_worker(pool):
    one, two = wave_panel(50), wave_panel(60)
    for panel in (one, two):
        pool.open(panel, "waves")
        assert set(values_of(run(Counting(8), job_on(panel, rows), pool).blocks).values()) == {float(len(panel.time))}
    for worker in pool.statistics()["workers"]:
        assert worker["bundles"]["replaced"] == 1
        assert worker["bundles"]["open"] == 2  # the sample, and the new version


def test_workers_map_the_files_of_a_panel_that_does_not_fit_the_store(pool, tmp_path, monkeypatch):
    store = BundleStore(tmp_path)
    store.publish("waves", wave_panel())
    panel = store.open("waves")
    monkeypatch.setattr(crew, "store_bytes", lambda: panel.nbytes - 1.0)
    pool.close()
    with PersistentWorkerPool(n_jobs=1) as other:
        other.open(panel, "waves")
        assert set(values_of(run(Counting(4), job_on(panel, rows), other).blocks).values()) == {float(len(panel.time))}
        assert other.statistics()["panel_bytes"] == 0
