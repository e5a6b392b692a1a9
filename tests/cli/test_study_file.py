"""`optimize STUDY.toml`: the same study as with options; what is wrong in a file is named with its place."""

import json
from pathlib import Path

import pytest

import rustybt_ray as rb

STRATEGY = """
import rustybt_ray as rb

def crossover(data, fast, slow=40):
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))
"""
WHOLE = """
strategy = "strategy.py:crossover"
bundle = "mine"
start = 2020-02-03
end = "2021-01-29"
capital = 50_000
fill = "next_open"
constraint = ["fast<slow", "fast>4"]
require = "n_trades > 2"
objective = "max_drawdown"
direction = "minimize"
search = "grid"
n_trials = 5
seed = 3
executor = "inline"
top = 4
run_dir = "runs/here"
[space]
fast = "5:15:5"
slow = {low = 20, high = 40, step = 20}
[costs]
commission = "per-dollar:0.001"
slippage = "basis-points:5"
borrow = 0.02
[settings]
delay = 1
shares = "fractional"
"""
OPTIONS = (
    *("-b", "mine", "-s", "2020-02-03", "-e", "2021-01-29", "--capital-base", 50000, "--fill", "next_open"),
    *("--constraint", "fast<slow", "--constraint", "fast>4", "--require", "n_trades > 2"),
    *("--objective", "max_drawdown", "--direction", "minimize", "--n-trials", 5, "--seed", 3, "--executor", "inline"),
    *("--top", 4, "-p", "fast=5:15:5", "-p", "slow=20:40:20", "--commission", "per-dollar:0.001"),
    *("--slippage", "basis-points:5", "--borrow", 0.02, "--set", "delay=1", "--set", "shares=fractional"),
)
SHORT = 'strategy = "strategy.py"\nbundle = "mine"\nexecutor = "inline"\n'


@pytest.fixture
def write(tmp_path):
    folder = tmp_path / "studies"
    folder.mkdir()
    (folder / "strategy.py").write_text(STRATEGY)

    def make(text):
        (folder / "study.toml").write_text(text)
        return folder / "study.toml"

    return make


@pytest.fixture
def study(call, source, write):
    """Run a study file; the rows it prints, without their durations."""
    call("ingest", "mine", source)

    def run(text, *words):
        return rows(call("optimize", write(text), "--format", "json", *words))

    return run


def rows(result):
    return [
        {name: value for name, value in row.items() if name not in ("duration", "worker")}
        for row in json.loads(result.stdout)
    ]


def refusal(call, write, text, *words):
    result = call("optimize", write(text), *words, code=1)
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert "Traceback" not in result.stderr
    return line


def test_a_file_and_options_that_say_the_same_give_the_same(call, study, write):
    found = study(WHOLE)
    assert found
    strategy = write(WHOLE).parent / "strategy.py:crossover"
    assert found == rows(call("optimize", "-f", strategy, *OPTIONS, "--format", "json"))
    saved = json.loads((strategy.parent / "runs" / "here" / "study.json").read_text())
    assert (saved["seed"], saved["settings"]["delay"], saved["start"]) == (3, 1, "2020-02-03")


def test_options_win_over_the_file(study):
    text = SHORT + 'seed = 1\n[space]\nfast = [5, 10]\nslow = 40\n[settings]\ndelay = 1\nshares = "whole"\n'
    plain = study(text)
    assert [(row["fast"], row["slow"]) for row in plain] == [(5, 40), (10, 40)]
    changed = study(text, "-p", "fast=15", "--set", "delay=2")
    assert [(row["fast"], row["slow"]) for row in changed] == [(15, 40)]
    assert list(changed[0]) == list(plain[0])  # the dimension keeps its place
    assert changed == study(text.replace("[5, 10]", "15").replace("delay = 1", "delay = 2"))
    assert changed != study(text.replace("[5, 10]", "15"))  # the setting counts


def test_a_dimension_that_only_the_command_line_has(study):
    found = study(SHORT + "[space]\nfast = 5\n", "-p", "slow=20,30")
    assert [(row["fast"], row["slow"]) for row in found] == [(5, 20), (5, 30)]


def test_optimize_without_a_file_is_as_before(call, source, write):
    call("ingest", "mine", source)
    strategy = write(SHORT).parent / "strategy.py"
    call("optimize", "-f", strategy, "-b", "mine", "-p", "fast=5", "--executor", "inline")
    result = call("optimize", "-b", "mine", "-p", "fast=5", code=2)
    assert "Missing option '-f' / '--strategy'" in result.stderr


def test_what_the_file_leaves_out_the_command_line_may_say(call, source, write):
    call("ingest", "mine", source)
    path = write('strategy = "strategy.py"\nexecutor = "inline"\n[space]\nfast = 5\n')
    assert "Missing option '-b' / '--bundle'" in call("optimize", path, code=2).stderr
    call("optimize", path, "-b", "mine")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ('"5:15:5"', [5, 10, 15]),
        ("{low = 5, high = 7}", [5, 6, 7]),
        ("[5, 9]", [5, 9]),
        ("7", [7]),
        ('"5,8"', [5, 8]),
    ],
)
def test_forms_of_a_dimension(study, values, expected):
    assert [row["fast"] for row in study(f"{SHORT}[space]\nfast = {values}\n")] == expected


def test_a_logarithmic_range_is_drawn_from(study, write):
    objective = "def only(trial):\n    return trial.params['rate']\n"
    (write(SHORT).parent / "objective.py").write_text(objective)
    text = 'strategy = "objective.py"\nbundle = "mine"\nexecutor = "inline"\nsearch = "random"\nn_trials = 20\n'
    drawn = [row["rate"] for row in study(text + "[space]\nrate = {low = 1e-4, high = 0.1, log = true}\n")]
    assert len(drawn) == 20
    assert all(1e-4 <= rate <= 0.1 for rate in drawn)
    assert sum(rate < 0.01 for rate in drawn) > 5  # of plain draws one in ten is


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "strateggy = 'a'",
            "a key in {} must be one of strategy, bundle, .*received 'strateggy'. Did you mean 'strategy'?",
        ),
        ("n_trial = 5", "Did you mean 'n_trials'?"),
        ("form = 'json'", "received 'form'"),
        ("[costs]\ncomission = 'none'", "a key in [costs] of {} must be.*Did you mean 'commission'?"),
        ("[settings]\ndelays = 1", "a key in [settings] of {} must be.*Did you mean 'delay'?"),
        ("[settings]\ndelay = -1", "settings.delay in {} must be"),
        ("[costs]\ncommission = 'per-dolar:1'", "costs.commission in {} must be as --commission takes it"),
        ("seed = 1.5", "seed in {} must be as --seed takes it ('1.5' is not a valid"),
        ("n_trials = true", "n_trials in {} must be a text or number; received True"),
        ("resume = 'yes'", "resume in {} must be true or false; received 'yes'"),
        ("bundle = 5", "bundle in {} must be a text in quotes; received 5"),
        ("bundle = ['a']", "bundle in {} must be one text or number; received ['a']"),
        ("search = 'gird'", "search in {} must be as --search takes it ('gird' is not one of 'grid', 'random'"),
        ("start = 2020-01-01T10:00:00", "start in {} must be one text or number"),
        ("space = 5", "space in {} must be a table, [space]; received 5"),
        ("costs = 5", "costs in {} must be a table, [costs]; received 5"),
        ("[space]\nfast = '5:x'", "space.fast in {} must be a dimension.*received '5:x'. Forms:"),
        (
            "[space]\nfast = {low = 9, high = 5}",
            "space.fast in {} must be a dimension (Int.low must be at most high = 5)",
        ),
        ("[space]\nfast = {low = 9, hihg = 5}", "a key in space.fast in {} must be.*Did you mean 'high'?"),
        ("[space]\nfast = {low = 9}", "space.fast in {} must be a range with high"),
        ("[space]\nfast = {low = 1, high = 2, log = 1}", "space.fast in {} must be a range whose log is true or false"),
        ("[space]\nfast = []", "space.fast in {} must be a dimension"),
        ("bundle = mine", "the study file must be TOML (Invalid value (at line 1, column 10))"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(call, write, text, message):
    line = refusal(call, write, text)
    place = str(write(text))
    for part in message.format(place).split(".*"):
        assert part in line


def test_a_file_that_is_not_there_or_no_text(call, write, tmp_path):
    result = call("optimize", tmp_path / "no.toml", code=1)
    assert "the study file must be a file that can be read (No such file or directory)" in result.stderr
    path = write("")
    path.write_bytes(b"\xff\xfe")
    assert "the study file must be UTF-8" in call("optimize", path, code=1).stderr


def test_the_example_says_what_the_demo_does(call, home):
    rb.ingest_sample()
    example = Path(__file__).resolve().parents[2] / "examples" / "study.toml"
    found = rows(call("optimize", example, "--executor", "inline", "--format", "json"))
    assert len(found) == 200
    best = max(found, key=lambda row: row["sharpe_ratio"])
    assert (best["fast"], best["slow"]) == (5, 240)


def test_the_example_walks_forward_with_its_lines_for_that(call, tmp_path):
    example = Path(__file__).resolve().parents[2] / "examples" / "study.toml"
    text = example.read_text()
    low, stop = text.index("# windows = "), text.index("# n_trials = ")
    lines = text[low:stop].replace("# ", "").replace("purge = 5", "purge = 7")
    file = tmp_path / "study.toml"
    file.write_text((text[:low] + lines + text[stop:]).replace('"sma_cross', f'"{example.parent}/sma_cross'))
    rb.ingest_sample()
    drawn = call("walk-forward", file, "--plan").stdout
    assert "Rolling(train='3y', validate='6mo', test='6mo', step='6mo'), purge=7\n43 windows of 6,289 sessions" in drawn
    assert "a key in" in call("optimize", file, code=1).stderr
