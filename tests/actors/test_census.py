"""Questions to a cluster that may never answer."""

import threading

import pytest
from fake_ray import FakeRay

from actors import census, runtime
from rustybt_ray.exceptions import ExecutionError

SILENT = r"the cluster does not say what it has within 0\.05 s \(its head process may be gone\)"


@pytest.fixture
def silent(monkeypatch):
    """A Ray whose head is gone: whoever asks it waits."""
    gate = threading.Event()
    ray = FakeRay(2)
    monkeypatch.setattr(ray, "nodes", lambda: gate.wait(60) and [])
    monkeypatch.setattr(census, "ray", ray)
    monkeypatch.setattr(census, "LIMIT", 0.05)
    yield
    gate.set()


@pytest.mark.parametrize(
    "question", [census.store_bytes, census.cpus, census.free_cpus, census.Census, lambda: runtime._check_free(1)]
)
def test_a_cluster_that_does_not_answer_is_a_clear_error(silent, question):
    with pytest.raises(ExecutionError, match=SILENT):
        question()


def test_what_a_question_raises_reaches_who_asked():
    def raises(error):
        raise error

    with pytest.raises(KeyError, match="lost"):
        census.ask(lambda: raises(KeyError("lost")))
    with pytest.raises(TimeoutError, match="its own"):
        census.ask(lambda: raises(TimeoutError("its own")))


def test_the_smallest_store_counts_and_the_dead_do_not(monkeypatch):
    sizes = ((True, 3e9), (True, 2e9), (False, 1e9), (True, 0.0))
    nodes = [{"Alive": alive, "Resources": {"object_store_memory": size}} for alive, size in sizes]
    monkeypatch.setattr(census.ray, "nodes", lambda: nodes)
    assert census.store_bytes() == 2e9


def test_a_process_without_a_ray_has_no_cpus_of_one(monkeypatch):
    monkeypatch.setattr(runtime, "initialised", lambda: False)
    assert runtime.cpus() is None


def test_a_view_that_cannot_be_renewed_stays(monkeypatch):
    ray = FakeRay(2, 3)
    monkeypatch.setattr(census, "ray", ray)
    made = census.Census()
    monkeypatch.setattr(ray, "nodes", lambda: 1 / 0)
    assert made.settle(5.0).cpus == 5
