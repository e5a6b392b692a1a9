"""Sessions: recognised, from a calendar, from a table, or whole UTC days."""

import sys
from datetime import UTC, date, datetime, timedelta
from types import ModuleType

import numpy as np
import pandas as pd
import polars as pl
import pytest

from rustybt_ray.data.ingest import ingest
from rustybt_ray.data.nyse import sessions_between
from rustybt_ray.exceptions import IngestError, InputError

HALF_DAY = date(2019, 11, 29)


def bars(times, **columns):
    price = dict.fromkeys(("open", "high", "low", "close", "volume"), [1.0] * len(times))
    return pl.DataFrame({"date": times, "symbol": ["A"] * len(times), **price, **columns})


def days_between(first, last):
    dates, _, _ = sessions_between(first, last)
    return dates.astype("datetime64[ns]").astype("datetime64[D]").tolist()


def closing(panel, day):
    at = np.searchsorted(panel.sessions, np.datetime64(day, "ns").astype(np.int64))
    return panel.close_time[at].astype("datetime64[ns]").astype("datetime64[m]").item().time().isoformat("minutes")


def test_a_year_of_exactly_new_yorks_sessions_is_recognised(store):
    days = days_between(date(2019, 1, 2), date(2019, 12, 31))
    assert ingest("b", bars(days), root=store.root).calendar == "XNYS"
    panel = store.open("b")
    assert [closing(panel, day) for day in (date(2019, 1, 3), HALF_DAY, date(2019, 7, 1))] == [
        "21:00",
        "18:00",
        "20:00",
    ]
    for others in (days[:200], days[:100] + days[101:], sorted([*days, date(2019, 7, 4)])):
        assert ingest("b", bars(others), root=store.root).calendar == "UTC days"
    assert (store.open("b").close_time - store.open("b").open_time).tolist() == [86_400 * 10**9] * 253


@pytest.mark.parametrize("name", ["XNYS", "nyse", "NASDAQ"])
def test_the_built_in_calendar(store, name):
    bundle = ingest("b", bars([date(2019, 11, 27), HALF_DAY, date(2019, 12, 3)]), root=store.root, calendar=name)
    assert bundle.calendar == "XNYS"
    assert closing(store.open("b"), HALF_DAY) == "18:00"
    assert bundle.warnings == ("1 sessions of XNYS have no row of any asset, the first 2019-12-02",)
    with pytest.raises(IngestError, match=r"1 times are outside the sessions .*\n  2019-11-28 is in no session"):
        ingest("b", bars([date(2019, 11, 27), date(2019, 11, 28)]), root=store.root, calendar=name)
    with pytest.raises(InputError, match=r"known from 1993-01-01 to 2035-12-31"):
        ingest("b", bars([date(1991, 1, 2)]), root=store.root, calendar=name)


def test_minutes_belong_to_the_session_that_is_open(store):
    opening = datetime(2019, 11, 29, 14, 30, tzinfo=UTC)
    times = [opening, opening + timedelta(hours=3, minutes=29), opening + timedelta(days=3)]
    ingest("b", bars(times), root=store.root, calendar="XNYS")
    panel = store.open("b")
    assert panel.session.tolist() == [0, 0, 1]
    assert (panel.open_time[0], panel.close_time[0]) == (panel.time[0], panel.time[1] + 60 * 10**9)
    for outside in (opening - timedelta(minutes=1), opening + timedelta(hours=3, minutes=30)):
        with pytest.raises(IngestError, match=f"{outside:%Y-%m-%dT%H:%M:%S} is in no session"):
            ingest("b", bars([outside]), root=store.root, calendar="XNYS")


def hours(days, open="09:00", close="17:30", zone="Europe/Paris"):  # noqa: A002
    text = {name: [f"{day} {at}" for day in days] for name, at in (("open", open), ("close", close))}
    frame = pl.DataFrame(
        {"date": days, **text}, schema={"date": pl.Date, "open": pl.String, "close": pl.String}
    ).with_columns(pl.col("open", "close").str.to_datetime())
    return frame.with_columns(pl.col("open", "close").dt.replace_time_zone(zone))


@pytest.mark.parametrize("kind", ["polars", "pandas", "arrow"])
def test_a_table_of_session_times(store, kind):
    days = [date(2020, 3, 27), date(2020, 3, 30), date(2020, 3, 31)]
    table = hours(days[::-1])
    table = {"polars": table, "arrow": table.to_arrow(), "pandas": pd.DataFrame(table.to_dict(as_series=False))}[kind]
    bundle = ingest("b", bars(days), root=store.root, session_times=table)
    assert bundle.calendar == "session_times"
    assert [closing(store.open("b"), day) for day in days] == ["16:30", "15:30", "15:30"]
    assert bundle.version != ingest("b", bars(days), root=store.root).version


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            pl.DataFrame({"date": [date(2020, 3, 27)], "open": [1]}),
            "session_times must be a table with the columns .*Missing: close",
        ),
        (hours([date(2020, 3, 27)], close="08:00"), "session_times must be one row a session"),
        (hours([date(2020, 3, 27)] * 2), "session_times must be one row a session"),
        (hours([date(2020, 3, 27)]).with_columns(open=None), "session_times must be one row a session"),
        (hours([]), "session_times must be one row a session"),
        (3, "session_times must be a polars, pandas or Arrow table; received 'int'"),
    ],
)
def test_tables_of_session_times_that_do_not_do(store, table, message):
    with pytest.raises(InputError, match=message):
        ingest("b", bars([date(2020, 3, 27)]), root=store.root, session_times=table)


def test_one_of_calendar_and_table(store):
    with pytest.raises(InputError, match="calendar must be None if session_times is given"):
        ingest(
            "b", bars([date(2020, 3, 27)]), root=store.root, session_times=hours([date(2020, 3, 27)]), calendar="XNYS"
        )


def test_another_calendar_needs_its_package(store, monkeypatch):
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    with pytest.raises(
        InputError, match=r"calendar must be one of XNYS.* not installed; received 'XPAR'. Install it with pip"
    ):
        ingest("b", bars([date(2020, 3, 27)]), root=store.root, calendar="XPAR")


def test_the_packages_schedule_is_taken(store, monkeypatch):
    """A stand-in with the package's interface: a schedule frame by date with openings and closings in UTC."""
    package = ModuleType("exchange_calendars")
    package.errors = ModuleType("errors")
    package.errors.CalendarError = type("CalendarError", (Exception,), {})

    class Calendar:
        def __init__(self, name, start, end):
            if name != "XPAR":
                raise package.errors.CalendarError(f"no {name}")
            assert (start, end) == ("2020-03-20", "2020-04-07")
            index = pd.DatetimeIndex(["2020-03-27", "2020-03-30", "2020-03-31"])
            times = {
                "open": index.tz_localize("UTC") + pd.Timedelta("8h"),
                "close": index.tz_localize("UTC") + pd.Timedelta("16h"),
            }
            self.schedule = pd.DataFrame(times, index=index)

    package.get_calendar = Calendar
    monkeypatch.setitem(sys.modules, "exchange_calendars", package)
    days = [date(2020, 3, 27), date(2020, 3, 31)]
    bundle = ingest("b", bars(days), root=store.root, calendar="XPAR")
    assert bundle.calendar == "XPAR"
    assert [closing(store.open("b"), day) for day in days] == ["16:00", "16:00"]
    with pytest.raises(
        InputError, match=r"calendar must be a name that exchange-calendars knows; received 'XXXX'. It says: no XXXX"
    ):
        ingest("b", bars(days), root=store.root, calendar="XXXX")


@pytest.mark.filterwarnings("ignore:Series.values")  # the package's own use of pandas
def test_the_real_package(store):
    pytest.importorskip("exchange_calendars", reason="the package exchange-calendars is not installed")
    days = [date(2019, 12, 24), date(2019, 12, 27)]
    ingest("b", bars(days), root=store.root, calendar="XLON")
    assert [closing(store.open("b"), day) for day in days] == ["12:30", "16:30"]
