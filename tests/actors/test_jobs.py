"""Jobs on a head of our own on loopback, with a token: submit, the plain Ray command, Ctrl-C, errors."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from rustybt_ray.data.sample import NAME, ingest_sample
from rustybt_ray.data.store import BundleStore

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.ray,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds its processes in /proc"),
    pytest.mark.skipif(
        any(find_spec(name) is None for name in ("aiohttp", "opencensus")),
        reason="Ray's dashboard is not installed: pip install --constraint constraints.txt -e '.[jobs]'",
    ),
]
ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SPACE = 'constraint = "fast<slow"\n[space]\nfast = "5:20:5"\nslow = "30:90:30"\n'
SLOW = """
import pathlib
import time

def slow(trial):
    pathlib.Path(r"MARK").touch()
    time.sleep(0.05)
    return float(trial.params["x"])
"""


def free_ports(count):
    """Ports free at this moment, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def owned(variables):
    """Command lines by id of the processes that carry this head's token file: those we started, and what they started."""
    mark = f"RAY_AUTH_TOKEN_PATH={variables['RAY_AUTH_TOKEN_PATH']}".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ").strip()
        except OSError:
            continue  # it ended, or is another user's
    return {process: line for process, line in found.items() if line and process != os.getpid()}


class Head:
    """A Ray head with its dashboard, and the programs that are run beside it."""

    def __init__(self, folder):
        self.folder, self.home = folder, folder / "home"
        token = folder / "token"
        token.write_text(secrets.token_hex(32))
        self.variables = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "RUSTYBT_RAY_HOME": str(self.home),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_USAGE_STATS_ENABLED": "0",
        }

    def start(self):
        port, dashboard, agent, client = free_ports(4)
        self.address = f"http://127.0.0.1:{dashboard}"
        words = (
            *("start", "--head", f"--port={port}", "--node-ip-address=127.0.0.1", "--num-cpus=2"),
            *("--include-dashboard=true", "--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}"),
            *(f"--dashboard-agent-listen-port={agent}", f"--ray-client-server-port={client}"),
            *("--min-worker-port=0", "--max-worker-port=0", "--object-store-memory=200000000"),
            f"--temp-dir={self.folder / 'ray'}",
        )
        self.run(sys.executable, "-m", "ray.scripts.scripts", *words)

    def run(self, *words, code=0, **variables):
        done = subprocess.run(
            [str(word) for word in words],
            env=self.variables | variables,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            start_new_session=True,  # a head that ends may take its whole process group with it
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def program(self, *words, code=0, **variables):
        return self.run(sys.executable, "-m", "rustybt_ray", *words, code=code, **variables)

    def stop(self):
        """End our processes alone: the machine may run other Rays."""
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGKILL):
            for process in owned(self.variables):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, number)
            until = time.monotonic() + 8
            while owned(self.variables) and time.monotonic() < until:
                time.sleep(0.2)
        assert not owned(self.variables)


@pytest.fixture(scope="module")
def head():
    # short: Ray's sockets lie in it, and their paths may have 107 characters
    made = Head(Path(tempfile.mkdtemp(prefix="rbj", dir="/tmp")))
    try:
        ingest_sample(BundleStore(made.home / "bundles"))
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(made.folder, ignore_errors=True)


@pytest.fixture
def study(tmp_path):
    """A folder with the demo's strategy; writes a study file beside it."""
    shutil.copy(ROOT / "examples" / "sma_crossover.py", tmp_path)
    (tmp_path / "slow.py").write_text(SLOW.replace("MARK", str(tmp_path / "begun")))

    def write(text=SPACE, strategy="sma_crossover.py:sma_crossover", bundle=NAME):
        path = tmp_path / "study.toml"
        path.write_text(f'strategy = "{strategy}"\nbundle = "{bundle}"\n{text}')
        return path

    return write


def comparable(text):
    """Rows without what depends on the machine: how long a trial took and where it ran."""
    return [
        {name: value for name, value in row.items() if name not in ("duration", "worker")} for row in json.loads(text)
    ]


def test_submit_brings_back_the_table_of_the_inline_run(head, study):
    path = study()
    inline = head.program("optimize", path, "--executor", "inline", "--format", "json")
    runs = head.folder / "runs" / "sma"
    done = head.program("submit", path, "--address", head.address, "--format", "json", "-o", runs)
    rows = comparable(done.stdout)
    assert len(rows) == 12
    assert rows == comparable(inline.stdout)
    assert "12 trials in" in done.stderr
    assert "on Ray workers" in done.stderr
    assert json.loads((runs / "study.json").read_text())["result"]["executor"] == "ray"
    again = ("--format", "json", "-o", runs, "--", "--resume")
    assert comparable(head.program("submit", path, "--address", head.address, *again).stdout) == rows


def test_a_job_left_alone_is_followed_later(head, study):
    left = head.program("submit", study(), "--address", head.address, "--no-wait", "--top", 3)
    assert left.stdout == ""
    job = left.stderr.split("Submitted as ")[1].split()[0]
    done = head.program("submit", "--job-id", job, "--address", head.address)
    ranked = [line.split()[0] for line in done.stdout.splitlines() if line.strip()[:1].isdigit()]
    assert ranked == ["1", "2", "3"]


def test_the_plain_ray_command_runs_a_study(head, study):
    path = study()
    inline = head.program("optimize", path, "--executor", "inline", "--format", "json")
    words = ("python", "-m", "rustybt_ray", "optimize", path.name, "--address", "auto", "--format", "json")
    command = (sys.executable, "-m", "ray.scripts.scripts", "job", "submit", "--address", head.address)
    done = head.run(*command, "--working-dir", path.parent, "--", *words)
    (table,) = [line for line in done.stdout.splitlines() if line.startswith('[{"trial":')]
    assert comparable(table) == comparable(inline.stdout)


def test_ctrl_c_stops_the_job_and_prints_what_it_had(head, study):
    path = study('[space]\nx = "1:10000"\n', strategy="slow.py:slow")
    words = [sys.executable, "-m", "rustybt_ray", "submit", path, "--address", head.address, "--format", "json"]
    with subprocess.Popen(
        [str(word) for word in words],
        env=head.variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as submitted:
        until = time.monotonic() + 60
        while not (path.parent / "begun").exists():
            assert time.monotonic() < until, "no trial began"
            time.sleep(0.2)
        time.sleep(2.0)
        os.kill(submitted.pid, signal.SIGINT)
        out, said = submitted.communicate(timeout=60)
    assert submitted.returncode == 130, said
    job = said.split("Submitted as ")[1].split()[0]
    assert f"Stopping {job}." in said
    assert f"Stopped {job}: what it had finished is printed." in said
    rows = json.loads(out)
    assert 1 <= len(rows) < 10_000
    assert all(row["value"] == row["x"] for row in rows if row["state"] == "complete")
    assert "Traceback" not in said


def test_a_bundle_that_the_cluster_does_not_have(head, study):
    done = head.program("submit", study(bundle="nowhere"), "--address", head.address, code=1)
    assert done.stdout == ""
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error: the job failed: ")]
    assert "There is no bundle 'nowhere'" in line
    assert "ingest the bundle there, or say --bundle-root" in line


@pytest.mark.parametrize("mode", ["token", "disabled"])
def test_the_wrong_token_is_named(head, study, tmp_path, mode):
    wrong = tmp_path / "wrong"
    wrong.write_text("0" * 64)
    variables = {"RAY_AUTH_TOKEN_PATH": str(wrong), "RAY_AUTH_MODE": mode}
    done = head.program("submit", study(), "--address", head.address, code=1, **variables)
    assert done.stderr.startswith("Error: the Ray head refuses the token, or none was found here")
    assert "RAY_AUTH_TOKEN_PATH" in done.stderr


def test_an_unknown_job(head):
    done = head.program("submit", "--job-id", "nobody", "--address", head.address, code=1)
    assert "job nobody cannot be followed" in done.stderr
