"""How a study is coming along, on stderr: a bar on a terminal, else a line every few seconds.

Taking in a block only counts. A thread of its own draws, and not before a study has run for a moment, so that short
studies neither wait for nor show anything.
"""

import logging
import math
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from rustybt_ray.execution.messages import COMPLETE, FAILED, Block, Chunk
from rustybt_ray.execution.ports import Listener, Silent

if TYPE_CHECKING:
    from rich.progress import Progress

log = logging.getLogger("rustybt_ray")

FIRST = 0.5
"""Seconds before anything is drawn."""
REDRAW, LINES = 0.25, 5.0
"""Seconds between two drawings of the bar, and between two lines."""
TOLD = ("interrupted", "timeout")
"""Ends that the last line names; others are those of a part, or were asked for in the program."""
SMOOTHING = 15.0
"""Seconds over which the rate is taken."""


def make_listener(progress: bool | None, objective: str, direction: str) -> Listener:
    """Who is told how a study comes along.

    Parameters
    ----------
    progress : bool or None
        False shows nothing, and logs a warning when a worker dies. None shows a bar if stderr is a terminal, else a line
        every few seconds of a study that takes longer than that. True shows the first and the last line in any case.
    objective, direction : str
        The metric whose best value so far is shown, and whether more of it is better ("maximize") or less.

    Returns
    -------
    Listener
    """
    if progress is False:
        return Warnings()
    counts = Counts(objective, direction)
    if sys.stderr is not None and sys.stderr.isatty():
        return Shown(counts, Bar(), FIRST, REDRAW)
    return Shown(counts, Lines(always=progress is True), FIRST if progress else LINES, LINES)


class Warnings(Silent):
    """A listener that logs what people should know of even if they asked for no progress."""

    def worker_died(self, worker: int, cause: str) -> None:
        """A worker is gone."""
        log.warning("%s", death(worker, cause))


def death(worker: int, cause: str) -> str:
    """The end of a worker in a line.

    Examples
    --------
    >>> death(3, "out of memory")
    'worker 3 died (out of memory); its trials run again'
    """
    return f"worker {worker} died ({cause}); its trials run again"


class Counts:
    """What is known so far: trials done and failed, the best objective, the rate, workers alive, what their caches had.

    Examples
    --------
    >>> counts = Counts("sharpe_ratio", "maximize")
    >>> counts.begin(200, 2, now=0.0)
    >>> counts.text(now=1.0)
    '0 of 200 trials, starting workers'
    >>> counts.starting, counts.alive, counts.done, counts.hits, counts.misses = 0, {1, 2}, 50, 97, 3
    >>> counts.text(now=2.0)
    '50 of 200 trials, 25/s, 2 workers, cache 97 %, 6 s left'
    """

    def __init__(self, objective: str, direction: str) -> None:
        self.objective = objective
        self._better: Callable[..., Any] = np.fmax if direction == "maximize" else np.fmin
        self.done, self.failed, self.best = 0, 0, math.nan
        self.hits = self.misses = 0
        self.begin(None, 0, 0.0)

    def begin(self, trials: int | None, workers: int, now: float) -> None:
        """The study, or its next part, begins at `now`, in seconds: so many `trials`; `workers` have yet to start."""
        self.total = None if trials is None else self.done + trials
        self.starting = self.workers = workers
        self.alive: set[int] = set()
        self._samples = deque([(now, self.done)])

    def add(self, block: Block) -> None:
        """Count the trials of a block."""
        self.starting = 0
        self.done += len(block)
        self.hits, self.misses = self.hits + block.lookups[0], self.misses + block.lookups[1]
        self.failed += int(np.count_nonzero(block.state == FAILED))
        if self.objective not in block.names:
            return
        values = block.metrics[:, block.names.index(self.objective)]
        if "ruined" in block.names:  # never best
            values = np.where(block.metrics[:, block.names.index("ruined")] == 1.0, np.nan, values)
        values = values[block.state == COMPLETE]
        if len(values):
            self.best = float(self._better(self.best, self._better.reduce(values)))  # type: ignore[attr-defined]

    def rate(self, now: float) -> float:
        """Trials a second over the last `SMOOTHING` seconds; NaN before the first is done."""
        while len(self._samples) > 1 and now - self._samples[1][0] > SMOOTHING:
            self._samples.popleft()
        since, before = self._samples[0]
        done = self.done
        if now - self._samples[-1][0] >= REDRAW:
            self._samples.append((now, done))
        return (done - before) / (now - since) if done > before and now > since else math.nan

    def text(self, now: float) -> str:
        """All of it in a line."""
        count = f"{self.done:,}" if self.total is None else f"{self.done:,} of {self.total:,}"
        return ", ".join([f"{count} trials", *self.details(now)])

    def details(self, now: float) -> list[str]:
        """Rate, best so far, failures, workers alive, cache hits, time left; whatever is known of them."""
        rate, parts = self.rate(now), []
        if self.starting:
            parts.append("starting workers")
        if not math.isnan(rate):
            parts.append(f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.2g}/s")
        if not math.isnan(self.best):
            parts.append(f"best {self.objective} {self.best:.4g}")
        if self.failed:
            parts.append(f"{self.failed:,} failed")
        if self.workers > 1 and not self.starting:
            alive = len(self.alive)
            parts.append(f"{alive:,} of {self.workers:,} workers" if alive < self.workers else f"{alive:,} workers")
        if self.hits + self.misses:
            parts.append(f"cache {100 * self.hits // (self.hits + self.misses)} %")
        if self.total is not None and not math.isnan(rate) and self.done < self.total:
            parts.append(f"{_duration((self.total - self.done) / rate)} left")
        return parts


class Lines:
    """A line whenever it is asked to draw."""

    def __init__(self, always: bool) -> None:
        self._always, self._drawn = always, False

    def draw(self, counts: Counts, now: float) -> None:
        """Print where the study stands."""
        self._drawn = True
        self.say(counts.text(now))

    def say(self, message: str) -> None:
        """Print a message."""
        print(message, file=sys.stderr, flush=True)  # noqa: T201

    def close(self, counts: Counts, now: float, stopped: str | None) -> None:
        """Print the last line, if there was a first."""
        if self._drawn or self._always:
            self.say(", ".join([counts.text(now), *([stopped] if stopped in TOLD else [])]))
        self._drawn = False


class Bar:
    """A bar of rich on stderr, made when it is first needed and removed when the study ends."""

    def __init__(self) -> None:
        self._progress: Progress | None = None

    def draw(self, counts: Counts, now: float) -> None:
        """Show where the study stands."""
        count = f"{counts.done:,}" if counts.total is None else f"{counts.done:,}/{counts.total:,}"
        details = ", ".join(counts.details(now))
        bar = self._bar()
        bar.update(bar.task_ids[0], total=counts.total, completed=counts.done, count=count, details=details)
        bar.refresh()

    def say(self, message: str) -> None:
        """Print a message above the bar."""
        self._bar().console.print(message, markup=False, highlight=False)

    def close(self, counts: Counts, now: float, stopped: str | None) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _bar(self) -> "Progress":
        if self._progress is not None:
            return self._progress
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        # stdout stays where it is: what a strategy prints is not for the bar's stream
        self._progress = Progress(
            TextColumn("{task.fields[count]}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[details]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            auto_refresh=False,
            redirect_stdout=False,
        )
        self._progress.add_task("", total=None, count="", details="")
        self._progress.start()
        return self._progress


class Shown(Silent):
    """A listener that counts what it is told, and has it drawn by a thread.

    Parameters
    ----------
    counts : Counts
    picture : Bar or Lines
    first, every : float
        Seconds until the first drawing and between two of them.
    """

    def __init__(self, counts: Counts, picture: Bar | Lines, first: float, every: float) -> None:
        self.counts, self._picture, self._first, self._every = counts, picture, first, every
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def started(self, trials: int | None, workers: int) -> None:
        """The study begins, or goes on with other workers; nothing is drawn yet."""
        self.ended(None)
        self.counts.begin(trials, workers, time.monotonic())
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._over,), name="rustybt_ray-progress", daemon=True)
        self._thread.start()

    def worker_ready(self, worker: int) -> None:
        """A worker joins."""
        self.counts.starting = 0
        self.counts.alive.add(worker)

    def finished_block(self, chunk: Chunk, block: Block) -> None:
        """Some trials ended: count them."""
        self.counts.add(block)

    def worker_died(self, worker: int, cause: str) -> None:
        """A worker is gone: say so at once."""
        self.counts.alive.discard(worker)
        with self._lock:
            self._picture.say(death(worker, cause))

    def worker_replaced(self, worker: int) -> None:
        """A worker makes room for another, which counts once it is ready."""
        self.counts.alive.discard(worker)

    def ended(self, stopped: str | None) -> None:
        """The study ends, and drawing with it."""
        if self._thread is None:
            return
        self._over.set()
        self._thread.join()
        self._thread = None
        self._picture.close(self.counts, time.monotonic(), stopped)

    def _run(self, over: threading.Event) -> None:
        wait = self._first
        while not over.wait(wait):
            with self._lock:
                self._picture.draw(self.counts, time.monotonic())
            wait = self._every


def _duration(seconds: float) -> str:
    """Seconds as people read them.

    Examples
    --------
    >>> _duration(5.2), _duration(125.0), _duration(7500.0)
    ('6 s', '3 min', '2 h 5 min')
    """
    if seconds < 60:
        return f"{math.ceil(seconds)} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
