"""Which session each row belongs to, and when sessions open and close.

Without other knowledge a session is a UTC day, from midnight to midnight. Daily bars of a year or more that have
exactly the sessions of the New York Stock Exchange are given its opening and closing times. A calendar or a table
of times says it otherwise.
"""

from datetime import date, timedelta
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from rustybt_ray._typing import IntArray
from rustybt_ray.data import nyse
from rustybt_ray.data.build import DAY
from rustybt_ray.data.ingest.columns import read_times
from rustybt_ray.data.ingest.findings import some_of
from rustybt_ray.data.ingest.table import Table
from rustybt_ray.exceptions import IngestError, InputError

RECOGNISED_FROM = 250
"""Sessions that must agree before the New York Stock Exchange is recognised."""


class Hours(NamedTuple):
    """Date, opening and closing of sessions, as rising UTC nanoseconds, and where they are from."""

    sessions: IntArray
    opens: IntArray
    closes: IntArray
    label: str


class Axis(NamedTuple):
    """Hours of the sessions that have a row, each row's position in them, and what is odd."""

    hours: Hours
    session: IntArray
    notes: list[str]


def session_axis(time: IntArray, daily: bool, calendar: str | None, session_times: Any) -> Axis:
    """The sessions of rows at these times.

    Raises
    ------
    InputError
        If the calendar is not known, its package is not installed, or `session_times` is no such table.
    IngestError
        If a row is outside all sessions.
    """
    if calendar is not None and session_times is not None:
        raise InputError("calendar", "None if session_times is given", calendar, "Pass one of the two.")
    first, last = (_day(int(time[at])) for at in (0, -1))
    if session_times is not None:
        known = _from_table(session_times)
    elif calendar is not None:
        known = _from_calendar(calendar, first - timedelta(7), last + timedelta(7))
    else:
        return _unknown(time, daily, first, last)
    return _fit(time, daily, known)


def _unknown(time: IntArray, daily: bool, first: date, last: date) -> Axis:
    """UTC days, or the hours of the exchange whose sessions these are."""
    if daily and len(time) >= RECOGNISED_FROM and first >= nyse.FIRST and last <= nyse.LAST:
        sessions, opens, closes = nyse.sessions_between(first, last)
        if np.array_equal(sessions, time):
            return Axis(Hours(sessions, opens, closes, "XNYS"), np.arange(len(time)), [])
    days, session = np.unique(time - time % DAY, return_inverse=True)
    return Axis(Hours(days, days, days + DAY, "UTC days"), session.astype(np.int64), [])


def _fit(time: IntArray, daily: bool, known: Hours) -> Axis:
    """The known sessions that have a row."""
    begins = known.sessions if daily else known.opens
    position = np.searchsorted(begins, time, side="right") - 1
    at = np.maximum(position, 0)
    inside = (position >= 0) & ((known.sessions[at] == time) if daily else (time < known.closes[at]))
    if not inside.all():
        unit = "datetime64[D]" if daily else "datetime64[s]"
        outside = time[~inside].astype("datetime64[ns]").astype(unit)
        found = some_of(range(len(outside)), lambda at: f"{outside[at]} is in no session")
        remedy = "Leave these rows out, or pass another calendar= or session_times=."
        raise IngestError(f"{len(outside)} times are outside the sessions", known.label, remedy, tuple(found))
    used, session = np.unique(position, return_inverse=True)
    hours = Hours(known.sessions[used], known.opens[used], known.closes[used], known.label)
    unused = np.setdiff1d(np.arange(used[0], used[-1] + 1), used)
    notes = []
    if len(unused):
        days = ", ".join(str(_day(int(each))) for each in known.sessions[unused[:5]])
        notes.append(f"{len(unused)} sessions of {known.label} have no row of any asset, the first {days}")
    return Axis(hours, session.astype(np.int64), notes)


def _from_calendar(name: str, first: date, last: date) -> Hours:
    """Sessions of an exchange by name; those of New York are built in, the others need exchange-calendars."""
    if str(name).upper() in nyse.NAMES:
        if first < nyse.FIRST or last > nyse.LAST:
            rule = f"one that has all sessions; {name} is known from {nyse.FIRST} to {nyse.LAST}"
            raise InputError("calendar", rule, name, "Give the sessions with session_times=.")
        return Hours(*nyse.sessions_between(first, last), "XNYS")
    try:
        exchange_calendars = import_module("exchange_calendars")
    except ImportError:
        rule = f"one of {', '.join(nyse.NAMES)} while the package exchange-calendars is not installed"
        raise InputError("calendar", rule, name, "Install it with pip install exchange-calendars.") from None
    try:
        schedule = exchange_calendars.get_calendar(name, start=first.isoformat(), end=last.isoformat()).schedule
    except (exchange_calendars.errors.CalendarError, ValueError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise InputError("calendar", "a name that exchange-calendars knows", name, f"It says: {reason}") from None
    opens, closes = (schedule[name].dt.tz_convert(None) for name in ("open", "close"))
    return Hours(_nanoseconds(schedule.index), _nanoseconds(opens), _nanoseconds(closes), str(name))


def _from_table(source: Any) -> Hours:
    """Sessions of a table with the columns date, open and close (times with a zone, or UTC)."""
    table = Table(source, "session_times", ("session_times", "a polars, pandas or Arrow table"))
    names = {column.strip().lower(): column for column in table.columns}
    if missing := [name for name in ("date", "open", "close") if name not in names]:
        rule = "a table with the columns date, open and close"
        raise InputError("session_times", rule, tuple(table.columns), f"Missing: {', '.join(missing)}.")
    frame = table.read({name: names[name] for name in ("date", "open", "close")})
    days, good, daily = read_times(frame["date"])
    opens, fine, _ = read_times(frame["open"])
    closes, sound, _ = read_times(frame["close"])
    order = np.argsort(days)
    days, opens, closes = days[order], opens[order], closes[order]
    valid = len(days) and daily and good.all() and fine.all() and sound.all() and np.all(closes > opens)
    if not valid or np.any(np.diff(days) <= 0) or np.any(opens[1:] < closes[:-1]):
        rule = "one row a session: its date, and the UTC times of its opening and its later closing, no two overlapping"
        raise InputError("session_times", rule, frame.head(3).rows(), "These are its first rows.")
    return Hours(days, opens, closes, "session_times")


def _nanoseconds(times: Any) -> IntArray:
    return np.array(times, dtype="datetime64[ns]").astype(np.int64)


def _day(time: int) -> date:
    day: date = np.datetime64(time, "ns").astype("datetime64[D]").item()
    return day
