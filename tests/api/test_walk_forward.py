"""Walk-forwards against a plain loop of backtests, and how they may fail."""

import math

import numpy as np
import polars as pl
import pytest
from forward_cases import COSTS, crossover, dense, global_scale, market, peeking, same, walk

import rustybt_ray as rb
from rustybt_ray.engine.backtest import simulate
from rustybt_ray.engine.metrics import METRICS

PARTS = ("train", "validate", "test")


def closing_costs(result, row):
    """What it costs to close the positions of a backtest's last session: 10 basis points of the notional and 5 of the price."""
    held = result.positions[-1] * result.panel.close[row]
    slippage = np.abs(held) * 5e-4
    notional = np.abs(held) - slippage * np.sign(held)
    return float(slippage.sum() + 0.001 * notional.sum())


@pytest.mark.parametrize("strategy", [crossover, dense])
@pytest.mark.parametrize("fill", ["next_close", "next_open"])
def test_every_figure_is_that_of_a_plain_loop_over_backtests(strategy, fill):
    panel = market()
    windows = rb.Rolling(train=80, validate=25, test=30)
    found = walk(
        panel,
        strategy,
        windows=windows,
        points=[{"fast": 2, "slow": 8}, {"fast": 5, "slow": 21}],
        space=None,
        fill=fill,
    )
    assert found.rows == "history"
    assert found.trials.height == 2 * len(found.layout) == 10
    for row in found.trials.iter_rows(named=True):
        window = found.layout[row["window"]]
        for part in PARTS:
            segment = getattr(window, part)
            params = {"fast": row["fast"], "slow": row["slow"]}
            plain = rb.backtest(
                strategy, params, bundle=panel, start=segment.start, end=segment.end, costs=COSTS, fill=fill
            )
            if part != "test":
                assert {name: row[f"{part}_{name}"] for name in METRICS} == pytest.approx(
                    {name: plain.metrics[name] for name in METRICS}, rel=0, abs=0, nan_ok=True
                )
                continue
            left = plain.equity[-1] - closing_costs(plain, segment.last)
            assert row["test_total_return"] == pytest.approx(left / 1e6 - 1.0, rel=1e-12)
            assert row["test_n_open_trades"] == 0
            opened = plain.metrics["n_open_trades"]
            assert row["test_n_trades"] == plain.metrics["n_trades"] + opened
            more = 1e6 * (plain.metrics["total_return"] - row["test_total_return"])
            assert row["test_costs_paid"] == pytest.approx(plain.metrics["costs_paid"] + more, rel=1e-9)


def test_the_stitched_curve_is_that_of_the_chosen_trials_and_its_metrics_those_of_plain_numpy():
    panel = market()
    found = walk(panel)
    curve, value, expected = found.out_of_sample, 1e6, []
    for row in found.windows.iter_rows(named=True):
        window = found.layout[row["window"]]
        best = found.trials.filter(pl.col("window") == row["window"]).sort(
            "train_sharpe_ratio", descending=True, nulls_last=True, maintain_order=True
        )
        assert row["trial"] == best["trial"][0]
        params = {"fast": row["fast"], "slow": row["slow"]}
        plain = rb.backtest(crossover, params, bundle=panel, start=window.test.start, end=window.test.end, costs=COSTS)
        equity = plain.equity.copy()
        equity[-1] -= closing_costs(plain, window.test.last)
        returns = np.diff(equity, prepend=1e6) / np.concatenate([[1e6], equity[:-1]])
        expected += returns.tolist()
        value *= equity[-1] / 1e6
    assert curve["returns"].to_numpy() == pytest.approx(np.array(expected), rel=1e-9, abs=1e-13)
    assert curve["equity"][-1] == pytest.approx(value, rel=1e-12)
    r = curve["returns"].to_numpy()
    line = np.concatenate([[1.0], np.cumprod(1.0 + r)])
    assert curve["equity"].to_numpy() == pytest.approx(1e6 * line[1:], rel=1e-12)
    known, days = found.metrics, len(r)
    assert known["total_return"] == pytest.approx(line[-1] - 1.0, rel=1e-12)
    assert known["annual_return"] == pytest.approx(line[-1] ** (252 / days) - 1.0, rel=1e-12)
    assert known["sharpe_ratio"] == pytest.approx(r.mean() / r.std(ddof=1) * math.sqrt(252), rel=1e-12)
    assert known["max_drawdown"] == pytest.approx((line / np.maximum.accumulate(line) - 1.0).min(), rel=1e-12)
    below, longest = 0, 0
    for depth in line / np.maximum.accumulate(line):
        below = below + 1 if depth < 1.0 - 1e-14 else 0
        longest = max(longest, below)
    assert known["max_drawdown_length"] == longest
    assert known["value_at_risk"] == pytest.approx(np.percentile(r, 5), rel=1e-12)
    chosen = found.trials.filter(pl.col("chosen"))
    assert known["n_trades"] == chosen["test_n_trades"].sum()
    assert known["costs_paid"] == pytest.approx(chosen["test_costs_paid"].sum(), rel=1e-12)
    wins = (chosen["test_win_rate"].fill_nan(0.0) * chosen["test_n_trades"]).sum()
    assert known["win_rate"] == pytest.approx(wins / known["n_trades"], rel=1e-9)
    days = np.array([window.test.n_sessions for window in found.layout])
    assert known["exposure"] == pytest.approx(
        np.average(chosen.sort("window")["test_exposure"], weights=days), rel=1e-9
    )
    assert known["turnover"] == pytest.approx(
        np.average(chosen.sort("window")["test_turnover"], weights=days), rel=1e-9
    )


def test_relative_metrics_are_against_buy_and_hold():
    found = walk()
    own, other = (found.equity[name].pct_change().to_numpy()[1:] for name in ("chosen", "buy_and_hold"))
    first = found.equity.row(0, named=True)
    own = np.concatenate([[first["chosen"] / 1e6 - 1.0], own])
    other = np.concatenate([[first["buy_and_hold"] / 1e6 - 1.0], other])
    beta = np.cov(own, other)[0, 1] / other.var(ddof=1)
    assert found.metrics["beta"] == pytest.approx(beta, rel=1e-9)
    assert found.metrics["information_ratio"] == pytest.approx(
        (own - other).mean() / (own - other).std(ddof=1) * math.sqrt(252), rel=1e-9
    )


def test_buy_and_hold_holds_equal_money_in_all_from_the_first_test_session():
    panel = market()
    found = walk(panel, costs=rb.Costs())
    first, last = found.layout[0].test.first, found.layout[-1].test.last
    shares = np.floor(1e6 / 3 / panel.close[first] + 1e-9)
    cash = 1e6 - (shares * panel.close[first]).sum()
    if first <= 120:
        shares[1] *= 2
    cash += 0.7 * shares[2] if first < 170 else 0.0
    assert found.equity["buy_and_hold"][-1] == pytest.approx(cash + (shares * panel.close[last]).sum(), rel=1e-9)


def test_what_the_chosen_are_compared_with():
    found = walk()
    table = found.trials
    for name, chained in (("first_kept", "first"), ("hindsight_best", "best"), ("median_trial", "median")):
        value = 1.0
        for window in range(len(found.layout)):
            here = table.filter(pl.col("window") == window).sort("test_sharpe_ratio")
            if chained == "first":
                row = here.filter(pl.col("trial") == found.windows["trial"][0])
            else:
                row = here[-1:] if chained == "best" else here[(here.height - 1) // 2 :][:1]
            value *= 1.0 + row["test_total_return"][0]
        assert found.equity[name][-1] == pytest.approx(1e6 * value, rel=1e-9)
    assert found.comparisons["curve"].to_list() == [
        "chosen", "first_kept", "median_trial", "buy_and_hold", "hindsight_best",
    ]  # fmt: skip
    assert "not available to you" in found.comparisons["what"][-1]


def test_efficiency_and_skill_are_those_of_the_tables():
    found = walk()
    table = found.windows
    assert found.efficiency.value == pytest.approx(table["out_of_sample"].mean() / table["in_sample"].mean(), rel=1e-12)
    assert found.skill.mean == pytest.approx(table["percentile"].mean(), rel=1e-12)
    assert found.skill.windows == len(found.layout)
    assert found.stability["parameter"].to_list() == ["fast", "slow"]
    assert math.isnan(walk(objective="total_return").efficiency.value)
    assert math.isnan(walk(objective="volatility", direction="minimize").efficiency.value)


def test_train_proposes_ten_and_validation_chooses():
    found = walk(windows=rb.Rolling(train=80, validate=30, test=30))
    for row in found.windows.iter_rows(named=True):
        here = found.trials.filter(pl.col("window") == row["window"]).sort(
            "train_sharpe_ratio", descending=True, maintain_order=True
        )
        assert here.height == 12
        ten = here[:10].sort("validate_sharpe_ratio", descending=True, maintain_order=True)
        assert row["trial"] == ten["trial"][0]
        assert row["in_sample"] == ten["train_sharpe_ratio"][0]
        assert row["validation"] == ten["validate_sharpe_ratio"][0]
    few = walk(windows=rb.Rolling(train=80, validate=30, test=30), space={"fast": [2], "slow": [8, 13]})
    assert few.n_gaps == 0
    assert few.n_trials == 2


def test_plateaus_choose_by_neighbours():
    space = {"fast": rb.Int(2, 6), "slow": rb.Int(8, 20, step=4)}
    found = walk(space=space, select="plateau")
    for row in found.windows.iter_rows(named=True):
        here = found.trials.filter(pl.col("window") == row["window"])
        value = {(r["fast"], r["slow"]): r["train_sharpe_ratio"] for r in here.iter_rows(named=True)}
        best = {}
        for fast, slow in value:
            near = [
                value[f, s] for f in (fast - 1, fast, fast + 1) for s in (slow - 4, slow, slow + 4) if (f, s) in value
            ]
            if len(near) >= 5:
                best[fast, slow] = sum(near) / len(near)
        assert best[row["fast"], row["slow"]] == pytest.approx(max(best.values()), rel=1e-12)
    with pytest.raises(rb.InputError, match="select='plateau' must be used with an ordered parameter"):
        walk(space={"fast": [2, 3], "slow": [8, 13]}, select="plateau")


def test_requirements_hold_in_train_and_a_window_that_none_meets_is_a_gap():
    free = walk()
    bound = float(free.trials.filter(pl.col("window") == 1)["train_max_drawdown"].max()) + 1e-9
    found = walk(require=f"max_drawdown > {bound}")
    assert found.windows["gap"][1]
    assert found.n_gaps < len(found.layout)
    gap = found.out_of_sample.filter(pl.col("gap"))
    assert gap["trial"].null_count() == gap.height == 30 * found.n_gaps
    assert (gap["returns"] == 0.0).all()
    for row in found.windows.filter(~pl.col("gap")).iter_rows(named=True):
        assert found.choice(row["window"]).params == {"fast": row["fast"], "slow": row["slow"]}
    assert found.choice(1) is None
    assert any("no trial that qualifies: cash" in note for note in found.notes)


def test_every_trial_fails_and_nothing_is_made_up():
    def broken(data, fast, slow):
        raise ValueError("no market")

    found = walk(strategy=broken)
    assert found.n_failed == found.n_trials == 12
    assert found.n_gaps == len(found.layout)
    assert (found.out_of_sample["equity"] == 1e6).all()
    assert math.isnan(found.skill.mean)
    assert math.isnan(found.efficiency.value)
    assert found.causal is None
    assert found.trials["error"].unique().to_list() == ["ValueError: no market"]


def test_a_trial_that_breaks_in_a_year_to_come_was_not_broken_before():
    def later(data, fast, slow):
        if fast == 3 and data.shape[0] > 150:
            raise ZeroDivisionError("after row 150")
        return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))

    whole, found = walk(), walk(strategy=later)
    early = pl.col("window") < 2  # their tests end on row 139
    kept = ["train_sharpe_ratio", "test_sharpe_ratio"]
    assert found.trials.filter(early).select(kept).equals(whole.trials.filter(early).select(kept))
    late = found.trials.filter((pl.col("fast") == 3) & (pl.col("window") > 2))
    assert late["train_sharpe_ratio"].is_nan().all()
    assert found.n_failed == 0
    assert any("failed in some segments" in note for note in found.notes)


def test_a_strategy_that_peeks_cannot_choose_by_its_test_and_is_named():
    found = walk(strategy=peeking)
    assert found.rows == "cut"
    assert isinstance(found.causal, str)
    assert any("each segment has those of its own cut" in note for note in found.notes)
    panel = market()
    for row in found.trials.filter(pl.col("fast") == 2).iter_rows(named=True):
        segment = found.layout[row["window"]].train
        weights = np.full((len(panel.time), 3), False)
        weights[: segment.stop] = panel.close[segment.last] * (1.0 + row["slow"] / 1000.0) > panel.close[: segment.stop]
        known = simulate(panel, rb.equal_weight(weights), segment.first, segment.last, costs=COSTS)
        assert row["train_sharpe_ratio"] == known.metrics["sharpe_ratio"]


def test_objective_functions_and_other_windows_are_refused():
    with pytest.raises(rb.StrategyError, match="is an objective function, which sees all data at once"):
        walk(strategy=lambda trial: 1.0)
    with pytest.raises(rb.InputError, match="windows must be a Rolling or an Expanding"):
        walk(windows="3y")
    with pytest.raises(rb.InputError, match="windows must be short enough for 260 sessions"):
        walk(windows=rb.Rolling(train=900, test=30))
    with pytest.raises(rb.InputError, match="positions must be one of 'flat', 'carry'"):
        walk(positions="both")
    with pytest.raises(rb.InputError, match=r"parameter 'window' must be named unlike the columns of a walk-forward"):
        walk(strategy=lambda data, window: rb.equal_weight(data.close > window), space={"window": [1, 2]})


def test_overlapping_tests_give_their_first_step_and_embargo_says_that_it_does_nothing():
    found = walk(windows=rb.Rolling(train=80, test=30, step=20), embargo=3, purge=2)
    lengths = found.out_of_sample.group_by("window", maintain_order=True).len()["len"].to_list()
    assert lengths[:-1] == [20] * (len(lengths) - 1)
    notes = " ".join(found.notes)
    assert "embargo = 3 has no effect" in notes
    assert "purge = 2" in notes
    assert found.out_of_sample["session"].is_sorted()
    ends = found.out_of_sample.group_by("window", maintain_order=True).last()
    assert (ends["exposure"] == 0.0).all()  # each piece is closed, with costs


def test_stopped_early_the_windows_choose_from_what_is_there():
    found = walk(callbacks=[lambda study, trial: study.stop() if trial.number == 4 else None])
    assert found.stopped == "stopped"
    assert found.n_trials == 5
    part = walk(
        space=None, points=[{"fast": 2, "slow": s} for s in (8, 13, 21)] + [{"fast": 3, "slow": s} for s in (8, 13)]
    )
    assert found.out_of_sample.equals(part.out_of_sample)
    assert same(walk(), walk())


def test_metrics_that_need_order_are_had_in_every_segment():
    found = walk(objective="cvar", require="value_at_risk < 0")
    row = found.trials.row(7, named=True)
    window = found.layout[row["window"]]
    plain = rb.backtest(
        crossover, {"fast": row["fast"], "slow": row["slow"]}, bundle=market(), start=window.train.start,
        end=window.train.end, costs=COSTS,
    )  # fmt: skip
    assert row["train_cvar"] == plain.metrics["cvar"]
    assert row["train_tail_ratio"] == plain.metrics["tail_ratio"]
    assert found.windows["out_of_sample"].is_nan().sum() == 0


def test_windows_count_from_the_start():
    found = walk(start="2015-03-02")
    assert str(found.layout[0].train.start) == "2015-03-02"
    assert found.spec.start == "2015-03-02"


@pytest.mark.parametrize("strategy", [crossover, dense, peeking, global_scale])
def test_each_piece_of_the_curve_is_the_chosen_trial_s_test(strategy):
    found = walk(strategy=strategy)
    assert found.rows == ("cut" if strategy in (peeking, global_scale) else "history")
    chosen = found.trials.filter(pl.col("chosen"))
    for row in chosen.iter_rows(named=True):
        part = found.out_of_sample.filter(pl.col("window") == row["window"])
        assert part["trial"].unique().to_list() == [row["trial"]]
        assert math.prod(1.0 + r for r in part["returns"]) - 1.0 == pytest.approx(
            row["test_total_return"], rel=1e-9, abs=1e-12
        )
    assert chosen["test_total_return"].abs().sum() > 0.0


def test_a_choice_that_fails_in_its_test_is_cash_and_said_to_be():
    def breaks(data, fast, slow):
        weights = np.asarray(
            rb.equal_weight(data.sma("close", fast) > data.sma("close", slow), rebalance="daily")
        ).copy()
        weights[200:201, 0] = np.inf  # in the test of window 4 and in the train of the next
        return weights

    found = walk(strategy=breaks)
    assert found.windows["gap"].to_list() == [False] * 5 + [True]
    curve = found.out_of_sample.group_by("window", maintain_order=True).agg(pl.col("gap").all())
    assert curve["gap"].to_list() == [False] * 4 + [True, True]
    assert math.isnan(found.windows["out_of_sample"][4])
    assert "Window 4: the chosen trial failed in the test; cash, marked as a gap in the curve." in found.notes


def test_a_choice_that_peeks_where_the_first_trial_did_not_is_named(tmp_path):
    def sometimes(data, fast, slow):
        if slow == 8:
            return crossover(data, fast, slow)
        return rb.equal_weight(np.broadcast_to(data.close[-1] > data.close, data.shape))

    found = walk(strategy=sometimes, run_dir=tmp_path)
    assert found.rows == "history"  # what the first trial shows
    peeked = [i for i, slow in enumerate(found.windows["slow"]) if slow != 8]
    assert list(found.leaks) == peeked
    assert any(note.startswith("NOT OUT OF SAMPLE: the choice of window") for note in found.notes)
    assert rb.load(tmp_path).leaks == found.leaks
    assert walk().leaks == ()


@pytest.mark.parametrize("positions", ["flat", "carry"])
def test_a_choice_that_fails_on_its_part_of_an_overlapping_test_is_cash(positions, tmp_path):
    ends = (125, 145)  # of the parts of the curve of windows 1 and 2, and of no train or test

    def breaks(data, fast, slow):
        if data.shape[0] in ends:
            raise ValueError("not on this day")
        return global_scale(data, fast, slow)

    options = {"windows": rb.Rolling(train=85, test=50, step=20), "purge": 4, "positions": positions}
    found, whole = walk(strategy=breaks, run_dir=tmp_path, **options), walk(strategy=global_scale, **options)
    assert found.rows == "cut"
    assert [window.stitched.stop for window in found.layout[1:3]] == list(ends)
    assert found.trials.equals(whole.trials)
    curve = found.out_of_sample
    assert curve.filter(pl.col("gap"))["window"].unique().to_list() == [1, 2]
    assert (curve.filter(pl.col("gap"))["exposure"] == 0.0).all()
    note = "Window 2: the chosen trial failed in the test; cash, marked as a gap in the curve."
    assert note in found.notes
    assert rb.load(tmp_path).notes == found.notes
    if positions == "flat":
        others = pl.col("window").is_in([1, 2]).not_()
        assert curve.filter(others)["returns"].equals(whole.out_of_sample.filter(others)["returns"])


@pytest.mark.parametrize("kind", [np.asarray, rb.on_change, lambda rows: rb.equal_weight(rows > 0.0)])
@pytest.mark.parametrize("first", [crossover, peeking])
def test_weights_of_another_shape_are_an_error_and_no_lack_of_orders(first, kind):
    def wrong(data, fast, slow):
        if (fast, slow) == (2, 8):  # what shows whether rows of the whole history serve
            return first(data, fast, slow)
        return kind(np.full((3, 3), 0.2))

    found = walk(strategy=wrong)
    assert found.rows == ("history" if first is crossover else "cut")
    assert found.n_failed == 11
    errors = found.trials.filter(pl.col("trial") > 0)["error"].unique().to_list()
    assert len(errors) == 1
    assert "weights must have a row for each of the 80 bars of the panel cut there; received (3, 3)" in errors[0]
    assert found.windows["trial"].unique().to_list() == [0]


def test_weights_of_the_whole_history_s_shape_serve_on_a_cut():
    shape = market().shape

    def long(data, fast, slow):
        made = np.full(shape, np.nan)
        made[: data.shape[0]] = global_scale(data, fast, slow)
        return made

    assert same(walk(strategy=long), walk(strategy=lambda data, fast, slow: np.asarray(global_scale(data, fast, slow))))
