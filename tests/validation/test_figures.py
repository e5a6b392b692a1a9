"""Figures of a walk-forward against scipy, and against what they must be when choosing is luck."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rustybt_ray.engine.metrics import METRICS, ORDERED
from rustybt_ray.exceptions import InputError
from rustybt_ray.validation.figures import (
    HORIZON_FREE,
    efficiency,
    mean_interval,
    percentiles,
    rank_correlations,
    selection_skill,
)
from rustybt_ray.validation.stability import parameter_stability

NAN = math.nan
VALUES = st.one_of(st.just(NAN), st.integers(-3, 3).map(float))


def tables(count):
    return st.integers(1, 20).flatmap(
        lambda trials: st.lists(
            st.lists(st.lists(VALUES, min_size=trials, max_size=trials), min_size=3, max_size=3),
            min_size=count,
            max_size=count,
        )
    )


class TestEfficiency:
    def test_is_a_ratio_of_means_over_windows_with_both(self):
        assert efficiency([2.0, 1.0, NAN, 5.0], [1.0, 0.5, 9.0, NAN]) == (0.5, 2)
        assert efficiency([1.0, 0.001], [1.0, 0.5]).value == pytest.approx(1.5 / 1.001)  # never a mean of ratios

    @pytest.mark.parametrize("inside", [[-1.0, 1.0], [-2.0, 1.0], [NAN, NAN], []])
    def test_is_nan_without_a_gain_in_sample(self, inside):
        assert math.isnan(efficiency(inside, inside).value)

    def test_horizon_free_metrics_are_metrics_of_ours_or_against_a_benchmark(self):
        others = {"alpha", "beta", "information_ratio", "tracking_error"}
        assert HORIZON_FREE - others <= {*METRICS, *ORDERED}
        grow = {"total_return", "max_drawdown", "max_drawdown_length", "calmar_ratio", "n_trades", "max_gross_leverage"}
        assert not HORIZON_FREE & grow

    def test_says_what_is_wrong(self):
        with pytest.raises(
            InputError, match=r"in_sample and out_of_sample must be one value a window each; received \(\(1,\), "
        ):
            efficiency([1.0], [1.0, 2.0])


class TestSkill:
    @given(tables(1), st.sampled_from(["maximize", "minimize"]))
    def test_a_choice_by_lot_has_a_half(self, study, direction):
        (test,) = np.array(study)
        trials = test.shape[1]
        each = np.array([percentiles(test, [pick] * 3, direction=direction) for pick in range(trials)])
        for window, row in enumerate(test):
            known = int((~np.isnan(row)).sum())
            assert np.isnan(each[:, window]).tolist() == [known < 2 or math.isnan(value) for value in row]
            if known > 1:
                assert np.nanmean(each[:, window]) == pytest.approx(0.5)
                ranked = stats.rankdata(row if direction == "maximize" else -row, nan_policy="omit")
                np.testing.assert_allclose(each[:, window], (ranked - 1) / (known - 1), atol=1e-12)

    def test_best_and_worst(self):
        test = [[1.0, 2.0, 3.0, NAN], [1.0, 2.0, 3.0, NAN], [1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, 1.0]]
        assert percentiles(test, [2, 0, -1, 3]).tolist()[:2] == [1.0, 0.0]
        assert percentiles(test, [2, 0, -1, 3], direction="minimize").tolist()[:2] == [0.0, 1.0]
        assert math.isnan(percentiles(test, [2, 0, -1, 3])[2])
        assert percentiles(test, [2, 0, -1, 3])[3] == 0.5

    def test_interval_is_students_and_stays_inside(self):
        random = np.random.default_rng(3)
        test = random.normal(size=(44, 200))
        chosen = random.integers(0, 200, 44)
        found = selection_skill(test, chosen)
        values = percentiles(test, chosen)
        low, high = stats.t.interval(0.95, 43, values.mean(), stats.sem(values))
        np.testing.assert_allclose([found.low, found.high], [low, high], rtol=1e-12)
        assert found.windows == 44
        assert selection_skill([[1.0, 2.0]] * 3, [1, 1, 0]).high == 1.0
        assert selection_skill([[1.0, 2.0]] * 3, [0, 0, 1]).low == 0.0

    def test_luck_is_told_from_skill(self):
        """Of 400 studies of pure luck about 5 % miss one half; a real edge in one trial is seen."""
        random = np.random.default_rng(7)
        missed = 0
        for _ in range(400):
            test = random.normal(size=(20, 30))
            found = selection_skill(test, random.integers(0, 30, 20))
            missed += not found.low <= 0.5 <= found.high
        assert 0.02 <= missed / 400 <= 0.09
        edge = random.normal(size=(20, 30)) + np.where(np.arange(30) == 4, 1.5, 0.0)
        assert selection_skill(edge, np.full(20, 4)).low > 0.5

    def test_too_few_windows(self):
        one = selection_skill([[1.0, 2.0]], [1])
        assert (one.mean, one.windows) == (1.0, 1)
        assert math.isnan(one.low)
        assert math.isnan(one.high)
        none = selection_skill([[1.0, 2.0]], [-1])
        assert math.isnan(none.mean)
        assert none.windows == 0


@given(tables(2))
def test_rank_correlation_is_spearmans(study):
    train, test = np.array(study)
    found = rank_correlations(train, test)
    for window in range(3):
        both = ~(np.isnan(train[window]) | np.isnan(test[window]))
        x, y = train[window][both], test[window][both]
        if len(x) < 3 or len(set(x)) == 1 or len(set(y)) == 1:
            assert math.isnan(found[window])
        else:
            assert found[window] == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)


class TestStability:
    @given(
        st.lists(st.tuples(st.integers(0, 8), st.integers(0, 2)), min_size=1, max_size=12),
        st.lists(st.integers(-1, 11), max_size=12),
    )
    def test_is_one_less_observed_over_expected(self, points, picks):
        units = np.array(points) / 8
        picks = [pick for pick in picks if pick < len(points)]
        found = parameter_stability(units, np.array(picks, dtype=np.int64), unordered=[1])
        kept = [pick for pick in picks if pick >= 0]
        for dimension, distance in enumerate((lambda a, b: abs(a - b), lambda a, b: float(a != b))):
            column = units[:, dimension].tolist()
            expected = np.mean([distance(a, b) for a in column for b in column])
            for name, pairs in (
                ("overall", itertools.combinations(kept, 2)),
                ("consecutive", itertools.pairwise(kept)),
            ):
                moves = [distance(column[a], column[b]) for a, b in pairs]
                value = getattr(found, name)[dimension]
                if not moves or expected == 0.0:
                    assert math.isnan(value)
                else:
                    assert value == pytest.approx(1 - np.mean(moves) / expected, abs=1e-12)

    def test_one_choice_throughout_is_one_and_a_lot_is_zero(self):
        units = np.random.default_rng(0).random((500, 1))
        assert parameter_stability(units, np.full(30, 17)).overall.tolist() == [1.0]
        lots = [
            parameter_stability(units, np.random.default_rng(seed).integers(0, 500, 40)).overall[0]
            for seed in range(200)
        ]
        assert np.mean(lots) == pytest.approx(0.0, abs=0.02)
        to_and_fro = parameter_stability([[0.0], [1.0]], [0, 1] * 10)
        assert to_and_fro.consecutive.tolist() == [-1.0]

    def test_a_drift_is_stable_from_window_to_window_only(self):
        drift = parameter_stability(np.linspace(0, 1, 21)[:, None], np.arange(21))
        assert drift.consecutive[0] > 0.8
        assert drift.overall[0] < 0.0


def test_the_mean_of_no_value():
    assert mean_interval([]).windows == 0
    assert math.isnan(mean_interval([NAN]).mean)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: percentiles([[1.0, 2.0]], [2]),
            r"chosen must be a trial below 2, or -1, for each of 1 windows; received \[2\]",
        ),
        (lambda: percentiles([[1.0, 2.0]], [-2]), r"received \[-2\]\. Pass Selection\.chosen"),
        (lambda: percentiles([[1.0, 2.0]], [0, 1]), r"for each of 1 windows; received \[0, 1\]"),
        (lambda: percentiles([[1.0, 2.0]], [0.5]), r"received \[0\.5\]"),
        (lambda: percentiles([[1.0]], [0], direction="up"), r"direction must be one of"),
        (lambda: rank_correlations([[1.0]], [[1.0, 2.0]]), r"test must be of the shape .* received \(1, 2\)"),
        (lambda: mean_interval([1.0], 1.0), r"confidence must be .* received 1\.0\. 0\.95 covers"),
        (lambda: parameter_stability([[1.0]], [1]), r"chosen must be a trial below 1"),
        (
            lambda: parameter_stability([[1.0]], [0], [1]),
            r"unordered must be dimensions below 1; received 1\. Dimensions count from",
        ),
    ],
)
def test_says_what_is_wrong(call, message):
    with pytest.raises(InputError, match=message):
        call()
