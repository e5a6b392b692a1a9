"""Settings that hold for every test."""

import os

from hypothesis import settings

# kernels may compile inside the first example; time is measured in benchmarks, never here
settings.register_profile("rustybt_ray", deadline=None)
settings.load_profile("rustybt_ray")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
