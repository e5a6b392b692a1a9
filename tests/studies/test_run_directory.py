import json
from dataclasses import replace

import numpy as np
import pytest

from rustybt_ray.engine.costs import Costs, PerDollar
from rustybt_ray.engine.metrics import MOMENTS
from rustybt_ray.engine.settings import Settings
from rustybt_ray.exceptions import RunError
from rustybt_ray.execution.messages import Block, Chunk
from rustybt_ray.studies.identity import study_key, trial_key
from rustybt_ray.studies.run_directory import RunDirectory
from rustybt_ray.studies.spec import StudySpec

SPEC = StudySpec(
    strategy={"name": "sma", "source": "def sma(data, fast):\n    return data.sma('close', fast)\n"},
    digest="d1",
    kind="target",
    bundle="mag-7",
    version="v1",
    search={"kind": "grid", "parameters": {"fast": {"low": 1, "high": 9}}},
    objective="sharpe_ratio",
    direction="maximize",
    require=("max_drawdown > -0.5",),
    start="2000-01-03",
    end="2024-12-31",
    capital=1e6,
    costs=Costs(),
    fill="next_close",
    settings=Settings(),
    seed=0,
    machine={"python": "3.11.1"},
)


def written(path, spec=SPEC):
    """A run directory in which trial 0 is finished."""
    with RunDirectory(path, spec, resume=False) as run:
        numbers = np.array([0])
        block = Block(
            numbers, ("x",), np.zeros(1, np.uint8), np.ones((1, 1)), np.ones((1, MOMENTS)), np.ones(1), {}, "inline"
        )
        run.journal.write(Chunk(1, numbers, {"fast": [1]}), block)
    return path


def contents(path):
    return {file.name: file.read_bytes() for file in path.iterdir() if file.name != "lock"}


def test_what_is_there_is_found_again_and_what_follows_is_appended(tmp_path):
    path = written(tmp_path / "deep" / "run")
    before = contents(path)["journal"]
    with RunDirectory(path, SPEC, resume=True) as run:
        assert run.recorded.numbers.tolist() == [0]
    assert contents(path)["journal"] == before
    assert json.loads((path / "study.json").read_text())["key"] == study_key(SPEC.to_dict())


def test_resume_of_nothing_begins(tmp_path):
    with RunDirectory(tmp_path / "new", SPEC, resume=True) as run:
        assert not run.recorded.blocks


def test_a_study_that_is_there_is_not_overwritten(tmp_path):
    path = written(tmp_path)
    before = contents(path)
    with pytest.raises(RunError, match=r"a study is here already .*resume=True"):
        RunDirectory(path, SPEC, resume=False)
    assert contents(path) == before


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"version": "v2"}, r"version: recorded 'v1', asked 'v2'"),
        ({"capital": 2e6}, r"capital: recorded 1000000.0, asked 2000000.0"),
        ({"costs": Costs(commission=PerDollar(0.001))}, r"costs.commission"),
        ({"settings": Settings(delay=1)}, r"settings.delay: recorded 0, asked 1"),
        ({"seed": 1, "fill": "next_open"}, r"(?s)fill: recorded .*seed: recorded 0, asked 1"),
        ({"search": {"kind": "grid", "parameters": {"fast": {"low": 1, "high": 10}}}}, r"search.parameters.fast.high"),
        ({"objective": "total_return"}, r"objective: recorded 'sharpe_ratio', asked 'total_return'"),
        ({"require": ()}, r"require"),
        ({"engine": SPEC.engine + 1}, r"engine: recorded"),
    ],
)
def test_another_study_is_refused_and_the_keys_that_differ_are_named(tmp_path, change, named):
    path = written(tmp_path)
    before = contents(path)
    with pytest.raises(RunError, match=named):
        RunDirectory(path, replace(SPEC, **change), resume=True)
    assert contents(path) == before


def test_an_edited_strategy_is_refused_with_its_changes(tmp_path):
    path = written(tmp_path)
    edited = {"name": "sma", "source": "def sma(data, fast):\n    return data.sma('open', fast)\n"}
    with pytest.raises(RunError, match=r"(?s)digest: .*-    return data.sma\('close', fast\).*\+.*'open'"):
        RunDirectory(path, replace(SPEC, digest="d2", strategy=edited), resume=True)
    with pytest.raises(RunError, match=r"something that it uses has changed"):
        RunDirectory(path, replace(SPEC, digest="d2"), resume=True)


def test_other_packages_are_told_of_and_do_not_hinder(tmp_path, caplog):
    path = written(tmp_path)
    RunDirectory(path, replace(SPEC, machine={"python": "3.12.1"}), resume=True).close()
    assert "python 3.11.1 -> 3.12.1" in caplog.text


def test_a_newer_or_broken_specification_is_refused(tmp_path):
    path = written(tmp_path)
    stored = json.loads((path / "study.json").read_text())
    (path / "study.json").write_text(json.dumps(stored | {"format": 99}))
    with pytest.raises(RunError, match=r"study.json has format 99, this version reads up to 1"):
        RunDirectory(path, SPEC, resume=True)
    (path / "study.json").write_text("{")
    with pytest.raises(RunError, match=r"study.json cannot be read"):
        RunDirectory(path, SPEC, resume=True)
    (path / "study.json").unlink()
    with pytest.raises(RunError, match=r"a journal but no study.json"):
        RunDirectory(path, SPEC, resume=True)


def test_one_driver_at_a_time(tmp_path):
    with RunDirectory(tmp_path, SPEC, resume=False), pytest.raises(RunError, match="another driver"):
        RunDirectory(tmp_path, SPEC, resume=True)


def test_a_refused_directory_is_free_again(tmp_path):
    path = written(tmp_path)
    with pytest.raises(RunError, match="seed"):
        RunDirectory(path, replace(SPEC, seed=1), resume=True)
    RunDirectory(path, SPEC, resume=True).close()


def test_a_trials_key_follows_from_what_determines_its_result():
    spec = SPEC.to_dict()
    same = [replace(SPEC, machine={"python": "3.13"}), replace(SPEC, bundle="other name")]
    other = [replace(SPEC, version="v2"), replace(SPEC, engine=SPEC.engine + 1), replace(SPEC, start="2001-01-02")]
    assert {study_key(one.to_dict()) for one in same} == {study_key(spec)}
    assert len({study_key(one.to_dict()) for one in [SPEC, *other]}) == 4
    keys = {trial_key("a", {"fast": 1}), trial_key("a", {"fast": 1.0}), trial_key("b", {"fast": 1})}
    assert len(keys) == 3
