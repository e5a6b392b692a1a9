"""How workers of a named pool are found and tried, and how its name is held, on a Ray without processes."""

import itertools
import os

import numpy as np
import pytest
from fake_ray import Call
from trials import job_on, square, wave_panel

from actors import calls, kept, lease
from actors.build import build_of, differences
from actors.naming import NAMESPACE, check_pool_name, workers_in
from actors.pool import PersistentWorkerPool
from actors.worker import BacktestWorker
from rustybt_ray.config import OptimizationConfig
from rustybt_ray.exceptions import BundleError, ExecutionError, InputError
from rustybt_ray.execution.messages import Chunk

PANEL = wave_panel()
BUILD = build_of(OptimizationConfig())


class Named:
    """An actor with a name that answers every call with `answer`, or never if there is none."""

    def __init__(self, answer=None):
        self.answer, self.killed = answer, False

    def __getattr__(self, name):
        return self

    def remote(self, *args):
        call = Call()
        if self.answer is not None:
            call.resolve(self.answer)
        return call


class NamedRay:
    """Actors by name. What is made gets its name unless that is in use; `leaves` frees names one look after another."""

    class exceptions:  # noqa: N801
        RayError = RayTaskError = type("RayError", (Exception,), {})

    def __init__(self, actors, leaves=()):
        self.actors, self.leaves, self.made = actors, iter(leaves), []
        self.util = self

    def list_named_actors(self, all_namespaces):
        assert all_namespaces
        others = [{"name": "pool/p/worker-9", "namespace": "another"}]
        return [*({"name": name, "namespace": NAMESPACE} for name in self.actors), *others]

    def get_actor(self, name, namespace):
        if name not in self.actors:
            raise ValueError(name)
        return self.actors[name]

    def get_runtime_context(self):
        return self

    def get_node_id(self):
        return "ab" * 28

    def remote(self, what):
        return self

    def options(self, **options):
        ray = self

        class Class:
            @staticmethod
            def remote(*args):
                ray.actors.pop(next(ray.leaves, None), None)
                if options["name"] in ray.actors:
                    raise ValueError("taken")
                ray.made.append((options, args))
                ray.actors[options["name"]] = Named(args[0])
                return ray.actors[options["name"]]

        return Class

    def kill(self, actor):
        actor.killed = True
        self.actors = {name: each for name, each in self.actors.items() if each is not actor}

    def wait(self, calls, num_returns=1, timeout=None):
        return [call for call in calls if call.done], [call for call in calls if not call.done]

    def get(self, calls, timeout=None):
        if isinstance(calls, list):
            return [self.get(call) for call in calls]
        if not calls.done or isinstance(calls.value, BaseException):
            raise calls.value or self.exceptions.RayError("no answer")
        return calls.value


@pytest.fixture
def cluster(monkeypatch):
    def make(actors=None, leaves=()):
        ray = NamedRay(actors if actors is not None else {}, leaves)
        for module in (calls, kept, lease):
            monkeypatch.setattr(module, "ray", ray)
        monkeypatch.setattr(lease, "SETTLE", 0.0)
        monkeypatch.setattr(lease, "SILENCE", 0.0)
        monkeypatch.setattr(kept, "cause_of", str)
        return ray

    return make


def will_do(node="node-1"):
    return Named({"differs": "", "node": node})


def test_workers_that_will_do_are_taken_and_the_others_ended_with_a_reason(cluster, caplog):
    actors = {
        "pool/p/worker-2": will_do(),
        "pool/p/worker-4": Named({"differs": "numpy 1 there, 2 here", "node": "node-1"}),
        "pool/p/worker-5": Named(),
        "pool/p/worker-7": Named(ValueError("the worker was not set up")),
        "pool/p/worker-10": will_do("node-2"),
        "pool/p.2/worker-1": will_do(),
    }
    cluster(actors)
    made = kept.Kept("p")
    assert [(found.number, found.node) for found in made.take(BUILD, None)] == [(2, "node-1"), (10, "node-2")]
    assert (made.taken, made.refused, made.last) == (2, 3, 10)
    ended = {name for name, actor in actors.items() if actor.killed}
    assert ended == {"pool/p/worker-4", "pool/p/worker-5", "pool/p/worker-7"}
    assert "worker-4 of the pool 'p' is ended: numpy 1 there, 2 here" in caplog.text
    assert "worker-5 of the pool 'p' is ended: it did not answer within 10 s" in caplog.text
    assert "worker-7 of the pool 'p' is ended: the worker was not set up" in caplog.text


def test_no_more_are_taken_than_are_wanted(cluster):
    actors = {f"pool/p/worker-{number}": will_do() for number in (1, 2, 3)}
    cluster(actors)
    made = kept.Kept("p")
    assert [found.number for found in made.take(BUILD, 2)] == [1, 2]
    assert actors["pool/p/worker-3"].killed


def test_ending_a_pool_leaves_no_actor_of_its_name(cluster):
    ray = cluster({"pool/p/worker-1": will_do(), "pool/p/worker-2": Named(), "pool/q/worker-1": will_do()})
    assert kept.end("p") == 2
    assert list(ray.actors) == ["pool/q/worker-1"]


def test_a_name_is_held_by_an_actor_that_ends_with_its_driver(cluster):
    ray = cluster()
    held = lease.Lease("p")
    ((options, (said,)),) = ray.made
    assert (options["name"], options["namespace"]) == ("pool/p/driver", NAMESPACE)
    assert (options["num_cpus"], options["max_restarts"]) == (0, -1)
    assert "lifetime" not in options
    assert f"process {os.getpid()} on " in said
    with pytest.raises(ExecutionError, match=rf"another driver uses the pool 'p': process {os.getpid()} on .*, since"):
        lease.Lease("p")
    held.release()
    lease.Lease("p")


def test_a_holder_that_does_not_answer_is_an_error_too(cluster):
    cluster({"pool/p/driver": Named()})
    with pytest.raises(ExecutionError, match="uses the pool 'p': it does not say which"):
        lease.Lease("p")


def test_a_name_that_is_freed_a_moment_later_is_taken(cluster, monkeypatch):
    ray = cluster({"pool/p/driver": Named("process 1 on a, since then")}, leaves=[None, None, "pool/p/driver"])
    monkeypatch.setattr(lease, "SETTLE", 60.0)
    lease.Lease("p")
    assert len(ray.made) == 1


@pytest.mark.parametrize("name", ["", "a/b", "-x", "a b", 3, "é"])
def test_names_of_pools_are_plain(name):
    with pytest.raises(InputError, match=r"name must be letters, digits, '_', '\.' and '-', .* name='research'"):
        PersistentWorkerPool(name=name)


def test_a_pool_of_a_name_is_not_on_a_ray_of_its_own():
    for address in (None, "local"):
        pool = PersistentWorkerPool(name="p", address=address)
        for use in (lambda pool=pool: pool.open(PANEL), pool.shutdown):
            with pytest.raises(ExecutionError, match=r"a named pool outlives this process.*`ray start --head`"):
                use()
            pool._closed = False


def test_only_numbered_workers_of_the_pool_are_its_workers():
    assert check_pool_name("a.b-c_1") == "a.b-c_1"
    assert workers_in("a.b", ["pool/a.b/worker-12", "pool/axb/worker-1", "pool/a.b/worker-1x", "pool/a.b/driver"]) == {
        12: "pool/a.b/worker-12"
    }


def test_workers_of_other_code_limits_or_runners_differ():
    assert differences(BUILD, build_of(OptimizationConfig(returns_budget=0))) == ""
    assert differences(BUILD, build_of(OptimizationConfig(cache_size_gb=1))) == "cache_size_gb 2 there, 1 here"
    assert differences(BUILD, build_of(OptimizationConfig(enable_bundle_pooling=False))) == (
        "max_bundle_pool_size 8 there, 1 here"
    )
    assert "runner default there" in differences(BUILD, build_of(OptimizationConfig(), Named))
    assert differences({}, {"sources": "a"}) == "sources None there, a here"


@pytest.fixture
def worker(monkeypatch):
    made = BacktestWorker()
    monkeypatch.setattr(BacktestWorker, "node", lambda self: "node-1")
    made.setup("worker-1", OptimizationConfig(), 1, (), outlive=True)
    return made


def place(worker, panel=PANEL, name="waves"):
    scalars, arrays = panel.to_arrays()
    worker.open(scalars, {"arrays": arrays}, name)


def average(trial):
    return float(np.nansum(trial.data.sma("close", int(trial.params["p"]))))


def run(worker, *numbers):
    worker.prepare(job_on(PANEL, average, digest="average"))
    return worker.run(Chunk(1, np.arange(len(numbers)), {"p": list(numbers)})).metrics[:, 0].tolist()


def history(worker):
    return worker.statistics()["history"]


def test_an_adopted_worker_keeps_indicators_and_asks_for_its_panel(worker):
    place(worker)
    values = run(worker, 5, 20)
    before = history(worker)
    assert worker.adopt(BUILD) == {"differs": "", "node": "node-1"}
    assert worker.statistics()["bundles"]["open"] == worker.statistics()["bundles"]["bytes"] == 0
    assert history(worker)["bytes"] == before["bytes"] > 0
    with pytest.raises(BundleError, match="is not open here"):
        run(worker, 5, 20)
    place(worker)
    assert run(worker, 5, 20) == values
    assert [history(worker)[tier]["misses"] for tier in ("permanent", "lru")] == [
        before[tier]["misses"] for tier in ("permanent", "lru")
    ]


def test_an_adopted_worker_reads_the_new_reference_alone(worker):
    scalars, arrays = PANEL.to_arrays()
    lost = {"arrays": arrays, ("close", "all"): np.zeros(1)}
    worker.open(scalars, lost, "waves")
    run(worker, 5)
    worker.adopt(BUILD)
    place(worker)
    workspace, runner = worker._made()
    assert not workspace._placed[PANEL.version]("close", "all")
    run(worker, 5)
    assert runner._simulator.panel is workspace.bundles.get(PANEL.version)


def test_indicators_of_a_panel_that_is_not_opened_again_go_with_a_newer_one(worker):
    place(worker)
    run(worker, 5, 20)
    worker.adopt(BUILD)
    place(worker, wave_panel(60))
    assert history(worker)["bytes"] == 0


def test_a_worker_of_another_build_goes_on_as_it_is(worker):
    place(worker)
    found = worker.adopt({**BUILD, "numpy": "9"})
    assert found["differs"].startswith("numpy ")
    assert worker.statistics()["bundles"]["open"] == 1


def test_a_worker_that_was_not_set_up_says_so():
    with pytest.raises(ExecutionError, match="the worker was not set up"):
        BacktestWorker().adopt(BUILD)


def test_strategies_that_are_loaded_stay_loaded(worker):
    place(worker)
    job = job_on(PANEL, square)
    worker.prepare(job)
    worker.adopt(BUILD)
    place(worker)
    worker.prepare(type(job)(**{**vars(job), "strategy": b"nothing that loads"}))
    assert list(itertools.chain(*worker.run(Chunk(1, np.arange(2), {"p": [3, 4]})).metrics[:, :1].tolist())) == [9, 16]
