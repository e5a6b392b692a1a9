"""How benchmarks summarise, keep and tell what they measured."""

import csv
import importlib
import json
import math
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

HOME = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(autouse=True, scope="module")
def benchmarks():
    """Scripts import each other from their own folder."""
    sys.path.insert(0, str(HOME))
    yield
    sys.path.remove(str(HOME))


def load(name):
    return importlib.import_module(name)


def test_a_summary_is_scipys():
    values = np.array([3.0, 1.0, 2.0, 10.0, 2.5, 2.2])
    found = load("measuring.samples").Summary.of(values)
    low, high = stats.t.interval(0.95, 5, loc=values.mean(), scale=stats.sem(values))
    assert (found.runs, found.median, found.mean) == (6, 2.35, values.mean())
    assert found.mad == pytest.approx(np.median(np.abs(values - 2.35)))
    assert (found.t_low, found.t_high) == pytest.approx((low, high))
    assert values.min() <= found.boot_low <= found.median <= found.boot_high <= values.max()


@pytest.mark.parametrize("values", [[2.0], [2.0, 2.0, 2.0]])
def test_a_summary_of_what_does_not_vary_is_that_value(values):
    found = load("measuring.samples").Summary.of(np.array(values))
    assert {found.median, found.mean, found.t_low, found.t_high, found.boot_low, found.boot_high} == {2.0}
    assert found.mad == 0.0


def test_a_difference_takes_pairs_side_by_side():
    drift = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])
    found = load("measuring.samples").Difference.of(3.0 * drift, drift, paired=True)
    assert (found.ratio, found.ratio_low, found.ratio_high) == (3.0, 3.0, 3.0)
    apart = load("measuring.samples").Difference.of(3.0 * drift, drift, paired=False)
    assert apart.ratio == 3.0
    assert apart.ratio_low < 1.0 < 3.0 < apart.ratio_high


def test_a_difference_has_scipys_tests_and_cliffs_delta():
    rng = np.random.default_rng(1)
    a, b = rng.normal(2.0, 0.1, 12), rng.normal(1.0, 0.1, 10)
    found = load("measuring.samples").Difference.of(a, b, paired=False)
    assert found.welch == stats.ttest_ind(a, b, equal_var=False).pvalue
    assert found.mann_whitney == stats.mannwhitneyu(a, b).pvalue
    assert found.effect == 1.0
    assert load("measuring.samples").Difference.of(b, a, paired=False).effect == -1.0


def test_the_interval_of_a_median_covers_it():
    interval, rng, covered = load("measuring.samples").median_interval, np.random.default_rng(2), 0
    for _ in range(1000):
        low, high = interval(rng.exponential(1.0, 15))
        covered += low <= math.log(2.0) <= high
    assert 0.94 <= covered / 1000 <= 0.99


def test_runs_take_turns():
    order = []
    times = load("measuring.samples").interleaved(3, lambda: order.append("a"), lambda: order.append("b"))
    assert "".join(order) == "abbaab"
    assert times.shape == (3, 2)
    assert (times >= 0.0).all()


def kept(name="grid", key="careful", baseline=(4.0, 6.0, 5.0), ours=(2.0, 3.0, 2.5), date="2026-01-02"):
    row = load("measuring.rows").Row(key, "what", "s", ours, baseline)
    return {"machine": {"date": date}, "rows": [row.record()], "command": f"run {name}"}


def test_an_archive_gives_back_the_newest(tmp_path):
    archive = load("measuring.archive").Archive(tmp_path / "results")
    archive.keep("workflows", "grid", kept(ours=(9.0, 9.5, 9.2), date="2026-01-03"))
    archive.keep("workflows", "grid", kept(date="2026-01-02"))
    archive.keep("layer1", "assets", kept("assets", "first"))
    found = archive.newest()
    assert sorted(found) == ["assets", "grid"]
    assert found["grid"]["rows"][0]["ours"] == [9.0, 9.5, 9.2]
    archive.tables("2026-01-03")
    folder = tmp_path / "results" / "statistical_analysis"
    with (folder / "confidence_intervals_2026-01-03.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 4
    with (folder / "significance_tests_2026-01-03.csv").open() as file:
        assert {line["benchmark"] for line in csv.DictReader(file)} == {"assets", "grid"}
    assert json.loads((tmp_path / "results" / "benchmark_results" / "layer1_results_2026-01-02.json").read_text())


def test_a_table_has_no_blank_cell():
    table = load("measuring.results").table
    assert table(["a", "b"], [["1", "2"]]).splitlines() == ["| a | b |", "| --- | --- |", "| 1 | 2 |"]
    with pytest.raises(ValueError, match="a blank cell in the row"):
        table(["a", "b"], [["1", " "]])


def test_what_was_not_measured_is_named_with_its_command():
    results = load("measuring.results")
    found = results.Results({"grid": kept()})
    assert found.versus("grid", "careful")[:3] == ["5 s", "2.5 s", "2x (2 to 2)"]
    with pytest.raises(
        results.MissingResultError, match=r"'ancestor' of benchmark 'grid'; run: .*benchmarks/run.py grid"
    ):
        found.row("grid", "ancestor")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.5, "ms", "0.5 ms"),
        (1234.0, "us", "1.23 ms"),
        (2500.0, "ms", "2.5 s"),
        (123456.0, "/s", "123,456 /s"),
        (0, "MB", "0 MB"),
    ],
)
def test_figures_are_readable(value, unit, text):
    assert load("measuring.results").with_unit(value, unit) == text


def test_an_interval_has_the_unit_of_its_figure():
    found = load("measuring.results").Results({"grid": kept(ours=(1990.0, 2010.0, 2000.0))})
    row = found.kept["grid"]["rows"][0]
    row["unit"] = "ms"
    assert found.span("grid", "careful").startswith("2 s [1.9")
    assert found.span("grid", "careful", "baseline").startswith("5 ms [2.")


def test_the_readme_must_have_its_marks(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("# nothing", encoding="utf-8")
    readme = load("measuring.readme")
    with pytest.raises(ValueError, match="must have the lines <!-- measured: begin -->"):
        readme.write_table(load("measuring.results").Results({}), path)


class Spent:
    """A clock of CPU time in which each call takes what it says, give or take."""

    def __init__(self, seed, noise):
        self.rng, self.noise = np.random.default_rng(seed), noise

    def __call__(self, call):
        # what others do on a machine only adds
        return call() * math.exp(abs(self.rng.normal(0.0, self.noise)))


@pytest.mark.parametrize("noise", [0.01, 0.05, 0.1])
def test_the_gate_catches_a_fifth_and_holds_otherwise(monkeypatch, noise):
    gate = load("gate")
    monkeypatch.setattr(gate.time, "sleep", lambda seconds: None)
    failed = caught = 0
    for seed in range(200):
        monkeypatch.setattr(gate, "cpu", Spent(seed, noise))
        failed += gate.judge("case", lambda: 1.7, lambda: 1.0, gate.Reference(1.7, 1.7)).failed
        caught += gate.judge("case", lambda: 1.7 * 1.2, lambda: 1.0, gate.Reference(1.7, 1.7)).failed
    assert failed <= 2
    assert caught >= 196


@pytest.mark.parametrize(("stays", "failed"), [(60.0, False), (math.inf, True)])
def test_a_neighbour_goes_and_a_slowdown_stays(monkeypatch, stays, failed):
    gate, now = load("gate"), [0.0]
    monkeypatch.setattr(gate.time, "sleep", lambda seconds: now.append(now[-1] + seconds))
    monkeypatch.setattr(gate, "cpu", lambda call: call())
    ours = lambda: 1.5 if now[-1] < stays else 1.0  # noqa: E731
    assert gate.judge("case", ours, lambda: 1.0, gate.Reference(1.0, 1.0)).failed is failed


def test_what_fails_here_is_heard_elsewhere(monkeypatch):
    gate = load("gate")
    monkeypatch.setattr(gate.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(gate, "cpu", lambda call: call())
    asked = []

    def elsewhere(ratio):
        asked.append(ratio)
        return gate.series("case", lambda: ratio, lambda: 1.0, gate.Reference(1.0, 1.0))

    judge = partial(gate.judge, "case", lambda: 1.2, lambda: 1.0, gate.Reference(1.0, 1.0))
    assert not judge(partial(elsewhere, 1.0)).failed
    assert asked == [1.0]
    assert judge(partial(elsewhere, 1.2)).failed
    assert asked == [1.0] + [1.2] * (len(gate.PAUSES) - 1)


def test_a_series_in_a_process_of_its_own_gives_the_same_kind_of_verdict():
    gate = load("gate")
    verdict = gate.elsewhere("small", 2.0)
    assert (verdict.name, verdict.failed) == ("small", True)
    assert verdict.reference == gate.Reference(**json.loads(gate.REFERENCE.read_text())["ratios"]["small"])


def test_the_gate_takes_few_pairs_where_it_is_clear_and_says_when_it_is_not(monkeypatch):
    gate = load("gate")
    monkeypatch.setattr(gate, "cpu", Spent(0, 0.01))
    clear = gate.judge("case", lambda: 1.0, lambda: 1.0, gate.Reference(1.0, 1.0))
    assert (clear.pairs, clear.failed) == (gate.FIRST, False)
    assert str(clear).endswith("ok")
    monkeypatch.setattr(gate, "cpu", Spent(0, 0.3))
    unclear = gate.judge("case", lambda: 1.1, lambda: 1.0, gate.Reference(1.0, 1.0))
    assert (unclear.pairs, unclear.failed) == (gate.MOST + (gate.FIRST - gate.MOST) % gate.STEP, False)
    assert str(unclear).endswith("ok, but noisy")


def test_every_committed_reference_has_a_case():
    assert set(json.loads((HOME / "reference.json").read_text())["ratios"]) == {
        "change",
        "daily",
        "loop",
        "small",
        "forward",
    }
