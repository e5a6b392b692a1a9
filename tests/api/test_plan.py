"""What `plan` says beside what `optimize` then does."""

import dataclasses

import pytest

import rustybt_ray as rb
from rustybt_ray.api import handover
from rustybt_ray.data.sample import sample_panel
from rustybt_ray.exceptions import InputError, RunError
from rustybt_ray.workspace.market_data import adjusted_fields

SPACE = {"fast": rb.Int(5, 50, step=5), "slow": rb.Int(60, 150, step=10)}


@pytest.fixture(scope="module")
def panel():
    return sample_panel()


def crossover(data, fast: int, slow: int):
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))


def asked(panel, **options):
    return {"bundle": panel, "space": SPACE, "executor": "inline"} | options


def bytes_of(study):
    """Of the blocks as they came and merged, and of the moments alone."""
    blocks = [*study._blocks, study._merged]
    arrays = [array for block in blocks for array in block.arrays.values()]
    return sum(array.nbytes for array in arrays), sum(block.moments.nbytes for block in blocks)


@pytest.mark.parametrize("callbacks", [(), (lambda study, trial: None,)])
def test_it_says_what_then_happens(panel, tmp_path, callbacks):
    options = asked(panel, run_dir=tmp_path / "run", callbacks=callbacks)
    plan = rb.plan(crossover, **options)
    assert not (tmp_path / "run").exists()
    study = rb.optimize(crossover, progress=False, **options)
    assert (plan.trials, plan.recorded, plan.executor, plan.begins_here, plan.workers) == (100, 0, "inline", True, 1)
    assert (plan.trials, plan.executor) == (study.n_trials, study.executor)
    assert plan.driver["panel"] == panel.nbytes
    assert (plan.driver["blocks"], plan.driver["moments"]) == bytes_of(study)
    assert plan.driver["table"] == pytest.approx(study.trials.estimated_size(), rel=0.05)
    assert (plan.store, plan.worker) == (0, None)
    written = (tmp_path / "run" / "journal").stat().st_size
    # how many trials travel together follows from their time, unless callbacks want each alone
    assert plan.journal == (written if callbacks else pytest.approx(written, rel=0.15))


def test_only_what_is_missing_is_planned_when_a_study_goes_on(panel, tmp_path):
    options = asked(panel, run_dir=tmp_path)
    stop = [lambda study, trial: study.stop() if trial.number == 33 else None]
    rb.optimize(crossover, progress=False, callbacks=stop, **options)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    plan = rb.plan(crossover, resume=True, **options)
    assert (plan.trials, plan.recorded) == (66, 34)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    rb.optimize(crossover, progress=False, resume=True, **options)
    assert plan.journal == pytest.approx((tmp_path / "journal").stat().st_size, rel=0.15)
    plan = rb.plan(crossover, resume=True, **options)
    assert (plan.trials, plan.recorded, plan.tried, plan.seconds) == (0, 100, 0, None)
    assert plan.journal == (tmp_path / "journal").stat().st_size


def test_up_to_five_trials_are_run_here_and_an_objective_only_once(panel):
    ran = []

    def bowl(trial):
        ran.append(trial.params["x"])
        return {"loss": trial.params["x"] ** 2, "other": 1.0}

    points = [{"x": float(i)} for i in range(9)]
    plan = rb.plan(bowl, bundle=panel, points=points, objective="loss", executor="inline")
    assert ran == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert (plan.trials, plan.tried, plan.failed, plan.error) == (9, 5, 0, None)
    study = rb.optimize(bowl, bundle=panel, points=points, objective="loss", executor="inline", progress=False)
    assert plan.driver["blocks"] == bytes_of(study)[0]


def test_trials_that_fail_are_told(panel):
    def failing(data, fast: int):
        raise ArithmeticError("thirteen")

    plan = rb.plan(failing, **asked(panel, space={"fast": [1, 2]}))
    assert (plan.tried, plan.failed, plan.error) == (2, 2, "ArithmeticError: thirteen")
    assert plan.seconds is not None


@pytest.mark.parametrize("options", [{"trial_timeout": 5.0}, {"isolate": True}, {"memory_limit": "2 GB"}])
def test_what_must_not_run_here_is_not_tried_here(panel, options):
    def never(data, fast: int):
        raise AssertionError("it ran")

    plan = rb.plan(never, bundle=panel, space={"fast": [1, 2]}, n_jobs=3, **options)
    assert (plan.tried, plan.trial_seconds, plan.seconds) == (0, None, None)
    assert (plan.executor, plan.begins_here, plan.workers) == ("ray", False, 3)
    assert plan.store == panel.nbytes + sum(values.nbytes for _, values in adjusted_fields(panel)) > panel.nbytes
    assert plan.worker == {"panel_share": plan.store // 3, "caches": rb.OptimizationConfig().cache_bytes(3)}
    assert plan.driver["caches"] == 0
    study = rb.optimize(crossover, progress=False, **asked(panel, space={"fast": [5, 6], "slow": [60]}))
    assert plan.driver["blocks"] == bytes_of(study)[0]


def test_returns_that_are_kept_count_although_no_trial_may_run_here(panel, tmp_path):
    space = {"fast": [5, 6], "slow": [60]}
    plan = rb.plan(crossover, bundle=panel, space=space, isolate=True, run_dir=tmp_path / "plan")
    study = rb.optimize(crossover, progress=False, **asked(panel, space=space, run_dir=tmp_path / "run"))
    assert study.returns is not None
    assert plan.driver["blocks"] == bytes_of(study)[0]


@pytest.mark.parametrize(("costs", "executor", "workers"), [(1e9, "inline", 1), (0.0, "ray", 4)])
def test_auto_goes_on_with_workers_only_if_they_pay(panel, monkeypatch, costs, executor, workers):
    monkeypatch.setattr(handover, "RAY_COSTS", costs)
    plan = rb.plan(crossover, **asked(panel, executor="auto", n_jobs=4))
    assert (plan.executor, plan.begins_here, plan.workers) == (executor, True, workers)
    low, high = plan.seconds
    assert 0.0 < low <= high
    alone = rb.plan(crossover, **asked(panel, executor="auto", n_jobs=1))
    assert (alone.executor, alone.workers) == ("inline", 1)


def test_workers_of_a_cluster_that_was_not_joined_are_not_known(panel):
    plan = rb.plan(crossover, **asked(panel, executor="auto", address="ray://nowhere:10001"))
    assert (plan.executor, plan.begins_here, plan.workers) == ("ray", False, None)
    assert (plan.seconds, plan.worker) == (None, None)
    assert plan.trial_seconds is not None


def test_a_search_whose_end_is_not_known(panel):
    space = {"fast": rb.Int(1, 2000), "slow": rb.Int(1, 2000)}
    plan = rb.plan(crossover, **asked(panel, space=space, constraint=lambda p: p["fast"] < p["slow"]))
    assert (plan.trials, plan.seconds, plan.driver["table"], plan.journal) == (None, None, None, 0)


def test_it_refuses_what_optimize_would(panel, tmp_path):
    with pytest.raises(InputError, match="objective must be one of"):
        rb.plan(crossover, **asked(panel, objective="sharp"))
    with pytest.raises(TypeError, match="spaces"):
        rb.plan(crossover, bundle=panel, spaces=SPACE)
    rb.optimize(crossover, progress=False, **asked(panel, run_dir=tmp_path))
    with pytest.raises(RunError, match="a study is here already"):
        rb.plan(crossover, **asked(panel, run_dir=tmp_path))


@pytest.mark.ray
def test_on_workers(panel, tmp_path):
    with rb.PersistentWorkerPool(n_jobs=1) as pool:
        options = asked(panel, executor="ray", pool=pool, run_dir=tmp_path)
        plan = rb.plan(crossover, **options)
        study = rb.optimize(crossover, progress=False, **options)
        found = pool.statistics()
    assert (plan.executor, plan.begins_here, plan.workers, plan.trials) == ("ray", False, 1, study.n_trials)
    assert plan.store == found["panel_bytes"] == plan.worker["panel_share"]
    assert found["workers"][0]["history"]["bytes"] <= plan.worker["caches"]
    assert (plan.driver["blocks"], plan.driver["moments"]) == bytes_of(study)
    assert plan.journal == pytest.approx((tmp_path / "journal").stat().st_size, rel=0.25)


def test_a_plan_is_plain_data(panel):
    plan = rb.plan(crossover, **asked(panel))
    assert set(dataclasses.asdict(plan)) >= {"trials", "seconds", "driver", "worker", "store", "journal"}
