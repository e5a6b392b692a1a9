"""Forward windows against their definition by dates, and what must hold for any of them."""

import calendar
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import rustybt_ray as rb
from rustybt_ray.data.nyse import sessions_between
from rustybt_ray.exceptions import InputError
from rustybt_ray.validation.segments import rows_of

NYSE = sessions_between(date(2000, 1, 3), date(2024, 12, 31))[0]


def days(count, start="2020-01-01"):
    return np.datetime64(start) + np.arange(count)


def part_dates(segment):
    return (str(segment.start), str(segment.end))


# --- the definition, with nothing of the module: segments as lists of dates ---


def later(day, months, more):
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1])) + timedelta(more)


def length(text):
    number, unit = int(text.rstrip("ymowd")), text.lstrip("0123456789")
    return (number * {"y": 12, "mo": 1, "w": 0, "d": 0}[unit], number * {"y": 0, "mo": 0, "w": 7, "d": 1}[unit])


def by_dates(dates, spec, anchored, purge):
    """Windows as tuples of lists of dates; calendar lengths."""
    parts = [length(spec[name]) if spec.get(name) else (0, 0) for name in ("train", "validate", "test")]
    step = length(spec.get("step") or spec["test"])
    end, found = dates[-1] + timedelta(1), []
    for number in range(10**6):
        moved = (number * step[0], number * step[1])
        marks = [moved]
        for part in parts:
            marks.append((marks[-1][0] + part[0], marks[-1][1] + part[1]))
        marks.append((marks[2][0] + step[0], marks[2][1] + step[1]))
        train, validate, test, stop, following = (later(dates[0], *mark) for mark in marks)
        if test >= end or (end - test) * 2 < stop - test:
            return found
        between = lambda a, b: [d for d in dates if a <= d < b]  # noqa: E731
        cut = lambda some: some[: len(some) - purge]  # noqa: E731
        segments = [cut(between(dates[0] if anchored else train, validate)), cut(between(validate, test))]
        found.append((*segments, between(test, stop), between(test, min(stop, following)), stop > end))
    return found


DURATIONS = st.sampled_from(["10d", "15d", "2w", "1mo", "2mo", "3mo"])
SPECS = st.fixed_dictionaries(
    {"train": st.sampled_from(["20d", "4w", "1mo", "5mo", "1y"]), "test": DURATIONS},
    optional={"validate": DURATIONS, "step": DURATIONS},
)


@st.composite
def calendars(draw):
    """Sessions with holes, as dates: a day of each three on average is none."""
    start = draw(st.dates(date(1999, 1, 1), date(2004, 1, 1)))
    holes = draw(st.sets(st.integers(1, 799), max_size=250))
    return [start + timedelta(i) for i in range(draw(st.integers(30, 800))) if i not in holes]


def made_or_error(kind, spec, dates, **more):
    try:
        return kind(**spec).windows(np.array(dates, dtype="datetime64[D]"), **more)
    except InputError as error:
        return error


@given(calendars(), SPECS, st.booleans(), st.integers(0, 8))
def test_holds_the_sessions_of_its_dates(dates, spec, anchored, purge):
    kind = rb.Expanding if anchored else rb.Rolling
    found = made_or_error(kind, spec, dates, purge=purge)
    if isinstance(found, InputError):
        if found.name == "windows":
            assert by_dates(dates, spec, anchored, purge) == []
        else:
            assert found.name in (
                "purge",
                *(f"{kind.__name__}.{part}" for part in ("train", "validate", "test", "step")),
            )
        return
    expected = by_dates(dates, spec, anchored, purge)
    assert len(found) == len(expected)
    for window, (train, validate, test, stitched, partial) in zip(found, expected, strict=True):
        for segment, listed in zip(window[1:5], (train, validate, test, stitched), strict=True):
            if segment is None:
                assert not spec.get("validate")
                continue
            assert dates[segment.first : segment.stop] == listed
            assert (segment.start, segment.end, segment.n_sessions) == (listed[0], listed[-1], len(listed))
        assert window.partial == partial


COUNTED = st.fixed_dictionaries(
    {"train": st.integers(1, 60), "test": st.integers(1, 30)},
    optional={
        "validate": st.integers(1, 30),
        "step": st.integers(1, 30),
        "warmup": st.sampled_from([0, 7, "10d", "1mo"]),
    },
)
ANY = st.one_of(COUNTED, SPECS, st.builds(lambda s, w: {**s, "warmup": w}, SPECS, st.sampled_from([5, "1mo", "11d"])))


@given(ANY, st.booleans(), st.integers(20, 400), st.integers(0, 12), st.integers(0, 12))
def test_purge_disjointness_and_the_stitched_curve(spec, anchored, count, purge, embargo):
    kind = rb.Expanding if anchored else rb.Rolling
    try:
        windows = kind(**spec).windows(days(count), purge=purge, embargo=embargo)
    except InputError:
        assume(False)
    curve = []
    for before, window in zip([None, *windows], windows, strict=False):
        parts = [part for part in (window.train, window.validate, window.test) if part]
        for one, following in pairwise(parts):
            assert one.first <= one.last
            # exactly purge sessions between belong to none, so no session within purge of the later segment is in the earlier
            assert following.first - one.last - 1 == purge
        assert window.stitched.first == window.test.first
        assert window.stitched.last <= window.test.last
        assert parts[0].first >= 0
        assert window.test.last < count
        if before:
            assert (window.train.first == before.train.first) == anchored
            assert window.test.first > before.test.first
            assert not before.partial or "step" in spec
        curve += range(window.stitched.first, window.stitched.stop)
    assert curve == list(range(windows[0].test.first, windows[-1].stitched.stop))  # each once, none left out
    assert (windows.curve.first, windows.curve.last) == (curve[0], curve[-1])
    without = kind(**spec).windows(days(count), purge=purge)
    assert without.items == windows.items
    assert bool(embargo) == any("embargo" in note and "no effect" in note for note in windows.notes)


@given(calendars(), ANY, st.booleans(), st.integers(0, 4), st.integers(1, 300))
def test_the_future_changes_no_complete_window(dates, spec, anchored, purge, later_sessions):
    kind = rb.Expanding if anchored else rb.Rolling
    now = made_or_error(kind, spec, dates[:-later_sessions] or dates[:1], purge=purge)
    then = made_or_error(kind, spec, dates, purge=purge)
    if isinstance(now, InputError):
        assert isinstance(then, InputError) or now.name == "windows"
        return
    assume(not isinstance(then, InputError))
    assert len(then) >= len(now)
    for before, after in zip(now, then, strict=False):
        assert before[:3] == after[:3]
        assert before.test.first == after.test.first
        assert before.partial or before == after


@given(ANY, st.booleans(), st.integers(20, 400))
def test_the_same_twice(spec, anchored, count):
    kind = rb.Expanding if anchored else rb.Rolling
    assert repr(made_or_error(kind, spec, days(count))) == repr(made_or_error(kind, spec, days(count)))


class TestTwentyFiveYearsOfNewYork:
    def test_three_years_train_and_half_a_year_test(self):
        windows = rb.Rolling(train="3y", test="6mo", step="6mo").windows(NYSE)
        assert (len(NYSE), len(windows)) == (6289, 44)
        first, last = windows[0], windows[-1]
        assert part_dates(first.train) == ("2000-01-03", "2003-01-02")
        assert part_dates(first.test) == ("2003-01-03", "2003-07-02")
        assert part_dates(last.train) == ("2021-07-06", "2024-07-02")
        assert part_dates(last.test) == ("2024-07-03", "2024-12-31")
        assert (last.test.n_sessions, last.partial) == (126, True)
        assert [window.number for window in windows if window.partial] == [43]
        assert (windows.curve.first, windows.curve.n_sessions) == (753, 6289 - 753)
        assert windows.notes == (
            "The last test is partial: the data end on 2024-12-31, with 126 sessions of window 43.",
        )
        assert rb.Rolling(train="3y", test="6mo").windows(NYSE).items == windows.items

    def test_with_validation_and_purge(self):
        windows = rb.Rolling(train="3y", validate="6mo", test="6mo").windows(NYSE, purge=5)
        assert len(windows) == 43
        assert [part_dates(part) for part in windows[0][1:4]] == [
            ("2000-01-03", "2002-12-24"), ("2003-01-03", "2003-06-25"), ("2003-07-03", "2004-01-02"),
        ]  # fmt: skip
        assert windows[0].validate.first - windows[0].train.stop == 5

    def test_expanding_keeps_its_beginning(self):
        windows = rb.Expanding(train="3y", test="1y").windows(NYSE)
        assert len(windows) == 22
        assert {window.train.first for window in windows} == {0}
        assert [str(window.train.end) for window in windows][:2] == ["2003-01-02", "2004-01-02"]

    def test_warmup_by_the_calendar_and_in_sessions(self):
        first = rb.Rolling(train="3y", test="6mo", warmup="1y").windows(NYSE)[0]
        assert part_dates(first.train) == ("2001-01-03", "2004-01-02")
        first = rb.Rolling(train="3y", test="6mo", warmup=250).windows(NYSE)[0]
        assert first.train.first == 250
        assert part_dates(first.train) == ("2000-12-28", "2003-12-26")  # three years from the 251st session
        first = rb.Rolling(train=500, test=100, warmup="1y").windows(NYSE)[0]
        assert (str(first.train.start), first.train.n_sessions) == ("2001-01-03", 500)

    def test_sessions_are_counted(self):
        windows = rb.Rolling(train=756, test=126).windows(NYSE)
        assert len(windows) == 44
        assert [window.train.first for window in windows] == list(range(0, 44 * 126, 126))
        assert (windows[-1].test.n_sessions, windows[-1].partial) == (115, True)

    def test_month_ends_are_counted_from_the_first_session(self):
        windows = rb.Rolling(train="1mo", test="1mo").windows(days(150, "2019-10-31"))
        assert [str(window.test.start) for window in windows] == [
            "2019-11-30",
            "2019-12-31",
            "2020-01-31",
            "2020-02-29",
        ]


def test_a_partial_test_is_kept_from_half_its_length():
    counts = {count: rb.Rolling(train=10, test=10).windows(days(count)) for count in (29, 25, 24, 20, 15)}
    assert [(count, len(w), w[-1].partial) for count, w in counts.items()] == [
        (29, 2, True), (25, 2, True), (24, 1, False), (20, 1, False), (15, 1, True),
    ]  # fmt: skip
    assert "The last 4 sessions, from 2020-01-21, are less than half a test and in none." in counts[24].notes
    with pytest.raises(InputError, match="windows must be short enough for 14 sessions"):
        rb.Rolling(train=10, test=10).windows(days(14))
    dated = rb.Rolling(train="1mo", test="1mo")  # February has 29 days
    assert len(dated.windows(days(31 + 15))) == 1
    with pytest.raises(InputError, match="short enough for 45 sessions"):
        dated.windows(days(31 + 14))
    assert [len(dated.windows(days(31 + 29 + more))) for more in (0, 15, 16)] == [1, 1, 2]


def test_a_smaller_step_takes_the_first_of_each_test():
    windows = rb.Rolling(train=10, test=6, step=2).windows(days(20))
    assert [(w.test.first, w.test.last, w.stitched.first, w.stitched.last, w.partial) for w in windows] == [
        (10, 15, 10, 11, False), (12, 17, 12, 13, False), (14, 19, 14, 15, False), (16, 19, 16, 17, True),
    ]  # fmt: skip
    assert windows.notes[0] == "Tests overlap: the curve takes the first 2 of each."
    assert windows.notes[1] == "The last test is partial: the data end on 2020-01-20, with 4 sessions of window 3."
    several = rb.Rolling(train=10, test=6, step=1).windows(days(20)).notes
    assert several[1] == "The last 3 tests are partial: the data end on 2020-01-20, with 3 sessions of window 7."


def test_short_segments_are_noted():
    note = "Window 0 has a segment of fewer than 20 sessions: ratios such as sharpe_ratio are NaN there."
    assert rb.Rolling(train=30, test=19).windows(days(49)).notes == (note,)
    assert rb.Rolling(train=30, test=20).windows(days(50)).notes == ()
    many = rb.Rolling(train=30, test=19).windows(days(68)).notes
    assert many[0].startswith("2 windows, the first is 0, have a segment of fewer than 20")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"train": "6m"}, (r"Rolling.train must be a number of sessions such as 252, or a duration such as '3y', '6mo', '2w' or "
         r"'21d', of at least 1; received '6m'. y are years, mo months, w weeks, d calendar days; a number without quotes")),
        ({"train": "252"}, r"received '252'\. .* a number without quotes counts sessions"),
        ({"train": 0}, r"Rolling\.train .* of at least 1; received 0"),
        ({"train": "0y"}, r"of at least 1; received '0y'"),
        ({"train": 1.5}, r"received 1\.5"),
        ({"train": True}, r"received True"),
        ({"train": None}, r"Rolling\.train .* received None"),
        ({"train": 2**40}, r"received 1099511627776"),
        ({"validate": 0}, r"Rolling\.validate .* received 0\. .* Leave validate out for none"),
        ({"warmup": -1}, r"Rolling\.warmup .* of at least 0; received -1"),
        ({"test": "21d"}, r"Rolling\.test must be a number of sessions, as train is; received '21d'\. Count all of them"),
        ({"train": "1y"}, r"Rolling\.test must be a duration, as train is; received 20"),
        ({"step": 21}, r"Rolling\.step must be at most test = 20; received 21\. Sessions between two tests would be in none"),
        ({"train": "1y", "test": "5w", "step": "36d"}, r"at most test = '5w'; received '36d'"),
        ({"train": "1y", "test": "27d", "step": "1mo"}, r"at most test = '27d'; received '1mo'"),
    ],
)  # fmt: skip
def test_says_what_is_wrong_with_a_length(wrong, message):
    with pytest.raises(InputError, match=message):
        rb.Rolling(**{"train": 100, "test": 20, **wrong})


@pytest.mark.parametrize(
    ("spec", "more", "message"),
    [
        ({"train": "3y", "test": "6mo"}, {}, (r"windows must be short enough for 400 sessions, 2020-01-01 to 2021-02-03; received "
         r"Rolling\(train='3y', test='6mo'\)\. The first test begins on 2023-01-01, and half of it must be there\. "
         r"No train fits: shorten the others too, or take a longer history\.")),
        ({"train": "36mo", "test": "6mo"}, {}, r"and half of it must be there\. train='10mo' would fit\."),
        ({"train": 390, "test": 40}, {}, r"The first test begins after 390 sessions, .* train=380 would fit\."),
        ({"train": 390, "validate": 300, "test": 300}, {}, r"after 690 sessions, .* No train fits"),
        ({"train": 20, "test": 10, "warmup": 999}, {}, r"Rolling\(train=20, test=10, warmup=999\)"),
        ({"train": "20d", "test": "10d", "warmup": 999}, {}, r"No train fits"),
        ({"train": 20, "test": 10}, {"purge": 20}, (r"purge must be below the 20 sessions of window 0's train, which it shortens; "
         r"received 20\. Lower purge, or lengthen train\.")),
        ({"train": 20, "validate": 5, "test": 10}, {"purge": 5}, r"the 5 sessions of window 0's validate.* lengthen validate"),
        ({"train": 20, "test": 10}, {"purge": -1}, r"purge must be a whole number of at least 0; received -1\. It counts sessions"),
        ({"train": 20, "test": 10}, {"embargo": "5d"}, r"embargo must be a whole number of at least 0; received '5d'"),
        ({"train": "1y", "test": "30d", "step": "1mo"}, {}, (r"Rolling\.step must be at most test = '30d'; received '1mo'\. After "
         r"window 0's test comes a gap that no test covers; leave step out")),
    ],
)  # fmt: skip
def test_says_what_does_not_fit(spec, more, message):
    with pytest.raises(InputError, match=message):
        rb.Rolling(**spec).windows(days(400), **more)


@pytest.mark.parametrize(
    ("spec", "would"), [({"train": "36mo", "test": "6mo"}, "10mo"), ({"train": 390, "test": 40}, 380)]
)
def test_the_train_that_would_fit_does_and_no_longer_one(spec, would):
    assert len(rb.Rolling(**{**spec, "train": would}).windows(days(400))) == 1
    longer = would + 1 if isinstance(would, int) else "11mo"
    with pytest.raises(InputError, match="short enough"):
        rb.Rolling(**{**spec, "train": longer}).windows(days(400))


@pytest.mark.parametrize(
    ("spec", "part"),
    [
        ({"train": "4w", "test": "2d"}, "test"),
        ({"train": "4w", "test": "2w", "step": "1d"}, "step"),
        ({"train": "1d", "test": "1w"}, "train"),
        ({"train": "4w", "validate": "1d", "test": "1w"}, "validate"),
    ],
)
def test_an_empty_segment_is_an_error(spec, part):
    message = (
        rf"Rolling\.{part} must be long enough to hold a session in every window; window \d+'s holds none; received '"
    )
    message += spec[part] + "'"
    with pytest.raises(InputError, match=message + r"\. Lengthen it, or count sessions instead of days\."):
        rb.Rolling(**spec).windows(NYSE[:300])


@pytest.mark.parametrize(
    ("sessions", "message"),
    [
        ([], r"sessions must be whole numbers .* not empty; received 'float64 of shape \(0,\)'"),
        (NYSE[:4].reshape(2, 2), r"received 'int64 of shape \(2, 2\)'"),
        (NYSE[[0, 2, 1]], r"rising from day to day; received \(2, '2000-01-04'\)"),
        (NYSE[[0, 0]], r"rising from day to day; received \(1, '2000-01-03'\)"),
    ],
)
def test_says_what_is_wrong_with_sessions(sessions, message):
    with pytest.raises(InputError, match=message):
        rb.Rolling(train=1, test=1).windows(sessions)


def test_positions_for_a_simulator():
    windows = rb.Rolling(train=4, validate=2, test=2).windows(days(10), purge=1)
    assert windows.parts == ("train", "validate", "test", "stitched")
    assert windows.bounds("train").tolist() == [[0, 2], [2, 4]]
    assert windows.bounds("validate").tolist() == [[4, 4], [6, 6]]
    assert windows.bounds("test").tolist() == [[6, 7], [8, 9]]
    session = np.repeat(np.arange(15), 2)  # two bars a session, the study begins with the fourth
    assert rows_of(windows.bounds("test"), session, offset=3).tolist() == [[18, 21], [22, 25]]
    assert windows[-1:] == (windows[1],)
    with pytest.raises(InputError, match="part must be one of 'train', 'test', 'stitched'; received 'validate'"):
        rb.Rolling(train=4, test=2).windows(days(10)).bounds("validate")


def test_specifications_are_values():
    spec = rb.Rolling(train=" 3y ", test="06mo")
    assert spec == rb.Rolling(train="3y", test="6mo")
    assert hash(spec) == hash(rb.Rolling(train="3y", test="6mo"))
    assert spec != rb.Expanding(train="3y", test="6mo")
    assert repr(spec) == "Rolling(train='3y', test='6mo')"
    assert repr(rb.Expanding(train=np.int64(9), validate=2, test=3, step=1, warmup=5)) == (
        "Expanding(train=9, validate=2, test=3, step=1, warmup=5)"
    )
    described = {"windows": "Rolling", "train": "3y", "validate": None, "test": "6mo", "step": None, "warmup": 0}
    assert spec.describe() == described
    with pytest.raises(AttributeError, match="cannot assign"):
        spec.train = 5


def test_a_step_in_days_against_a_test_in_months_is_looked_at_window_by_window():
    spec = rb.Rolling(train="1y", test="1mo", step="31d")
    with pytest.raises(InputError, match=r"at most test = '1mo'; received '31d'\. After window 0's test comes a gap"):
        spec.windows(days(600, "2019-02-01"))
    assert len(spec.windows(days(420, "2019-01-01"))) == 2
    with pytest.raises(InputError, match="at most test = '1mo'; received '32d'"):
        rb.Rolling(train="1y", test="1mo", step="32d")
