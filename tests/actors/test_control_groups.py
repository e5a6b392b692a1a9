"""Quotas of control groups made by hand."""

import os

import pytest

from actors.control_groups import cpu_quota
from actors.environment import available_cpus


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"sys__fs__cgroup__cpuDOTmax": "150000 100000\n"}, 1.5),
        ({"sys__fs__cgroup__cpuDOTmax": "max 100000\n"}, None),
        (
            {
                "proc__self__cgroup": "0::/jobs/mine\n",
                "sys__fs__cgroup__jobs__mine__cpuDOTmax": "max 100000",
                "sys__fs__cgroup__jobs__cpuDOTmax": "250000 100000",
            },
            2.5,
        ),
        (
            {
                "proc__self__cgroup": "1:cpu,cpuacct:/\n0::/\n",
                "sys__fs__cgroup__cpu__cpuDOTcfs_quota_us": "50000",
                "sys__fs__cgroup__cpu__cpuDOTcfs_period_us": "100000",
            },
            0.5,
        ),
        (
            {
                "sys__fs__cgroup__cpu__cpuDOTcfs_quota_us": "-1",
                "sys__fs__cgroup__cpu__cpuDOTcfs_period_us": "100000",
            },
            None,
        ),
    ],
)
def test_the_quota_of_the_groups_around_us(tmp_path, files, quota):
    for name, text in files.items():
        path = tmp_path / name.replace("__", "/").replace("DOT", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert cpu_quota(tmp_path) == quota
    there = len(os.sched_getaffinity(0))
    assert available_cpus(tmp_path) == (there if quota is None else max(1, min(there, int(quota))))
