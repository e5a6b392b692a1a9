"""`optimize --plan`."""

import json

import pytest

from rustybt_ray.api.plan import Plan
from rustybt_ray.cli.plan import lines

STRATEGY = """
import rustybt_ray as rb

def crossover(data, fast, slow=40):
    print("a strategy may print")
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))
"""


@pytest.fixture
def optimize(call, source, tmp_path):
    call("ingest", "mine", source)
    (tmp_path / "strategy.py").write_text(STRATEGY)

    def run(*words, code=0):
        words = ("-b", "mine", "-p", "fast=5:20", *words)
        return call("optimize", "-f", tmp_path / "strategy.py", *words, code=code)

    return run


def test_the_plan_as_a_table_runs_nothing(optimize, tmp_path):
    result = optimize("--plan", "--executor", "inline", "-o", tmp_path / "run")
    assert "16 to run" in result.stdout
    assert "a trial, by 5 that were run" in result.stdout
    assert "in this process" in result.stdout
    assert "journal" in result.stdout
    assert "a strategy may print" not in result.stdout
    assert not (tmp_path / "run").exists()


def test_the_plan_as_data_is_pure(optimize):
    result = optimize("--plan", "--format", "json", "-j", 2, "--executor", "ray")
    plan = json.loads(result.stdout)
    assert (plan["trials"], plan["workers"], plan["executor"], plan["journal"]) == (16, 2, "ray", 0)
    assert plan["store"] >= plan["driver"]["panel"] > 0
    assert plan["seconds"][0] <= plan["seconds"][1]


def test_other_formats_are_refused(optimize):
    assert "--plan has the formats table and json" in optimize("--plan", "--format", "csv", code=2).stderr


def plan_of(**values):
    driver = {"panel": 5_000_000, "caches": 0, "blocks": 3_000_000, "moments": 2_000_000, "table": 1_000_000}
    usual = {"trials": 1_000_000, "recorded": 0, "executor": "ray", "begins_here": True, "workers": 8, "tried": 5}
    usual |= {"failed": 0, "error": None, "trial_seconds": (0.5, 1.0), "seconds": (62_507.0, 125_007.0)}
    usual |= {"driver": driver, "worker": {"panel_share": 625_000, "caches": 2**28}, "store": 5_000_000, "journal": 0}
    return Plan(**usual | values)


def test_what_is_said():
    assert dict(lines(plan_of())) == {
        "trials": "1,000,000 to run",
        "time": "17 h 21 min to 34 h 43 min; 500 ms to 1 s a trial, by 5 that were run",
        "where": "begins in this process, goes on with 8 Ray workers",
        "this process": "panel 5.0 MB, results 3.0 MB (moments 2.0 MB), table 1.0 MB",
        "each worker": "625 kB as its share of the panel in the store, indicators up to 268 MB",
        "object store": "5.0 MB for the panel and its adjusted fields, on each machine with workers",
    }


def test_what_is_said_of_failures_and_of_what_is_not_known():
    failing = plan_of(failed=2, error="ValueError: x", recorded=7, journal=1234)
    assert dict(lines(failing))["time"].endswith("by 5 that were run (2 failed, first error: ValueError: x)")
    assert dict(lines(failing))["trials"] == "1,000,000 to run, 7 recorded"
    assert dict(lines(failing))["journal"] == "about 1.2 kB on the disk"
    nothing = dict.fromkeys(("blocks", "moments", "table"))
    unknown = plan_of(trials=None, workers=None, seconds=None, worker=None, journal=None, begins_here=False)
    unknown = dict(lines(Plan(**vars(unknown) | {"driver": {"panel": 5, "caches": 9} | nothing})))
    assert unknown["trials"] == "not known before the search ends"
    assert unknown["where"] == "Ray workers, one a CPU of the cluster"
    assert unknown["time"] == "500 ms to 1 s a trial, by 5 that were run"
    assert unknown["journal"] == "not known"
    apart = dict(lines(plan_of(tried=0, trial_seconds=None, seconds=None)))
    assert apart["time"] == "not measured: trials must not run in this process"
    assert dict(lines(plan_of(trials=0, trial_seconds=None, seconds=None)))["time"] == "no trial is left"
