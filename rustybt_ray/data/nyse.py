"""Sessions of the New York Stock Exchange by rule, without a calendar package: 1993 to 2035.

Holidays, early closes and daylight saving follow the exchange's own rules as they stood; what no rule foresees
(mourning, attacks, storms) is listed. The future holds closures that nobody can list yet: ingest compares the data
with the calendar and says where they differ.
"""

from datetime import date, timedelta
from functools import cache

import numpy as np

from rustybt_ray._typing import IntArray

NAMES = ("XNYS", "NYSE", "XNAS", "NASDAQ")
FIRST, LAST = date(1993, 1, 1), date(2035, 12, 31)
MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = range(7)
HOUR = 3_600_000_000_000
CLOSED = frozenset(
    date.fromisoformat(text)
    for text in (
        *("1994-04-27", "2001-09-11", "2001-09-12", "2001-09-13", "2001-09-14", "2004-06-11", "2007-01-02"),
        *("2012-10-29", "2012-10-30", "2018-12-05", "2025-01-09"),
    )
)
EARLY = frozenset(date.fromisoformat(text) for text in ("1997-12-26", "1999-12-31", "2003-12-26"))


def sessions_between(start: date, end: date) -> tuple[IntArray, IntArray, IntArray]:
    """Dates, openings and closings of the sessions in [start, end], each as UTC nanoseconds.

    Both ends lie within FIRST and LAST.

    Examples
    --------
    The day after Thanksgiving closes at 13:00 in New York, which is 18:00 UTC in winter:

    >>> dates, opens, closes = sessions_between(date(2019, 11, 28), date(2019, 12, 1))
    >>> closes.astype("datetime64[ns]").astype("datetime64[m]").tolist()
    [datetime.datetime(2019, 11, 29, 18, 0)]
    """
    days = [d for year in range(start.year, end.year + 1) for d in _year(year) if start <= d[0] <= end]
    dates = np.array([day for day, _, _ in days], dtype="datetime64[ns]").astype(np.int64)
    opens = dates + np.array([opening for _, opening, _ in days], dtype=np.int64)
    return dates, opens, dates + np.array([closing for _, _, closing in days], dtype=np.int64)


@cache
def _year(year: int) -> tuple[tuple[date, int, int], ...]:
    """Each session of a year: date, opening and closing as nanoseconds after its UTC midnight."""
    closed, early = _holidays(year) | CLOSED, _early_closes(year) | EARLY
    summer, winter = _daylight_saving(year)
    found = []
    for number in range((date(year + 1, 1, 1) - date(year, 1, 1)).days):
        day = date(year, 1, 1) + timedelta(number)
        if day.weekday() < SATURDAY and day not in closed:
            shift = 4 if summer <= day < winter else 5
            closing = (13 if day in early else 16) + shift
            found.append((day, (9 + shift) * HOUR + HOUR // 2, closing * HOUR))
    return tuple(found)


def _holidays(year: int) -> set[date]:
    """Days on which the exchange is closed by rule."""
    found = {
        _weekday(year, 2, MONDAY, 3),  # Washington's Birthday
        _easter(year) - timedelta(2),  # Good Friday
        _last_weekday(year, 5, MONDAY),  # Memorial Day
        _observed(date(year, 7, 4)),
        _weekday(year, 9, MONDAY, 1),  # Labor Day
        _weekday(year, 11, THURSDAY, 4),  # Thanksgiving
        _observed(date(year, 12, 25)),
    }
    if date(year, 1, 1).weekday() != SATURDAY:  # the year's last Friday is never given up
        found.add(_observed(date(year, 1, 1)))
    if year >= 1998:
        found.add(_weekday(year, 1, MONDAY, 3))  # Martin Luther King's Birthday
    if year >= 2022:
        found.add(_observed(date(year, 6, 19)))
    return found


def _early_closes(year: int) -> set[date]:
    """Days that end at 13:00 in New York."""
    found = {_weekday(year, 11, THURSDAY, 4) + timedelta(1)}
    if date(year, 12, 24).weekday() <= THURSDAY:
        found.add(date(year, 12, 24))
    fourth = date(year, 7, 4).weekday()
    if year >= 1995 and (fourth in (TUESDAY, WEDNESDAY, FRIDAY) or (fourth == THURSDAY and year >= 2013)):
        found.add(date(year, 7, 3))
    elif year >= 1995 and fourth == THURSDAY:
        found.add(date(year, 7, 5))
    return found


def _daylight_saving(year: int) -> tuple[date, date]:
    """First day of summer time and first day after it in the United States."""
    if year >= 2007:
        return _weekday(year, 3, SUNDAY, 2), _weekday(year, 11, SUNDAY, 1)
    return _weekday(year, 4, SUNDAY, 1), _last_weekday(year, 10, SUNDAY)


def _observed(day: date) -> date:
    """The weekday on which a holiday is kept: Friday for Saturday, Monday for Sunday."""
    return day + timedelta({SATURDAY: -1, SUNDAY: 1}.get(day.weekday(), 0))


def _weekday(year: int, month: int, weekday: int, number: int) -> date:
    """The `number`-th such weekday of a month."""
    first = date(year, month, 1)
    return first + timedelta((weekday - first.weekday()) % 7 + 7 * (number - 1))


def _last_weekday(year: int, month: int, weekday: int) -> date:
    last = date(year, month + 1, 1) - timedelta(1)
    return last - timedelta((last.weekday() - weekday) % 7)


def _easter(year: int) -> date:
    """Easter Sunday (the anonymous Gregorian computus)."""
    golden, century, rest = year % 19, year // 100, year % 100
    leap, moon = century // 4, (century + 8) // 25
    epact = (19 * golden + century - leap - (century - moon + 1) // 3 + 15) % 30
    sunday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (golden + 11 * epact + 22 * sunday) // 451
    month, day = divmod(epact + sunday - 7 * late + 114, 31)
    return date(year, month, day + 1)
