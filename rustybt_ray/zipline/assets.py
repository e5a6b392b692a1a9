"""Assets as algorithms see them, and how they are found."""

import re
from collections.abc import Iterable
from operator import index
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from rustybt_ray._typing import IntArray
from rustybt_ray.data.build import DAY
from rustybt_ray.data.panel import Panel
from rustybt_ray.zipline._pandas import pandas
from rustybt_ray.zipline.clock import Clock
from rustybt_ray.zipline.dates import naive
from rustybt_ray.zipline.errors import (
    MultipleSymbolsFound,
    NotSupported,
    SidsNotFound,
    SymbolNotFound,
    UnsupportedDatetimeFormat,
)

EXCHANGE, COUNTRY = "CSVDIR", "??"
DELIMITERS = re.compile(r"[./\-_]")
_MADE: WeakKeyDictionary[Panel, tuple["Equity", ...]] = WeakKeyDictionary()


class ExchangeInfo(NamedTuple):
    """Where assets are traded."""

    name: str
    canonical_name: str
    country_code: str


class Asset:
    """What can be owned; hash, equality and order are those of `sid`, and an integer is equal to the asset of that number.

    Attributes
    ----------
    sid, column : int
        Number, and column of the panel: the same.
    symbol : str
    asset_name, exchange, exchange_full, country_code : str
        "", "CSVDIR", "CSVDIR", "??"; the last three are `exchange_info` too.
    start_date, end_date, auto_close_date : Timestamp or None
        First and last row of its file, and the calendar day after the last; None without any row.
    first_traded : None
        csvdir bundles do not say.
    tick_size, price_multiplier : float
        0.01 and 1.0.
    first_row, last_row : int
        Rows of `start_date` and `end_date`.
    close_row : int
        Row at whose end a position that is still held is closed: the first one after the last on which the clock is at
        `auto_close_date` or later, or the number of rows if there is none.
    """

    __slots__ = ("_ends", "_hours", "_stamps", "close_row", "column", "first_row", "last_row", "sid", "symbol")
    asset_name, first_traded, tick_size, price_multiplier = "", None, 0.01, 1.0
    exchange, exchange_full, country_code = EXCHANGE, EXCHANGE, COUNTRY
    exchange_info = ExchangeInfo(EXCHANGE, EXCHANGE, COUNTRY)

    def __init__(
        self,
        sid: int,
        symbol: str,
        rows: tuple[int, int, int],
        ends: tuple[int, int],
        hours: tuple[IntArray, IntArray] | None = None,
    ) -> None:
        self.sid = self.column = sid
        self.symbol = symbol
        self.first_row, self.last_row, self.close_row = rows
        self._ends, self._hours = ends, hours
        self._stamps: dict[int, Any] = {}

    def __hash__(self) -> int:
        return self.sid

    def __index__(self) -> int:
        return self.sid

    __int__ = __index__

    def __eq__(self, other: object) -> bool:
        number = _number(other)
        return NotImplemented if number is None else self.sid == number

    def __lt__(self, other: object) -> bool:
        number = _number(other)
        return NotImplemented if number is None else self.sid < number

    def __le__(self, other: object) -> bool:
        number = _number(other)
        return NotImplemented if number is None else self.sid <= number

    def __gt__(self, other: object) -> bool:
        number = _number(other)
        return NotImplemented if number is None else self.sid > number

    def __ge__(self, other: object) -> bool:
        number = _number(other)
        return NotImplemented if number is None else self.sid >= number

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.sid} [{self.symbol}])"

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        rows = (self.first_row, self.last_row, self.close_row)
        return type(self), (self.sid, self.symbol, rows, self._ends)

    @property
    def start_date(self) -> Any:
        """Timestamp of the first row, without a zone."""
        return self._stamp(self._ends[0])

    @property
    def end_date(self) -> Any:
        """Timestamp of the last row, without a zone."""
        return self._stamp(self._ends[1])

    @property
    def auto_close_date(self) -> Any:
        """Timestamp of the calendar day after the last row."""
        return self._stamp(self._ends[1] + DAY)

    def _stamp(self, time: int) -> Any:
        if self.first_row > self.last_row:
            return None
        found = self._stamps.get(time)
        if found is None:
            found = self._stamps[time] = naive(time)
        return found

    def is_alive_for_session(self, session_label: Any) -> bool:
        """Whether the date lies within [start_date, end_date]."""
        start, end = self._ends
        return self.first_row <= self.last_row and bool(start <= session_label.value <= end)

    def is_exchange_open(self, dt_minute: Any) -> bool:
        """Whether the minute ends within a session of the panel: after its opening, at its close at the latest.

        Raises
        ------
        NotSupported
            If the asset comes from another process.
        """
        if self._hours is None:
            raise NotSupported(what=f"is_exchange_open of {self} from another run", remedy="Ask it inside of a run.")
        opens, closes = self._hours
        at = int(np.searchsorted(closes, dt_minute.value))
        return at < len(closes) and bool(opens[at] < dt_minute.value)

    def to_dict(self) -> dict[str, Any]:
        """The attributes under zipline's names."""
        names = (
            "sid", "symbol", "asset_name", "start_date", "end_date", "first_traded", "auto_close_date", "exchange",
            "exchange_full", "tick_size",
        )  # fmt: skip
        found = {name: getattr(self, name) for name in names}
        return found | {"multiplier": self.price_multiplier, "exchange_info": self.exchange_info}


class Equity(Asset):
    """A share of a company."""

    __slots__ = ()


class AssetFinder:
    """The assets of a view by symbol or number.

    Parameters
    ----------
    view : Panel
        As `rustybt_ray.data.grid.on_grid` makes it.
    clock : Clock
        Its last row is the date as of which symbols are looked up.

    Attributes
    ----------
    equities : tuple of Equity
        By column; the same objects in every run on this view.

    Examples
    --------
    >>> from rustybt_ray.data.grid import on_grid
    >>> from rustybt_ray.data.sample import sample_panel
    >>> finder = AssetFinder(view := on_grid(sample_panel()), Clock(0, 99))
    >>> found = finder.sid(0)
    >>> finder.symbol(found.symbol.lower()) is found
    True
    """

    __slots__ = ("_by_parts", "_by_symbol", "_clock", "_looked_up", "_sessions", "equities")

    def __init__(self, view: Panel, clock: Clock) -> None:
        self.equities = equities_of(view)
        self._clock, self._sessions = clock, view.sessions
        self._by_symbol = {asset.symbol: asset for asset in self.equities}
        self._by_parts: dict[tuple[str, str], list[Equity]] = {}
        for asset in self.equities:
            self._by_parts.setdefault(_parts(asset.symbol), []).append(asset)
        self._looked_up: int | None = None

    def symbol(self, text: str) -> Equity:
        """The asset of this name, whatever its case and whichever of ``. - _ /`` divides it.

        It must be listed on the simulation's last session, or at the date of `set_lookup_date`; it may be delisted by then.

        Raises
        ------
        SymbolNotFound
            If no asset has that name by that date.
        MultipleSymbolsFound
            If several have it and none spells it in this way.
        TypeError
            If `text` is not a str.
        """
        if not isinstance(text, str):
            raise TypeError(
                f"symbol() expected a value of type str for argument 'symbol_str', but got {text!r} instead."
            )
        name = text.upper()
        exact = self._by_symbol.get(name)
        owners = [exact] if exact is not None else self._by_parts.get(_parts(name), [])
        as_of = int(self._sessions[self._clock.last]) if self._looked_up is None else self._looked_up
        listed = [asset for asset in owners if asset.first_row <= asset.last_row and asset._ends[0] <= as_of]
        if not listed:
            raise SymbolNotFound(symbol=text)
        if len(listed) > 1:
            raise MultipleSymbolsFound(symbol=text, options=listed)
        return listed[0]

    def symbols(self, *texts: str) -> list[Equity]:
        """`symbol` of each."""
        return [self.symbol(text) for text in texts]

    def sid(self, number: int) -> Equity:
        """The asset of this number.

        Raises
        ------
        SidsNotFound
            If there is none.
        ValueError, TypeError
            If it is no number.
        """
        at = int(number)
        if not 0 <= at < len(self.equities):
            raise SidsNotFound(sids=[number])
        return self.equities[at]

    def set_lookup_date(self, value: Any) -> None:
        """Look symbols up as of this date: a Timestamp, a datetime, or text.

        Raises
        ------
        UnsupportedDatetimeFormat
            If it is none of these.
        """
        try:
            stamp = pandas().Timestamp(value)
            known = stamp.value if stamp.tz is None else stamp.tz_convert("UTC").value
        except (ValueError, TypeError):
            raise UnsupportedDatetimeFormat(input=value, method="set_symbol_lookup_date") from None
        self._looked_up = int(known)

    def forget_lookup_date(self) -> None:
        """Look symbols up as of the simulation's last session."""
        self._looked_up = None

    def lookup(self, assets: Iterable[Asset | int]) -> list[Equity]:
        """`sid` of each asset or number."""
        return [self.sid(int(each)) for each in assets]


def equities_of(view: Panel) -> tuple[Equity, ...]:
    """The assets of a view by column, made with the first call and kept as long as the view."""
    found = _MADE.get(view)
    if found is None:
        found = _MADE[view] = tuple(_make(view))
    return found


def _make(view: Panel) -> Iterable[Equity]:
    rows = len(view.sessions)
    hours = (view.open_time, view.close_time)
    firsts, lasts = view.life
    closing = np.searchsorted(view.close_time, view.sessions[lasts] + DAY)
    for sid, symbol in enumerate(view.symbols):
        first, last = int(firsts[sid]), int(lasts[sid])
        listed = first <= last
        ends = (int(view.sessions[first]), int(view.sessions[last])) if listed else (0, 0)
        closed = max(int(closing[sid]), last + 1) if listed else rows
        yield Equity(sid, symbol.upper(), (first, last, closed), ends, hours)


def _number(other: object) -> int | None:
    if isinstance(other, Asset):
        return other.sid
    try:
        return index(other)  # type: ignore[arg-type]
    except TypeError:
        return None


def _parts(symbol: str) -> tuple[str, str]:
    """Company and class of share."""
    company, *share = DELIMITERS.split(symbol, maxsplit=1)
    return company, share[0] if share else ""
