"""Windows and splits as bars: plain records for a picture, and lines of text."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import NamedTuple

from rustybt_ray._typing import IntArray
from rustybt_ray._validation import check_count
from rustybt_ray.validation.combinatorial import Split, Splits
from rustybt_ray.validation.segments import Window, Windows, dates_of

SIGNS = {"train": "=", "left out": ".", "validate": "+", "overlap": "o", "test": "#"}
MEANINGS = {"overlap": "test, not in the curve"}


class Bar(NamedTuple):
    """A run of sessions of one kind in the row of a picture.

    Attributes
    ----------
    row : int
        Number of the window or split.
    part : str
        "train", "validate", "test" (on the out-of-sample curve), "overlap" (a test's sessions that the curve takes from the next
        window), "left out" (by purge or embargo).
    first, last : int
        Positions of sessions, both included.
    start, end : date
        Dates of these sessions.
    """

    row: int
    part: str
    first: int
    last: int
    start: date
    end: date


def bars(windows: Windows | Splits) -> tuple[Bar, ...]:
    """What a picture draws, row by row from left to right; also rows of a table: ``polars.DataFrame(bars(windows))``."""
    dates = dates_of(windows.days)
    made: list[Bar] = []
    for item in windows:
        row = sorted(_window_bars(item) if isinstance(item, Window) else _split_bars(item, len(dates)))
        made += [Bar(item.number, part, first, last, dates[first], dates[last]) for first, last, part in row]
    return tuple(made)


def draw(windows: Windows | Splits, *, width: int = 60, rows: int = 20) -> str:
    """The windows as lines of text, one a window, with what their tests are.

    Parameters
    ----------
    windows : Windows or Splits
    width : int, default 60
        Columns for the sessions; each has at least one. A segment that is shorter than a column still shows.
    rows : int, default 20
        Lines at most; the first and the last windows are shown.

    Returns
    -------
    str
        Lines, the last without a line break.

    Raises
    ------
    InputError
        If `width` is below 10 or `rows` below 2.
    """
    count = len(windows.days)
    width = min(check_count("width", width, low=10), count)
    rows = check_count("rows", rows, low=2)
    shown: list[Window | Split] = list(windows)
    hidden = max(len(shown) - rows, 0)
    if hidden:
        shown = shown[: rows - rows // 2] + shown[len(shown) - rows // 2 :]
    numbers = {item.number for item in shown}
    drawn = [bar for bar in bars(windows) if bar.row in numbers]
    used = [part for part in SIGNS if any(bar.part == part for bar in drawn)]
    margin = len(str(len(windows) - 1))
    lines = [*_head(windows), "  ".join(f"{SIGNS[part]} {MEANINGS.get(part, part)}" for part in used), ""]
    lines.append(f"{'':{margin}}  {_years(windows.days, width)}".rstrip())
    for item in shown:
        if hidden and item is shown[rows - rows // 2]:
            lines.append(f"{'':{margin}}  ... {hidden} more")
        row = _row((bar for bar in drawn if bar.row == item.number), count, width)
        lines.append(f"{item.number:{margin}}  {row}  {_remark(item)}")
    if isinstance(windows, Windows):
        lines += ["", *windows.notes] if windows.notes else []
    return "\n".join(lines)


def _head(windows: Windows | Splits) -> Iterator[str]:
    dates = dates_of(windows.days[[0, -1]])
    yield windows.title
    what = f"{len(windows)} {'windows' if isinstance(windows, Windows) else 'splits'}"
    if len(windows) == 1:
        what = what.removesuffix("s")
    paths = f", {len(windows.paths)} paths" if isinstance(windows, Splits) else ""
    yield f"{what}{paths} of {len(windows.days):,} sessions, {dates[0]} to {dates[1]}"


def _remark(item: Window | Split) -> str:
    if isinstance(item, Split):
        return f"tests {', '.join(map(str, item.groups))}"
    return f"{item.test}, {item.test.n_sessions} sessions{', partial' if item.partial else ''}"


def _window_bars(window: Window) -> Iterator[tuple[int, int, str]]:
    """First, last and part of each bar."""
    before = window.train
    yield before.first, before.last, "train"
    for part, segment in (("validate", window.validate), ("test", window.test)):
        if segment is None:
            continue
        if segment.first > before.stop:
            yield before.stop, segment.first - 1, "left out"
        yield segment.first, (window.stitched if part == "test" else segment).last, part
        before = segment
    if window.test.last > window.stitched.last:
        yield window.stitched.stop, window.test.last, "overlap"


def _split_bars(split: Split, count: int) -> Iterator[tuple[int, int, str]]:
    at = 0
    named = [(segment, "train") for segment in split.train] + [(segment, "test") for segment in split.test]
    for segment, part in sorted(named):
        if segment.first > at:
            yield at, segment.first - 1, "left out"
        yield segment.first, segment.last, part
        at = segment.stop
    if at < count:
        yield at, count - 1, "left out"


def _row(found: Iterable[Bar], count: int, width: int) -> str:
    """The bars on `width` columns; where they share one, test goes before train, and both before what is left out."""
    cells = [" "] * width
    for bar in sorted(found, key=lambda bar: ("left out", *SIGNS).index(bar.part)):
        first, stop = (_column(position, count, width) for position in (bar.first, bar.last + 1))
        first = min(first, width - 1)
        for column in range(first, max(stop, first + 1)):
            cells[column] = SIGNS[bar.part]
    return "".join(cells)


def _column(position: int, count: int, width: int) -> int:
    """The column whose left edge is nearest to a position."""
    return (2 * position * width + count) // (2 * count)


def _years(days: IntArray, width: int) -> str:
    """Years over the columns in which they begin: all of them, or every second, fifth, tenth."""
    dates: Sequence[date] = dates_of(days)
    begins = [0, *(at for at in range(1, len(dates)) if dates[at].year != dates[at - 1].year)]
    line = ""
    for every in (1, 2, 5, 10, 20, 50):
        labels = [(_column(at, len(dates), width), dates[at].year) for at in begins if dates[at].year % every == 0]
        labels = [label for label in labels if label[0] + 4 <= width]
        if all(second[0] - first[0] > 4 for first, second in pairwise(labels)):
            for column, year in labels:
                line = f"{line:{column}}{year}"
            break
    return line
