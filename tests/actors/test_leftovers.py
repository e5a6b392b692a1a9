"""What a killed driver left, on process tables and folders made by hand."""

import os
import shutil

import pytest

from actors.leftovers import (
    belonging_to,
    current_address,
    folder_bytes,
    nodes,
    orphans,
    processes,
    settled,
    stale_address,
    temp_root,
    unused_sessions,
)

ME = os.getuid()
SESSION = "session_2026-11-24_12-26-20_362348_700"
OTHER = "session_2026-11-24_13-00-00_000001_800"
LATER = 4e9  # a time at which no folder is young


class Proc:
    """A /proc of a few processes; `/tmp/ray` is `root`."""

    def __init__(self, folder, root):
        self.folder, self.root = folder, root
        folder.mkdir()
        self.add(1, 0, "/sbin/init")

    def add(self, pid, parent, command, *, user=ME, files=()):
        here = self.folder / str(pid)
        (here / "fd").mkdir(parents=True)
        (here / "status").write_text(f"Name:\tx: y\nPPid:\t{parent}\nUid:\t{user}\t{user}\t{user}\t{user}\n")
        (here / "cmdline").write_bytes(command.replace(" ", "\0").encode() + b"\0")
        for number, path in enumerate(files):
            (here / "fd" / str(number)).symlink_to(path)

    def gcs(self, pid, parent, session=SESSION, **options):
        self.add(pid, parent, f"/x/ray/core/src/ray/gcs/gcs_server --session-name={session} --port=6379", **options)

    def raylet(self, pid, parent, session=SESSION, host="10.0.0.1", **options):
        worker = f"--python_worker_command=python /x/ray/_private/workers/default_worker.py --temp-dir={self.root}"
        command = f"/x/ray/core/src/ray/raylet/raylet --raylet_socket_name={self.root}/{session}/sockets/raylet"
        self.add(pid, parent, f"{command} --node_ip_address={host} {worker} --gcs-address=10.0.0.1:6379", **options)

    def log_monitor(self, pid, parent, session=SESSION, **options):
        self.add(pid, parent, f"python -u /x/ray/_private/log_monitor.py --session-dir=/tmp/ray/{session}", **options)

    def agent(self, pid, parent, session=SESSION, title="ray::DashboardAgent", **options):
        self.add(pid, parent, title + "  ", files=("/dev/null", f"{self.root}/{session}/logs/agent.log"), **options)

    @property
    def table(self):
        return processes(self.folder)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "ray").mkdir()
    return tmp_path / "ray"


@pytest.fixture
def proc(tmp_path, root):
    return Proc(tmp_path / "proc", root)


def pids(found):
    return [process.pid for process in found]


def test_a_driver_that_lives_leaves_nothing(proc):
    proc.add(700, 1, "python sweep.py")
    proc.gcs(701, 700)
    proc.raylet(702, 700)
    proc.log_monitor(703, 700)
    proc.agent(704, 702)
    proc.agent(705, 702, title="ray::IDLE")
    proc.agent(706, 705, title="ray::BacktestWorker.run")
    assert orphans(proc.table, ME) == []


def test_what_a_killed_driver_left_is_found_by_its_parents(proc):
    proc.gcs(701, 1)
    proc.raylet(702, 1)
    proc.log_monitor(703, 1)
    proc.agent(704, 9999, title="ray::RuntimeEnvAgent")
    proc.agent(705, 1)
    proc.agent(706, 702, title="ray::IDLE")
    found = orphans(proc.table, ME)
    assert pids(found) == [701, 702, 703, 704, 705]
    titles = ["gcs_server", "raylet", "log_monitor", "ray::RuntimeEnvAgent", "ray::DashboardAgent"]
    assert [process.title for process in found] == titles
    assert {process.session for process in found} == {SESSION}


def test_what_belongs_to_a_session(proc):
    proc.gcs(701, 700)
    proc.raylet(702, 700)
    proc.agent(704, 702)
    proc.add(705, 702, "python something_new.py")
    proc.add(706, 1, f"python -u /x/ray/_private/runtime_env/agent/main.py --logs-dir={proc.root}/{SESSION}/logs")
    proc.add(707, 1, f"python /x/ray/_private/workers/default_worker.py --session-name={SESSION}")
    proc.add(721, 1, f"tail -f {proc.root}/{SESSION}/logs/raylet.out")
    proc.add(720, 1, "vim /x/ray/_private/services.py")
    proc.raylet(802, 800, session=OTHER)
    proc.agent(804, 802, session=OTHER)
    assert pids(belonging_to(proc.table, SESSION)) == [701, 702, 704, 705, 706, 707]
    assert belonging_to(proc.table, "") == []


def test_other_users_and_other_programs_are_not_ours_to_name(proc):
    proc.agent(704, 1, user=ME + 1)
    proc.gcs(701, 1, user=ME + 1)
    proc.add(720, 1, f"vim {proc.root}/raylet/raylet /x/ray/_private/services.py")
    proc.add(721, 1, f"tail -f {proc.root}/{SESSION}/logs/raylet.out")
    assert orphans(proc.table, ME) == []


def test_a_driver_that_is_process_1_holds_its_ray(tmp_path, root):
    proc = Proc(tmp_path / "container", root)
    session = "session_2026-11-24_12-26-20_362348_1"
    proc.gcs(11, 1, session)
    proc.raylet(12, 1, session)
    proc.agent(13, 12, session)
    assert orphans(proc.table, ME) == []


def test_the_node_of_ray_start_is_a_node_and_not_left(proc):
    (proc.root / "ray_current_cluster").write_text("10.0.0.1:6379")
    proc.gcs(701, 1)
    proc.raylet(702, 1)
    proc.log_monitor(703, 1)
    proc.agent(704, 702)
    assert orphans(proc.table, ME) == []
    assert [pids(node) for node in nodes(proc.table)] == [[701, 702, 703]]
    assert stale_address(proc.root, proc.table) is None


def test_a_node_that_joined_a_head_elsewhere_has_no_gcs(proc):
    (proc.root / "ray_current_cluster").write_text("10.0.0.1:6379")
    proc.raylet(702, 1, host="10.0.0.2")
    assert [pids(node) for node in nodes(proc.table)] == [[702]]
    assert orphans(proc.table, ME) == []


def test_a_head_whose_gcs_is_gone_is_left(proc):
    (proc.root / "ray_current_cluster").write_text("10.0.0.1:6379")
    proc.raylet(702, 1, host="10.0.0.1")
    assert nodes(proc.table) == []
    assert pids(orphans(proc.table, ME)) == [702]


def test_sessions_that_no_process_uses(proc, root):
    for name in (SESSION, OTHER, "session_2026-11-24_14-00-00_000001_900", "not_a_session"):
        (root / name / "logs").mkdir(parents=True)
        (root / name / "logs" / "raylet.out").write_bytes(b"x" * 10_000)
    (root / "session_latest").symlink_to(root / SESSION)
    proc.raylet(702, 1)  # names SESSION
    proc.agent(804, 1, session=OTHER)  # has a file of OTHER open
    found = unused_sessions(root, proc.table, ME, LATER)
    assert [folder.path.name for folder in found] == ["session_2026-11-24_14-00-00_000001_900"]
    assert 10_000 <= found[0].nbytes < 40_000
    assert found[0].nbytes == folder_bytes(found[0].path)


def test_a_session_that_was_just_made_is_not_unused(proc, root):
    (root / SESSION).mkdir()
    made = (root / SESSION).stat().st_mtime
    assert unused_sessions(root, proc.table, ME, made + 30) == []
    assert len(unused_sessions(root, proc.table, ME, made + 90)) == 1
    assert unused_sessions(root, proc.table, ME + 1, made + 90) == []
    assert unused_sessions(root / "absent", proc.table, ME) == []


def test_an_address_without_a_node_is_stale(proc, root):
    assert stale_address(root, proc.table) is None
    (root / "ray_current_cluster").write_text("10.0.0.9:6379\n")
    proc.raylet(702, 1)
    assert current_address(root) == "10.0.0.9:6379"
    assert stale_address(root, proc.table) == "10.0.0.9:6379"


def test_a_process_that_ends_while_it_is_read_is_left_out(proc):
    (proc.folder / "55").mkdir()
    (proc.folder / "self").mkdir()
    assert pids(proc.table) == [1]


def test_workers_of_a_ray_that_is_just_ending_are_given_time_to_end(proc, monkeypatch):
    waits = []
    monkeypatch.setattr("time.sleep", lambda seconds: waits.append(seconds) or shutil.rmtree(proc.folder / "705"))
    assert pids(settled(proc.folder, ME)) == [1]
    assert waits == []
    proc.agent(704, 1)
    proc.agent(705, 1, title="ray::BacktestWorker.run")
    assert pids(settled(proc.folder, ME)) == [1, 704]
    assert len(waits) == 1


def test_without_proc_nothing_is_known(tmp_path):
    assert processes(tmp_path / "absent") is None


@pytest.mark.parametrize(
    ("environ", "folder"),
    [({}, "/tmp/ray"), ({"TMPDIR": "/a"}, "/a/ray"), ({"TMPDIR": "/a", "RAY_TMPDIR": "/b"}, "/b/ray")],
)
def test_sessions_are_where_ray_puts_them(environ, folder, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    assert str(temp_root(environ)) == folder


def test_this_machine_lists_this_process():
    table = processes(temp_root({}).parent.parent / "proc")
    if table is None:
        pytest.skip("this system has no /proc")
    mine = next(process for process in table if process.pid == os.getpid())
    assert (mine.parent, mine.user) == (os.getppid(), ME)
