import numpy as np

from rustybt_ray.cli import demo
from rustybt_ray.config import OptimizationConfig
from rustybt_ray.data.sample import NAME, sample_panel
from rustybt_ray.data.store import BundleStore
from rustybt_ray.workspace.workspace import Workspace


def test_demo_from_nothing_to_a_ranked_table(call, home):
    result = call("demo", "--executor", "inline")
    assert [known.name for known in BundleStore().list()] == [NAME]
    assert "200 trials in " in result.stdout
    assert "trials/s" in result.stdout
    ranked = [line.split() for line in result.stdout.splitlines() if line.strip()[:1].isdigit()]
    assert [int(row[0]) for row in ranked] == list(range(1, 11))
    values = [float(row[4]) for row in ranked]
    assert values == sorted(values, reverse=True)
    for text in (
        "best:   sharpe_ratio",
        "median: sharpe_ratio",
        "causal: yes",
        "synthetic",
        "rustybt-ray ingest my-data",
    ):
        assert text in result.stdout


def test_demo_leaves_a_sample_that_is_there(call, home, tmp_path):
    root = tmp_path / "elsewhere"
    call("demo", "--executor", "inline", "--bundle-root", root)
    before = BundleStore(root).list()
    call("demo", "--executor", "inline", "--bundle-root", root)
    assert BundleStore(root).list() == before
    assert not home.exists()


def test_demo_without_a_place_to_write_uses_a_temporary_one(call, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    bundle, place = demo._sample(blocked / "below", tmp_path / "spare")
    assert (bundle.name, place) == (NAME, tmp_path / "spare")
    assert BundleStore(place).info(NAME) == bundle


def test_the_strategy_shown_to_begin_with_runs():
    lines = demo.NEXT.splitlines()
    text = "\n".join(line[2:] for line in lines[lines.index("  import rustybt_ray as rb") :] if line.startswith("  "))
    names = {}
    exec(text, names)
    panel = sample_panel()
    workspace = Workspace(OptimizationConfig())
    workspace.open(panel)
    data = workspace.data(panel.version)
    shown, own = names["sma_crossover"](data, 5, 60), demo.sma_crossover(data, 5, 60)
    assert np.array_equal(shown.mask, own.mask)
