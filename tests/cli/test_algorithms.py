"""`backtest` of a zipline algorithm's file: what is asked of the engine, what is written, what is refused."""

import gzip
import json

import numpy as np
import pytest

from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.data.grid import on_grid
from rustybt_ray.engine.backtest import simulate
from rustybt_ray.engine.weights import equal_weight
from rustybt_ray.exceptions import StrategyError
from rustybt_ray.zipline.algorithm import Algorithm
from rustybt_ray.zipline.record import Record
from rustybt_ray.zipline.result import AlgorithmBacktest

TEXT = """
from zipline.api import order, record

fast = 20


def initialize(context):
    pass
"""


@pytest.fixture
def made():
    """A run of two sessions without a trade, with the metrics of a backtest."""
    panel = panel_from_arrays(["2020-01-02", "2020-01-03"], ["A"], *[[[10.0], [11.0]]] * 4, [[1e6], [1e6]])
    values = np.full(2, 1e5)
    return Record(
        view=on_grid(panel),
        first=0,
        last=1,
        capital=1e5,
        benchmark=None,
        daily=np.array([[1e5, 0.0, 1e5, 0.0, 0.0, 0.0, 0.0, 0.0]] * 2),
        transactions=np.empty((0, 7)),
        orders=np.empty((0, 13)),
        positions=np.empty((0, 6)),
        recorded={"x": [1, 2]},
        order_ids=str,
        metrics=simulate(panel, equal_weight(np.zeros((2, 1), bool)), 0, 1).metrics,
        returns=np.zeros(2),
        equity=values,
    )


@pytest.fixture
def asked(monkeypatch, made):
    """What `rb.backtest` is called with; "raises" is what it raises."""
    calls = {}

    def backtest(strategy, params, **arguments):
        calls.update(strategy=strategy, params=params, arguments=arguments)
        if "raises" in calls:
            raise calls["raises"]
        return AlgorithmBacktest.of(made)

    monkeypatch.setattr("rustybt_ray.api.backtest.backtest", backtest)
    monkeypatch.setattr("rustybt_ray.strategies.load.load_strategy", Algorithm.from_file)
    return calls


@pytest.fixture
def algorithm(tmp_path):
    path = tmp_path / "algo.py"
    path.write_text(TEXT)
    return path


def test_an_algorithm_is_asked_for_with_its_own_costs(call, asked, algorithm):
    result = call("backtest", "-f", algorithm, "-b", "mine", "-s", "2020-01-02", "-e", "2020-01-03", "-D", "fast=5")
    assert isinstance(asked["strategy"], Algorithm)
    assert asked["params"] == {"fast": 5}
    wanted = {"bundle": "mine", "start": "2020-01-02", "end": "2020-01-03", "capital": 1e6, "root": None}
    assert asked["arguments"] == wanted
    assert "algo.py: fast=5, on mine, 2020-01-02 to 2020-01-03" in result.stdout
    assert "Without costs" not in result.stdout


def test_capital_and_settings_by_the_command_line(call, asked, algorithm):
    call("backtest", "-f", algorithm, "-b", "mine", "--capital", "5000", "--set", "max_leverage=3")
    assert asked["arguments"]["capital"] == 5000.0
    assert asked["arguments"]["settings"].max_leverage == 3


@pytest.mark.parametrize("name", ["out.json", "folder/out.json.gz"])
def test_a_dump_holds_the_run_and_what_was_run(call, asked, algorithm, tmp_path, name):
    path = tmp_path / name
    result = call("backtest", "-f", algorithm, "-b", "mine", "-e", "2020-01-03", "-D", "fast=5", "--dump", path)
    assert f"Saved in {path}: everything that the algorithm did." in result.stdout
    text = gzip.decompress(path.read_bytes()) if name.endswith("gz") else path.read_bytes()
    content = json.loads(text)
    assert content["error"] is None
    assert content["sessions"] == ["2020-01-02", "2020-01-03"]
    assert content["constant"]["portfolio_value"] == 100000.0
    assert content["recorded"] == {"x": [1, 2]}
    meta = content["meta"]
    assert (meta["algorithm"], meta["bundle"], meta["params"]) == ("algo.py", "mine", {"fast": 5})
    assert (meta["start"], meta["end"], meta["capital"]) == (None, "2020-01-03", 1e6)
    assert len(meta["algorithm_sha256"]) == 64


@pytest.mark.parametrize("told", [False, True])
def test_a_dump_of_a_run_that_failed_holds_the_users_error(call, asked, algorithm, tmp_path, told):
    error = ZeroDivisionError("division by zero")
    if told:
        error = StrategyError("the algorithm failed", "algo.py:9", "Mend it.")
        error.__cause__ = ZeroDivisionError("division by zero")
    asked["raises"] = error
    result = call("backtest", "-f", algorithm, "-b", "mine", "--dump", tmp_path / "out.json", code=1)
    assert "Error: " in result.stderr
    content = json.loads((tmp_path / "out.json").read_text())
    assert content["error"] == {"type": "ZeroDivisionError", "message": "division by zero"}
    assert sorted(content) == ["error", "meta"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--dump", "out.txt"), "--dump must be a file that ends in .json or .json.gz; received 'out.txt'"),
    ],
)
def test_what_is_not_an_algorithms(call, asked, algorithm, words, message):
    result = call("backtest", "-f", algorithm, "-b", "mine", *words, code=2)
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert "strategy" not in asked


def test_a_target_function_has_no_dump(call, tmp_path):
    (tmp_path / "target.py").write_text("def target(data):\n    return data.close > 0\n")
    result = call("backtest", "-f", tmp_path / "target.py", "-b", "mine", "--dump", tmp_path / "out.json", code=2)
    assert "--dump is for zipline algorithms" in result.stderr
    assert not (tmp_path / "out.json").exists()
