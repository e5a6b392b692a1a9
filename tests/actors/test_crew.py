"""How many workers a crew has while nodes come and go, on a Ray without processes."""

import numpy as np
import pytest
import ray as real_ray
from fake_ray import FakeRay
from hypothesis import given
from hypothesis import strategies as st
from trials import wave_panel

from actors import calls, census, crew, faults, patience, roster, staff
from actors.runtime import Session
from rustybt_ray.config import OptimizationConfig
from rustybt_ray.exceptions import ExecutionError
from rustybt_ray.execution.events import WorkerDied, WorkerReady
from rustybt_ray.execution.messages import Block, Chunk

PANEL = wave_panel()


class Study:
    """A crew at work: takes its reports as the driver does, and replaces who died."""

    def __init__(self, ray, workers, elastic=True):
        self.patch = pytest.MonkeyPatch()
        for module in (calls, census, crew, faults, roster, staff):
            self.patch.setattr(module, "ray", ray)
        self.patch.setattr(patience, "SLOWEST_RETRY", 0.0)
        self.patch.setattr(crew, "store_bytes", lambda: 1e9)
        self.ray, self.ready, self.died = ray, set(), []
        one = np.zeros(1)
        ray.block = Block(one, ("value",), one, np.zeros((1, 1)), np.zeros((1, 37)), one, {}, "worker")
        self.crew = crew.Crew(Session(workers, elastic=elastic), OptimizationConfig())
        self.crew.open(PANEL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.patch.undo()

    def go(self, turns=8):
        for _ in range(turns):
            self.crew.staff.census.settle(5.0)
            for worker in self.ready:
                self.crew.submit(worker, Chunk(1, np.arange(1), {}))
            for event, _ in self.crew.turn(0.0):
                if isinstance(event, WorkerReady):
                    self.ready.add(event.worker)
                if isinstance(event, WorkerDied):
                    self.ready.discard(event.worker)
                    self.died.append(event)
                    self.crew.replace(event.worker)
        return len(self.ready)


@pytest.fixture
def study(request):
    made = []

    def make(ray, workers=None, elastic=True):
        made.append(Study(ray, workers, elastic))
        made[-1].crew.prepare("job")
        return made[-1]

    yield make
    for each in made:
        each.patch.undo()


def test_by_default_there_is_a_worker_for_each_cpu_of_the_cluster(study):
    ray = FakeRay(1, 2)
    here = study(ray)
    assert (here.go(), here.crew.size) == (3, 3)
    ray.join(4)
    assert (here.go(), here.crew.size) == (7, 7)
    ray.leave("node-2")
    assert (here.go(), here.crew.size) == (5, 5)
    assert len(here.died) == 2
    assert sum(actor.dead is None for actor in ray.actors) == 5


def test_a_node_that_is_listed_after_its_workers_were_lost_is_not_counted(study):
    ray = FakeRay(1, 2)
    here = study(ray)
    assert (here.go(), here.crew.size) == (3, 3)
    ray.cut_off("node-2")
    assert (here.go(), here.crew.size) == (1, 1)
    assert sum(actor.dead is None for actor in ray.actors) == 1
    ray.leave("node-2")
    ray.join(1)
    assert (here.go(), here.crew.size) == (2, 2)


def test_a_node_that_was_only_out_of_reach_is_used_again(study, monkeypatch):
    ray = FakeRay(1, 2)
    here = study(ray)
    here.go()
    ray.cut_off("node-2")
    here.go()
    monkeypatch.setattr(census, "DOUBT", 0.0)
    ray.cut.clear()
    here.crew.staff.census.doubt("node-2")
    assert (here.go(), here.crew.size) == (3, 3)


def test_a_worker_that_is_ready_on_a_node_in_doubt_makes_it_count(study):
    ray = FakeRay(1, 1)
    here = study(ray, 2)
    here.crew.staff.census.doubt("node-2")
    assert here.crew.size == 1
    assert (here.go(), here.crew.size) == (2, 2)


def test_a_ray_of_ours_has_its_cpus_whatever_happens(study):
    ray = FakeRay(2)
    here = study(ray, 2, elastic=False)
    here.go()
    ray.cut_off("node-1")
    assert (here.go(1), here.crew.size) == (0, 2)


def test_more_workers_than_cpus_wait_for_nodes(study):
    ray = FakeRay(2)
    here = study(ray, 5)
    assert (here.go(), here.crew.size) == (2, 2)
    assert sum(actor.dead is None for actor in ray.actors) == 5
    ray.join(8)
    assert (here.go(), here.crew.size) == (5, 5)
    assert len(ray.actors) == 5


def test_what_others_hold_is_waited_for_beside_the_work(study):
    ray = FakeRay(3)
    ray.held = 2
    here = study(ray)
    assert here.go() == 1
    ray.held = 0
    assert here.go() == 3
    assert not here.died


def test_those_who_wait_for_cpus_that_went_away_are_let_go(study):
    ray = FakeRay(1, 1, 1)
    ray.held = 2
    here = study(ray)
    assert here.go() == 1
    for name, held in (("node-3", 1), ("node-2", 0)):
        ray.leave(name)
        ray.held = held
        assert here.go() == 1
        assert sum(actor.dead is None for actor in ray.actors) == 1 + held
    assert len(ray.actors) == 3


def test_a_worker_that_dies_before_it_is_ready_is_replaced_later_and_later(study, monkeypatch):
    ray = FakeRay(1)
    here = study(ray)
    monkeypatch.setattr(patience, "SLOWEST_RETRY", 3600.0)
    here.crew.staff.patience.failures = 20
    ray.actors[0].die("The actor is dead because its worker process has died.")
    here.go()
    assert len(here.died) == len(ray.actors) == 1
    here.crew.staff.patience.births = []
    assert here.go() == 1


def test_a_crew_that_ran_waits_for_a_cluster_without_cpus(study, monkeypatch, caplog):
    ray = FakeRay(2)
    here = study(ray)
    here.go()
    monkeypatch.setattr(patience, "START_LIMIT", 0.0)
    here.go()
    ray.leave("node-1")
    assert here.go() == 0
    assert "no worker has a CPU: 0 of Ray's 0 CPUs are free; the study waits for one" in caplog.text
    here.crew.prepare("another job")
    assert here.go() == 0
    monkeypatch.setattr(patience, "START_LIMIT", 60.0)
    ray.join(1)
    assert here.go() == 1


def test_a_crew_that_never_ran_says_what_is_wrong(study, monkeypatch):
    ray = FakeRay(2)
    ray.held = 2
    monkeypatch.setattr(patience, "START_LIMIT", 0.0)
    with pytest.raises(ExecutionError, match=r"none of 2 workers started \(not ready .*; 0 of Ray's 2 CPUs are free\)"):
        study(ray).go()


def test_a_worker_that_found_no_place_is_no_death(study):
    ray = FakeRay(2)
    here = study(ray)
    here.go()
    ray.held = 1
    ray.join(1)
    here.go()
    (waiting,) = [actor for actor in ray.actors if actor.place is None]
    waiting.die("The actor never ran - it was cancelled before it started running.")
    ray.held = 0
    assert here.go() == 3
    assert not here.died


def test_a_node_that_cannot_run_the_study_does_not_end_it_for_others(study, caplog):
    ray = FakeRay(2)
    here = study(ray)
    here.go()
    ray.broken.add(bad := ray.join(1))
    assert here.go() == 2
    assert "cannot run this study, others can: ModuleNotFoundError: No module named 'numba'" in caplog.text
    ray.broken.remove(bad)
    assert here.go() == 3


def test_a_study_that_no_node_can_run_ends_with_one_error(study):
    ray = FakeRay(2)
    ray.broken.add("node-1")
    with pytest.raises(ExecutionError, match=r"a worker cannot run this study .*No module named 'numba'"):
        study(ray).go()


FULL = [
    real_ray.exceptions.OutOfDiskError("Local disk is full\nmore"),
    real_ray.exceptions.RayTaskError("run", "", real_ray.exceptions.ObjectStoreFullError("no room")),
]


@pytest.mark.parametrize("error", FULL)
def test_answers_that_find_no_room_end_the_study_with_one_error(study, error):
    ray = FakeRay(2)
    here = study(ray)
    assert here.go() == 2
    ray.block = error
    with pytest.raises(ExecutionError, match=r"object store is full \(.*/dev/shm.*max_bundle_pool_size"):
        here.go()


@pytest.mark.parametrize("what", ["panel", "job"])
def test_so_does_a_panel_or_a_job_that_finds_none(study, what):
    ray = FakeRay(2)
    here = study(ray)

    def full(value):
        raise FULL[0]

    ray.put = full
    with pytest.raises(ExecutionError, match=r"object store is full \(OutOfDiskError: Local disk is full"):
        here.crew.open(wave_panel(50)) if what == "panel" else here.crew.prepare("job")


def test_a_ray_of_ours_is_not_looked_at(study):
    ray = FakeRay(4)
    here = study(ray, 2, elastic=False)
    ray.join(2)
    assert (here.go(), here.crew.size) == (2, 2)


def test_a_node_divides_its_cache_among_the_workers_that_it_has(study):
    ray = FakeRay(1, 3)
    here = study(ray, 3)
    here.go()
    assert {name: [actor.shares[-1] for actor in ray.on(name)] for name in ray.cpus} == {
        "node-1": [1],
        "node-2": [2, 2],
    }
    ray.on("node-2")[0].die("The actor is dead because its worker process has died.")
    here.go()
    assert [actor.shares[-1] for actor in ray.on("node-2")] == [2, 2]
    ray.held = 2
    ray.on("node-2")[0].die("The actor is dead because its worker process has died.")
    here.go()
    assert [actor.shares[-1] for actor in ray.on("node-2")] == [1]


changes = st.lists(
    st.one_of(st.tuples(st.just("join"), st.integers(0, 4)), st.tuples(st.just("leave"), st.integers(0, 9)))
)


@given(workers=st.one_of(st.none(), st.integers(1, 9)), changes=changes)
def test_after_any_changes_workers_are_as_many_as_cpus_allow(workers, changes):
    ray = FakeRay(2)
    with Study(ray, workers) as here:
        here.crew.prepare("job")
        here.go(4)
        for what, number in changes:
            if what == "join":
                ray.join(number)
            elif ray.cpus:
                ray.leave(list(ray.cpus)[number % len(ray.cpus)])
            here.go(1)
        cpus = sum(ray.cpus.values())
        assert here.go() == min(cpus, workers or cpus)
        assert sum(actor.dead is None for actor in ray.actors) == (workers or cpus)
        for name in ray.cpus:
            there = ray.on(name)
            assert [actor.shares[-1] for actor in there] == [len(there)] * len(there)
