"""A bundle in memory: read-only arrays that every worker of a machine can share."""

from collections.abc import Mapping
from dataclasses import field
from functools import cached_property
from pathlib import Path

import numpy as np

from rustybt_ray._record import record_class
from rustybt_ray._typing import DateLike, FloatArray, IntArray
from rustybt_ray.exceptions import InputError

FIELDS = ("open", "high", "low", "close", "volume")
SPLITS = ("split_row", "split_column", "split_ratio")
DIVIDENDS = ("dividend_row", "dividend_column", "dividend_amount", "dividend_pay")
EVENTS = (*SPLITS, *DIVIDENDS)
AXES = ("time", "session", "sessions", "open_time", "close_time")
DERIVED = ("factor", "split_factor", "mark")
DATES = ("dividend_pay_date", "dividend_record_date", "dividend_declared_date")
STOCK = (
    "stock_row", "stock_column", "stock_ratio", "stock_payment", "stock_pay",
    "stock_ex_date", "stock_pay_date", "stock_record_date", "stock_declared_date",
)  # fmt: skip
LIFE = ("life_first", "life_last")
ADDED = (*DATES, *STOCK, *LIFE)
"""What a bundle may have besides: empty arrays where it has not, which then take no part in its version."""
ARRAYS = (*AXES, *FIELDS, *EVENTS, *DERIVED, *ADDED)
UNKNOWN = np.iinfo(np.int64).min
"""A date that is not known: what NumPy's NaT is as a number."""


def _none() -> IntArray:
    return np.empty(0, dtype=np.int64)


def _nothing() -> FloatArray:
    return np.empty(0)


@record_class(frozen=True, eq=False)
class Panel:
    """Bars and events of one bundle.

    T rows (bars), S sessions, N assets. All arrays are C-contiguous and read-only.

    Attributes
    ----------
    version : str
        SHA-256 of the bundle's content, in hexadecimal.
    symbols : tuple of str
        The N columns, in code point order.
    periods_per_year : int
        Trading days a year: 252 for exchange sessions, 365 for a market that never closes.
    fractional : bool
        Whether volumes are fractional, so that positions are by default.
    time : ndarray of int64, shape (T,)
        UTC nanoseconds of each row: the session's midnight for daily bars, the bar's opening for intraday bars.
    session : ndarray of int64, shape (T,)
        Position in `sessions` of each row's session; it never falls. ``arange(T)`` for daily bars.
    sessions, open_time, close_time : ndarray of int64, shape (S,)
        UTC nanoseconds of each session's date, opening and close.
    open, high, low, close, volume : ndarray of float64, shape (T, N)
        As traded; NaN where an asset has no bar (volume too).
    split_row, split_column : ndarray of int64, split_ratio : ndarray of float64
        New shares per old share, before the opening of that row; sorted by row, then column.
    dividend_row, dividend_column : ndarray of int64, dividend_amount : ndarray of float64
        Cash per share held over the previous row, before a split of the same row; sorted by row, then column.
    dividend_pay : ndarray of int64
        Row on whose morning the cash moves; -1 where it is unknown, T where it lies after the last row.
    factor, split_factor : ndarray of float64, shape (T, N)
        Forward adjustment factors: 1 at the first row, ``G[t] = G[t-1] / ratio[t]``.
    mark : ndarray of float64, shape (N, T)
        Close by asset, carried over missing bars through splits and dividends; NaN before the first bar.
    folder : Path, optional
        Of the bundle whose files the arrays are mapped from.
    dividend_pay_date, dividend_record_date, dividend_declared_date : ndarray of int64
        UTC nanoseconds of each dividend's dates, whether they are sessions or not, `UNKNOWN` where one is not known; empty if
        none of any dividend is. `dividend_pay` is the first row on or after the pay date.
    stock_row, stock_column : ndarray of int64, stock_ratio : ndarray of float64, stock_payment : ndarray of int64
        Dividends in shares: new shares of the column `stock_payment` per share held over the previous row, before a split of
        the same row; sorted by row, column, payment. The row is the first one on or after the ex-date.
    stock_pay : ndarray of int64
        Row on whose morning the shares arrive, as `dividend_pay`.
    stock_ex_date, stock_pay_date, stock_record_date, stock_declared_date : ndarray of int64
        UTC nanoseconds of the dates themselves, `UNKNOWN` where one is not known.
    life_first, life_last : ndarray of int64, shape (N,) or (0,)
        First and last row that the source had of each asset, with a bar or blank; empty if those are the ones of `listing`.
    """

    version: str
    symbols: tuple[str, ...]
    periods_per_year: int
    fractional: bool
    time: IntArray
    session: IntArray
    sessions: IntArray
    open_time: IntArray
    close_time: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    split_row: IntArray
    split_column: IntArray
    split_ratio: FloatArray
    dividend_row: IntArray
    dividend_column: IntArray
    dividend_amount: FloatArray
    dividend_pay: IntArray
    factor: FloatArray
    split_factor: FloatArray
    mark: FloatArray
    folder: Path | None = None
    dividend_pay_date: IntArray = field(default_factory=_none)
    dividend_record_date: IntArray = field(default_factory=_none)
    dividend_declared_date: IntArray = field(default_factory=_none)
    stock_row: IntArray = field(default_factory=_none)
    stock_column: IntArray = field(default_factory=_none)
    stock_ratio: FloatArray = field(default_factory=_nothing)
    stock_payment: IntArray = field(default_factory=_none)
    stock_pay: IntArray = field(default_factory=_none)
    stock_ex_date: IntArray = field(default_factory=_none)
    stock_pay_date: IntArray = field(default_factory=_none)
    stock_record_date: IntArray = field(default_factory=_none)
    stock_declared_date: IntArray = field(default_factory=_none)
    life_first: IntArray = field(default_factory=_none)
    life_last: IntArray = field(default_factory=_none)

    def __post_init__(self) -> None:
        if wrong := misfits({name: getattr(self, name) for name in ADDED}, len(self.dividend_row), len(self.symbols)):
            rule = f"none, or as long as the {len(self.dividend_row)} dividends, the stock dividends, or the assets"
            received = {name: len(getattr(self, name)) for name in wrong}
            raise InputError("Panel's events", rule, received, "Replace all arrays of one kind together.")
        for name in ARRAYS:
            array = getattr(self, name)
            if not array.flags.c_contiguous:
                raise InputError(f"Panel.{name}", "C-contiguous", array.strides, "Use numpy.ascontiguousarray.")
            if array.flags.writeable:
                view = array.view()
                view.flags.writeable = False
                object.__setattr__(self, name, view)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and assets."""
        rows, assets = self.close.shape
        return rows, assets

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(getattr(self, name).nbytes for name in ARRAYS)

    @cached_property
    def has_events(self) -> bool:
        """Whether any split or dividend changes a factor."""
        return bool(len(self.split_row) or len(self.dividend_row))

    @cached_property
    def last_rows(self) -> IntArray:
        """Last row of each session, shape (S,)."""
        return np.searchsorted(self.session, np.arange(len(self.sessions)), side="right") - 1

    @cached_property
    def listing(self) -> tuple[IntArray, IntArray]:
        """First and last row with a bar of each asset, both of shape (N,); (T, -1) for one without any."""
        return listing_of(self.close)

    @cached_property
    def life(self) -> tuple[IntArray, IntArray]:
        """First and last row that the source had of each asset, blank ones included, both of shape (N,)."""
        return (self.life_first, self.life_last) if len(self.life_first) else self.listing

    @cached_property
    def dates(self) -> IntArray:
        """Date of each row's session in UTC nanoseconds, shape (T,)."""
        return self.sessions[self.session]

    @cached_property
    def pay_dates(self) -> IntArray:
        """Pay date of each dividend in UTC nanoseconds, `UNKNOWN` where it is not known."""
        return self.dividend_pay_date if len(self.dividend_pay_date) else np.full(len(self.dividend_row), UNKNOWN)

    def rows_between(self, start: DateLike | None, end: DateLike | None) -> tuple[int, int]:
        """First and last row of the sessions within [start, end]; None means the panel's own first or last.

        Raises
        ------
        InputError
            If no session lies between them; the message names the panel's own range.
        """
        if start is None and end is None:
            return 0, int(self.last_rows[-1])
        low = np.datetime64(int(self.sessions[0]), "ns") if start is None else as_date(start, "start")
        high = np.datetime64(int(self.sessions[-1]), "ns") if end is None else as_date(end, "end")
        first = int(np.searchsorted(self.sessions, low.astype("datetime64[ns]").astype(np.int64), side="left"))
        last = int(np.searchsorted(self.sessions, high.astype("datetime64[ns]").astype(np.int64), side="right")) - 1
        if first > last:
            received = (str(low.astype("datetime64[D]")), str(high.astype("datetime64[D]")))
            own = [str(np.datetime64(int(s), "ns").astype("datetime64[D]")) for s in self.sessions[[0, -1]]]
            remedy = f"The bundle has sessions from {own[0]} to {own[1]}."
            raise InputError("start and end", "dates with at least one session between them", received, remedy)
        return int(np.searchsorted(self.session, first)), int(self.last_rows[last])

    def to_arrays(self) -> tuple[dict[str, object], dict[str, np.ndarray]]:
        """Scalars and arrays apart, for a store that shares arrays without copying them."""
        scalars: dict[str, object] = {"version": self.version, "symbols": self.symbols}
        scalars |= {"periods_per_year": self.periods_per_year, "fractional": self.fractional}
        return scalars, {name: getattr(self, name) for name in ARRAYS}

    @classmethod
    def from_arrays(cls, scalars: Mapping[str, object], arrays: Mapping[str, np.ndarray]) -> "Panel":
        """The panel again, on the arrays given, without a copy."""
        return cls(**scalars, **arrays)  # type: ignore[arg-type]


def listing_of(close: FloatArray) -> tuple[IntArray, IntArray]:
    """`Panel.listing` of these closes."""
    rows = len(close)
    present = np.isfinite(close)
    some = present.any(axis=0)
    first = np.where(some, present.argmax(axis=0), rows)
    last = np.where(some, rows - 1 - present[::-1].argmax(axis=0), -1)
    return first, last


def misfits(arrays: Mapping[str, np.ndarray], dividends: int, assets: int) -> list[str]:
    """Which of the `ADDED` arrays do not fit the others in number."""
    lengths = {name: len(array) for name, array in arrays.items()}
    stock = lengths["stock_row"]
    allowed = {
        **dict.fromkeys(DATES, (0, dividends)),
        **dict.fromkeys(STOCK, (stock,)),
        **dict.fromkeys(LIFE, (0, assets)),
    }
    wrong = [name for name, length in lengths.items() if length not in allowed[name]]
    return wrong or [name for kind in (DATES, LIFE) for name in kind if lengths[name] != lengths[kind[0]]]


def as_date(value: DateLike, name: str) -> np.datetime64:
    """A date from text (``2020-01-31``), a date or a datetime.

    Raises
    ------
    InputError
        If it cannot be read as a date.
    """
    try:
        return np.datetime64(value, "D")
    except (ValueError, TypeError):
        raise InputError(name, "a date such as '2020-01-31'", value, "Use ISO order: year-month-day.") from None
