"""Panels of any size."""

import numpy as np

from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.data.panel import Panel

SESSIONS = 5040  # 20 years


def wide_panel(megabytes: int) -> Panel:
    """Random walks of 20 years of sessions, as many as fill the bytes; at least two."""
    generator = np.random.default_rng(7)

    def made(assets: int) -> Panel:
        close = 50.0 * np.exp(np.cumsum(generator.standard_normal((SESSIONS, assets)) * 0.01, axis=0))
        time = np.datetime64("2000-01-01", "ns") + np.arange(SESSIONS) * np.timedelta64(1, "D")
        symbols = [f"S{i:05d}" for i in range(assets)]
        return panel_from_arrays(time, symbols, close, close, close, close, np.full(close.shape, 1e6))

    two, four = made(2).nbytes, made(4).nbytes
    return made(2 + max(int((megabytes * 1e6 - two) / ((four - two) / 2)), 0))
