"""One content, many forms: the same bundle from each."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.data.ingest import ingest
from rustybt_ray.data.panel import FIELDS
from rustybt_ray.exceptions import IngestError, InputError

SYMBOLS = ("AA", "B", "CÉ")
DAYS = np.array(["2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07"], dtype="datetime64[D]")


def market():
    """Four sessions of three assets, one of which is listed late; a split and two dividends."""
    random = np.random.default_rng(5)
    rows = []
    for column, symbol in enumerate(SYMBOLS):
        for row in range(column, len(DAYS)):
            low = random.uniform(10, 12) / (2.0 if column == 0 and row >= 2 else 1.0)
            rows.append(
                {
                    "date": DAYS[row].item(),
                    "symbol": symbol,
                    "open": low + random.uniform(0.1, 0.5),
                    "high": low + 1.0 / 3.0,
                    "low": low,
                    "close": low + 0.3,
                    "volume": int(random.integers(1, 10_000)),
                    "dividend": 0.1 if (row, column) in ((2, 0), (3, 2)) else 0.0,
                    "split": 2.0 if (row, column) == (2, 0) else 1.0,
                }
            )
    frame = pl.DataFrame(rows)
    return frame.with_columns(high=pl.max_horizontal("open", "high"))


def write_csvdir(frame, folder, header=str):
    folder.mkdir(parents=True)
    for symbol in frame["symbol"].unique():
        own = frame.filter(pl.col("symbol") == symbol).drop("symbol")
        own.rename({name: header(name) for name in own.columns}).write_csv(folder / f"{symbol}.csv")


def expected():
    """The market's panel, made of its cells one by one."""
    fields = {name: np.full((4, 3), np.nan) for name in FIELDS}
    for row in market().iter_rows(named=True):
        place = DAYS.tolist().index(row["date"]), SYMBOLS.index(row["symbol"])
        for name in FIELDS:
            fields[name][place] = row[name]
    return panel_from_arrays(DAYS, SYMBOLS, **fields, splits=[(2, 0, 2.0)], dividends=[(2, 0, 0.1), (3, 2, 0.1)])


def as_new_york(frame):
    return frame.with_columns(pl.col("date").cast(pl.Datetime("ms")).dt.replace_time_zone("America/New_York"))


def as_text(form):
    return lambda frame: frame.with_columns(pl.col("date").cast(pl.Datetime("us")).dt.strftime(form))


FORMS = {
    "polars": lambda frame: frame,
    "lazy": lambda frame: frame.lazy(),
    "arrow": lambda frame: frame.to_arrow(),
    "record batch": lambda frame: pa.RecordBatch.from_pandas(pd.DataFrame(frame.to_dict(as_series=False))),
    "pandas": lambda frame: pd.DataFrame(frame.to_dict(as_series=False)),
    "pandas, dates and symbols as index": lambda frame: pd.DataFrame(frame.to_dict(as_series=False)).set_index(
        ["date", "symbol"]
    ),
    "pandas, sparse index": lambda frame: pd.DataFrame(frame.to_dict(as_series=False)).iloc[::-1],
    "pandas, categories": lambda frame: pd.DataFrame(frame.to_dict(as_series=False)).astype({"symbol": "category"}),
    "categories": lambda frame: frame.with_columns(pl.col("symbol").cast(pl.Categorical)),
    "shuffled": lambda frame: frame.sample(fraction=1.0, shuffle=True, seed=1),
    "other columns": lambda frame: frame.with_columns(note=pl.lit("x"), adj_close=pl.col("close") / 2).select(
        pl.all().reverse()
    ),
    "capitals": lambda frame: frame.rename(str.capitalize),
    "nanoseconds": lambda frame: frame.with_columns(pl.col("date").cast(pl.Datetime("ns"))).rename(
        {"date": "timestamp"}
    ),
    "utc": lambda frame: frame.with_columns(pl.col("date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")),
    "midnights of New York": as_new_york,
    "numbers as text": lambda frame: frame.with_columns(pl.col(*FIELDS).cast(pl.String)),
    "no events as blanks": lambda frame: frame.with_columns(
        pl.col("dividend").replace(0.0, None), pl.col("split").replace(1.0, None)
    ),
    **{
        form: as_text(form)
        for form in ("%Y-%m-%d", "%Y%m%d", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S-05:00", "%Y-%m-%d %H:%M")
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_bundle(store, form):
    bundle = ingest("b", FORMS[form](market()), root=store.root)
    assert bundle.version == expected().version
    assert bundle.warnings == ()
    assert store.verify("b") == bundle


def test_files_are_the_same_bundle(store, tmp_path):
    market().write_parquet(tmp_path / "all.parquet")
    write_csvdir(market(), tmp_path / "plain", header=lambda name: f" {name.upper()}")
    write_csvdir(market(), tmp_path / "nested" / "daily", header=lambda name: "" if name == "date" else name)
    for source in (
        tmp_path / "all.parquet",
        tmp_path / "plain",
        str(tmp_path / "nested"),
        tmp_path / "nested" / "daily",
    ):
        bundle = ingest("b", source, root=store.root)
        assert bundle.version == expected().version
        assert bundle.source == str(source)
        assert bundle.warnings == ()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(9)))
def test_the_order_of_rows_does_not_matter(store, order):
    assert ingest("b", market()[order], root=store.root).version == expected().version


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=40),
    st.sampled_from(["{!r}", "{:.18g}", "{:.25e}", "{:.3f}"]),
)
def test_text_is_read_as_python_reads_it(store, tmp_path_factory, values, form):
    texts = [text for text in map(form.format, values) if float(text) > 0.0]
    if not texts:
        return
    folder = tmp_path_factory.mktemp("csv")
    lines = [f"{np.datetime64('2020-01-01') + at},{text},{text},{text},{text},{text}" for at, text in enumerate(texts)]
    (folder / "A.csv").write_text("\n".join(["date,open,high,low,close,volume", *lines]))
    ingest("b", folder, root=store.root)
    assert store.open("b").close.ravel().tolist() == [float(text) for text in texts]


def test_csv_with_byte_order_mark_carriage_returns_blank_lines_and_spaces(store, tmp_path):
    (tmp_path / "a.b.csv").write_bytes(
        b"\xef\xbb\xbfdate,open,high,low,close,volume,dividend\r\n"
        b"2020-01-02, 1.5 ,2,1,1.5,7,\r\n\r\n2020-01-03,2,2,2,2,8, 0.25\r\n\r\n"
    )
    bundle = ingest("b", tmp_path, root=store.root)
    assert (bundle.symbols, bundle.rows, bundle.dividends) == (("A.B",), 2, 1)
    assert store.open("b").open.ravel().tolist() == [1.5, 2.0]


def test_a_dividend_per_new_share_on_a_split_day(store):
    ingest("b", market(), root=store.root, dividend_per="new")
    assert store.open("b").dividend_amount.tolist() == [0.2, 0.1]
    with pytest.raises(InputError, match="dividend_per must be one of 'old', 'new'; received 'both'"):
        ingest("b", market(), root=store.root, dividend_per="both")


def test_a_table_of_one_asset_needs_no_symbol(store):
    one = market().filter(pl.col("symbol") == "B").drop("symbol")
    bundle = ingest("btc", one, root=store.root)
    assert bundle.symbols == ("BTC",)
    assert "no column symbol; the one asset is called BTC (symbol= names it)" in bundle.warnings[0]
    assert ingest("btc", one, root=store.root, symbol="X-Y").symbols == ("X-Y",)


def test_minutes_in_utc_days_around_the_clock(store):
    times = [datetime(2022, 1, 7 + at // 2, 23 * (at % 2), 59 * (at % 2), tzinfo=UTC) for at in range(8)]
    price = np.arange(8) + 100.0
    bars = {"open": price, "high": price, "low": price, "close": price, "volume": price / 8}
    bundle = ingest("c", pl.DataFrame({"timestamp": times, "symbol": "X", **bars}), root=store.root)
    panel = store.open("c")
    assert (bundle.daily, bundle.fractional, bundle.periods_per_year, bundle.calendar) == (False, True, 365, "UTC days")
    assert panel.session.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert panel.time.tolist() == [int(each.timestamp()) * 10**9 for each in times]
    assert (panel.open_time.tolist(), panel.close_time[:-1].tolist()) == (
        panel.sessions.tolist(),
        panel.open_time[1:].tolist(),
    )
    assert (
        ingest(
            "c", pl.DataFrame({"timestamp": times, "symbol": "X", **bars}), root=store.root, periods_per_year=360
        ).periods_per_year
        == 360
    )


def test_bars_of_a_zone_are_kept_in_utc(store):
    texts = ["2022-01-07 09:30:00-05:00", "2022-01-07T14:31:00.5Z", "2022-01-07 16:00+0100", "2022-07-07 15:00"]
    price = [1.0] * 4
    frame = pl.DataFrame({"date": texts, "symbol": "X", **dict.fromkeys(FIELDS, price)})
    ingest("z", frame, root=store.root)
    found = store.open("z").time.astype("datetime64[ns]").astype("datetime64[ms]").astype(str).tolist()
    assert found == [
        "2022-01-07T14:30:00.000",
        "2022-01-07T14:31:00.500",
        "2022-01-07T15:00:00.000",
        "2022-07-07T15:00:00.000",
    ]


def test_a_row_without_prices_is_a_missing_bar_and_keeps_its_events(store):
    frame = market()
    price = pl.when((pl.col("symbol") == "AA") & (pl.col("date") == DAYS[2].item()))
    frame = frame.with_columns(
        price.then(0.0 if name == "open" else None).otherwise(pl.col(name)).alias(name) for name in FIELDS
    )
    bundle = ingest("b", frame, root=store.root)
    panel = store.open("b")
    assert bundle.bars == 8
    assert np.isnan(panel.close[2, 0])
    assert (panel.split_row.tolist(), panel.dividend_row.tolist()) == ([2], [2, 3])
    assert panel.mark[0, 2] == panel.close[1, 0] * (0.5 * (1.0 - 0.1 / panel.close[1, 0]))
    assert bundle.warnings[0] == "polars DataFrame row 3, AA 2020-01-06: no prices and no volume, a missing bar"
    assert bundle.warnings[1] == "AA: no bar at 1 times at which others have one (2020-01-06)"


def test_rows_before_the_first_bar_and_after_the_last_are_left_out(store):
    blank = {"date": [datetime(2019, 12, 31).date(), datetime(2020, 1, 8).date()], "symbol": ["B", "B"]}
    frame = pl.concat([market(), pl.DataFrame(blank)], how="diagonal")
    bundle = ingest("b", frame, root=store.root)
    assert bundle.version == expected().version
    assert [line.partition(": ")[2] for line in bundle.warnings] == [
        "before the first bar of any asset or after the last, left out"
    ] * 2


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (
            7,
            InputError,
            "source must be a csvdir folder, a Parquet file, or a polars, pandas or Arrow table; received 'int'",
        ),
        ("nowhere", IngestError, "There is no such file or folder"),
        (
            pl.DataFrame({"date": [], "open": []}),
            IngestError,
            "There is no column high, low, close, volume .*has date, open",
        ),
        (market().drop("date"), IngestError, "There is no column date"),
        (market().rename({"symbol": "Ticker"}), IngestError, "Rename 'Ticker' to 'symbol'"),
        (market().with_columns(timestamp="date"), IngestError, "Columns 'date' and 'timestamp' could both be the time"),
        (
            market().with_columns(OPEN="open"),
            IngestError,
            "Columns 'open' and 'OPEN' have the same name but for their case",
        ),
        (market().clear(), IngestError, "There is no row"),
        (market().with_columns(pl.lit(None).alias(name) for name in FIELDS), IngestError, "There is no bar"),
    ],
)
def test_sources_that_are_none(store, source, error, message):
    with pytest.raises(error, match=message):
        ingest("b", source, root=store.root)
    assert store.list() == []


def test_files_that_are_none(store, tmp_path):
    with pytest.raises(IngestError, match=r"There is no CSV file .*one SYMBOL.csv for each asset"):
        ingest("b", tmp_path, root=store.root)
    path = tmp_path / "a.parquet"
    path.write_text("no")
    with pytest.raises(IngestError, match=r"The table cannot be read: .*a\.parquet"):
        ingest("b", path, root=store.root)
    with pytest.raises(IngestError, match="The file is no Parquet file"):
        ingest("b", path.rename(tmp_path / "a.txt"), root=store.root)
    with pytest.raises(InputError, match="name must be"):
        ingest("a/b", path, root=store.root)
