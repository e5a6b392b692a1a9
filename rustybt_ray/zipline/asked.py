"""What algorithms ask of `data`: lists of assets that come again each session, fields, counts."""

from collections.abc import Iterable
from typing import Any

from rustybt_ray.data import nyse
from rustybt_ray.data.calendars import BEGIN
from rustybt_ray.zipline._pandas import pandas
from rustybt_ray.zipline.assets import Asset
from rustybt_ray.zipline.dates import Dates
from rustybt_ray.zipline.errors import HistoryWindowStartsBeforeData, NotTradingMinuteError
from rustybt_ray.zipline.history import HISTORY_FIELDS

CALENDAR = 9500
"""Sessions of the exchange's calendar for zipline, which ends a year after the day on which it runs: so many in 2026."""
LISTS = 256
"""Lists of assets that are remembered at most."""


class Listed:
    """A list of assets as it was given: its columns, and its Index once there is one."""

    __slots__ = ("_index", "_ordered", "assets", "columns", "given")

    def __init__(self, given: Any) -> None:
        self.assets = list(given)
        for each in self.assets:
            if not isinstance(each, Asset):
                raise TypeError(f"Expected assets argument to be of type or iterable of type Asset, not {each!r}")
        self.given = given[:] if type(given) is list else given
        self.columns = tuple([asset.column for asset in self.assets])
        self._index: Any = None
        self._ordered: Listed | None = None

    @property
    def index(self) -> Any:
        """Pandas Index of the assets."""
        if self._index is None:
            self._index = pandas().Index(self.assets, dtype=object)
        return self._index

    @property
    def ordered(self) -> "Listed":
        """The same assets by number, each once."""
        if self._ordered is None:
            assets = sorted(set(self.assets))
            self._ordered = self if assets == self.assets else Listed(assets)
        return self._ordered


class Lists:
    """Remembers lists by the object that was given, as long as its content is the same."""

    __slots__ = ("_known", "_single")

    def __init__(self) -> None:
        self._known: dict[int, Listed] = {}
        self._single: dict[int, Listed] = {}

    def one(self, asset: Asset) -> Listed:
        """The list of one asset."""
        found = self._single.get(asset.sid)
        if found is None:
            found = self._single[asset.sid] = Listed([asset])
        return found

    def of(self, assets: Any) -> Listed:
        """The list of these assets.

        Raises
        ------
        TypeError
            If one of them is no asset.
        """
        found = self._known.get(id(assets))
        kind = type(assets)
        if found is not None and type(found.given) is kind and found.given == assets:
            return found
        if not isinstance(assets, Iterable) or isinstance(assets, str):
            raise TypeError(f"Expected assets argument to be of type or iterable of type Asset, not {assets!r}")
        made = Listed(assets)
        if kind is list or kind is tuple:
            if len(self._known) >= LISTS:
                self._known.clear()
            self._known[id(assets)] = made
        return made


def check_request(names: list[str], count: int, frequency: Any) -> None:
    """Fields, count and frequency of a history as zipline takes them.

    Raises
    ------
    ValueError, TypeError, NotTradingMinuteError
        If one is not.
    """
    if not names:
        raise ValueError(f"fields must have at least one of {', '.join(HISTORY_FIELDS)}.")
    for name in names:
        if name not in HISTORY_FIELDS:
            raise ValueError(f"Invalid field: {name!r}. Fields are {', '.join(HISTORY_FIELDS)}.")
    if count < 1:
        raise ValueError(f"bar_count must be >= 1, but got {count}")
    if not isinstance(frequency, str):
        raise TypeError(f"Expected frequency argument to be of type str, not {frequency!r}")
    if frequency == "1m":
        raise NotTradingMinuteError("history of '1m' is not there in daily mode. Ask for '1d'.")
    if frequency != "1d":
        raise ValueError(f"Invalid frequency: {frequency!r}. The only one is '1d'.")


def check_span(dates: Dates, row: int, count: int) -> None:
    """Whether a window begins within the calendar.

    Raises
    ------
    HistoryWindowStartsBeforeData
        If it does not.
    IndexError
        If it is longer than the calendar.
    """
    calendar = dates.calendar
    if row + calendar.offset - count + 1 >= 0:
        return
    sessions = calendar.sessions
    if dates.exchange and len(sessions) <= count < CALENDAR:
        sessions = nyse.sessions_between(BEGIN, nyse.LAST)[0]
    if count >= len(sessions):
        raise IndexError(f"bar_count {count} is out of bounds: the calendar has {len(sessions)} sessions.")
    first, later = sessions[[0, count]].astype("datetime64[ns]").astype("datetime64[D]").tolist()
    raise HistoryWindowStartsBeforeData(first_trading_day=first, bar_count=count, suggested_start_day=later)


def texts(fields: Any) -> list[str]:
    """The names of several fields.

    Raises
    ------
    TypeError
        If one is no str.
    """
    if not isinstance(fields, Iterable):
        raise TypeError(f"Expected fields argument to be of type or iterable of type str, not {fields!r}")
    names = list(fields)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"Expected fields argument to be of type or iterable of type str, not {name!r}")
    return names
