from pathlib import Path

import numpy as np
import pytest

from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.data.store import BundleStore

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"


@pytest.fixture
def store(tmp_path):
    return BundleStore(tmp_path / "bundles")


@pytest.fixture
def shared():
    if not SHARED.is_dir():
        pytest.skip("the real data in ../shared is not here")
    return SHARED


@pytest.fixture
def make_panel():
    """A panel of random bars with a gap, a split, a dividend and a paid one; another seed, another content."""

    def make(seed=0, rows=6, **changes):
        random = np.random.default_rng(seed)
        low = random.uniform(10.0, 20.0, (rows, 3))
        bars = {"open": low + 1.0, "high": low + 3.0, "low": low, "close": low + 2.0}
        bars["volume"] = random.integers(1, 1000, (rows, 3)).astype(float)
        for field in bars.values():
            field[1, 1] = np.nan
        days = np.datetime64("2020-03-02") + np.arange(rows)
        events = {"splits": [(3, 0, 2.0)], "dividends": [(2, 1, 0.25), (4, 2, 0.5, rows)]}
        return panel_from_arrays(days, ["A", "B", "É"], **{**bars, **events, **changes})

    return make
