import numpy as np
import pytest

from rustybt_ray.data.build import panel_from_arrays

DAY = 86_400_000_000_000


@pytest.fixture
def make_panel():
    """A daily panel of assets A, B, ... from closes; the other prices lie around them, volume is 1,000."""

    def make(close, volume=1000.0, **events):
        close = np.asarray(close, dtype=np.float64)
        rows, assets = close.shape
        volumes = np.where(np.isnan(close), np.nan, np.asarray(volume, dtype=np.float64))
        days, symbols = np.arange(rows) * DAY, [chr(ord("A") + i) for i in range(assets)]
        return panel_from_arrays(days, symbols, close, close * 1.01, close * 0.99, close, volumes, **events)

    return make
