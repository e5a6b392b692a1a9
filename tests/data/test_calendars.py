import numpy as np
import pytest

from rustybt_ray.data.build import DAY, panel_from_arrays
from rustybt_ray.data.calendars import hours_of, is_new_york, whole_calendar


def daily(days, **changes):
    price = np.ones((len(days), 1))
    return panel_from_arrays(days, ["A"], *[price] * 5, **changes)


def dates(times):
    return times.astype("datetime64[ns]").astype("datetime64[D]").astype(str).tolist()


def test_a_few_sessions_are_told_by_their_dates_and_get_their_hours():
    panel = daily(["2019-07-02", "2019-07-03", "2019-07-05"])
    opens, closes = hours_of(panel)
    assert opens.astype("datetime64[ns]").astype("datetime64[m]").astype(str).tolist()[0] == "2019-07-02T13:30"
    assert ((closes - panel.sessions) / (DAY / 24)).tolist() == [20.0, 17.0, 20.0]
    found = whole_calendar(panel)
    at = slice(found.offset, found.offset + 3)
    assert found.sessions[at].tolist() == panel.sessions.tolist()
    assert found.early[at].tolist() == [False, True, False]
    assert dates(found.sessions[[0, -1]]) == ["1990-01-02", "2020-07-02"]


@pytest.mark.parametrize(
    "days",
    [
        ["2019-07-02", "2019-07-03", "2019-07-04"],  # a holiday has a row
        ["2019-07-02", "2019-07-05"],  # a session has none
        ["2019-07-05", "2019-07-06"],  # a Saturday
        ["1989-12-28", "1989-12-29"],
        ["2019-07-02T13:30", "2019-07-02T13:31"],
    ],
)
def test_other_panels_are_their_own_calendar(days):
    panel = daily(days)
    assert not is_new_york(panel)
    found = whole_calendar(panel)
    assert (found.offset, found.sessions.tolist()) == (0, panel.sessions.tolist())
    assert not found.early.any()
    assert hours_of(panel)[1].tolist() == panel.close_time.tolist()


def test_hours_that_are_known_stay():
    opens, closes = ["2019-07-02T09:00", "2019-07-03T09:00"], ["2019-07-02T10:00", "2019-07-03T10:00"]
    panel = daily(["2019-07-02", "2019-07-03"], open_time=opens, close_time=closes)
    assert hours_of(panel)[0].tolist() == panel.open_time.tolist()
    found = whole_calendar(panel)
    assert found.closes[found.offset : found.offset + 2].tolist() == panel.close_time.tolist()


def test_the_years_before_the_built_in_hours_have_their_sessions():
    found = whole_calendar(daily(["2019-07-02"]))
    years = found.sessions.astype("datetime64[ns]").astype("datetime64[Y]").astype(int) + 1970
    assert [np.count_nonzero(years == year) for year in (1990, 1991, 1992, 1993)] == [253, 253, 254, 253]
