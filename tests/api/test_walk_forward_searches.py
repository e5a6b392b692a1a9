"""Walk-forwards of zipline algorithms, and with searches that learn."""

import numpy as np
import polars as pl
import pytest
from fake_pool import FakePool
from forward_cases import crossover, market, same, walk

import rustybt_ray as rb

ALGORITHM = """
from zipline.api import order_target_percent, schedule_function, date_rules, symbol

fast, slow = 3, 13

def initialize(context):
    context.assets = [symbol(name) for name in "ABC"]

def handle_data(context, data):
    if {raises} and data.current_dt.month > 9 and fast == 2:
        raise ValueError("a month to come")
    for asset in context.assets:
        closes = data.history(asset, "close", slow, "1d")
        wanted = 1 / 3 if closes.iloc[-fast:].mean() > closes.mean() else 0.0
        order_target_percent(asset, wanted)
"""


@pytest.fixture(scope="module")
def algorithm(tmp_path_factory):
    pytest.importorskip("pandas")

    def write(raises=False):
        path = tmp_path_factory.mktemp("algos") / "algo.py"
        path.write_text(ALGORITHM.format(raises=raises))
        return str(path)

    return write


SPACE = {"fast": [2, 4], "slow": [10]}
WARM = rb.Rolling(train=80, test=30, warmup=20)  # its history reaches back before it


def test_an_algorithm_runs_in_each_segment_from_its_own_beginning(algorithm):
    file, panel = algorithm(), market()
    found = walk(panel, file, space=SPACE, costs=None, windows=WARM)
    assert found.rows is None
    assert found.n_failed == 0
    closed = 0
    for row in found.trials.iter_rows(named=True):
        window = found.layout[row["window"]]
        params = {"fast": row["fast"], "slow": row["slow"]}
        train, test = (
            rb.backtest(file, params, bundle=panel, start=segment.start, end=segment.end)
            for segment in (window.train, window.test)
        )
        assert row["train_sharpe_ratio"] == train.metrics["sharpe_ratio"]
        assert row["test_n_open_trades"] == 0
        held = test.metrics["n_open_trades"]
        closed += held > 0
        if held:  # what is held is sold, with costs
            assert 0.0 < test.metrics["total_return"] - row["test_total_return"] < 2e-3
        else:
            assert row["test_total_return"] == test.metrics["total_return"]
    assert closed
    curve = found.out_of_sample
    for window in found.layout:
        part = curve.filter(pl.col("window") == window.number)
        value = float(np.prod(1.0 + part["returns"].to_numpy()))
        chosen = found.trials.filter((pl.col("window") == window.number) & pl.col("chosen"))
        assert value - 1.0 == pytest.approx(chosen["test_total_return"][0], rel=1e-9)
        assert part["exposure"][-1] == 0.0
    assert same(
        walk(panel, file, space=SPACE, costs=None, windows=WARM, executor="auto", pool=FakePool(seed=2, size=2)), found
    )


def test_an_algorithm_that_breaks_later_was_not_broken_before(algorithm):
    found = walk(strategy=algorithm(raises=True), space=SPACE, costs=None, windows=WARM)
    early = found.trials.filter(pl.col("fast") == 2)
    late = early.filter(early["train_sharpe_ratio"].is_nan())
    assert 0 < late.height < early.height
    assert late["error"].unique().to_list() == ["ValueError: a month to come"]


def test_an_algorithm_carries_nothing(algorithm):
    with pytest.raises(rb.InputError, match="positions must be 'flat' of a zipline algorithm"):
        walk(strategy=algorithm(), space=SPACE, costs=None, windows=WARM, positions="carry")


@pytest.mark.parametrize("search", ["random", "sobol", "tpe"])
def test_any_search_and_any_number_of_workers(search):
    if search == "tpe":
        pytest.importorskip("optuna")
    options = {"space": {"fast": rb.Int(2, 9), "slow": rb.Int(10, 40)}, "search": search, "n_trials": 24, "seed": 5}
    options |= {"lag": 8} if search == "tpe" else {}
    whole = walk(select="plateau", **options)
    for size in (1, 2, 5):
        found = walk(select="plateau", executor="auto", pool=FakePool(seed=size, size=size), **options)
        assert same(found, whole)


def test_a_search_that_learns_knows_the_first_train_alone(tmp_path):
    pytest.importorskip("optuna")
    options = {"space": {"fast": rb.Int(2, 9), "slow": rb.Int(10, 40)}, "search": "tpe", "n_trials": 30, "lag": 4}
    whole = walk(**options)
    after = whole.layout[0].train.last + 1
    changed = walk(market(changed=after, by=2.0), **options)
    names = ["fast", "slow"]
    assert changed.trials.select(names).equals(whole.trials.select(names))
    earlier = walk(market(changed=after - 30, by=2.0), **options)
    assert not earlier.trials.select(names).equals(whole.trials.select(names))
    part = walk(run_dir=tmp_path, callbacks=[lambda s, trial: s.stop() if trial.number == 11 else None], **options)
    assert part.n_trials < 30
    assert same(walk(run_dir=tmp_path, resume=True, **options), whole)


def test_several_objectives_and_halving_are_refused():
    with pytest.raises(rb.InputError, match="one objective and another search than halving; received 'several"):
        walk(objective=["sharpe_ratio", "max_drawdown"])
    with pytest.raises(rb.InputError, match="received 'successive halving'"):
        walk(strategy=crossover, search="halving", n_trials=8)


def test_conditional_spaces():
    def space(trial):
        kind = trial.suggest_categorical("kind", ["fast", "slow"])
        return {"kind": kind, ("fast" if kind == "fast" else "slow"): trial.suggest_int("n", 3, 20)}

    def either(data, kind, fast=None, slow=None):
        return rb.equal_weight(data.close > data.sma("close", fast if kind == "fast" else slow))

    found = walk(strategy=either, space=space, search="random", n_trials=10)
    assert found.n_failed == 0
    assert found.trials["fast"].null_count() > 0
    assert set(found.choice(0).params) in ({"kind", "fast"}, {"kind", "slow"})
    assert found.windows.height == len(found.layout)
