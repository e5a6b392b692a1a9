"""The log of a whole study."""

import json
import logging
import sys
from types import SimpleNamespace

import pytest

import rustybt_ray as rb
from rustybt_ray.api.handover import Handover
from rustybt_ray.execution.pace import Pace
from rustybt_ray.execution.ports import Silent

PLAIN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class AsJson(logging.Formatter):
    """What people write who send logs elsewhere."""

    def format(self, record):
        fields = {name: value for name, value in vars(record).items() if name not in PLAIN}
        return json.dumps({"logger": record.name, "message": record.getMessage(), **fields})


@pytest.fixture
def lines():
    """Every record from INFO on as a dict."""
    found = []

    class Keeping(logging.Handler):
        def emit(self, record):
            found.append(json.loads(self.format(record)))

    handler, log = Keeping(), logging.getLogger("rustybt_ray")
    handler.setFormatter(AsJson())
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield found
    log.removeHandler(handler)
    log.setLevel(logging.NOTSET)


def test_a_study_from_its_begin_to_its_resume(sweep, lines, tmp_path):
    part = sweep(run_dir=tmp_path, callbacks=[lambda study, trial: study.stop() if trial.number == 3 else None])
    begins, ends = [line for line in lines if line["logger"] == "rustybt_ray.study"]
    assert begins["message"] == "the study begins: crossover on sample-mag-7"
    assert (begins["left"], begins["recorded"], begins["run_dir"]) == (9, 0, str(tmp_path))
    assert ends["message"].startswith("the study ends early (stopped): 4 trials, 0 failed, in ")
    assert (ends["trials"], ends["failed"], ends["stopped"]) == (part.n_trials, 0, "stopped")
    assert [line["message"] for line in lines if line["logger"] == "rustybt_ray.journal"] == [
        f"a journal is begun in {tmp_path}"
    ]
    lines.clear()
    with (tmp_path / "journal").open("ab") as file:
        file.write(b"torn")
    sweep(run_dir=tmp_path, resume=True)
    (resume,) = [line for line in lines if line["logger"] == "rustybt_ray.journal"]
    assert resume["message"] == "resume: 4 trials are recorded, 4 bytes of a torn end are cut"
    assert (resume["recorded"], resume["torn"], resume["suspects"]) == (4, 4, [])
    assert [line["left"] for line in lines if line["message"].startswith("the study begins")] == [5]


def test_the_handover_is_told_once_at_its_begin_and_once_at_its_end(lines):
    start = SimpleNamespace(begun=False, ready=False, begin=lambda: setattr(start, "begun", True))
    study = SimpleNamespace(n_runs=0, stop_requested=False)
    handover = Handover(SimpleNamespace(remaining=10**9), study, start, Pace(lambda: 4))
    assert not handover()
    assert lines == []
    study.n_runs = 5
    assert not handover()
    assert not handover()
    start.ready = True
    assert handover()
    assert [(line["logger"], line["message"].partition(":")[0], line["left"]) for line in lines] == [
        ("rustybt_ray.driver", "Ray workers pay and start beside this process", 10**9),
        ("rustybt_ray.driver", "handover to Ray workers", 10**9),
    ]


@pytest.mark.ray
def test_workers_and_ray(sweep, lines, tmp_path):
    marker = tmp_path / "killed"

    def crossover(data, fast, slow):
        import os
        import signal

        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))

    with rb.PersistentWorkerPool(n_jobs=1) as pool:
        study = sweep(crossover, pool=pool, executor="ray")
    assert study.n_failed == 0
    told = {name: [line for line in lines if line["logger"] == f"rustybt_ray.{name}"] for name in ("ray", "workers")}
    assert told["ray"][0]["message"] == "Ray is started on this machine, for 1 workers"
    assert told["ray"][0]["workers"] == 1
    assert told["ray"][-1]["message"].startswith("Ray is left")
    messages = [line["message"] for line in told["workers"]]
    assert messages[0] == "worker 1 is ready"
    assert messages[1].startswith("worker 1 died: ActorDiedError: ")
    assert "common causes" not in messages[1]
    assert messages[2:] == ["worker 1 is replaced", "worker 2 is ready"]
    assert [line["into"] for line in lines if "runs again" in line["message"]]


class Hearing(Silent):
    def __init__(self):
        self.lookups = []

    def finished_block(self, chunk, block):
        self.lookups.append(block.lookups)


@pytest.mark.ray
def test_what_the_caches_of_workers_had_comes_with_their_answers(sweep, monkeypatch):
    hearing = Hearing()
    monkeypatch.setattr(sys.modules["rustybt_ray.api.optimize"], "make_listener", lambda *arguments: hearing)
    with rb.PersistentWorkerPool(n_jobs=1) as pool:
        sweep(pool=pool, executor="ray")
        (worker,) = pool.statistics()["workers"]
    tiers = [worker["history"][tier] for tier in ("permanent", "lru")]
    for i, name in enumerate(("hits", "misses")):
        assert sum(block[i] for block in hearing.lookups) == sum(tier[name] for tier in tiers) > 0
