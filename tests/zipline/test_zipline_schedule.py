"""The sessions of scheduled functions against the calendar and zipline's golden."""

import datetime as dt
import json
import pickle
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustybt_ray.data.build import DAY, panel_from_arrays
from rustybt_ray.data.grid import on_grid
from rustybt_ray.data.nyse import HOUR, sessions_between
from rustybt_ray.zipline.errors import NotSupported, ScheduleFunctionInvalidCalendar
from rustybt_ray.zipline.events import (
    AfterOpen,
    Always,
    ComposedRule,
    NotHalfDay,
    NthTradingDayOfWeek,
    OncePerDay,
    StatelessRule,
    calendars,
    date_rules,
    time_rules,
)
from rustybt_ray.zipline.schedule import once_a_day, schedule

GOLDEN = Path(__file__).resolve().parents[2] / ".." / "shared" / "zipline" / "golden"


def view_between(start, end):
    days = sessions_between(dt.date.fromisoformat(start), dt.date.fromisoformat(end))[0]
    return on_grid(panel_from_arrays(days, ["A"], *[np.ones((len(days), 1))] * 5))


@pytest.fixture(scope="module")
def view():
    return view_between("2018-01-02", "2019-12-31")


def texts(view):
    return view.sessions.astype("datetime64[ns]").astype("datetime64[D]").astype(str).tolist()


def days_of(view, *arguments, first=0, **options):
    found = schedule(view, first, *arguments, **options)
    return [day for row, day in enumerate(texts(view)) if row >= first and found.due(row)]


def test_half_days_after_a_session_are_skipped(view):
    every = set(texts(view))
    assert every - set(days_of(view)) == {"2018-07-03", "2019-07-03", "2019-12-24"}
    assert every - set(days_of(view, date_rules.every_day(), early_closes="run")) == set()


def test_early_closes_can_be_left_out(view):
    half = {"2018-07-03", "2018-11-23", "2018-12-24", "2019-07-03", "2019-11-29", "2019-12-24"}
    for early_closes in ("skip", "run"):
        found = days_of(view, None, None, False, early_closes=early_closes)
        assert set(texts(view)) - set(found) == half


def groups(view, key):
    """Sessions of each week or month of 2017 to 2020, in order."""
    found = defaultdict(list)
    days = sessions_between(dt.date(2017, 12, 1), dt.date(2020, 1, 31))[0].astype("datetime64[ns]")
    for day in days.astype("datetime64[D]").astype(str).tolist():
        found[key(dt.date.fromisoformat(day))].append(day)
    return found.values()


@pytest.mark.parametrize("offset", range(23))
def test_rules_count_the_sessions_of_whole_weeks_and_months(view, offset):
    own = set(texts(view))
    for kind, key in (("week", lambda day: day.isocalendar()[:2]), ("month", lambda day: (day.year, day.month))):
        if kind == "week" and offset > 4:
            continue
        for end, at in (("start", offset), ("end", -offset - 1)):
            rule = getattr(date_rules, f"{kind}_{end}")(offset)
            expected = [days[at] for days in groups(view, key) if len(days) > offset and days[at] in own]
            assert days_of(view, rule, early_closes="run") == expected, (kind, end)


def test_a_week_is_counted_beyond_the_panel():
    view = view_between("2018-01-10", "2018-01-17")
    assert days_of(view, date_rules.week_start()) == ["2018-01-16"]
    assert days_of(view, date_rules.week_end()) == ["2018-01-12"]
    assert days_of(view, date_rules.month_start(6)) == ["2018-01-10"]
    assert days_of(view, date_rules.month_end(10)) == ["2018-01-17"]


def test_the_memory_begins_where_the_function_is_added(view):
    """Who is added on a half day itself has nothing to remember."""
    eve = texts(view).index("2018-07-02")
    assert days_of(view, first=eve)[:2] == ["2018-07-02", "2018-07-05"]
    assert days_of(view, first=eve + 1)[:2] == ["2018-07-03", "2018-07-05"]


def test_only_who_ran_the_day_before_is_skipped():
    view = view_between("2019-06-24", "2019-07-12")
    assert "2019-07-03" not in days_of(view)
    assert days_of(view, date_rules.week_start(2)) == ["2019-06-26", "2019-07-03", "2019-07-10"]


def test_time_rules_are_ignored_and_no_date_rules(view):
    assert days_of(view, None, time_rules.market_open(hours=1)) == days_of(view)
    for rule in (time_rules.market_close(), time_rules.market_open(minutes=30)):
        with pytest.warns(UserWarning, match="Got a time rule for the second positional argument"):
            assert days_of(view, rule) == []


def test_a_minute_after_the_opening_that_is_the_close(view):
    """6.5 hours after it: every full session; 3.5 hours: half days, of which none but their own days are remembered."""
    with pytest.warns(UserWarning, match="time rule"):
        assert len(days_of(view, time_rules.market_open(hours=6, minutes=30))) == 503 - 6
    with pytest.warns(UserWarning, match="time rule"):
        assert len(days_of(view, AfterOpen(dt.timedelta(hours=3.5)))) == 6


@pytest.mark.parametrize("name", ["week_start", "week_end", "month_start", "month_end"])
def test_offsets_out_of_range(name):
    last = 4 if name.startswith("week") else 22
    rule = getattr(date_rules, name)
    assert rule(last)
    for offset in (-1, last + 1):
        with pytest.raises(ValueError, match=f"offset must be in between 0 and {last} inclusive"):
            rule(offset)
    with pytest.raises(TypeError, match=r"1\.5"):
        rule(1.5)
    with pytest.warns(UserWarning, match="expected an int for argument 'n', but got float 2.0"):
        assert rule(2.0).td_delta in (2, -3)


@pytest.mark.parametrize("rule", [date_rules.week_start, NthTradingDayOfWeek, Always, "week_start", 7, OncePerDay()])
def test_what_is_no_rule(view, rule):
    with pytest.raises(TypeError, match="invalid rule"):
        schedule(view, 0, rule)


@pytest.mark.parametrize("kwargs", [{"minutes": 0.5}, {"hours": 13}, {"offset": dt.timedelta(0)}])
def test_offsets_of_time_rules(kwargs):
    with pytest.raises(ValueError, match="1 minute and 12 hours"):
        time_rules.market_open(**kwargs)
    with pytest.raises(ValueError, match="Cannot pass kwargs and an offset"):
        time_rules.market_close(dt.timedelta(hours=1), minutes=5)
    with pytest.raises(TypeError, match="'hours' and/or 'minutes'"):
        time_rules.market_close(30)


def test_calendars(view):
    assert days_of(view, date_rules.week_end(), calendar=calendars.US_EQUITIES) == days_of(view, date_rules.week_end())
    with pytest.raises(NotSupported, match="calendar of futures"):
        schedule(view, 0, calendar=calendars.US_FUTURES)
    with pytest.raises(ScheduleFunctionInvalidCalendar, match=r"'XNYS'.*US_EQUITIES"):
        schedule(view, 0, calendar="XNYS")
    assert pickle.loads(pickle.dumps(calendars.US_EQUITIES)) is calendars.US_EQUITIES


class Mondays(StatelessRule):
    """A rule as an algorithm may write it."""

    def __init__(self):
        self.asked = []

    def should_trigger(self, dt):
        self.asked.append(dt)
        return dt.weekday() == 0


def test_a_rule_of_the_algorithms_own(view):
    rule = Mondays()
    found = schedule(view, 0, rule, half_days=False)
    assert found.flags is None
    days = [row for row in range(60) if found.due(row)]
    assert {dt.date.fromisoformat(texts(view)[row]).weekday() for row in days} == {0}
    assert rule.asked[0] == pd.Timestamp("2018-01-02 21:00", tz="UTC")
    assert len(days) == 10


def test_rules_combine(view):
    both = date_rules.week_start() & date_rules.month_start()
    assert days_of(view, both)[:2] == ["2018-01-02", "2018-04-02"]
    with pytest.raises(ValueError, match="Only two StatelessRules"):
        ComposedRule(Always(), OncePerDay(), None)
    mixed = Mondays() & date_rules.month_start()
    assert days_of(view, mixed)[:2] == ["2018-04-02", "2018-07-02"]
    either = ComposedRule(date_rules.week_start(4), Mondays(), lambda a, b, dt: a(dt) or b(dt))
    assert days_of(view, either)[:3] == ["2018-01-08", "2018-01-12", "2018-01-22"]


@pytest.mark.parametrize(
    "rule", [date_rules.week_end(1), date_rules.month_start(3), NotHalfDay(), AfterOpen(hours=6.5)]
)
def test_moment_by_moment_is_all_at_once(view, rule):
    """The same rule, asked about each close as rules of algorithms are."""
    at_once = days_of(view, rule & Always())
    one_by_one = days_of(view, ComposedRule(rule, Always(), lambda a, b, dt: a(dt) and b(dt)))
    assert at_once == one_by_one


def test_a_rule_without_a_calendar():
    with pytest.raises(ValueError, match="NotHalfDay needs a calendar"):
        NotHalfDay().should_trigger(pd.Timestamp("2018-01-02 21:00", tz="UTC"))


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([1, 5, 19, 20, 21, 22, 23, 24, 25, 48])), max_size=30))
def test_once_a_day_is_a_memory_of_24_hours(days):
    holds = np.array([held for held, _ in days], dtype=bool)
    times = np.cumsum([hours * HOUR for _, hours in days], dtype=np.int64)
    reset, spent, expected = None, False, []
    for time, held in zip(times, holds, strict=True):
        if reset is None or time >= reset + DAY:
            reset, spent = time, False
        expected.append(bool(held and not spent))
        spent = spent or bool(held)
    assert once_a_day(holds, times).tolist() == expected


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="the goldens in ../shared are not here")
def test_the_counts_that_zipline_recorded(view):
    golden = json.loads((GOLDEN / "record_values.synthetic.json").read_text())
    rules = {
        "every_day": date_rules.every_day(),
        "week_start": date_rules.week_start(),
        "week_end_1": date_rules.week_end(days_offset=1),
        "week_fifth": date_rules.week_start(days_offset=4),
        "month_start_2": date_rules.month_start(days_offset=2),
        "month_end": date_rules.month_end(),
        "month_22nd": date_rules.month_start(days_offset=21),
    }
    assert texts(view) == golden["sessions"]
    for name, rule in {**rules, "no_half_days": None}.items():
        found = schedule(view, 0, rule, time_rules.market_open(hours=1), name != "no_half_days")
        counts = np.cumsum(np.frombuffer(found.flags, dtype=np.uint8))
        recorded = [value or 0 for value in golden["recorded"][name]]
        assert counts.tolist() == recorded, name
    assert "never" not in golden["recorded"]
