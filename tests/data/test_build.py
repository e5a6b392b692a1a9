import numpy as np
import pytest

from rustybt_ray.data.build import DAY, panel_from_arrays
from rustybt_ray.data.digest import canonical
from rustybt_ray.exceptions import InputError

DAYS = ["2020-01-02", "2020-01-03", "2020-01-06"]
PRICE = [[10.0], [11.0], [12.0]]


def build(days=DAYS, symbols=("A",), **changes):
    bars = dict.fromkeys(("open", "high", "low", "close", "volume"), PRICE)
    return panel_from_arrays(days, symbols, **{**bars, **changes})


def test_daily_rows_are_sessions_of_a_utc_day():
    panel = build()
    assert panel.session.tolist() == [0, 1, 2]
    assert panel.sessions.tolist() == panel.time.tolist() == panel.open_time.tolist()
    assert (panel.close_time - panel.open_time).tolist() == [DAY] * 3


def test_intraday_rows_share_the_session_of_their_utc_day():
    panel = build(["2020-01-02T14:30", "2020-01-02T14:31", "2020-01-03T14:30"])
    assert panel.session.tolist() == [0, 0, 1]
    assert panel.last_rows.tolist() == [1, 2]
    assert panel.sessions.astype("datetime64[ns]").astype("datetime64[D]").astype(str).tolist() == DAYS[:2]


def test_events_are_sorted_and_the_pay_row_is_unknown_by_default():
    panel = build(splits=[(2, 0, 2.0), (1, 0, 3.0)], dividends=[(2, 0, 0.5), (1, 0, 0.25, 3)])
    assert panel.split_row.tolist() == [1, 2]
    assert panel.dividend_amount.tolist() == [0.25, 0.5]
    assert panel.dividend_pay.tolist() == [3, -1]


def test_arrays_are_copies_and_read_only():
    close = np.array(PRICE)
    panel = build(close=close)
    close[0] = 99.0
    assert panel.close[0, 0] == 10.0
    with pytest.raises(ValueError, match="read-only"):
        panel.close[0, 0] = 1.0


def test_fractional_follows_the_volume_unless_it_is_said():
    assert not build().fractional
    assert build(volume=[[1.5], [np.nan], [2.0]]).fractional
    assert build(fractional=True).fractional


def test_one_zero_and_one_nan():
    odd = np.array([0x7FF8000000000001, 0xFFF8000000000000, 0x8000000000000000], dtype=np.uint64).view(np.float64)
    assert canonical(odd).tobytes() == np.array([np.nan, np.nan, 0.0]).tobytes()
    assert build(volume=[[0.0], [1.0], [1.0]]).version == build(volume=[[-0.0], [1.0], [1.0]]).version


@pytest.mark.parametrize(
    "changes",
    [
        *({name: [[10.0], [11.0], [12.5]]} for name in ("open", "high", "low", "close", "volume")),
        {"symbols": ("B",)},
        {"days": ["2020-01-02", "2020-01-03", "2020-01-07"]},
        {"splits": [(1, 0, 2.0)]},
        {"dividends": [(1, 0, 2.0)]},
        {"dividends": [(1, 0, 2.0, 2)]},
        {"periods_per_year": 365},
        {"fractional": True},
        {"close_time": ["2020-01-02T18:00", "2020-01-03T21:00", "2020-01-06T21:00"]},
        {"open_time": ["2020-01-02T14:00", "2020-01-03T21:00", "2020-01-06T21:00"]},
    ],
)
def test_any_change_of_content_is_another_version(changes):
    others = [build(), build(dividends=[(1, 0, 2.0)]), build(splits=[(2, 0, 2.0)])]
    assert len({panel.version for panel in others}) == 3
    if "dividends" in changes and len(changes["dividends"][0]) == 3:
        others.pop(1)
    assert build(**changes).version not in {panel.version for panel in others}


def test_the_version_is_the_same_on_every_machine():
    assert build(splits=[(1, 0, 2.0)]).version == "beb942b305d7b3c813770036c75f662c75c16810fc9de60e24410c451d3fad1f"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"symbols": ("B", "A")}, r"symbols must be different names in code point order.*\('B', 'A'\)"),
        ({"symbols": ()}, "symbols must be different names"),
        (
            {"days": ["2020-01-03", "2020-01-02", "2020-01-06"]},
            "time must be one-dimensional, not empty and rising; received 1",
        ),
        ({"close": [[1.0], [2.0]]}, r"close must be of shape \(3, 1\).*received \(2, 1\)"),
        ({"splits": [(3, 0, 2.0)]}, r"splits must be \(row, column, positive number\) inside \(3, 1\)"),
        ({"splits": [(1, 0, 0.0)]}, "splits must be"),
        ({"dividends": [(1, 0, 1.0, 0)]}, "dividends must be .*pay row"),
        ({"dividends": [(1, 0.5, 1.0)]}, "dividends must be"),
        ({"session": [0, 0, 2]}, "session must be positions"),
        ({"session": [1, 0, 1]}, "session must be positions"),
        ({"open_time": ["2020-01-02"]}, r"open_time must be of shape \(3,\)"),
        ({"close_time": DAYS}, "open_time must be before close_time; received 0"),
        ({"periods_per_year": 0}, "periods_per_year must be a whole number of at least 1"),
    ],
)
def test_says_what_does_not_fit(changes, message):
    with pytest.raises(InputError, match=message):
        build(**changes)
