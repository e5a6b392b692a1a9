"""Zipline algorithms at the command line."""

import gzip
import json

import pytest
from zipline_goldens import assert_same, read_golden, unpack_sources

TEXT = """
from zipline.api import order_target_percent, record, symbol

share = 0.5


def initialize(context):
    context.asset = symbol("AAA")
    context.limit = context.params.get("limit", 3)


def handle_data(context, data):
    if data.current(context.asset, "price") > context.limit:
        order_target_percent(context.asset, share)
    record(x=share, y=context.limit)
"""


@pytest.fixture
def algorithm(tmp_path):
    path = tmp_path / "algo.py"
    path.write_text(TEXT)
    return path


@pytest.fixture
def bundle(call, source):
    call("ingest", "mine", source)
    return "mine"


def dumped(path):
    content = path.read_bytes()
    return json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)


def line(content, section, row):
    return dict(zip(content[section]["columns"], content[section]["rows"][row], strict=True))


@pytest.mark.parametrize("name", ["out.json", "folder/out.json.gz"])
def test_a_dump_holds_the_run_and_what_was_run(call, algorithm, bundle, tmp_path, name):
    path = tmp_path / name
    words = ("-b", bundle, "-e", "2020-03-06", "-D", "share=0.25", "-D", "limit=7", "--dump", path)
    result = call("backtest", "-f", algorithm, *words)
    assert "algo.py: share=0.25 limit=7, on mine, 2020-01-06 to 2020-03-06" in result.stdout
    assert f"Saved in {path}: everything that the algorithm did." in result.stdout
    assert "Without costs" not in result.stdout
    content = dumped(path)
    assert content["error"] is None
    assert (len(content["sessions"]), set(content["recorded"]["x"]), set(content["recorded"]["y"])) == (45, {0.25}, {7})
    meta = content["meta"]
    assert (meta["algorithm"], meta["bundle"], meta["params"]) == ("algo.py", "mine", {"share": 0.25, "limit": 7})
    assert (meta["start"], meta["end"], meta["capital"]) == (None, "2020-03-06", 1e6)
    assert len(meta["algorithm_sha256"]) == 64


def test_what_is_said_changes_ziplines_rules_and_no_others(call, algorithm, bundle, tmp_path):
    """Five basis points by default; a commission that is said is charged, and the slippage stays."""
    prices = []
    for words in ((), ("--commission", "per-trade:100"), ("--slippage", "none", "--capital", "5000")):
        path = tmp_path / "out.json"
        call("backtest", "-f", algorithm, "-b", bundle, *words, "--dump", path)
        content = dumped(path)
        placed, filled, traded = (
            line(content, "orders", 0),
            line(content, "orders", 1),
            line(content, "transactions", 0),
        )
        prices.append((traded["price"], filled["commission"], placed["amount"]))
    (price, per_share, shares), (same, hundred, _), (lower, _, few) = prices
    assert (price, hundred) == (same, 100.0)
    assert per_share == pytest.approx(0.001 * shares)
    assert price == pytest.approx(lower * 1.0005)
    assert few == pytest.approx(shares / 200, abs=1)


def test_a_study_of_an_algorithm_has_ziplines_rules(call, algorithm, bundle, tmp_path):
    words = ("-b", bundle, "-D", "share=0.1:0.5:0.1", "--slippage", "none", "--set", "dividends=ex-date")
    call("optimize", "-f", algorithm, *words, "-o", tmp_path / "run", "--format", "json")
    spec = json.loads((tmp_path / "run" / "study.json").read_text())
    assert (spec["kind"], spec["settings"]["open_orders"], spec["settings"]["dividends"]) == (
        "zipline",
        "kept",
        "ex-date",
    )
    assert (spec["costs"]["commission"]["model"], spec["costs"]["slippage"]["model"]) == ("PerShare", "NoSlippage")
    table = json.loads(call("show", tmp_path / "run", "--format", "json").stdout)
    assert len(str(table)) > 100


def test_a_dump_of_a_run_that_failed_holds_the_users_error(call, algorithm, bundle, tmp_path):
    algorithm.write_text(TEXT + "    1 / 0\n")
    result = call("backtest", "-f", algorithm, "-b", bundle, "--dump", tmp_path / "out.json", code=1)
    assert "ZeroDivisionError: division by zero" in result.stderr
    assert "algo.py:16 in handle_data" in result.stderr
    content = dumped(tmp_path / "out.json")
    assert content["error"] == {"type": "ZeroDivisionError", "message": "division by zero"}
    assert sorted(content) == ["error", "meta"]


def test_a_name_that_is_none_of_the_algorithms(call, algorithm, bundle):
    result = call("backtest", "-f", algorithm, "-b", bundle, "-D", "shar=0.5", code=1)
    assert "algo has no parameter 'shar'" in " ".join(result.stderr.split())
    assert "Did you mean 'share'?" in " ".join(result.stderr.split())


def test_a_dump_is_json(call, algorithm):
    result = call("backtest", "-f", algorithm, "-b", "mine", "--dump", "out.txt", code=2)
    assert "--dump must be a file that ends in .json or .json.gz; received 'out.txt'" in result.stderr


def test_a_target_function_has_no_dump(call, tmp_path):
    (tmp_path / "target.py").write_text("def target(data):\n    return data.close > 0\n")
    result = call("backtest", "-f", tmp_path / "target.py", "-b", "mine", "--dump", tmp_path / "out.json", code=2)
    assert "--dump is for zipline algorithms" in result.stderr
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize(("name", "capital"), [("order_styles.synthetic", 1e5), ("account_leverage.synthetic", 1e5)])
def test_the_program_repeats_a_golden(call, tmp_path, name, capital):
    """From the csv files and the algorithm's file to the dump; a run that ends in an error too."""
    golden, folder = read_golden(name), unpack_sources(tmp_path)
    call("ingest", "synthetic", folder / "synthetic" / "daily")
    words = ("-b", "synthetic", "-s", "2018-01-02", "-e", "2019-12-31", "--capital", capital)
    file, code = folder / "algos" / golden["meta"]["algorithm"], 1 if golden["error"] else 0
    call("backtest", "-f", file, *words, "--dump", tmp_path / "out.json", code=code)
    made = json.loads((tmp_path / "out.json").read_text())
    assert_same(made, golden)
    assert made["meta"]["algorithm_sha256"] == golden["meta"]["algorithm_sha256"]
