"""`ingest`: from a source to a published bundle."""

import os
from pathlib import Path
from typing import Any, Literal

from rustybt_ray._validation import check_choice, check_count
from rustybt_ray.data.bundle import Bundle
from rustybt_ray.data.ingest.arrange import arrange, check_not_empty
from rustybt_ray.data.ingest.attach import attach_payouts
from rustybt_ray.data.ingest.checks import check_rows, missing_bars
from rustybt_ray.data.ingest.csvdir import read_csvdir
from rustybt_ray.data.ingest.findings import Findings
from rustybt_ray.data.ingest.payouts import read_payouts
from rustybt_ray.data.ingest.review import review
from rustybt_ray.data.ingest.rows import Rows
from rustybt_ray.data.ingest.table import read_table
from rustybt_ray.data.store import BundleStore, check_name
from rustybt_ray.exceptions import IngestError

PARQUET = (".parquet", ".pq", ".parq")


def ingest(
    name: str,
    source: Any,
    *,
    root: str | os.PathLike[str] | None = None,
    dividend_per: Literal["old", "new"] = "old",
    periods_per_year: int | None = None,
    calendar: str | None = None,
    session_times: Any = None,
    symbol: str | None = None,
    payouts: Any = None,
) -> Bundle:
    """Read a source, check it, and publish it as a bundle.

    Parameters
    ----------
    name : str
        What the bundle is called; ingesting under the same name again makes a new version, the old one stays.
    source : str, Path or table
        A csvdir folder (one ``SYMBOL.csv`` an asset, first column the date, or a folder ``daily`` of such files), a
        Parquet file, or a polars, pandas or Arrow table with one row a bar (columns date or timestamp, symbol).
        Both have open, high, low, close, volume, and may have dividend (cash a share on the ex-date) and split (new
        shares per old share). Prices are as traded. Times without a zone are UTC; a bar's time is its opening.
    root : str or Path, optional
        Where bundles are kept; default: the user's data folder, or ``RUSTYBT_RAY_HOME``.
    dividend_per : {"old", "new"}
        Whether a dividend on a split's day is stated per old or per new share.
    periods_per_year : int, optional
        Trading days a year in metrics. Default: 365 if there are bars on Saturdays and Sundays, else 252.
    calendar : str, optional
        Exchange whose sessions these are: XNYS is built in, others need the package exchange-calendars.
    session_times : table, optional
        Columns date, open, close: the sessions, with the UTC times (or times with a zone) of opening and closing.
        Default without a calendar: whole UTC days; for daily bars of at least 250 sessions that are exactly those
        of the New York Stock Exchange, its hours.
    symbol : str, optional
        The asset's name where a table has no column symbol. Default: the bundle's name in capitals.
    payouts : str, Path or table, optional
        What the source cannot say: a CSV or Parquet file or a table with the columns symbol, kind, ex_date, pay_date, ratio,
        payment_symbol, and maybe record_date and declared_date. A ``cash`` row dates a dividend that is in the source;
        a ``stock`` row adds a dividend in shares, `ratio` shares of `payment_symbol` a share held.

    Returns
    -------
    Bundle
        With what was found odd in `warnings`.

    Raises
    ------
    IngestError
        If the source breaks a rule; its `findings` name file or table, row, asset and value. Nothing is published.
    InputError
        If an argument breaks a rule.

    Examples
    --------
    >>> import polars as pl, tempfile
    >>> price = [10.0, 10.5]
    >>> bars = {"open": price, "high": price, "low": price, "close": price, "volume": [1000, 2000]}
    >>> table = pl.DataFrame({"date": ["2020-01-02", "2020-01-03"], "symbol": ["A", "A"], **bars})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bundle = ingest("tiny", table, root=folder)
    >>> bundle.symbols, bundle.rows, bundle.last_session
    (('A',), 2, '2020-01-03')
    """
    check_name(name)
    check_choice("dividend_per", dividend_per, ("old", "new"))
    if periods_per_year is not None:
        check_count("periods_per_year", periods_per_year, low=1)
    findings = Findings()
    rows, label = _read(source, findings, symbol or name.upper())
    missing = missing_bars(rows)
    check_rows(rows, missing, findings)
    findings.stop(label)
    check_not_empty(rows, missing, label)
    panel, sessions, notes = arrange(
        rows,
        missing,
        dividend_per=dividend_per,
        periods_per_year=periods_per_year,
        calendar=calendar,
        session_times=session_times,
    )
    if payouts is not None:
        paid = read_payouts(payouts, findings)
        panel, more = attach_payouts(panel, paid, findings)
        findings.stop(paid.label)
        notes, label = [*notes, *more], f"{label} with payouts of {paid.label}"
    warnings = (*notes, *review(panel))
    return BundleStore(root).publish(name, panel, source=label, calendar=sessions, warnings=warnings)


def _read(source: Any, findings: Findings, symbol: str) -> tuple[Rows, str]:
    """The source's rows and what to call it."""
    if not isinstance(source, str | os.PathLike):
        label = f"{type(source).__module__.partition('.')[0]} {type(source).__name__}"
        return read_table(source, label, findings, symbol=symbol), label
    path = Path(source).expanduser()
    if path.is_dir():
        return read_csvdir(path, findings), str(path)
    if path.suffix.lower() in PARQUET and path.is_file():
        return read_table(path, path.name, findings, symbol=symbol), str(path)
    what = "The file is no Parquet file" if path.is_file() else "There is no such file or folder"
    remedy = "Pass a folder with one SYMBOL.csv for each asset, a Parquet file, or a polars, pandas or Arrow table."
    raise IngestError(what, str(path), remedy)
