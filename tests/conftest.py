"""Settings that hold for every test."""

import os
import signal

import pytest
from hypothesis import settings

# kernels may compile inside the first example; time is measured in benchmarks, never here
settings.register_profile("rustybt_ray", deadline=None)
settings.load_profile("rustybt_ray")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell that starts the tests in the background has Ctrl-C ignored, which processes inherit
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Tests that start a Ray share one process where several run tests: a machine has CPUs for one Ray."""
    for item in items:
        if item.get_closest_marker("ray") is not None:
            item.add_marker(pytest.mark.xdist_group("ray"))
