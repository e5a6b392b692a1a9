"""Real Ray nodes on "machines" of their own: network namespaces joined by a bridge, one of whose links is cut."""

import contextlib
import itertools
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from far_driver import crossover, sweep

from rustybt_ray.exceptions import RunError
from rustybt_ray.studies.journal import read_journal

ROOT = Path(__file__).resolve().parents[2]
HEAD, NET = "10.77.0.1", "10.77.0"
SAME = ["duration", "worker"]
HEALTH = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}


def why_not():
    """Why this machine cannot have namespaces for us; None if it can."""
    if not sys.platform.startswith("linux") or os.geteuid():
        return "network namespaces need Linux and root"
    if shutil.which("ip") is None:
        return "needs the command ip (iproute2)"
    name = f"rbt{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"ip netns add: {made.stderr.strip()}"
    try:
        bridge = ("ip", "-n", name, "link", "add", "br0", "type", "bridge")
        made = subprocess.run(bridge, capture_output=True, text=True, check=False)
        return f"a bridge cannot be made: {made.stderr.strip()}" if made.returncode else None
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


class Machines:
    """A head's namespace with a bridge, and namespaces that hang on it; whatever runs in them goes with them."""

    def __init__(self):
        # short: Ray's sockets lie in it, and their paths may have 107 characters
        self.folder = Path(tempfile.mkdtemp(prefix="rbn", dir="/tmp"))
        self.names = []
        token = self.folder / "token"
        token.write_text(secrets.token_hex(32))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        self.variables = (
            kept
            | HEALTH
            | {
                "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")]),
                "RAY_AUTH_MODE": "token",
                "RAY_AUTH_TOKEN_PATH": str(token),
                "RAY_USAGE_STATS_ENABLED": "0",
            }
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def ip(self, *words):
        subprocess.run(["ip", *words], check=True)

    def head(self):
        name = self.namespace()
        self.ip("-n", name, "link", "add", "br0", "type", "bridge")
        self.ip("-n", name, "addr", "add", f"{HEAD}/24", "dev", "br0")
        self.ip("-n", name, "link", "set", "br0", "up")
        self.ray(
            name, "--head", f"--node-ip-address={HEAD}", "--port=6379", "--include-dashboard=false", "--num-cpus=0"
        )

    def worker(self):
        number = len(self.names)
        name, address = self.namespace(), f"{NET}.{number + 1}"
        self.ip(
            "-n", self.names[0], "link", "add", f"to{number}", "type", "veth", "peer", "name", "eth0", "netns", name
        )
        self.ip("-n", self.names[0], "link", "set", f"to{number}", "master", "br0", "up")
        self.ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
        self.ip("-n", name, "link", "set", "eth0", "up")
        self.ray(name, f"--address={HEAD}:6379", f"--node-ip-address={address}", "--num-cpus=1")

    def cut(self, number):
        """The link of a worker's machine is down from now on."""
        self.ip("-n", self.names[0], "link", "set", f"to{number}", "down")

    def namespace(self):
        name = f"rb{os.getpid()}n{len(self.names)}"
        self.ip("netns", "add", name)
        self.names.append(name)
        self.ip("-n", name, "link", "set", "lo", "up")
        return name

    def ray(self, name, *words):
        words = (*words, "--object-store-memory=100000000", "--disable-usage-stats")
        if "--head" in words:
            words += (f"--temp-dir={self.folder / 'ray'}",)
        done = self.start(name, "-m", "ray.scripts.scripts", "start", *words)
        out, _ = done.communicate(timeout=90)
        assert done.returncode == 0, out

    def start(self, name, *words):
        return subprocess.Popen(
            ["ip", "netns", "exec", name, sys.executable, *map(str, words)],
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            cwd=self.folder,
        )

    def processes(self):
        """Process ids of all that runs in our namespaces."""
        found = []
        for name in self.names:
            pids = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False)
            found += map(int, pids.stdout.split())
        return found

    def stop(self):
        """End what runs in the namespaces, then delete them, with their links, and the folder."""
        until = time.monotonic() + 30
        while (left := self.processes()) and time.monotonic() < until:
            for process in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            time.sleep(0.2)
        for name in reversed(self.names):
            subprocess.run(["ip", "netns", "del", name], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
        assert not left


pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.timeout(240)]


@pytest.fixture
def machines():
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    with Machines() as made:
        made.head()
        made.worker()
        made.worker()
        yield made


def recorded(run_dir):
    """Who ran each trial that the journal has, in the order of arrival."""
    try:
        blocks = read_journal(run_dir / "journal").blocks
    except (FileNotFoundError, RunError):
        return []
    return list(itertools.chain.from_iterable([block.worker] * len(block) for _, block in blocks))


def test_a_study_goes_on_when_the_link_to_a_machine_is_cut(machines, tmp_path):
    run_dir = tmp_path / "run"
    driver = machines.start(machines.names[0], ROOT / "tests" / "support" / "far_driver.py", f"{HEAD}:6379", run_dir)
    until = time.monotonic() + 90
    while driver.poll() is None and (len(set(recorded(run_dir))) < 2 or len(recorded(run_dir)) < 60):
        assert time.monotonic() < until, "the study does not begin"
        time.sleep(0.05)
    machines.cut(2)
    before = recorded(run_dir)
    out, _ = driver.communicate(timeout=120)
    assert driver.returncode == 0, out
    assert out.splitlines()[-1] == "None 450"
    import polars as pl

    found = pl.read_parquet(run_dir / "table.parquet")
    expected = sweep(crossover, executor="inline").trials
    assert found.drop(SAME).equals(expected.drop(SAME))
    workers = recorded(run_dir)
    assert len(before) < len(workers) == 450
    # trials of the cut machine ended before the cut, those of the other went on
    assert len(set(workers[len(before) + 30 :])) == 1
