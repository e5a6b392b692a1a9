"""Walk-forwards whatever runs them, and whenever they are stopped: the same to the last bit."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from fake_pool import FakePool
from forward_cases import COSTS, SEARCHED, SPACE, crossover, global_scale, market, peeking, same, slow_crossover, walk

import rustybt_ray as rb
from rustybt_ray.exceptions import RunError
from rustybt_ray.studies.journal import read_journal

DRIVER = Path(__file__).parent.parent / "support" / "forward_driver.py"
VALIDATED = rb.Expanding(train=80, validate=25, test=30)


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("strategy", [crossover, peeking])
def test_any_number_of_workers_gives_the_same_bits(strategy, size):
    whole = walk(strategy=strategy, windows=VALIDATED, purge=3)
    for seed in range(3):
        pool = FakePool(seed=seed, size=size)
        found = walk(strategy=strategy, windows=VALIDATED, purge=3, executor="auto", pool=pool)
        assert found.executor == "ray"
        assert found.rows == whole.rows
        assert same(found, whole)


@pytest.mark.parametrize(("strategy", "rows"), [(crossover, "history"), (global_scale, "cut")])
def test_isolated_trials_are_looked_at_by_their_worker(strategy, rows):
    found = walk(strategy=strategy, executor="auto", pool=FakePool(seed=1, size=2), isolate=True)
    assert found.rows == rows
    assert same(found, walk(strategy=strategy))


@pytest.mark.parametrize("strategy", [crossover, peeking])
def test_stopped_and_resumed_it_is_as_if_it_had_not_been(strategy, tmp_path):
    whole = walk(strategy=strategy)
    part = walk(
        strategy=strategy, run_dir=tmp_path, callbacks=[lambda s, trial: s.stop() if trial.number == 4 else None]
    )
    assert (part.stopped, part.n_trials) == ("stopped", 5)
    run = []
    found = walk(
        strategy=strategy, run_dir=tmp_path, resume=True, callbacks=[lambda s, trial: run.append(trial.number)]
    )
    assert run == list(range(5, 12))
    assert same(found, whole)
    before = (tmp_path / "journal").read_bytes()
    again = walk(strategy=strategy, run_dir=tmp_path, resume=True, callbacks=[lambda s, trial: 1 / 0])
    assert same(again, whole)
    assert (tmp_path / "journal").read_bytes() == before


@pytest.mark.parametrize(("search", "n_trials"), [("grid", 12), ("tpe", 24)])
def test_a_killed_driver_loses_nothing_and_computes_nothing_twice(search, n_trials, tmp_path):
    if search == "tpe":
        pytest.importorskip("optuna")
    run_dir, before = tmp_path / "run", []
    for _ in range(2):
        before = kill_after(run_dir, "inline", 0.1, search, before, more=3)
    assert 6 <= len(before) < n_trials
    cut_off = rb.load(run_dir)
    assert cut_off.n_trials == len(before)
    assert cut_off.windows.height == len(cut_off.layout)
    with pytest.raises(rb.InputError, match="the stitched curve must be of a walk-forward that has ended"):
        _ = cut_off.out_of_sample
    found = walk(strategy=slow_crossover, run_dir=run_dir, resume=True, **SEARCHED[search])
    assert same(found, walk(strategy=slow_crossover, **SEARCHED[search]))
    assert sorted(recorded(run_dir)) == list(range(n_trials))


def kill_after(run_dir, executor, seconds, search, before, more):
    """What a driver has recorded that is killed when it has so many more trials than there were."""
    words = [sys.executable, DRIVER, run_dir, seconds, executor, search]
    driver = subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while driver.poll() is None and len(recorded(run_dir)) < len(before) + more:
        time.sleep(0.01)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    now = recorded(run_dir)
    assert set(before) <= set(now)
    return now


def recorded(run_dir):
    path = run_dir / "journal"
    return read_journal(path).numbers.tolist() if path.exists() else []


def test_its_trials_say_how_one_is_run_again(tmp_path):
    for found in (walk(run_dir=tmp_path), rb.load(tmp_path)):
        with pytest.raises(rb.InputError, match=r"the trials of a walk-forward'\. Call rb\.backtest with wf\.choice"):
            found.study.backtest()
    row = found.windows.row(1, named=True)
    plain = rb.backtest(
        crossover, found.choice(1).params, bundle=market(), start=row["train_start"], end=row["train_end"], costs=COSTS
    )
    assert plain.metrics["sharpe_ratio"] == row["in_sample"]


def test_another_walk_forward_is_refused_with_the_keys_that_differ(tmp_path):
    walk(run_dir=tmp_path)
    with pytest.raises(RunError, match="a study is here already"):
        walk(run_dir=tmp_path)
    for change, named in (
        ({"windows": rb.Rolling(train=90, test=30)}, "walk_forward.windows.train: recorded 80, asked 90"),
        ({"purge": 2}, "walk_forward.purge: recorded 0, asked 2"),
        ({"embargo": 1}, "walk_forward.embargo: recorded 0, asked 1"),
        ({"positions": "carry"}, "walk_forward.positions: recorded 'flat', asked 'carry'"),
        (
            {"select": "plateau", "space": SPACE | {"slow": rb.Int(8, 21)}},
            "walk_forward.select: recorded 'best', asked",
        ),
    ):
        with pytest.raises(RunError, match=named):
            walk(run_dir=tmp_path, resume=True, **change)
    with pytest.raises(RunError, match="walk_forward"):
        rb.optimize(
            crossover, bundle=market(), space=SPACE, executor="inline", progress=False, run_dir=tmp_path, resume=True
        )


def test_it_is_loaded_as_it_was(tmp_path):
    found = walk(run_dir=tmp_path, windows=VALIDATED, require="max_drawdown > -0.9", purge=1)
    loaded = rb.load(tmp_path)
    assert same(loaded, found)
    assert (loaded.rows, loaded.stopped, loaded.notes) == (found.rows, found.stopped, found.notes)
    assert loaded.layout == found.layout
    assert loaded.efficiency == found.efficiency
    assert json.dumps(loaded.spec.to_dict()) == json.dumps(found.spec.to_dict())
    assert loaded.spec.require == ("max_drawdown > -0.9",)
    assert repr(loaded) == repr(found)
    assert pl.read_parquet(tmp_path / "table.parquet").equals(found.trials)
    assert pl.read_parquet(tmp_path / "windows.parquet").equals(found.windows)
    stored = json.loads((tmp_path / "study.json").read_text())["result"]
    assert stored["metrics"]["chosen"]["sharpe_ratio"] == found.metrics["sharpe_ratio"]


def test_a_curve_that_is_another_table_is_damage_and_is_made_again(tmp_path):
    found = walk(run_dir=tmp_path)
    found.trials.write_parquet(tmp_path / "out_of_sample.parquet")
    with pytest.raises(RunError, match=r"out_of_sample\.parquet holds no stitched curve: it has no column 'session'"):
        rb.load(tmp_path)
    assert same(walk(run_dir=tmp_path, resume=True), found)
    assert same(rb.load(tmp_path), found)


def test_many_trials_carry_what_chooses_and_what_is_shown(monkeypatch):
    whole = walk(objective="sortino_ratio", require="win_rate >= 0")
    monkeypatch.setattr("rustybt_ray.api.forward_job.CARRIED_BYTES", 1)
    found = walk(objective="sortino_ratio", require="win_rate >= 0")
    columns = [name for name in found.trials.columns if name.startswith("train_")]
    assert len(columns) == 9
    assert found.trials.equals(whole.trials.select(found.trials.columns))
    assert found.windows.equals(whole.windows)
    assert found.out_of_sample.equals(whole.out_of_sample)


def test_a_study_is_loaded_too(tmp_path):
    costs = rb.Costs(rb.PerShare(0.01, 1.0), rb.VolumeShare(0.1, 0.2), cash=0.01)
    study = rb.optimize(
        crossover, bundle=market(), space={"fast": [2, None, "x"], "slow": rb.Int(8, 9)}, costs=costs, executor="inline",
        progress=False, run_dir=tmp_path, settings={"delay": 1}, require=["max_drawdown > -0.9"],
    )  # fmt: skip
    loaded = rb.load(tmp_path)
    assert isinstance(loaded, rb.Study)
    assert (loaded.spec.costs, loaded.spec.settings) == (costs, rb.Settings(delay=1))
    assert [loaded.trial(n).params for n in range(6)] == [study.trial(n).params for n in range(6)]
    assert loaded.best_trial == study.best_trial
    assert (loaded.causal, loaded.stopped, loaded.executor) == (study.causal, None, "inline")
    assert loaded.top(3).drop("fast").equals(study.top(3).drop("fast"))
    with pytest.raises(RunError, match="there is no study here"):
        rb.load(tmp_path.parent)


def test_a_loaded_study_runs_a_trial_again_from_its_file(tmp_path, monkeypatch):
    monkeypatch.setenv("RUSTYBT_RAY_HOME", str(tmp_path / "home"))
    rb.BundleStore().publish("small", market(), source="a test")
    file = tmp_path / "rule.py"
    file.write_text(
        "import rustybt_ray as rb\n\n\ndef rule(data, n):\n    return rb.equal_weight(data.sma('close', n) > data.close)\n"
    )
    run = tmp_path / "run"
    study = rb.optimize(
        f"{file}:rule", bundle="small", space={"n": [3, 5]}, executor="inline", progress=False, run_dir=run
    )
    assert rb.load(run).backtest().metrics == pytest.approx(study.backtest().metrics, rel=0, abs=0, nan_ok=True)
    file.write_text(file.read_text().replace("> data.close", "< data.close"))
    with pytest.raises(RunError, match="the strategy is not the one that ran"):
        rb.load(run).backtest()


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_any_number_of_ray_workers_gives_the_same_bits(workers):
    pytest.importorskip("optuna")
    with rb.PersistentWorkerPool(n_jobs=workers) as pool:
        for options in ({"windows": VALIDATED}, SEARCHED["tpe"]):
            found = walk(executor="ray", pool=pool, **options)
            assert found.executor == "ray"
            assert same(found, walk(**options))


@pytest.mark.slow
@pytest.mark.ray
def test_a_killed_driver_of_ray_workers_that_learns_goes_on_to_the_same_bits(tmp_path):
    pytest.importorskip("optuna")
    before = kill_after(tmp_path / "run", "ray", 0.2, "tpe", [], more=5)
    assert 5 <= len(before) < 24
    found = walk(strategy=slow_crossover, run_dir=tmp_path / "run", resume=True, **SEARCHED["tpe"])
    assert same(found, walk(strategy=slow_crossover, **SEARCHED["tpe"]))


@pytest.mark.slow
@pytest.mark.ray
def test_a_killed_ray_worker_changes_no_bit(tmp_path):
    whole, marker = walk(windows=VALIDATED), tmp_path / "killed"

    def killing(data, fast, slow):
        import os
        import signal

        if fast == 4 and slow == 13 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))

    with rb.PersistentWorkerPool(n_jobs=2) as pool:
        found = walk(strategy=killing, windows=VALIDATED, executor="ray", pool=pool, isolate=True)
    assert marker.exists()
    assert same(found, whole)


def test_a_first_trial_that_fails_is_not_the_one_that_is_looked_at():
    def fails_first(data, fast, slow):
        if fast == 2:
            raise ValueError("two")
        return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))

    found = walk(strategy=fails_first)
    assert (found.rows, found.n_failed) == ("history", 3)


def test_without_a_finished_trial_there_are_gaps_alone():
    found = walk(timeout=1e-9)
    assert (found.stopped, found.n_trials, found.n_gaps) == ("timeout", 0, len(found.layout))
    assert found.windows["gap"].all()
    assert found.trials.is_empty()
    assert (found.out_of_sample["returns"] == 0.0).all()
    assert found.stability.is_empty()


@pytest.mark.slow
@pytest.mark.ray
def test_a_first_trial_that_kills_its_worker_or_hangs_is_recorded():
    def evil(data, fast, slow):
        import os
        import signal
        import time

        if fast == 2 and slow == 8:
            os.kill(os.getpid(), signal.SIGKILL)
        while fast == 2 and slow == 13:
            time.sleep(0.01)
        return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))

    found = walk(strategy=evil, executor="ray", n_jobs=2, trial_timeout=0.3)
    assert found.rows == "history"
    failed = found.trials.filter(pl.col("state") == "failed").select("fast", "slow").unique().sort("slow")
    assert failed.rows() == [(2, 8), (2, 13)]
    assert found.causal is True
