"""`ingest` and `bundles` on real files."""

import io
import json

import polars as pl
import pytest

from rustybt_ray.data.store import BundleStore


@pytest.fixture
def ingested(call, source):
    call("ingest", "mine", source)
    return BundleStore().info("mine")


def test_ingest_says_what_it_made(call, source, home):
    result = call("ingest", "mine", source)
    known = BundleStore().info("mine")
    assert result.stdout == (
        f"mine@{known.version[:12]}: 2 assets, 300 sessions 2020-01-06 to 2021-02-26, 600 bars, 0 splits, "
        "0 dividends, 252 trading days a year\n"
    )
    assert (home / "bundles" / "mine").is_dir()


def test_ingest_takes_its_options(call, bars, tmp_path, home):
    one = tmp_path / "one.parquet"
    bars.filter(pl.col("symbol") == "AAA").drop("symbol").write_parquet(one)
    root = tmp_path / "elsewhere"
    words = ("--periods-per-year", 365, "--dividend-per", "new", "--symbol", "ONE", "--bundle-root", root)
    call("ingest", "mine", one, *words)
    known = BundleStore(root).info("mine")
    assert (known.symbols, known.periods_per_year) == (("ONE",), 365)
    assert not home.exists()


def test_ingest_takes_payouts(call, bars, tmp_path):
    day = bars["date"][10]
    source, payouts = tmp_path / "bars.parquet", tmp_path / "payouts.csv"
    bars.with_columns(dividend=pl.when(pl.col("date") == day).then(0.5).otherwise(0.0)).write_parquet(source)
    rows = [f"AAA,cash,{day},{day},,", f"BBB,stock,{day},,0.1,AAA"]
    payouts.write_text("\n".join(["symbol,kind,ex_date,pay_date,ratio,payment_symbol", *rows]))
    result = call("ingest", "mine", source, "--payouts", payouts)
    assert "2 dividends (1 with a pay date), 1 stock dividends, 252" in result.stdout
    assert "Warning: 1 of 2 dividends have no pay date in payouts.csv" in result.stderr
    payouts.write_text(payouts.read_text().replace("BBB", "CCC"))
    result = call("ingest", "mine", source, "--payouts", payouts, code=1)
    assert "payouts.csv row 3, CCC" in result.stderr
    assert len(BundleStore().list()) == 1
    call("ingest", "mine", source, "--payouts", tmp_path / "nowhere.csv", code=2)


def test_a_bad_row_is_named_and_nothing_is_published(call, bars, tmp_path, home):
    bad = tmp_path / "bad.parquet"
    bars.with_columns(close=pl.when(pl.int_range(pl.len()) == 7).then(-1.0).otherwise("close")).write_parquet(bad)
    result = call("ingest", "mine", bad, code=1)
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert "row 7" in result.stderr or "row 8" in result.stderr
    assert "-1" in result.stderr
    assert not BundleStore().list()


def test_what_is_odd_is_a_warning(call, bars, tmp_path):
    odd = tmp_path / "odd.parquet"
    prices = [
        pl.when(pl.int_range(pl.len()) >= 150).then(pl.col(n) * 0.1).otherwise(n)
        for n in ("open", "high", "low", "close")
    ]
    bars.filter(pl.col("symbol") == "AAA").with_columns(prices).write_parquet(odd)
    result = call("ingest", "mine", odd)
    assert "Warning: " in result.stderr
    assert "AAA" in result.stderr
    assert "Warning" not in result.stdout


def test_an_unknown_source(call):
    result = call("ingest", "mine", "nowhere", code=1)
    assert result.stderr.startswith(
        "Error: There is no such file or folder (nowhere). Pass a folder with one SYMBOL.csv"
    )


def test_list_without_bundles_says_how_to_make_one(call, home):
    assert call("bundles", "list").stdout == (
        f"No bundles in {home / 'bundles'}. Make one: rustybt-ray ingest NAME SOURCE, or rustybt-ray demo.\n"
    )
    assert call("bundles", "list", "--format", "json").stdout == "[]\n"


def test_list_as_a_table(call, ingested):
    text = call("bundles", "list").stdout
    assert "mine" in text
    assert ingested.version[:12] in text
    assert ingested.version not in text


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
def test_list_as_data(call, ingested, form):
    data = call("bundles", "list", "--format", form).stdout_bytes
    read = {"json": pl.read_json, "csv": pl.read_csv, "parquet": pl.read_parquet}[form]
    (row,) = read(io.BytesIO(data)).to_dicts()
    assert (row["name"], row["version"], row["assets"], row["bars"]) == ("mine", ingested.version, 2, 600)
    assert str(row["first_session"]) == "2020-01-06"


def test_list_warns_of_a_damaged_bundle(call, ingested, home):
    (home / "bundles" / "mine" / ingested.version / "manifest.json").write_text("{")
    result = call("bundles", "list", "--format", "json")
    assert json.loads(result.stdout) == []
    assert "Warning: The manifest is damaged" in result.stderr


def test_show(call, ingested):
    text = call("bundles", "show", "mine").stdout
    assert f"version           {ingested.version}" in text
    assert "symbols           AAA, BBB" in text
    shown = json.loads(call("bundles", "show", f"mine@{ingested.version[:6]}", "--format", "json").stdout)
    assert shown["version"] == ingested.version
    assert shown["symbols"] == ["AAA", "BBB"]


def test_an_unknown_bundle_is_told_with_those_there_are(call, ingested):
    for words in (("show",), ("remove", "--yes"), ("verify",)):
        result = call("bundles", *words, "yours", code=1)
        assert "Error: There is no bundle 'yours'" in result.stderr
        assert "Bundles there: mine." in result.stderr


def test_verify(call, ingested, home):
    assert call("bundles", "verify").stdout == f"mine@{ingested.version[:12]}: intact\n"
    folder = home / "bundles" / "mine" / ingested.version
    largest = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.chmod(0o644)
    largest.write_bytes(content)
    for words in ((), ("mine",)):
        result = call("bundles", "verify", *words, code=1)
        assert result.stdout == ""
        assert result.stderr.startswith("Error: ")
        assert "damaged" in result.stderr


def test_remove_asks(call, ingested):
    asked = call("bundles", "remove", "mine", input="n\n", code=1)
    assert f"Remove mine@{ingested.version[:12]}?" in asked.stderr
    assert BundleStore().list()
    assert call("bundles", "remove", "mine", input="y\n").stdout.endswith(f"removed mine@{ingested.version[:12]}\n")
    assert not BundleStore().list()


def test_remove_all_versions_of_a_name_or_one(call, ingested, bars, tmp_path):
    longer = tmp_path / "shorter.parquet"
    bars.head(299).write_parquet(longer)
    call("ingest", "mine", longer)
    newest = BundleStore().info("mine")
    assert "Remove all 2 versions of mine?" in call("bundles", "remove", "mine", input="n\n", code=1).stderr
    call("bundles", "remove", f"mine@{ingested.version[:12]}", "--yes")
    assert [known.version for known in BundleStore().list()] == [newest.version]
    assert call("bundles", "remove", "mine", "--yes").stdout == f"removed mine@{newest.version[:12]}\n"
    assert not BundleStore().list()


def test_parquet_is_not_for_a_terminal(monkeypatch, call):
    from rustybt_ray.cli import output

    class Terminal:
        def isatty(self):
            return True

    monkeypatch.setattr(output.sys, "stdout", Terminal())
    with pytest.raises(output.click.UsageError, match="--format parquet is binary: redirect stdout to a file, or x"):
        output.check_destination("parquet", ", or x")
    output.check_destination("json", "")
