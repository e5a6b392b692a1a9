"""Where the windows of a specification lie on given sessions."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np

from rustybt_ray._validation import check_count
from rustybt_ray.exceptions import InputError
from rustybt_ray.validation.lengths import Length, Ruler, Span, span_of
from rustybt_ray.validation.segments import Window, Windows, check_sessions, dates_of, make_segment

FEWEST = 20
"""Daily returns below which ratios are NaN."""


class Plan(NamedTuple):
    """A specification as it was given, as text and by name, with the step that holds."""

    text: str
    name: str
    given: dict[str, Length | None]
    anchored: bool

    @property
    def calendar(self) -> bool:
        """Whether lengths are durations."""
        return isinstance(self.given["train"], str)

    def span(self, part: str) -> Span:
        """The length of a part; nothing for a part that there is not."""
        value = self.given[part]
        return Span() if value is None else span_of(value)

    def places(self, ruler: Ruler, number: int) -> "Places":
        """Where the window of that number begins, changes and ends."""
        shift = Span().plus(self.span("step"), number)
        validate = shift.plus(self.span("train"))
        test = validate.plus(self.span("validate"))
        marks = (Span() if self.anchored else shift, validate, test, test.plus(self.span("step")))
        return Places(*(ruler.at(mark) for mark in (*marks, test.plus(self.span("test")))))

    def __repr__(self) -> str:
        return self.text


class Places(NamedTuple):
    """Begin of train, validate and test; where the next window's test begins; end of the test."""

    train: int
    validate: int
    test: int
    following: int
    stop: int

    def fits(self, end: int) -> bool:
        """Whether at least half of the test lies before `end`."""
        return self.test < end and 2 * (end - self.test) >= self.stop - self.test


def lay_out(plan: Plan, sessions: object, purge: int, embargo: int) -> Windows:
    """The windows of a plan, in time order.

    Raises
    ------
    InputError
        If no window fits, a segment holds no session, a step is longer than a test, or purge swallows a segment.
    """
    days = check_sessions(sessions)
    purge = check_count("purge", purge, remedy="It counts sessions.")
    embargo = check_count("embargo", embargo, remedy="It counts sessions.")
    ruler = Ruler(days, plan.span("warmup"), calendar=plan.calendar)
    dates = dates_of(days)
    made: list[Window] = []
    while (places := plan.places(ruler, len(made))).fits(ruler.end):
        made.append(_window(plan, ruler, dates, places, len(made), purge))
    if not made:
        raise _too_long(plan, ruler, dates)
    title = f"{plan.text}, purge={purge}" if purge else plan.text
    return Windows(title, tuple(made), _notes(plan, ruler, dates, made, embargo), days)


def _window(plan: Plan, ruler: Ruler, dates: Sequence[date], places: Places, number: int, purge: int) -> Window:
    if places.following > places.stop:
        remedy = f"After window {number}'s test comes a gap that no test covers; leave step out for step = test."
        raise InputError(f"{plan.name}.step", f"at most test = {plan.given['test']!r}", plan.given["step"], remedy)
    train, validate, test, following, stop = (ruler.position(place) for place in places)
    found = {"train": (train, validate), "validate": (validate, test), "test": (test, stop)}
    found["step"] = (test, min(following, stop))
    if plan.given["validate"] is None:
        del found["validate"]
    for part, (first, end) in found.items():
        if first == end:
            rule = f"long enough to hold a session in every window; window {number}'s holds none"
            given = plan.given[part]
            raise InputError(f"{plan.name}.{part}", rule, given, "Lengthen it, or count sessions instead of days.")
    for part in ("train", "validate"):
        first, end = found.get(part, (0, purge + 1))
        if end - first <= purge:
            rule = f"below the {end - first} sessions of window {number}'s {part}, which it shortens"
            raise InputError("purge", rule, purge, f"Lower purge, or lengthen {part}.")
    return Window(
        number,
        make_segment(dates, train, validate - purge),
        make_segment(dates, validate, test - purge) if "validate" in found else None,
        make_segment(dates, test, stop),
        make_segment(dates, *found["step"]),
        places.stop > ruler.end,
    )


def _too_long(plan: Plan, ruler: Ruler, dates: Sequence[date]) -> InputError:
    """The error of a plan without a window: what there is, and which train would fit."""
    train = plan.given["train"]
    unit = train.lstrip("0123456789") if isinstance(train, str) else ""
    count = int(str(train).removesuffix(unit))

    def too_long(units: int) -> bool:
        tried: Length = f"{units}{unit}" if unit else units
        return not plan._replace(given={**plan.given, "train": tried}).places(ruler, 0).fits(ruler.end)

    fitting = bisect_left(range(1, count), True, key=too_long)
    best: Length = f"{fitting}{unit}" if unit else fitting
    remedy = (
        f"train={best!r} would fit." if fitting else "No train fits: shorten the others too, or take a longer history."
    )
    test = plan.places(ruler, 0).test
    begin = f"on {np.datetime64(test, 'D')}" if plan.calendar else f"after {test:,} sessions"
    rule = f"short enough for {len(dates):,} sessions, {dates[0]} to {dates[-1]}"
    return InputError("windows", rule, plan, f"The first test begins {begin}, and half of it must be there. {remedy}")


def _notes(plan: Plan, ruler: Ruler, dates: Sequence[date], made: Sequence[Window], embargo: int) -> tuple[str, ...]:
    notes = []
    if embargo:
        notes.append(
            f"embargo = {embargo} has no effect in forward windows: nothing is trained on what follows a test."
        )
    if made[0].stitched != made[0].test:
        notes.append(f"Tests overlap: the curve takes the first {plan.given['step']} of each.")
    if partial := [window for window in made if window.partial]:
        which = "The last test is" if len(partial) == 1 else f"The last {len(partial)} tests are"
        count = made[-1].test.n_sessions
        notes.append(
            f"{which} partial: the data end on {dates[-1]}, with {count} sessions of window {made[-1].number}."
        )
    if left := len(dates) - made[-1].test.stop:
        notes.append(
            f"The last {left} sessions, from {dates[made[-1].test.stop]}, are less than half a test and in none."
        )
    short = [w.number for w in made if min(s.n_sessions for s in (w.train, w.validate, w.test) if s) < FEWEST]
    if short:
        which = f"Window {short[0]} has" if len(short) == 1 else f"{len(short)} windows, the first is {short[0]}, have"
        notes.append(f"{which} a segment of fewer than {FEWEST} sessions: ratios such as sharpe_ratio are NaN there.")
    return tuple(notes)
