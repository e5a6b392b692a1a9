import json

import pytest

from rustybt_ray.api import workers

POOLS = [
    {"name": "idle", "workers": 4, "driver": None},
    {"name": "research", "workers": 2, "driver": "process 7 on desk, since 2024-05-01 10:00:00 +0000"},
]


@pytest.fixture
def cluster(monkeypatch):
    """A cluster with two pools; notes which address it was asked at."""
    asked = []
    monkeypatch.setattr(workers, "named_pools", lambda address: asked.append(address) or POOLS)
    return asked


def test_pools_are_listed_with_who_uses_them(call, cluster):
    result = call("pools", "list")
    idle, research = (line for line in result.stdout.splitlines() if "idle" in line or "research" in line)
    assert idle.split() == ["idle", "4", "nobody"]
    assert research.split()[:5] == ["research", "2", "process", "7", "on"]
    assert cluster == ["auto"]


def test_pools_are_data_too(call, cluster):
    assert json.loads(call("pools", "list", "--address", "a:1", "--format", "json").stdout) == POOLS
    assert cluster == ["a:1"]
    assert call("pools", "list", "--format", "csv").stdout.splitlines()[:2] == ["name,workers,driver", "idle,4,"]


def test_a_cluster_without_pools_says_how_to_start_one(call, monkeypatch):
    monkeypatch.setattr(workers, "named_pools", lambda address: [])
    assert "--address auto --pool NAME" in call("pools", "list").stdout
    assert json.loads(call("pools", "list", "--format", "json").stdout) == []


def test_a_pool_is_ended_by_its_name(call, monkeypatch):
    ended = []

    class Pool:
        def __init__(self, address, name):
            self.what = address, name

        def shutdown(self):
            ended.append(self.what)

    monkeypatch.setattr(workers, "PersistentWorkerPool", Pool)
    result = call("pools", "shutdown", "research")
    assert (ended, result.stdout) == ([("auto", "research")], "")
    assert "The pool research has no workers any more." in result.stderr


def test_a_name_that_is_none_is_one_line(call):
    assert "name must be letters, digits" in call("pools", "shutdown", "a/b", code=1).stderr


def test_a_pool_without_a_cluster_says_which_option_is_missing(call, source):
    call("ingest", "bars", source)
    words = ("-f", "examples/sma_crossover.py", "-b", "bars", "-p", "fast=2", "-p", "slow=5", "--pool", "research")
    result = call("optimize", *words, code=1)
    assert "a named pool outlives this process" in result.stderr
    assert "pass --address auto, or leave the name out" in result.stderr
    assert "--pool research" in call("optimize", *words[:-1], "a/b", code=1).stderr
