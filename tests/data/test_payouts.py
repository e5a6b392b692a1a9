"""Pay dates and dividends in shares: on panels, on disk, and through ingest."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from rustybt_ray.data.build import DAY, panel_from_arrays
from rustybt_ray.data.bundle import MANIFEST
from rustybt_ray.data.ingest import ingest
from rustybt_ray.data.panel import ADDED, ARRAYS, UNKNOWN, Panel
from rustybt_ray.data.payouts import CashDates, StockDividend, exact_pay_rows, exact_stock_rows, with_payouts
from rustybt_ray.exceptions import BundleError, IngestError, InputError

DAYS = ("2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07")


def at(text):
    return int(np.datetime64(text, "ns").astype(np.int64))


def build(**changes):
    price = [[10.0, 20.0]] * 4
    bars = dict.fromkeys(("open", "high", "low", "close", "volume"), price)
    return panel_from_arrays(DAYS, ["A", "B"], **{**bars, "dividends": [(1, 0, 0.5), (1, 1, 0.25)], **changes})


def paid(panel=None):
    stock = [
        StockDividend(1, at("2020-01-04"), 0.1, 1, at("2020-01-07")),
        StockDividend(0, at("2020-01-03"), 0.05, 1, at("2020-01-05"), at("2020-01-03"), at("2019-12-01")),
    ]
    return with_payouts(panel or build(), [CashDates(1, at("2020-01-04"), declared=at("2019-11-11"))], stock)


def test_pay_dates_keep_the_row_semantics_and_the_date_itself():
    panel = paid()
    assert panel.dividend_pay.tolist() == [-1, 2]
    assert panel.dividend_pay_date.tolist() == panel.pay_dates.tolist() == [UNKNOWN, at("2020-01-04")]
    assert panel.dividend_record_date.tolist() == [UNKNOWN, UNKNOWN]
    assert panel.dividend_declared_date.view("datetime64[ns]").astype("datetime64[D]").astype(str).tolist() == [
        "NaT",
        "2019-11-11",
    ]
    assert build().pay_dates.tolist() == [UNKNOWN, UNKNOWN]


def test_dividends_in_shares_are_in_row_order_with_their_own_dates():
    panel = paid()
    assert panel.stock_row.tolist() == [1, 2]
    assert panel.stock_column.tolist() == [0, 1]
    assert panel.stock_ratio.tolist() == [0.05, 0.1]
    assert panel.stock_payment.tolist() == [1, 1]
    assert panel.stock_pay.tolist() == [2, 3]
    assert panel.stock_ex_date.tolist() == [at("2020-01-03"), at("2020-01-04")]
    assert panel.stock_declared_date.tolist() == [at("2019-12-01"), UNKNOWN]
    again = with_payouts(paid(), [], [StockDividend(0, at("2020-01-02"), 1.0, 0)])
    assert again.stock_row.tolist() == [0, 1, 2]
    assert again.stock_pay.tolist() == [-1, 2, 3]
    assert again.dividend_pay_date.tolist() == panel.dividend_pay_date.tolist()


@pytest.mark.parametrize(
    ("date", "row", "exact"),
    [
        ("2020-01-03", 1, 1),
        ("2020-01-05", 2, -1),
        ("2020-01-06", 2, 2),
        ("2020-01-07", 3, 3),
        ("2020-01-08", 4, -1),
        ("2020-06-01", 4, -1),
    ],
)
def test_a_date_as_a_row_and_as_a_session(date, row, exact):
    panel = with_payouts(build(), [CashDates(0, at(date))], [StockDividend(0, at("2020-01-03"), 0.5, 1, at(date))])
    assert panel.dividend_pay.tolist() == [row, -1]
    assert exact_pay_rows(panel).tolist() == [exact, -1]
    assert panel.stock_pay.tolist() == [row]
    assert [rows.tolist() for rows in exact_stock_rows(panel)] == [[1], [exact]]


def test_an_ex_date_of_shares_that_is_no_session_is_exactly_never():
    panel = with_payouts(build(), [], [StockDividend(0, at("2020-01-04"), 0.5, 1)])
    assert panel.stock_row.tolist() == [2]
    assert [rows.tolist() for rows in exact_stock_rows(panel)] == [[-1], [-1]]


def test_a_pay_row_without_a_date_is_exact():
    panel = build(dividends=[(1, 0, 0.5, 3), (1, 1, 0.25, 4)])
    assert exact_pay_rows(panel).tolist() == [3, -1]


def test_an_intraday_dividend_is_not_paid_before_its_row():
    times = ["2020-01-02T14:30", "2020-01-02T14:31", "2020-01-03T14:30"]
    price = [[10.0]] * 3
    panel = panel_from_arrays(times, ["A"], *[price] * 5, dividends=[(1, 0, 0.5)])
    panel = with_payouts(panel, [CashDates(0, at("2020-01-02"))])
    assert panel.dividend_pay.tolist() == exact_pay_rows(panel).tolist() == [1]


def test_content_that_is_not_there_leaves_the_version():
    panel = build()
    assert all(len(getattr(panel, name)) == 0 for name in ADDED)
    assert with_payouts(panel) is panel
    assert with_payouts(panel, [CashDates(0), CashDates(1)]) is panel
    scalars, arrays = panel.to_arrays()
    assert Panel.from_arrays(scalars, {name: arrays[name] for name in arrays if name not in ADDED}).pay_dates.size == 2


def test_each_new_content_is_another_version():
    date, stock = at("2020-01-06"), StockDividend(0, at("2020-01-03"), 0.5, 1, at("2020-01-06"))
    made = [
        build(),
        build(dividends=[(1, 0, 0.5, 2), (1, 1, 0.25)]),
        with_payouts(build(), [CashDates(0, date)]),
        with_payouts(build(), [CashDates(1, date)]),
        with_payouts(build(), [CashDates(0, date - DAY)]),
        with_payouts(build(), [CashDates(0, record=date)]),
        with_payouts(build(), [CashDates(0, declared=date)]),
        *(
            with_payouts(build(), [], [changed])
            for changed in (
                stock,
                stock._replace(column=1),
                stock._replace(ratio=0.25),
                stock._replace(payment=0),
                stock._replace(pay=UNKNOWN),
                stock._replace(pay=date - DAY),
                stock._replace(ex=date),
                stock._replace(record=date),
                stock._replace(declared=date),
            )
        ),
    ]
    assert len({panel.version for panel in made}) == len(made)
    assert with_payouts(build(), [CashDates(0, date)]).version == made[2].version


@pytest.mark.parametrize(
    ("cash", "stock", "message"),
    [
        ([CashDates(2, at("2020-01-06"))], [], "CashDates.dividend must be a position below 2"),
        ([CashDates(0, at("2020-01-02"))], [], "pay date must be on or after the ex-date"),
        (
            [],
            [StockDividend(0, at("2020-01-03"), 0.0, 1)],
            "stock dividend must be columns below 2, a ratio above zero",
        ),
        ([], [StockDividend(0, at("2020-01-03"), np.nan, 1)], "a ratio above zero"),
        ([], [StockDividend(0, at("2020-01-03"), 0.5, 2)], "columns below 2"),
        ([], [StockDividend(0, at("2020-01-08"), 0.5, 1)], "an ex-date within the panel's sessions"),
        ([], [StockDividend(0, at("2020-01-03"), 0.5, 1, at("2020-01-02"))], "pay date must be on or after"),
    ],
)
def test_says_what_cannot_be(cash, stock, message):
    with pytest.raises(InputError, match=message):
        with_payouts(build(), cash, stock)


def test_arrays_of_one_kind_change_together():
    with pytest.raises(InputError, match=r"Panel's events must be none, or as long as .*'dividend_pay_date': 1"):
        replace(build(), dividend_pay_date=np.zeros(1, np.int64))
    with pytest.raises(InputError, match="'life_last': 0"):
        replace(build(), life_first=np.zeros(2, np.int64))


def test_a_round_trip_keeps_every_bit_and_files_are_there_only_where_needed(store):
    panel, plain = paid(), build()
    bundle, other = store.publish("p", panel), store.publish("plain", plain)
    opened = store.open("p")
    for name in ARRAYS:
        first, second = getattr(panel, name), getattr(opened, name)
        assert (first.dtype, first.shape, first.tobytes()) == (second.dtype, second.shape, second.tobytes()), name
    assert store.verify("p") == bundle == store.info("p")
    assert (bundle.pay_dates, bundle.stock_dividends) == (1, 2)
    assert (other.pay_dates, other.stock_dividends) == (0, 0)
    added = {"dividend_dates.arrow", "stock_dividends.arrow"}
    names = {path.name for path in (store.root / "plain" / other.version).iterdir()}
    assert {path.name for path in (store.root / "p" / bundle.version).iterdir()} == names | added


@pytest.mark.parametrize("part", ["dividend_pay_date", "stock_ratio", "stock_ex_date"])
def test_verify_names_the_damaged_part(store, part):
    panel = paid()
    folder = store.root / "p" / store.publish("p", panel).version
    path = folder / ("stock_dividends.arrow" if part.startswith("stock") else "dividend_dates.arrow")
    content = bytearray(path.read_bytes())
    content[content.find(getattr(panel, part).tobytes())] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match=rf"The bundle is damaged in {part} \("):
        store.verify("p")


def test_a_file_that_a_manifest_leaves_out_is_missed(store):
    folder = store.root / "p" / store.publish("p", paid()).version
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest["files"]["stock_dividends.arrow"]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="The content has the version"):
        store.verify("p")


def test_dates_of_other_dividends_do_not_pass(store):
    folder = store.root / "p" / store.publish("p", paid()).version
    other = store.publish("q", paid(build(dividends=[(1, 0, 0.5), (1, 1, 0.25), (2, 0, 0.5)])))
    manifest = json.loads((folder / MANIFEST).read_text())
    content = (store.root / "q" / other.version / "dividend_dates.arrow").read_bytes()
    (folder / "dividend_dates.arrow").write_bytes(content)
    manifest["files"]["dividend_dates.arrow"] = len(content)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"damaged: dividend_pay_date, .* do not fit 4 rows"):
        store.open("p")


def test_manifests_from_before_there_were_any(store):
    bundle = store.publish("p", build())
    path = store.root / "p" / bundle.version / MANIFEST
    manifest = json.loads(path.read_text())
    for name in ("pay_dates", "stock_dividends"):
        del manifest["bundle"][name]
    path.write_text(json.dumps(manifest))
    assert store.verify("p") == bundle


HEADER = "symbol,kind,ex_date,pay_date,ratio,payment_symbol"


def bars():
    rows = []
    for symbol, price in (("A", 10.0), ("B", 20.0)):
        for day in DAYS:
            rows.append({"date": day, "symbol": symbol, **dict.fromkeys(("open", "high", "low", "close"), price)})
            rows[-1] |= {"volume": 1000, "dividend": {"A": 0.5, "B": 0.25}[symbol] if day == DAYS[1] else 0.0}
    return pl.DataFrame(rows)


@pytest.fixture
def table(tmp_path):
    def write(*lines, header=HEADER):
        path = tmp_path / "payouts.csv"
        path.write_text("\n".join([header, *lines]) + "\n")
        return path

    return write


LINES = ("B,cash,2020-01-03,2020-01-04,,", "", " A ,STOCK,2020-01-03,2020-01-05,0.05,b", "B,stock,2020-01-04,,0.1,B")


def test_ingest_takes_a_file(store, table):
    bundle = ingest("b", bars(), root=store.root, payouts=table(*LINES))
    panel = store.open("b")
    assert panel.dividend_pay.tolist() == [-1, 2]
    assert panel.pay_dates.tolist() == [UNKNOWN, at("2020-01-04")]
    assert panel.stock_ex_date.tolist() == [at("2020-01-03"), at("2020-01-04")]
    assert panel.stock_payment.tolist() == [1, 1]
    assert panel.stock_pay_date.tolist() == [at("2020-01-05"), UNKNOWN]
    assert bundle.source == "polars DataFrame with payouts of payouts.csv"
    later = "is no session; zipline's rules never pay it, ours on the next session"
    whom = "zipline algorithms receive them, target functions do not, and they change no adjusted price"
    assert bundle.warnings == (
        f"payouts.csv row 2, B 2020-01-03: pay_date 2020-01-04 {later}",
        f"payouts.csv row 4, A 2020-01-03: pay_date 2020-01-05 {later}",
        "payouts.csv row 5, B 2020-01-04: the ex-date is no session; zipline's rules never grant its shares",
        "1 of 2 dividends have no pay date in payouts.csv",
        f"2 dividends in shares: {whom}",
    )


def test_every_form_of_the_table_and_of_the_source_is_the_same_bundle(store, table, tmp_path):
    frame = pl.read_csv(table(*LINES), infer_schema=False).drop_nulls("symbol")
    dates = frame.with_columns(
        pl.col("symbol").str.strip_chars(), pl.col("ex_date").str.to_date(), pl.col("pay_date").str.to_date()
    )
    dates = dates.with_columns(pl.col("ratio").cast(pl.Float64)).rename(str.upper).reverse()
    dates.write_parquet(tmp_path / "payouts.parquet")
    forms = [table(*LINES), str(table(*LINES)), frame, dates, dates.to_arrow(), dates.to_pandas()]
    found = {ingest("b", bars(), root=store.root, payouts=each).version for each in forms}
    found.add(ingest("b", bars(), root=store.root, payouts=tmp_path / "payouts.parquet").version)
    folder = tmp_path / "csv"
    folder.mkdir()
    for symbol in "AB":
        bars().filter(pl.col("symbol") == symbol).drop("symbol").write_csv(folder / f"{symbol.lower()}.csv")
    found.add(ingest("b", folder, root=store.root, payouts=table(*LINES)).version)
    assert len(found) == 1
    assert ingest("b", bars(), root=store.root).version not in found


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("C,cash,2020-01-03,2020-01-06,,", "row 3, C 2020-01-03: symbol C is not in the source"),
        (",cash,2020-01-03,2020-01-06,,", r"row 3,  2020-01-03: symbol \(blank\) is not in the source"),
        ("A,coupon,2020-01-03,2020-01-06,,", "row 3: kind coupon is neither cash nor stock"),
        ("A,,2020-01-03,2020-01-06,,", r"row 3: kind \(blank\) is neither"),
        ("A,cash,,2020-01-06,,", "row 3: ex_date is blank"),
        ("A,cash,03.01.2020,2020-01-06,,", "row 3: ex_date '03.01.2020' is not a date such as 2020-01-31"),
        ("A,cash,2020-01-03,2020-01-06 12:00:00,,", "row 3: pay_date '2020-01-06 12:00:00' is not a date"),
        (
            "A,cash,2020-01-06,2020-01-07,,",
            "row 3, A 2020-01-06: the source has no dividend on that date; the nearest one is on 2020-01-03",
        ),
        ("A,cash,2020-01-03,2020-01-02,,", "row 3, A 2020-01-03: pay_date 2020-01-02 is before the ex-date"),
        ("B,cash,2020-01-03,2020-01-06,,", "row 3, B 2020-01-03: the same cash dividend as row 2"),
        ("A,stock,2020-01-03,2020-01-06,x,B", "row 3: ratio 'x' is not a number"),
        ("A,stock,2020-01-03,2020-01-06,,B", r"row 3, A 2020-01-03: ratio \(blank\) must be above zero"),
        ("A,stock,2020-01-03,2020-01-06,-0.5,B", "row 3, A 2020-01-03: ratio -0.5 must be above zero"),
        (
            "A,stock,2020-01-03,2020-01-06,0.1,BB",
            "row 3, A 2020-01-03: payment_symbol BB is not in the source; near it: B",
        ),
        ("A,stock,2020-01-03,2020-01-06,0.1,", r"row 3, A 2020-01-03: payment_symbol \(blank\) is not in the source"),
        (
            "A,stock,2021-01-03,2021-01-06,0.1,B",
            "row 3, A 2021-01-03: the ex-date is outside the source's sessions, 2020-01-02 to 2020-01-07",
        ),
        ("A,stock,2020-01-03,2020-01-02,0.1,B", "row 3, A 2020-01-03: pay_date 2020-01-02 is before the ex-date"),
    ],
)
def test_one_bad_row(store, table, line, message):
    path = table("B,cash,2020-01-03,2020-01-04,,", line)
    with pytest.raises(IngestError, match=rf"1 error stops the ingest \(payouts.csv\).*\n  payouts.csv {message}"):
        ingest("b", bars(), root=store.root, payouts=path)
    assert store.list() == []


def test_all_bad_rows_are_counted_in_the_order_of_the_file(store, table):
    lines = ["A,stock,2020-01-03,,1,B", "Z,cash,2020-01-03,,,", "A,stock,2020-01-03,,2,B", "A,x,2020-01-03,,,"]
    with pytest.raises(IngestError, match="3 errors stop") as caught:
        ingest("b", bars(), root=store.root, payouts=table(*lines))
    assert [line.split(":")[0] for line in caught.value.findings] == [
        "payouts.csv row 3, Z 2020-01-03",
        "payouts.csv row 4, A 2020-01-03",
        "payouts.csv row 5",
    ]


@pytest.mark.parametrize(
    ("payouts", "error", "message"),
    [
        ("nowhere.csv", IngestError, "There is no such file .*payouts is a CSV or Parquet file"),
        (7, InputError, "payouts must be a CSV or Parquet file"),
        (pl.DataFrame({"symbol": ["A"], "kind": ["cash"]}), IngestError, "There is no column ex_date, pay_date"),
    ],
)
def test_what_is_no_table_of_payouts(store, payouts, error, message):
    with pytest.raises(error, match=message):
        ingest("b", bars(), root=store.root, payouts=payouts)


def test_optional_dates_and_a_table_of_one_kind(store, table):
    header = "symbol,kind,ex_date,pay_date,record_date,declared_date"
    path = table("A,cash,2020-01-03,,2020-01-06,2019-12-24", header=header)
    ingest("b", bars(), root=store.root, payouts=path)
    panel = store.open("b")
    assert (panel.dividend_pay.tolist(), panel.dividend_record_date[0]) == ([-1, -1], at("2020-01-06"))
    assert panel.dividend_declared_date[0] == at("2019-12-24")


def test_blank_rows_at_the_ends_are_part_of_an_assets_life(store):
    price = pl.when((pl.col("symbol") == "B") & pl.col("date").is_in([DAYS[0], DAYS[3]]))
    frame = bars().with_columns(
        price.then(None).otherwise(pl.col(name)).alias(name) for name in ("open", "high", "low", "close", "volume")
    )
    bundle = ingest("b", frame, root=store.root)
    panel = store.open("b")
    assert [rows.tolist() for rows in panel.listing] == [[0, 1], [3, 2]]
    assert [rows.tolist() for rows in panel.life] == [[0, 0], [3, 3]]
    cut = ingest("c", frame.drop_nulls("close"), root=store.root)
    assert (cut.version != bundle.version, len(store.open("c").life_first)) == (True, 0)
    store.verify("b")
