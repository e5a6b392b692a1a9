"""A bundle root of the session's own, with the sample and, where it is there, the market data."""

from pathlib import Path

import pytest

import rustybt_ray as rb

SHARED = Path(__file__).parents[3] / "shared"


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    rb.ingest_sample(rb.BundleStore(folder))
    return folder


@pytest.fixture(scope="session")
def mag7(root):
    source = SHARED / "data" / "mag7"
    if not source.is_dir():
        pytest.skip("the market data is not on this machine")
    rb.ingest("mag-7", source, root=root)
    return "mag-7"


@pytest.fixture
def sweep(root):
    """`optimize` of the crossover over a small grid of the sample, with any argument replaced."""

    def run(strategy=crossover, **arguments):
        defaults = {
            "bundle": "sample-mag-7",
            "space": {"fast": rb.Int(5, 25, step=10), "slow": rb.Int(60, 120, step=30)},
            "costs": rb.Costs(rb.PerDollar(0.001)),
            "executor": "inline",
            "root": root,
            "progress": False,
        }
        return rb.optimize(strategy, **{**defaults, **arguments})

    return run


def crossover(data, fast, slow):
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))
