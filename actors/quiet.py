"""Ray's reports kept off stdout: what it prints there whatever `log_to_driver` says goes to our log instead.

Its daemons send reports of what died to a thread in the driver's process, which hands them to one function of
`ray._private.worker` that prints them on `sys.stdout`; no daemon has the driver's descriptors. That function is wrapped
while a Ray of ours runs, so that what the user prints, and all else that Ray prints, passes as before.
"""

import functools
import logging
import re
from typing import Any

log = logging.getLogger("rustybt_ray.ray")

PRINTER = "print_to_stdstream"
LENGTH = 200
KNOWN = re.compile("worker died or was killed|running low on memory")
"""Reports of what each pool tells in its own words, when the worker's calls fail."""
IDENTIFIER = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{20,}\b")
SENTENCE_END = re.compile(r"\.\s|\s+\n|\n|\t")


def silence() -> None:
    """From now on Ray's reports are records of the logger "rustybt_ray.ray".

    The full text has level DEBUG. What no pool tells, such as a lost node, is one line of level WARNING besides, once.
    A Ray that prints by another function stays loud.
    """
    from ray._private import worker

    printer = getattr(worker, PRINTER, None)
    if printer is None:
        log.debug("this Ray prints its reports in a way of its own")
    elif not hasattr(printer, "loud"):
        setattr(worker, PRINTER, _quiet(printer))


def restore() -> None:
    """Ray prints its reports again."""
    from ray._private import worker

    printer: Any = getattr(worker, PRINTER, None)
    if hasattr(printer, "loud"):
        setattr(worker, PRINTER, printer.loud)


def summary(report: str) -> str:
    """The first sentence of a report, its identifiers shortened.

    Examples
    --------
    >>> summary("Raylet is terminated. Termination is unexpected. Possible reasons include: ...")
    'Raylet is terminated'
    """
    return SENTENCE_END.split(IDENTIFIER.sub(r"\1", report.strip()), maxsplit=1)[0].rstrip(" .:")[:LENGTH]


def _quiet(printer: Any) -> Any:
    told: set[str] = set()

    @functools.wraps(printer)
    def take(data: Any, *args: Any, **options: Any) -> None:
        if data.get("pid") != "raylet" or data.get("is_err"):
            printer(data, *args, **options)
            return
        for report in data.get("lines", ()):
            log.debug("Ray reports: %s", report)
            line = summary(report)
            if line not in told and not KNOWN.search(report):
                told.add(line)
                log.warning("Ray reports: %s", line)

    take.loud = printer  # type: ignore[attr-defined]
    return take
