"""One bar is changed, and what may move moves, and nothing else: RULES of windows, both fills, with and without purge."""

import itertools

import numpy as np
import polars as pl
import pytest
from forward_cases import crossover, dense, global_scale, market, walk

import rustybt_ray as rb

WAYS = list(itertools.product(["next_close", "next_open"], [0, 4], ["flat", "carry"]))
WINDOW = 1  # whose edges are looked at


def scheduled(data, fast, slow):
    """Orders on the first session of each week."""
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow), rebalance="weekly", slots="listed")


STRATEGIES = [crossover, dense, scheduled, global_scale]


def figures(found, part, window=WINDOW):
    return found.trials.filter(pl.col("window") == window).select(f"^{part}_.*$")


@pytest.fixture(scope="module")
def run():
    """Walk-forwards of the market with a bar changed, made once."""
    made = {}

    def walked(strategy, fill, purge, positions, changed=None, windows=None):
        key = strategy, fill, purge, positions, changed, repr(windows)
        if key not in made:
            given = {"windows": windows} if windows is not None else {}
            made[key] = walk(market(changed=changed), strategy, fill=fill, purge=purge, positions=positions, **given)
        return made[key]

    return walked


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("way", WAYS)
def test_the_first_bar_after_train_moves_no_train_figure_and_its_last_bar_some(run, strategy, way):
    train = run(strategy, *way).layout[WINDOW].train
    before = figures(run(strategy, *way), "train")
    assert figures(run(strategy, *way, train.last + 1), "train").equals(before)
    assert not figures(run(strategy, *way, train.last), "train").equals(before)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("strategy", [crossover, global_scale])
def test_the_first_bar_after_validation_moves_no_figure_that_chooses(run, strategy, way):
    windows = rb.Rolling(train=80, validate=25, test=30)
    whole = run(strategy, *way, None, windows)
    validate = whole.layout[WINDOW].validate
    after = run(strategy, *way, validate.last + 1, windows)
    for part in ("train", "validate"):
        assert figures(after, part).equals(figures(whole, part))
    assert after.windows["trial"][WINDOW] == whole.windows["trial"][WINDOW]
    within = run(strategy, *way, validate.last, windows)
    assert figures(within, "train").equals(figures(whole, "train"))
    assert not figures(within, "validate").equals(figures(whole, "validate"))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("way", WAYS)
def test_the_last_test_bar_moves_the_last_stitched_return_alone(run, strategy, way):
    whole = run(strategy, *way).out_of_sample
    moved = run(strategy, *way, run(strategy, *way).layout.curve.last).out_of_sample
    assert moved["trial"].equals(whole["trial"])
    before, after = whole["returns"].to_numpy(), moved["returns"].to_numpy()
    assert before[:-1].tobytes() == after[:-1].tobytes()
    if whole["exposure"][-2] > 0.0:  # something was held over the last night
        assert before[-1] != after[-1]


def test_something_is_held_at_the_end(run):
    held = [run(crossover, *way).out_of_sample["exposure"][-2] > 0.0 for way in WAYS]
    assert all(held)


@pytest.mark.parametrize("positions", ["flat", "carry"])
def test_purged_sessions_belong_to_no_figure(run, positions):
    way = crossover, "next_close", 4, positions
    windows = rb.Rolling(train=80, validate=25, test=30)
    whole = run(*way, None, windows)
    window = whole.layout[0]
    assert window.validate.first == window.train.stop + 4
    for row in range(window.train.stop, window.validate.first):
        moved = run(*way, row, windows)
        assert figures(moved, "train", 0).equals(figures(whole, "train", 0))


@pytest.mark.parametrize("delay", [0, 2])
@pytest.mark.parametrize("beyond", [0, 1])
def test_a_row_may_know_the_bar_that_it_fills_on_and_none_beyond(delay, beyond):
    """Of the rows that a segment trades, the last one that looks a bar too far is seen."""
    reach = 1 + delay + beyond

    def ahead(data, fast, slow):
        later = np.full(data.shape, np.nan)
        later[: len(later) - reach] = data.close[reach:]
        return rb.equal_weight(later > data.close * (1.0 + slow / 1000.0))

    settings = rb.Settings(delay=delay)
    whole = walk(market(), ahead, settings=settings)
    assert whole.rows == ("cut" if beyond else "history")
    assert isinstance(whole.causal, str)
    for window in whole.layout:
        changed = walk(market(changed=window.train.last + 1, by=3.0), ahead, settings=settings)
        assert figures(changed, "train", window.number).equals(figures(whole, "train", window.number))


def test_peeking_rows_would_have_moved_train_if_they_had_been_trusted(run, monkeypatch):
    monkeypatch.setattr("rustybt_ray.execution.target_rows.same_rows", lambda *args: True)
    trusted = walk(market(), global_scale)
    train = trusted.layout[WINDOW].train
    changed = walk(market(changed=train.last + 1, by=3.0), global_scale)
    assert not figures(changed, "train").equals(figures(trusted, "train"))
