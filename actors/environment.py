"""Environment in which Ray starts: one thread a worker in numeric libraries, no telemetry."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

THREAD_CAPS = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "POLARS_MAX_THREADS",
        "RAYON_NUM_THREADS",
    ),
    "1",
)

DRIVER = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Ray's own 15 gives way to whatever else runs: trials took 2 to 4 % longer than in the driver's process
    "RAY_worker_niceness": "0",
    # Ray ends a driver that has not reached the cluster's head for 60 s; a driver with results must outlive its cluster
    "RAY_gcs_rpc_server_reconnect_timeout_s": "86400",
}


@contextmanager
def variables(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables set for a while; those that the user has set stay as they are."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def initialised() -> bool:
    """Whether this process has a Ray, started by us or by the caller."""
    ray = sys.modules.get("ray")
    return ray is not None and bool(ray.is_initialized())


def available_cpus(system: Path = Path("/")) -> int:
    """CPUs that this process may use: its affinity, and its control groups' quota if there is one."""
    from actors.control_groups import cpu_quota

    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota(system)
    return affinity if quota is None else max(1, min(affinity, int(quota)))
