"""Drawings of windows, letter by letter; and the bars that pictures draw."""

from datetime import date

import numpy as np
import pytest

import rustybt_ray as rb
from rustybt_ray.data.nyse import sessions_between
from rustybt_ray.exceptions import InputError
from rustybt_ray.validation.drawing import bars, draw

NYSE = sessions_between(date(2000, 1, 3), date(2024, 12, 31))[0]
FORTY = np.datetime64("2021-12-12") + np.arange(40)


def lines(text):
    return text.strip("\n").split("\n")


def test_every_session_has_its_column_where_there_is_room():
    windows = rb.Rolling(train=20, validate=8, test=8, step=4).windows(FORTY, purge=2, embargo=1)
    assert (
        draw(windows)
        == """\
Rolling(train=20, validate=8, test=8, step=4), purge=2
3 windows of 40 sessions, 2021-12-12 to 2022-01-20
= train  . left out  + validate  o test, not in the curve  # test

   2021                2022
0  ==================..++++++..####oooo      2022-01-09 to 2022-01-16, 8 sessions
1      ==================..++++++..####oooo  2022-01-13 to 2022-01-20, 8 sessions
2          ==================..++++++..####  2022-01-17 to 2022-01-20, 4 sessions, partial

embargo = 1 has no effect in forward windows: nothing is trained on what follows a test.
Tests overlap: the curve takes the first 4 of each.
The last test is partial: the data end on 2022-01-20, with 4 sessions of window 2.
3 windows, the first is 0, have a segment of fewer than 20 sessions: ratios such as sharpe_ratio are NaN there."""
    )


def test_twenty_five_years_on_sixty_columns():
    assert (
        draw(rb.Rolling(train="3y", test="6mo").windows(NYSE), rows=6)
        == """\
Rolling(train='3y', test='6mo')
44 windows of 6,289 sessions, 2000-01-03 to 2024-12-31
= train  # test

    2000        2005        2010        2015        2020
 0  =======#                                                      2003-01-03 to 2003-07-02, 125 sessions
 1   =======##                                                    2003-07-03 to 2004-01-02, 127 sessions
 2    ========#                                                   2004-01-05 to 2004-07-02, 125 sessions
    ... 38 more
41                                                   =======##    2023-07-03 to 2024-01-02, 127 sessions
42                                                    ========#   2024-01-03 to 2024-07-02, 125 sessions
43                                                      =======#  2024-07-03 to 2024-12-31, 126 sessions, partial

The last test is partial: the data end on 2024-12-31, with 126 sessions of window 43."""
    )


def test_splits():
    assert (
        draw(rb.CombinatorialPurged(groups=4, test_groups=2).splits(FORTY, purge=1, embargo=2))
        == """\
CombinatorialPurged(groups=4, test_groups=2), purge=1, embargo=2
6 splits, 3 paths of 40 sessions, 2021-12-12 to 2022-01-20
= train  . left out  # test

   2021                2022
0  ####################..==================  tests 0, 1
1  ##########..=======.##########..========  tests 0, 2
2  ##########..=================.##########  tests 0, 3
3  =========.####################..========  tests 1, 2
4  =========.##########..=======.##########  tests 1, 3
5  ===================.####################  tests 2, 3"""
    )


def test_a_short_segment_keeps_a_column():
    drawn = lines(draw(rb.Rolling(train=6000, test=5, step=5).windows(NYSE[:6010]), width=20))
    assert drawn[5:7] == [
        "0  ===================#  2023-11-07 to 2023-11-13, 5 sessions",
        "1  ===================#  2023-11-14 to 2023-11-20, 5 sessions",
    ]


def test_one_window_is_not_many():
    assert lines(draw(rb.Rolling(train=30, test=10).windows(FORTY)))[1].startswith("1 window of 40 sessions")


def test_bars_fill_what_a_window_spans():
    windows = rb.Rolling(train=20, validate=8, test=8, step=4).windows(FORTY, purge=2)
    assert [tuple(bar)[:4] for bar in bars(windows) if bar.row == 1] == [
        (1, "train", 4, 21), (1, "left out", 22, 23), (1, "validate", 24, 29), (1, "left out", 30, 31),
        (1, "test", 32, 35), (1, "overlap", 36, 39),
    ]  # fmt: skip
    assert bars(windows)[0][4:] == (date(2021, 12, 12), date(2021, 12, 29))
    splits = rb.CombinatorialPurged(groups=5, test_groups=1).splits(FORTY, purge=1, embargo=8)
    for split in splits:
        row = [bar for bar in bars(splits) if bar.row == split.number]
        assert [position for bar in row for position in range(bar.first, bar.last + 1)] == list(range(40))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"width": 9}, "width must be a whole number of at least 10; received 9"),
        ({"rows": 1}, "rows must be a whole number of at least 2; received 1"),
    ],
)
def test_says_what_is_wrong(given, message):
    with pytest.raises(InputError, match=message):
        draw(rb.Rolling(train=20, test=8).windows(FORTY), **given)
