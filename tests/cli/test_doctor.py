"""The checks on machines and folders made by hand, and the command on this one."""

import json
import os

import pytest

from actors.control_groups import memory_limit
from rustybt_ray.cli import health, machine
from rustybt_ray.cli.finding import Finding, why_unwritable
from rustybt_ray.exceptions import ExecutionError

GB = 10**9
NAMES = {
    "Python", "packages", "Ray", "CPUs", "memory", "shared memory", "thread variables", "compile cache", "bundles",
    "Ray's token", "temporary folder", "left by Ray",
}  # fmt: skip


def system(folder, **files):
    """A root folder with these files; the names' double underscores are slashes."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("DOT", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def meminfo(free, total):
    return f"MemTotal:       {total // 1024} kB\nMemFree:  1 kB\nMemAvailable:   {free // 1024} kB\n"


def disk(total, free):
    return lambda _: (total, total - free, free)


class TestVersions:
    def test_python(self):
        assert health.check_python("3.12.1", ">=3.11,<3.14") == Finding("Python", "ok", "3.12.1")
        old = health.check_python("3.10.9", ">=3.11,<3.14")
        assert (old.state, old.found) == ("error", "3.10.9")
        assert ">=3.11,<3.14" in old.remedy

    def test_a_package_that_is_missing_or_too_old_is_named_with_what_installs_it(self):
        missing, old = health.check_packages(["click>=8", "no-such-thing>=1.2", "numpy>=99.1", "x; extra == 'test'"])
        assert (missing.state, missing.found) == ("error", "no-such-thing is missing")
        assert missing.commands == ("pip install 'no-such-thing>=1.2'",)
        assert old.found.startswith("numpy ")
        assert old.found.endswith(" is out of range")
        assert old.commands == ("pip install 'numpy>=99.1'",)

    @pytest.mark.parametrize(
        ("version", "range_", "holds"),
        [
            ("2.0", ">=2.0.0", True), ("2.60.0rc1", ">=2.50", True), ("2.9", ">=2.10", False), ("3.14", "<3.14", False),
            ("1.5", "!=1.5", False), ("1.5", "==1.5.0", True), ("1.5", "<=1.4", False), ("1.5", ">1.4,<1.6", True),
        ],
    )  # fmt: skip
    def test_ranges(self, version, range_, holds):
        assert health.satisfies(version, range_) is holds

    def test_a_ray_that_cannot_be_imported_says_why(self):
        def broken():
            raise ImportError("_raylet.so: undefined symbol")

        found = health.check_ray(broken)
        assert found.state == "error"
        assert "_raylet.so: undefined symbol" in found.found
        assert "--executor inline" in found.remedy


class TestCPUs:
    def test_without_a_quota(self, tmp_path):
        assert machine.check_cpus(tmp_path, 4, 8) == Finding("CPUs", "ok", "4 of 8 usable")
        assert "executor inline" in machine.check_cpus(tmp_path, 1, 1).found

    def test_a_quota_below_the_cpus_that_are_there_is_named(self, tmp_path):
        root = system(tmp_path, sys__fs__cgroup__cpuDOTmax="150000 100000")
        found = machine.check_cpus(root, None, 8)
        assert (found.state, found.found.partition(":")[0]) == ("ok", "1 of 8 usable, the control group's quota is 1.5")


class TestMemory:
    def test_enough(self, tmp_path):
        found = machine.check_memory(system(tmp_path, proc__meminfo=meminfo(8 * GB, 16 * GB)), 4)
        assert (found.state, found.found) == ("ok", "8.0 GB free of 16 GB")

    def test_too_little_for_ray_and_its_workers(self, tmp_path):
        found = machine.check_memory(system(tmp_path, proc__meminfo=meminfo(GB + 2048, 2 * GB)), 4)
        assert found.state == "warning"
        assert "1.0 GB left for us" in found.found
        assert "Ray with 4 workers takes about 1.4 GB" in found.remedy

    def test_nearly_full(self, tmp_path):
        found = machine.check_memory(system(tmp_path, proc__meminfo=meminfo(6 * GB, 100 * GB)), 4)
        assert found.state == "warning"
        assert "94 % in use" in found.found

    def test_the_limit_of_the_group_counts_without_pages_that_can_be_dropped(self, tmp_path):
        files = {
            "proc__meminfo": meminfo(50 * GB, 64 * GB),
            "proc__self__cgroup": "0::/box\n",
            "sys__fs__cgroup__memoryDOTmax": str(2 * GB),
            "sys__fs__cgroup__box__memoryDOTmax": "max",
            "sys__fs__cgroup__box__memoryDOTcurrent": str(int(1.9 * GB)),
            "sys__fs__cgroup__box__memoryDOTstat": f"anon 5\ninactive_file {GB}\n",
        }
        root = system(tmp_path, **files)
        assert memory_limit(root) == 2 * GB
        assert machine.check_memory(root, 1).state == "ok"
        found = machine.check_memory(root, 4)
        assert found.state == "warning"
        assert "limit is 2.0 GB; 1.1 GB left for us" in found.found

    def test_version_1_groups(self, tmp_path):
        files = {
            "proc__meminfo": meminfo(50 * GB, 64 * GB),
            "sys__fs__cgroup__memory__memoryDOTlimit_in_bytes": str(GB),
            "sys__fs__cgroup__memory__memoryDOTusage_in_bytes": str(GB // 2),
        }
        found = machine.check_memory(system(tmp_path, **files), 1)
        assert "limit is 1.0 GB; 500 MB left for us" in found.found
        unlimited = {"sys__fs__cgroup__memory__memoryDOTlimit_in_bytes": "9223372036854771712"}
        assert memory_limit(system(tmp_path, **unlimited)) is None

    def test_elsewhere_it_is_unknown(self, tmp_path):
        found = machine.check_memory(tmp_path, 4)
        assert (found.state, found.found.partition(":")[0]) == ("ok", "unknown")


class TestSharedMemory:
    def test_room(self, tmp_path):
        found = machine.check_shared_memory(tmp_path, disk(8 * GB, 4 * GB + (100 << 20)))
        assert found.state == "ok"
        assert "room for a panel of 2.0 GB" in found.found

    def test_too_small_says_where_panels_go_and_how_to_enlarge_it(self, tmp_path):
        found = machine.check_shared_memory(tmp_path, disk(64 << 20, 64 << 20))
        assert found.state == "warning"
        assert found.found.startswith("67 MB free of 67 MB")
        assert "temporary folder on the disk" in found.remedy
        assert "--shm-size" in found.remedy
        assert found.commands == (f"mount -o remount,size=2g {tmp_path}/dev/shm",)

    @pytest.mark.parametrize(("platform", "state"), [("linux", "error"), ("darwin", "ok")])
    def test_absent(self, tmp_path, monkeypatch, platform, state):
        monkeypatch.setattr("sys.platform", platform)
        assert machine.check_shared_memory(tmp_path).state == state


class TestFolders:
    def test_threads(self):
        assert health.check_threads({"OMP_NUM_THREADS": "1"}).state == "ok"
        found = health.check_threads({"OMP_NUM_THREADS": "8", "POLARS_MAX_THREADS": "", "MKL_NUM_THREADS": "1"})
        assert (found.state, found.found) == ("warning", "OMP_NUM_THREADS=8, POLARS_MAX_THREADS=")
        assert found.commands == ("unset OMP_NUM_THREADS POLARS_MAX_THREADS",)

    def test_what_can_be_written_is_left_as_it_was(self, tmp_path):
        assert why_unwritable(tmp_path / "a" / "b") == ""
        assert list(tmp_path.iterdir()) == []
        (tmp_path / "file").touch()
        assert why_unwritable(tmp_path / "file" / "b").startswith(f"{tmp_path}/file: Not a directory")

    def test_kernels(self, tmp_path, monkeypatch):
        folder = tmp_path / "kernels" / "new"
        cold = health.check_kernels(folder)
        assert (cold.state, cold.found, cold.commands) == ("warning", f"cold: {folder}", ("rustybt-ray demo",))
        folder.mkdir(parents=True)
        (folder / "batch_nb.run_segments-0.kernel").touch()
        assert health.check_kernels(folder).found == f"warm, 1 kernels: {folder}"
        (tmp_path / "kernels" / "old").mkdir()
        (tmp_path / "kernels" / "old" / "x.kernel").write_bytes(b"x" * 100_000)
        assert health.check_kernels(folder).state == "ok"
        monkeypatch.setattr(health, "OLD_KERNELS", 1000)
        assert health.check_kernels(folder).commands == (f"rm -r {tmp_path}/kernels/old",)
        (tmp_path / "file").touch()
        assert "NUMBA_CACHE_DIR" in health.check_kernels(tmp_path / "file").remedy

    def test_bundles(self, tmp_path, monkeypatch):
        assert health.check_bundles(tmp_path / "new").found.endswith("free, to be made")
        (tmp_path / "file").touch()
        found = health.check_bundles(tmp_path / "file" / "new")
        assert found.state == "error"
        assert "RUSTYBT_RAY_HOME" in found.remedy
        monkeypatch.setattr(health, "why_unwritable", lambda folder: f"{folder}: Read-only file system")
        assert health.check_bundles(tmp_path).state == "warning"

    def test_scratch(self, tmp_path):
        short = disk(100 * GB, 50 * GB)
        assert health.check_scratch(health.Path("/tmp/ray"), short).state == "ok"
        full = health.check_scratch(health.Path("/tmp/ray"), disk(100 * GB, 4 * GB))
        assert full.found == "/tmp/ray, 4.0 GB free of 100 GB"
        assert "RAY_TMPDIR" in full.remedy
        assert health.check_scratch(health.Path("/tmp/ray"), disk(5 * GB, GB // 2)).state == "warning"
        (tmp_path / "file").touch()
        assert health.check_scratch(tmp_path / "file" / "ray").state == "error"

    def test_a_path_that_is_too_long_for_sockets(self, tmp_path):
        for length, state in ((health.SOCKET_LIMIT - len(health.SOCKET) - 1, "ok"), (47, "error")):
            root = health.Path("/tmp/" + "x" * (length - 5))
            assert health.check_scratch(root, disk(100 * GB, 50 * GB)).state == state
        assert "bytes too long" in health.check_scratch(root).found


class TestToken:
    def test_none_yet(self, tmp_path):
        assert (
            health.check_token(tmp_path, {}).found == f"none yet: Ray writes {tmp_path}/.ray/auth_token when it starts"
        )

    def test_a_home_that_cannot_be_written(self, tmp_path):
        (tmp_path / "home").touch()
        found = health.check_token(tmp_path / "home", {})
        assert found.state == "error"
        assert "Not a directory" in found.found
        assert "RAY_AUTH_TOKEN_PATH" in found.remedy

    def test_what_others_can_read(self, tmp_path, monkeypatch):
        (tmp_path / ".ray").mkdir()
        token = tmp_path / ".ray" / "auth_token"
        token.write_text("x" * 64)
        modes = {token: 0o644, tmp_path: 0o755}
        monkeypatch.setattr(health, "_mode", lambda path: modes.get(path, 0o755))
        found = health.check_token(tmp_path, {})
        assert (found.state, found.found) == ("warning", f"{token}, mode 644")
        assert found.commands == (f"chmod 600 {token}",)
        modes[tmp_path] = 0o700
        assert health.check_token(tmp_path, {}).state == "ok"
        modes.update({token: 0o600, tmp_path: 0o755})
        assert health.check_token(tmp_path, {}).state == "ok"

    def test_what_the_environment_says(self, tmp_path):
        gone = health.check_token(tmp_path, {"RAY_AUTH_TOKEN_PATH": str(tmp_path / "gone")})
        assert gone.state == "error"
        assert "is no file" in gone.found
        assert health.check_token(tmp_path, {"RAY_AUTH_MODE": "disabled"}).commands == ("unset RAY_AUTH_MODE",)
        assert health.check_token(tmp_path, {"RAY_AUTH_TOKEN": "x"}).state == "ok"


class TestLeftovers:
    def test_nothing(self, tmp_path):
        assert [found.found for found in health.check_leftovers(tmp_path, [], 0)] == ["nothing"]
        assert health.check_leftovers(tmp_path, None, 0)[0].found.startswith("unknown")

    def test_each_is_named_with_the_command_that_ends_or_removes_it(self, tmp_path):
        agent = health.leftovers.Process(4711, 1, os.getuid(), "ray::DashboardAgent", "")
        session = tmp_path / "session_2026-11-24_12-26-20_362348_700"
        session.mkdir()
        (tmp_path / "ray_current_cluster").write_text("10.0.0.9:6379")
        left, folder, address = health.check_leftovers(tmp_path, [agent], os.getuid(), 4e9)
        assert left.found == "1 process without a driver: ray::DashboardAgent (4711)"
        assert left.commands == ("kill 4711",)
        assert folder.found == f"1 session folder of 0 bytes that no process uses, the last {session}"
        assert folder.commands == (f"rm -r {session}",)
        assert "10.0.0.9:6379" in address.found
        assert address.commands == (f"rm {tmp_path}/ray_current_cluster",)
        assert {finding.state for finding in (left, folder, address)} == {"warning"}


def test_a_ray_that_does_not_start_is_an_error_with_its_way_out(monkeypatch):
    def fails():
        raise ExecutionError("Ray cannot be started on this machine", "OSError: no room", "Use executor='inline'.")

    monkeypatch.setattr(health, "probe", fails)
    error = Finding(
        "Ray started", "error", "Ray cannot be started on this machine (OSError: no room)", "Use executor='inline'."
    )
    assert health.check_start() == error


class TestCommand:
    @pytest.fixture(autouse=True)
    def own_folders(self, home, tmp_path, monkeypatch):
        """What earlier runs left on this machine is not looked at."""
        self.ray = tmp_path / "t"
        monkeypatch.setenv("RAY_TMPDIR", str(self.ray))

    def test_this_machine(self, call, monkeypatch):
        session = self.ray / "ray" / "session_2026-01-01_12-00-00_000000_1234567"
        session.mkdir(parents=True)
        os.utime(session, (1.0, 1.0))
        monkeypatch.setattr(health, "SOCKET_LIMIT", 1000)  # pytest's folders are deep
        found = json.loads(call("doctor", "--format", "json").stdout)
        assert {entry["name"] for entry in found} >= NAMES
        assert "error" not in {entry["state"] for entry in found}
        assert [f"rm -r {session}"] in [entry["commands"] for entry in found]

    def test_an_error_is_exit_code_1_and_the_others_are_told_too(self, call, tmp_path):
        (tmp_path / "file").touch()
        found = call("doctor", "--bundle-root", tmp_path / "file" / "x", code=1).stdout
        assert "Not a directory" in found
        assert "Choose another folder with --bundle-root" in found
        assert "temporary folder" in found

    def test_warnings_are_not_an_error(self, call, monkeypatch):
        many = " ".join(f"/tmp/ray/session_{number}" for number in range(100))
        found = [
            Finding("x", "warning", "little", "More.", ("do it",)),
            Finding("y", "warning", "a", "b", (f"rm {many}",)),
        ]
        monkeypatch.setattr(health, "examine", lambda root, ray: found)
        text = call("doctor").stdout
        assert "Commands for that, none of which was run:\n  do it\n  rm /tmp/ray/session_0 " in text
        shown = text.splitlines()[-1].partition("  # and ")
        assert shown[2] == f"{100 - shown[0].count('session_')} more: --format json has all"

    def test_a_check_that_fails_is_itself_a_finding(self, call, monkeypatch):
        def fails():
            raise ImportError("numba: no such symbol")

        monkeypatch.setattr(health, "_check_kernels", fails)
        found = json.loads(call("doctor", "--format", "json", code=1).stdout)
        broken = next(entry for entry in found if entry["name"] == "compile cache")
        assert broken["found"] == "cannot be checked: ImportError: numba: no such symbol"
        assert {entry["name"] for entry in found} >= NAMES

    @pytest.mark.slow
    @pytest.mark.ray
    def test_with_a_ray_that_is_really_started(self, call, monkeypatch):
        monkeypatch.delenv("RAY_TMPDIR")
        found = json.loads(call("doctor", "--ray", "--format", "json").stdout)
        assert found[-1]["name"] == "Ray started"
        assert found[-1]["state"] == "ok"
        assert "its first worker answered after" in found[-1]["found"]
