"""`submit` without a cluster: what travels, what is refused before, and how a job's end becomes ours."""

import base64
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from actors import jobs
from rustybt_ray.exceptions import ExecutionError

STRATEGY = "def only(trial):\n    return 1.0\n"
TEXT = 'strategy = "strategy.py:only"\nbundle = "mine"\n[space]\nx = [1, 2]\n'
RESULT = b'[{"trial":0,"value":1.0}]\n'


class Cluster:
    """Ray's client as far as it is used: a job whose log grows at each look."""

    def __init__(self, looks=(), status="SUCCEEDED", code=0, message=""):
        self.looks, self.status, self.code, self.message = list(looks), status, code, message
        self.submitted, self.stopped, self.at = [], [], 0

    def submit_job(self, **options):
        self.submitted.append(options)
        return "job_1"

    def get_job_info(self, job):
        if self.at < len(self.looks) and isinstance(self.looks[self.at], BaseException):
            self.at += 1
            raise self.looks[self.at - 1]
        over = self.at >= len(self.looks) - 1 or self.stopped
        status = SimpleNamespace(value=self.status if over else "RUNNING")
        return SimpleNamespace(status=status, driver_exit_code=self.code if over else None, message=self.message)

    def get_job_logs(self, job):
        self.at += 1
        return self.looks[min(self.at, len(self.looks)) - 1]

    def stop_job(self, job):
        self.stopped.append(job)
        self.status = "STOPPED"


@pytest.fixture
def cluster(monkeypatch):
    made = Cluster()
    monkeypatch.setattr(jobs, "_connect", lambda address: made)
    monkeypatch.setattr(jobs, "PAUSES", (0.0, 0.0))
    return made


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "studies"
    folder.mkdir()
    (folder / "strategy.py").write_text(STRATEGY)
    (folder / "study.toml").write_text(TEXT)
    return folder / "study.toml"


def log(result, said="Running\n"):
    return said + "".join(f"{line}\n" for line in jobs.frames(result))


def test_what_travels(call, cluster, study, tmp_path):
    cluster.looks = [log(RESULT)]
    words = ("--working-dir", tmp_path, "-o", "/runs/it's", "--bundle-root", "/data", "--top", 3, "--format", "json")
    result = call("submit", study, *words, "--", "-p", "x=7", "-j", 4)
    (sent,) = cluster.submitted
    assert sent["runtime_env"] == {"working_dir": str(tmp_path.resolve()), "excludes": [".venv", ".git", "__pycache__"]}
    command = (
        "python -m rustybt_ray optimize studies/study.toml --address auto --executor ray --format json "
        """-o '/runs/it'"'"'s' --bundle-root /data --top 3 -p x=7 -j 4 > "$result";"""
    )
    assert command in sent["entrypoint"]
    assert result.stdout_bytes == RESULT
    assert "Submitted as job_1 to http://127.0.0.1:8265." in result.stderr


def test_the_shell_line_keeps_stdout_apart_and_the_exit_code(tmp_path):
    """The line is run by a real shell; a python beside it stands for the job's."""
    (tmp_path / "python").symlink_to(sys.executable)
    code = "import sys; print('the result'); print('noise', file=sys.stderr); sys.exit(3)"
    line = jobs.entry_point(["python", "-c", code])
    root = str(Path(jobs.__file__).resolve().parents[1])
    variables = {"PATH": f"{tmp_path}:/usr/bin:/bin", "TMPDIR": str(tmp_path), "PYTHONPATH": root}
    shell = shutil.which("sh")
    done = subprocess.run([shell, "-c", line], env=variables, capture_output=True, check=False, timeout=60)
    assert done.returncode == 3
    assert b"noise" in done.stderr
    assert b"the result" not in done.stdout
    assert jobs.find_result(done.stdout.decode()) == b"the result\n"
    assert [path.name for path in tmp_path.iterdir()] == ["python"]


def test_the_log_is_said_once_line_by_line_and_without_the_result(call, cluster, study):
    whole = log(RESULT, "one\ntwo\n")
    cluster.looks = ["", "one\ntw", "one\ntwo\nrus", ConnectionError("away"), whole]
    result = call("submit", study)
    assert [line for line in result.stderr.splitlines() if line in ("one", "tw", "two", "rus")] == ["one", "two"]
    assert jobs.MARK not in result.stderr
    assert result.stdout_bytes == RESULT


def test_a_job_that_is_followed_later(call, cluster):
    cluster.looks = [log(RESULT)]
    assert call("submit", "--job-id", "job_9").stdout_bytes == RESULT
    assert cluster.submitted == []


def test_a_job_that_is_left_alone(call, cluster, study):
    result = call("submit", study, "--no-wait", "--address", "http://head:8265")
    assert "rustybt-ray submit --job-id job_1 --address http://head:8265" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("code", [3, 130])
def test_the_exit_code_is_the_jobs_and_the_result_is_printed(call, cluster, study, code):
    cluster.looks, cluster.status, cluster.code = [log(RESULT)], "FAILED", code
    assert call("submit", study, code=code).stdout_bytes == RESULT


@pytest.mark.parametrize(
    ("said", "code", "ours", "cause"),
    [
        ("Error: There is no bundle 'mine'.\n", 1, 1, "the job failed: There is no bundle 'mine' (job_1 at"),
        ("bash: python: not found\n", 127, 127, "the job failed: as Ray says it (job_1 at"),
        ("", None, 1, "the job failed: as Ray says it (job_1 at http://127.0.0.1:8265, did not begin)"),
        ("", -9, 1, "the job failed: as Ray says it"),
        ("", 0, 1, "the job failed: as Ray says it"),
    ],
)
def test_a_job_without_a_result(call, cluster, study, said, code, ours, cause):
    cluster.looks, cluster.status, cluster.code, cluster.message = [said + log(b"")], "FAILED", code, "as Ray says it"
    result = call("submit", study, code=ours)
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: the job")]
    assert cause in line
    assert "say --bundle-root" in line
    assert result.stdout == ""


@pytest.mark.parametrize("result", [RESULT, b""])
def test_ctrl_c_stops_the_job(call, cluster, study, result):
    cluster.looks = [KeyboardInterrupt(), log(result), log(result)]
    done = call("submit", study, code=130)
    assert cluster.stopped == ["job_1"]
    assert "Stopping job_1." in done.stderr
    rest = "what it had finished is printed" if result else "it had nothing to print yet"
    assert f"Stopped job_1: {rest}." in done.stderr
    assert done.stdout_bytes == result


def test_a_job_that_someone_else_stops(call, cluster, study):
    cluster.looks, cluster.status, cluster.code = ["going\n"], "STOPPED", None
    assert "Error: job_1 was stopped." in call("submit", study, code=130).stderr


def test_a_head_that_goes_away_is_given_up_and_the_job_named(call, cluster, study, monkeypatch):
    monkeypatch.setattr(jobs, "PATIENCE", 0.0)
    cluster.looks = [ConnectionError("away"), ""]
    result = call("submit", study, code=1)
    assert "Error: job job_1 cannot be followed (http://127.0.0.1:8265: away)." in result.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("-o", "runs"), 1, "-o must be an absolute path on the cluster's shared storage; received 'runs'"),
        (("--working-dir", "elsewhere"), 1, "--working-dir must be a folder that holds"),
        (("--", "--seed", "x"), 2, "'x' is not a valid integer"),
        (("--", "-f", "elsewhere/strategy.py"), 1, "the strategy must be a file in"),
        (("--job-id", "job_9"), 2, "Say STUDY.toml, or --job-id NAME"),
    ],
)
def test_what_is_wrong_is_told_before_anything_travels(call, cluster, study, words, code, message):
    result = call("submit", study, *words, code=code)
    assert message in result.stderr
    assert cluster.submitted == []


def test_neither_a_file_nor_a_job(call, cluster):
    assert "Say STUDY.toml, or --job-id NAME" in call("submit", code=2).stderr


def test_a_wrong_file_is_refused_here(call, cluster, study):
    study.write_text(TEXT.replace("bundle", "bundel"))
    assert "Did you mean 'bundle'?" in call("submit", study, code=1).stderr
    study.write_text(TEXT.replace("strategy.py", "../other.py"))
    assert "name a folder that holds both: --working-dir DIR" in call("submit", study, code=1).stderr
    assert cluster.submitted == []


def test_a_run_directory_in_the_jobs_folder_is_warned_of(call, cluster, study):
    cluster.looks = [log(RESULT)]
    study.write_text('run_dir = "runs"\n' + TEXT)
    assert "is in the job's own folder, which is removed after it; say -o RUNDIR" in call("submit", study).stderr
    assert "Warning" not in call("submit", study, "-o", "/shared/runs").stderr


def test_the_address_that_was_said_counts(monkeypatch):
    import ray.job_submission

    seen = []

    def client(address):
        import os

        seen.append((address, [name for name in jobs.OVERRIDING if name in os.environ]))
        raise ConnectionError("nobody")

    monkeypatch.setattr(ray.job_submission, "JobSubmissionClient", client)
    monkeypatch.setenv("RAY_ADDRESS", "other:6379")
    with pytest.raises(ExecutionError, match=r"no Ray head answers \(http://mine:8265\). Is the head running"):
        jobs.JobClient("http://mine:8265")
    assert seen == [("http://mine:8265", [])]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            RuntimeError("need ray[default] here"),
            r"Ray Jobs are not installed here .* pip install 'rustybt_ray\[jobs\]'",
        ),
        (RuntimeError("404"), r"what answers is no Ray dashboard \(http://mine:8265: 404\)"),
    ],
)
def test_other_ways_not_to_connect(monkeypatch, error, message):
    import ray.job_submission

    def client(address):
        raise error

    monkeypatch.setattr(ray.job_submission, "JobSubmissionClient", client)
    with pytest.raises(ExecutionError, match=message):
        jobs.JobClient("http://mine:8265")


def test_a_refused_token_names_the_variables(monkeypatch):
    import ray.job_submission
    from ray.exceptions import AuthenticationError

    def client(address):
        raise AuthenticationError("Forbidden")

    monkeypatch.setattr(ray.job_submission, "JobSubmissionClient", client)
    with pytest.raises(ExecutionError, match=r"refuses the token, or none was found here .* RAY_AUTH_TOKEN_PATH=FILE"):
        jobs.JobClient("http://mine:8265")


@pytest.mark.parametrize("size", [0, 1, jobs.PIECE, 5 * jobs.PIECE])
def test_a_result_comes_through_a_log_whole(size):
    import random

    result = random.Random(size).randbytes(size)
    lines = list(jobs.frames(result))
    noisy = "noise\n" + "\n(worker) more noise\n".join(reversed(lines)) + "\n"
    assert jobs.find_result(noisy) == result
    assert jobs.readable(noisy) == ["noise", *["(worker) more noise"] * (len(lines) - 1)]


def test_a_log_without_a_result():
    assert jobs.find_result("nothing\n") is None


def test_a_damaged_result_is_refused():
    import random

    lines = list(jobs.frames(random.Random(1).randbytes(3 * jobs.PIECE)))
    with pytest.raises(ExecutionError, match=r"the result in the job's log is damaged \(3 of 4 pieces\)"):
        jobs.find_result("\n".join(lines[:-1]))
    other = base64.b64encode(b"other").decode()
    digest = hashlib.sha256(b"mine").hexdigest()
    with pytest.raises(ExecutionError, match=r"damaged \(1 of 1 pieces\)"):
        jobs.find_result(f"{jobs.MARK} head 1 4 {digest}\n{jobs.MARK} 0 {other}\n")


def test_a_result_too_large_for_a_log_names_the_ways_out(monkeypatch):
    monkeypatch.setattr(jobs, "LARGEST", 4)
    (line,) = jobs.frames(b"large enough")
    with pytest.raises(ExecutionError, match=r"too large for the job's log \(12 bytes\). Print the best ones alone"):
        jobs.find_result(line)
