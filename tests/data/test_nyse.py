"""The built-in calendar against the closures and early closes that another calendar lists."""

import csv
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from rustybt_ray.data.nyse import sessions_between

LISTED = Path(__file__).with_name("xnys_1993_2027.csv")
NEW_YORK = ZoneInfo("America/New_York")


def listed(what):
    with LISTED.open(newline="") as file:
        return {date.fromisoformat(row["date"]) for row in csv.DictReader(file) if row["what"] == what}


def nanoseconds(moment):
    return int(moment.timestamp()) * 10**9


def test_every_session_and_its_hours_are_those_of_the_list():
    closed, early = listed("closed"), listed("early")
    first, last = date(1993, 1, 1), date(2027, 12, 31)
    days = [first + timedelta(number) for number in range((last - first).days + 1)]
    days = [day for day in days if day.weekday() < 5 and day not in closed]
    dates, opens, closes = sessions_between(first, last)
    assert dates.astype("datetime64[ns]").astype("datetime64[D]").tolist() == days
    assert opens.tolist() == [nanoseconds(datetime.combine(day, time(9, 30), NEW_YORK)) for day in days]
    ends = [time(13) if day in early else time(16) for day in days]
    assert closes.tolist() == [
        nanoseconds(datetime.combine(day, end, NEW_YORK)) for day, end in zip(days, ends, strict=True)
    ]


def test_the_sample_years_have_6289_sessions():
    assert len(sessions_between(date(2000, 1, 3), date(2024, 12, 31))[0]) == 6289


@pytest.mark.parametrize("day", ["2001-09-11", "2001-09-14", "2004-06-11", "2007-01-02", "2012-10-30", "2018-12-05"])
def test_closures_that_no_rule_foresees(day):
    dates, _, _ = sessions_between(date.fromisoformat(day), date.fromisoformat(day))
    assert dates.dtype == np.int64
    assert not len(dates)
