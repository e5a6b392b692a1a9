"""Ray Jobs: submit a command with a folder, follow its log, stop it, and bring its result back.

A job's log is all that comes back from a cluster that shares no storage with the caller, and what Ray, the study and its
workers print ends there too. So the result goes to a file while the study runs, and afterwards `python -m actors.jobs FILE`
puts it into the log in numbered lines with a checksum.
"""

import base64
import hashlib
import logging
import os
import shlex
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import Any

from rustybt_ray._record import record_class
from rustybt_ray.exceptions import ExecutionError

MARK = "rustybt-ray-result"
PIECE = 48 << 10  # bytes a line
LARGEST = 64 << 20  # compressed bytes; the log travels in one answer
EXCLUDED = (".venv", ".git", "__pycache__")
OVERRIDING = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS")
CHATTY = ("ray.dashboard.modules.dashboard_sdk", "ray._private.runtime_env.packaging")
ENDED = ("SUCCEEDED", "FAILED", "STOPPED")
PATIENCE = 60.0  # seconds without an answer after which the head is given up
STOPPING = 15.0  # seconds that a stopped job has to end and be seen so; Ray kills it after 3
PAUSES = (0.3, 2.0)  # seconds between two looks at the log, at first and later


@record_class(frozen=True)
class Ended:
    """How a job ended: status, exit code if its command began, Ray's message, the log."""

    status: str
    code: int | None
    message: str
    log: str


def entry_point(command: Sequence[str]) -> str:
    """The shell line of a job: run a command, keep its stdout apart, and put that into the log at the end.

    A job that is stopped gets SIGTERM in all its processes: the shell waits for the command, which prints what it has.
    """
    return (
        f'result=$(mktemp) && trap : TERM; {shlex.join(command)} > "$result"; code=$?; '
        'python -m actors.jobs "$result"; rm -f "$result"; exit $code'
    )


def frames(result: bytes) -> Iterator[str]:
    """Lines that carry `result` through a log: a head with count, size and checksum, then the pieces."""
    packed = zlib.compress(result)
    pieces = [packed[at : at + PIECE] for at in range(0, len(packed), PIECE)] if len(packed) <= LARGEST else []
    yield f"{MARK} head {len(pieces)} {len(result)} {hashlib.sha256(result).hexdigest()}"
    for number, piece in enumerate(pieces):
        yield f"{MARK} {number} {base64.b64encode(piece).decode('ascii')}"


def find_result(log: str) -> bytes | None:
    """The result in a job's log; None if there is none.

    Raises
    ------
    ExecutionError
        If the result is too large for a log or damaged.
    """
    head: tuple[int, int, str] | None = None
    pieces: dict[int, str] = {}
    for line in log.splitlines():
        match line.split():
            case [mark, "head", total, length, checksum] if mark == MARK:
                head = int(total), int(length), checksum
            case [mark, number, text] if mark == MARK and number.isdigit():
                pieces[int(number)] = text
    if head is None:
        return None
    count, size, digest = head
    if size and not count:
        remedy = "Print the best ones alone (--top 1000), or take table.parquet from the run directory (-o)."
        raise ExecutionError("the result is too large for the job's log", f"{size:,} bytes", remedy)
    try:
        result = zlib.decompress(b"".join(base64.b64decode(pieces[number]) for number in range(count)))
    except (KeyError, ValueError, zlib.error):
        result = b""
    if hashlib.sha256(result).hexdigest() != digest:
        where, remedy = (
            f"{len(pieces)} of {count} pieces",
            "Ask again with --job-id, or take it from the run directory.",
        )
        raise ExecutionError("the result in the job's log is damaged", where, remedy)
    return result


def readable(text: str) -> list[str]:
    """The lines of a log that are for people."""
    return [line for line in text.splitlines() if not line.startswith(MARK)]


class JobClient:
    """The jobs of the Ray cluster whose dashboard is at `address`.

    Parameters
    ----------
    address : str
        "http://HOST:PORT" of the head's dashboard, 8265 unless it was told otherwise.

    Raises
    ------
    ExecutionError
        If nothing answers there, it is no dashboard, the token is wrong, or Ray Jobs are not installed here.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._client = _connect(address)

    def submit(self, command: Sequence[str], folder: Path) -> str:
        """Start a command in a copy of `folder`; the job's name.

        Raises
        ------
        ExecutionError
            If the folder cannot be sent or the head refuses the job.
        """
        environment = {"working_dir": str(folder), "excludes": list(EXCLUDED)}
        with self._answered(f"the folder {folder} cannot be submitted"):
            return str(self._client.submit_job(entrypoint=entry_point(command), runtime_env=environment))

    def follow(self, job: str, say: Callable[[str], None]) -> Ended:
        """Say the lines of a job's log as they come, until it has ended.

        Raises
        ------
        ExecutionError
            If there is no such job, or the head does not answer for a minute; the job goes on then.
        """
        seen, pause, since = 0, PAUSES[0], time.monotonic()
        while True:
            try:
                # the state first: a log that is read after the end is whole
                info = self._client.get_job_info(job)
                log = str(self._client.get_job_logs(job))
            except Exception as error:
                if _is_refusal(error) or time.monotonic() - since > PATIENCE:
                    raise self._error(f"job {job} cannot be followed", error) from error
                time.sleep(PAUSES[1])
                continue
            since = time.monotonic()
            status = _text(info.status)
            until = len(log) if status in ENDED else log.rfind("\n") + 1
            for line in readable(log[seen:until]):
                say(line)
            seen = max(seen, until)
            if status in ENDED:
                return Ended(status, info.driver_exit_code, str(info.message or ""), log)
            time.sleep(pause)
            pause = min(1.2 * pause, PAUSES[1])

    def stop(self, job: str) -> Ended | None:
        """End a job; None if it was not seen to end.

        Raises
        ------
        ExecutionError
            If the head does not take the order.
        """
        with self._answered(f"job {job} cannot be stopped"):
            self._client.stop_job(job)
            until = time.monotonic() + STOPPING
            while time.monotonic() < until:
                info = self._client.get_job_info(job)
                if (status := _text(info.status)) in ENDED:
                    log = str(self._client.get_job_logs(job))
                    return Ended(status, info.driver_exit_code, str(info.message or ""), log)
                time.sleep(PAUSES[0])
        return None

    @contextmanager
    def _answered(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            raise self._error(what, error) from error

    def _error(self, what: str, error: Exception) -> ExecutionError:
        remedy = "`ray job list` and `ray job logs NAME` show the cluster's jobs."
        return ExecutionError(what, f"{self.address}: {_first_line(error)}", remedy)


def _connect(address: str) -> Any:
    from ray.exceptions import AuthenticationError
    from ray.job_submission import JobSubmissionClient

    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        with _explicit():
            return JobSubmissionClient(address)
    except AuthenticationError as error:
        what = "the Ray head refuses the token, or none was found here"
        remedy = "Use the head's: RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH=FILE (default ~/.ray/auth_token)."
        raise ExecutionError(what, f"{address}: {_first_line(error)}", remedy) from error
    except ConnectionError as error:
        remedy = (
            "Is the head running, with its dashboard (port 8265)? From outside, `ray dashboard cluster.yaml` "
            "brings it to http://127.0.0.1:8265."
        )
        raise ExecutionError("no Ray head answers", address, remedy) from error
    except Exception as error:
        if "ray[default]" in str(error):
            remedy = "Install it: pip install 'rustybt_ray[jobs]'."
            raise ExecutionError("Ray Jobs are not installed here", "ray[default]", remedy) from error
        remedy = "It must be the head's dashboard, http://HOST:8265, not the port that workers join."
        raise ExecutionError("what answers is no Ray dashboard", f"{address}: {_first_line(error)}", remedy) from error


@contextmanager
def _explicit() -> Iterator[None]:
    """An address that was said counts, whatever Ray's variables say."""
    saved = {name: os.environ.pop(name) for name in OVERRIDING if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(saved)


def _is_refusal(error: Exception) -> bool:
    """Whether the head answered, but not with what was asked."""
    return isinstance(error, RuntimeError) and "status code 4" in str(error)


def _first_line(error: Exception) -> str:
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return shorten(line, 240, placeholder=" ...")


def _text(status: Any) -> str:
    return str(getattr(status, "value", status))


if __name__ == "__main__":
    for frame in frames(Path(sys.argv[1]).read_bytes()):
        print(frame, flush=True)  # noqa: T201
