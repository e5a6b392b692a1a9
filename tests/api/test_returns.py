"""Daily returns that a study keeps: those of its trials, in the run directory, within a budget, through crashes."""

import numpy as np
import polars as pl
import pytest

import rustybt_ray as rb
from rustybt_ray.data.sample import sample_panel
from rustybt_ray.exceptions import InputError

PANEL = sample_panel()
SPACE = {"fast": [5, 10, 20], "slow": [50, 100]}


def crossover(data, fast, slow):
    if (fast, slow) == (10, 100):
        raise ValueError("no")
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))


def sweep(**options):
    return rb.optimize(crossover, bundle=PANEL, space=SPACE, start="2015-01-01", progress=False, **options)


def test_they_are_those_of_each_trial_and_lie_beside_the_table(tmp_path):
    study = sweep(executor="inline", run_dir=tmp_path)
    kept = pl.read_parquet(tmp_path / "returns.parquet")
    assert kept.equals(study.returns)
    assert kept["trial"].to_list() == study.trials["trial"].to_list() == list(range(6))
    days = int((np.asarray(PANEL.sessions) >= np.datetime64("2015-01-01", "ns").astype(np.int64)).sum())
    for trial, returns in kept.iter_rows():
        if study.trials["state"][trial] == "failed":
            assert np.isnan(returns).all()
            continue
        exact = study.backtest(trial).returns
        assert len(exact) == len(returns) == days
        assert np.array_equal(exact.astype(np.float32), np.array(returns, np.float32))
    assert study.trials["state"].to_list().count("failed") == 1


def test_a_study_that_goes_on_has_them_all(tmp_path):
    whole = sweep(executor="inline", run_dir=tmp_path / "whole")

    def stop(study, trial):
        if study.n_trials == 3:
            study.stop()

    partial = sweep(executor="inline", run_dir=tmp_path / "run", callbacks=[stop])
    assert partial.returns.height == 3
    sweep(executor="inline", run_dir=tmp_path / "run", resume=True)
    one, other = (pl.read_parquet(tmp_path / name / "returns.parquet") for name in ("whole", "run"))
    assert one.equals(other, null_equal=True)
    assert np.array_equal(*(np.array(made["returns"].to_list()) for made in (whole.returns, other)), equal_nan=True)


def test_they_are_kept_where_all_fit_the_budget_and_there_is_a_run_directory(tmp_path):
    assert sweep(executor="inline").returns is None
    days = sweep(executor="inline", run_dir=tmp_path / "a").returns["returns"].to_numpy().shape[1]
    for name, budget, kept in (("b", 4 * 6 * days, True), ("c", 4 * 6 * days - 1, False), ("d", 0, False)):
        config = rb.OptimizationConfig(returns_budget=budget)
        assert (sweep(executor="inline", run_dir=tmp_path / name, config=config).returns is not None) is kept
        assert (tmp_path / name / "returns.parquet").exists() is kept
    with pytest.raises(InputError, match="returns_budget must be a number"):
        rb.OptimizationConfig(returns_budget="much")


@pytest.mark.ray
def test_workers_send_the_same_ones(tmp_path):
    one, other = (sweep(executor=name, run_dir=tmp_path / name) for name in ("inline", "ray"))
    assert np.array_equal(*(np.array(study.returns["returns"].to_list()) for study in (one, other)), equal_nan=True)
