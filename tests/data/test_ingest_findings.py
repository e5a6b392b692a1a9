"""What stops an ingest, what is only listed, and how it is said."""

import pickle
from datetime import date

import numpy as np
import polars as pl
import pytest

from rustybt_ray.data.ingest import ingest
from rustybt_ray.exceptions import BundleError, IngestError

HEADER = "date,open,high,low,close,volume,dividend,split"
GOOD = "2020-01-02,10,11,9,10.5,1000,0.0,1.0"


def write(folder, lines, name="AAA.csv", header=HEADER):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join([header, *lines]) + "\n")
    return folder


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2020-01-03,x,11,9,10.5,1000,0.0,1.0", "AAA.csv row 3: open 'x' is not a number"),
        ("2020-01-03,10,11,9,10.5,1_000,0.0,1.0", "AAA.csv row 3: volume '1_000' is not a number"),
        ("2020-01-03,10,11,9,10.5,1000,0.0,2:1", "AAA.csv row 3: split '2:1' is not a number"),
        (
            "01/03/2020,10,11,9,10.5,1000,0.0,1.0",
            "AAA.csv row 3: date '01/03/2020' is not a date or time such as 2020-01-31",
        ),
        ("2020-02-30,10,11,9,10.5,1000,0.0,1.0", "AAA.csv row 3: date '2020-02-30' is not a date"),
        ("1066-10-14,10,11,9,10.5,1000,0.0,1.0", "AAA.csv row 3: date '1066-10-14' is not a date"),
        (",10,11,9,10.5,1000,0.0,1.0", "AAA.csv row 3: date (blank) is not a date"),
        ("2020-01-03,10,,9,10.5,1000,0.0,1.0", "AAA.csv row 3, AAA 2020-01-03: high blank; leave all prices"),
        ("2020-01-03,10,11,9,nan,1000,0.0,1.0", "AAA.csv row 3, AAA 2020-01-03: close blank"),
        ("2020-01-03,10,11,9,10.5,,0.0,1.0", "AAA.csv row 3, AAA 2020-01-03: volume blank"),
        ("2020-01-03,,,,,1000,0.0,1.0", "AAA.csv row 3, AAA 2020-01-03: open, high, low, close blank"),
        ("2020-01-03,10,11", "AAA.csv row 3, AAA 2020-01-03: low, close, volume blank"),
        ("2020-01-03,0,11,9,10.5,1000,0.0,1.0", "AAA.csv row 3, AAA 2020-01-03: open 0.0 must be above zero"),
        ("2020-01-03,10,11,-9,10.5,1000,0.0,1.0", "AAA.csv row 3, AAA 2020-01-03: low -9.0 must be above zero"),
        ("2020-01-03,10,inf,9,10.5,1000,0.0,1.0", "AAA.csv row 3, AAA 2020-01-03: high inf must be finite"),
        ("2020-01-03,10,11,9,10.5,-1,0.0,1.0", "AAA.csv row 3, AAA 2020-01-03: volume -1.0 must not be negative"),
        (
            "2020-01-03,10,10.4,9,10.5,1,0.0,1.0",
            "AAA.csv row 3, AAA 2020-01-03: low 9.0, open 10.0, close 10.5, high 10.4: low must be",
        ),
        ("2020-01-03,10,11,10.1,10.5,1,0.0,1.0", "AAA.csv row 3, AAA 2020-01-03: low 10.1, open 10.0"),
        ("2020-01-03,10,9,11,10,1,0.0,1.0", "AAA.csv row 3, AAA 2020-01-03: low 11.0, open 10.0, close 10.0, high 9.0"),
        (
            "2020-01-03,10,11,9,10.5,1000,-0.1,1.0",
            "AAA.csv row 3, AAA 2020-01-03: dividend -0.1 must be zero, or money a share",
        ),
        (
            "2020-01-03,10,11,9,10.5,1000,0.0,0.0",
            "AAA.csv row 3, AAA 2020-01-03: split 0.0 must be new shares per old share",
        ),
        ("2020-01-03,10,11,9,10.5,1000,0.0,inf", "AAA.csv row 3, AAA 2020-01-03: split inf must be"),
        ("2020-01-02,10,11,9,10.5,1000,0.0,1.0", "AAA.csv row 3, AAA 2020-01-02: the same symbol and time as row 2"),
        (
            "2020-01-01,10,11,9,10.5,1000,0.0,1.0",
            "AAA.csv row 3, AAA 2020-01-01: the row before is later (2020-01-02); sort",
        ),
        ("2020-01-03,10,11,9,10.5,1000,0.0,1.0,7", "AAA.csv row 3: 9 fields, the header has 8"),
    ],
)
def test_one_bad_row_of_a_file(store, tmp_path, line, message):
    old = ingest("b", write(tmp_path / "good", [GOOD]), root=store.root)
    folder = write(tmp_path / "csv", [GOOD, line])
    with pytest.raises(IngestError) as caught:
        ingest("b", folder, root=store.root)
    assert len(caught.value.findings) == 1
    assert message in str(caught.value)
    assert f"1 error stops the ingest ({folder}). Nothing was published" in str(caught.value)
    assert store.list() == [old]


def test_all_errors_of_all_files_are_counted_and_the_first_shown(store, tmp_path):
    folder = write(tmp_path / "csv", [f"2020-01-{day:02},10,11,9,10,-1,0,1" for day in range(1, 16)], "ZZZ.csv")
    write(folder, [f"2020-01-{day:02},10,11,x,10,-1,0,1" for day in range(1, 13)], "AAA.csv")
    write(folder, [GOOD], "BBB.csv", header="date,open,high,low,Closing,volume,dividend,split")
    write(folder, [], "CCC.csv")
    (folder / "DDD.csv").write_text("")
    (folder / "EEE.csv").write_bytes(b"date,open,high,low,close,volume\n2020-01-02,\xff,1,1,1,1\n")
    with pytest.raises(IngestError, match="30 errors stop the ingest") as caught:
        ingest("b", folder, root=store.root)
    shown = caught.value.findings
    assert len(shown) == 21
    assert shown[:12] == tuple(f"AAA.csv row {row}: low 'x' is not a number" for row in range(2, 14))
    assert (
        shown[12]
        == "BBB.csv row 1: no column close; the header is date, open, high, low, Closing, volume, dividend, split"
    )
    assert shown[13] == "DDD.csv: the file is empty"
    assert shown[14].startswith("EEE.csv: cannot be read as CSV: ")
    assert [text.partition(",")[0] for text in shown[15:20]] == [f"ZZZ.csv row {row}" for row in range(2, 7)]
    assert shown[20] == "and 10 more"
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.findings) == (str(caught.value), shown)
    assert isinstance(copy, BundleError)


def test_errors_of_a_table_name_the_row_and_the_symbol(store):
    price = {name: [10.0] * 4 for name in ("open", "high", "low", "close")}
    days = ["2020-01-03", "2020-01-02", "2020-01-03", "2020-01-02"]
    table = pl.DataFrame({"date": days, "symbol": ["B", "A", "B", None], **price, "volume": [1, -5, 1, 1]})
    with pytest.raises(IngestError, match="3 errors stop the ingest") as caught:
        ingest("b", table, root=store.root)
    assert caught.value.findings == (
        "polars DataFrame row 2, A 2020-01-02: volume -5.0 must not be negative",
        "polars DataFrame row 3, B 2020-01-03: the same symbol and time as row 1",
        "polars DataFrame row 4: symbol (blank) is not a symbol",
    )


@pytest.mark.parametrize("column", [[True], [[1.0]], [date(2020, 1, 1)]])
def test_types_that_are_no_numbers(store, column):
    price = {name: [1.0] for name in ("open", "high", "low", "close")}
    with pytest.raises(IngestError, match=r"row 1: volume .* is not a number"):
        ingest("b", pl.DataFrame({"date": ["2020-01-02"], "symbol": ["A"], **price, "volume": column}), root=store.root)


def test_whole_numbers_are_no_dates(store):
    price = {name: [1.0] for name in ("open", "high", "low", "close", "volume")}
    with pytest.raises(IngestError, match="row 1: date 20200102 is not a date or time"):
        ingest("b", pl.DataFrame({"date": [20200102], "symbol": ["A"], **price}), root=store.root)


def test_decimals_are_exact(store):
    price = {name: ["0.1"] for name in ("open", "high", "low", "close")}
    table = pl.DataFrame({"date": ["2020-01-02"], "symbol": ["A"], **price, "volume": [1]})
    table = table.with_columns(pl.col("open", "high", "low", "close").cast(pl.Decimal(38, 20)))
    ingest("b", table, root=store.root)
    assert store.open("b").close[0, 0] == 0.1


def test_two_files_of_one_symbol_and_two_kinds_of_folder(store, tmp_path):
    folder = write(tmp_path / "csv", [GOOD], "aaa.csv")
    write(folder, [GOOD], "AAA.CSV")
    with pytest.raises(IngestError, match=r"AAA\.CSV and aaa\.csv are the same symbol"):
        ingest("b", folder, root=store.root)
    for name in ("daily", "minute"):
        write(folder / name, [GOOD])
    with pytest.raises(IngestError, match="There are daily and minute files"):
        ingest("b", folder, root=store.root)


def series(symbol, closes, **events):
    """Flat bars of one symbol on successive weekdays; None is no row."""
    rows = []
    for at, close in enumerate(closes):
        if close is not None:
            day = np.busday_offset("2020-01-02", at, roll="forward").item()
            bar = dict.fromkeys(("open", "high", "low", "close"), float(close))
            rows.append(
                {"date": day, "symbol": symbol, **bar, "volume": 100} | {k: v.get(at, 0.0) for k, v in events.items()}
            )
    return pl.DataFrame(rows)


def warnings(store, *frames):
    frame = pl.concat(frames, how="diagonal")
    frame = frame.with_columns(pl.col("split").replace(0.0, 1.0)) if "split" in frame.columns else frame
    return ingest("b", frame, root=store.root).warnings


def test_gaps_are_counted_inside_an_assets_own_life(store):
    found = warnings(
        store, series("A", [1] * 8), series("B", [None, 1, None, 1, None, None, None, 1]), series("C", [None, 1, 1])
    )
    assert found == ("B: no bar at 4 times at which others have one (2020-01-06, 2020-01-08, 2020-01-09, ...)",)


@pytest.mark.parametrize(
    ("closes", "events", "expected"),
    [
        ([100, 51], {}, "A 2020-01-03: the close is 0.51 of the one before, near 1/2: is a split missing?"),
        ([10, None, 71], {}, "A 2020-01-06: the close is 7.1 of the one before, near 7: is a split missing?"),
        ([100, 5], {}, "A 2020-01-03: the close is 0.05 of the one before, near 1/20: is a split missing?"),
        ([100, 51], {"split": {1: 2.0}}, None),
        ([100, 51], {"dividend": {1: 49.0}}, None),
        (
            [100, 100],
            {"split": {1: 2.0}},
            "A 2020-01-03: the close is 2 of the one before, near 2: is a split missing?",
        ),
        ([100, 58], {}, None),
        ([100, 61], {}, None),
    ],
)
def test_jumps_like_a_missing_split(store, closes, events, expected):
    found = warnings(store, series("A", closes, **events), series("B", [5] * len(closes)))
    assert [line for line in found if line.startswith("A") and "split missing" in line] == (
        [expected] if expected else []
    )


def test_events_that_change_no_factor_and_bars_without_volume(store):
    frame = series("A", [10, 9, 9], dividend={0: 0.5, 1: 10.0, 2: 0.1}, split={0: 2.0})
    assert warnings(store, frame.with_columns(volume=pl.Series([0, 0, 7]))) == (
        "A 2020-01-02: split 2.0 on or before its first bar changes no factor",
        "A 2020-01-02: dividend 0.5 on or before its first bar changes no factor",
        "A 2020-01-03: dividend 10.0 is not below the close before, 10.0: it changes no factor",
        "2 bars have no volume, where orders wait (A 2)",
    )


def test_many_warnings_of_a_kind_are_cut(store):
    found = warnings(store, series("A", [1, 2] * 30))
    assert len(found) == 21
    assert found[-1] == "and 39 more like the last"


def test_columns_that_may_be_meant_as_events(store, tmp_path):
    header = "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits"
    found = ingest("b", write(tmp_path / "csv", [GOOD], header=header), root=store.root).warnings
    assert found == (
        "AAA.csv: column 'Dividends' is ignored; call it 'dividend' if it is meant",
        "AAA.csv: column 'Stock Splits' is ignored; call it 'split' if it is meant",
    )
    assert "column 'DIV' is ignored" in warnings(store, series("A", [1, 1], DIV={}))[0]
