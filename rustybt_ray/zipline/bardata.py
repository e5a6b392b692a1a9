"""`data`: what an algorithm sees of the market on its session."""

from operator import index
from typing import Any, NoReturn

import numpy as np

from rustybt_ray._typing import FloatArray
from rustybt_ray.data.panel import Panel
from rustybt_ray.zipline._pandas import pandas
from rustybt_ray.zipline.asked import Listed, Lists, check_request, check_span, texts
from rustybt_ray.zipline.assets import Asset, AssetFinder, Equity
from rustybt_ray.zipline.clock import Clock
from rustybt_ray.zipline.dates import utc
from rustybt_ray.zipline.errors import NotSupported
from rustybt_ray.zipline.frames import Frames
from rustybt_ray.zipline.history import HISTORY_FIELDS, History

NAN = float("nan")


class BarData:
    """zipline's `data` in daily mode.

    Parameters
    ----------
    view : Panel
        As `rustybt_ray.data.grid.on_grid` makes it.
    clock : Clock
        Says which session it is; in before_trading_start it is today's already, as in zipline.
    finder : AssetFinder
    history : History
    restrictions : object, optional
        ``is_restricted(asset, dt)``; restricted assets cannot be traded.
    as_array : bool, default False
        Whether `history` hands out arrays where it is not told.
    """

    __slots__ = (
        "_as_array", "_cells", "_clock", "_frames", "_history", "_lists", "_mark", "_nanoseconds", "_now", "_restrictions",
        "_source", "_volume", "finder",
    )  # fmt: skip

    def __init__(
        self,
        view: Panel,
        clock: Clock,
        finder: AssetFinder,
        history: History,
        restrictions: Any = None,
        *,
        as_array: bool = False,
    ) -> None:
        self._clock, self.finder, self._history = clock, finder, history
        self._source, self._frames, self._as_array = history.source, Frames(view), as_array
        self._mark, self._volume = self._source.mark, self._source.cells["volume"]
        self._cells = {name: self._source.cells[name] for name in ("open", "high", "low", "close")}
        self._lists = Lists()
        self._now: tuple[int, Any] = (-1, None)
        self.restrict(restrictions)

    def restrict(self, restrictions: Any) -> None:
        """Use these restrictions from now on; None for none."""
        self._restrictions = restrictions
        self._nanoseconds = type(restrictions).__module__.startswith("rustybt_ray.")

    @property
    def current_dt(self) -> Any:
        """Now, as a Timestamp in UTC."""
        now = self._clock.dt
        if self._now[0] != now:
            self._now = (now, utc(now))
        return self._now[1]

    @property
    def current_session(self) -> Any:
        """The session's date, as a Timestamp without a zone."""
        return self._frames.dates.stamp(self._clock.session)

    def current_chain(self, continuous_future: Any) -> NoReturn:
        """Futures: not supported."""
        raise NotSupported(what="data.current_chain (futures)", remedy="Trade equities.")

    def current(self, assets: Any, fields: Any) -> Any:
        """Values of today's session.

        Parameters
        ----------
        assets : Asset or iterable of Asset
        fields : str or iterable of str
            open, high, low, close (NaN where there is no bar), volume (int, 0 there), price (the last close, adjusted; NaN after
            the asset's end), last_traded (Timestamp of the last session with a volume, or NaT). Others are NaN.

        Returns
        -------
        float, int, Timestamp, Series or DataFrame
            One asset, one field: the value. One asset, several fields: Series by field, named by the symbol. Several assets, one
            field: Series by asset, named by the field. Both: DataFrame, a row an asset.

        Raises
        ------
        TypeError
            If an asset or a field is neither.
        """
        if type(assets) is Equity and type(fields) is str:
            if fields == "price":
                row = self._clock.row
                return self._mark[assets.column, row] if row <= assets.last_row else NAN
            return self._value(assets, fields)
        return self._currents(assets, fields)

    def _value(self, asset: Any, field: str) -> Any:
        if not isinstance(asset, Asset):
            return NAN
        row, cells = self._clock.row, self._cells.get(field)
        if cells is not None:
            return cells[row, asset.column]
        if field == "volume":
            return int(self._volume[row, asset.column])
        if field == "price":
            return self._mark[asset.column, row] if row <= asset.last_row else NAN
        if field == "last_traded":
            at = self._source.last_traded(asset.column, row)
            return pandas().NaT if at < 0 else self._frames.dates.stamp(at)
        return NAN

    def _currents(self, assets: Any, fields: Any) -> Any:
        names = [fields] if isinstance(fields, str) else texts(fields)
        if isinstance(assets, Asset | str):
            if isinstance(fields, str):
                return self._value(assets, fields)
            values = [self._value(assets, name) for name in names]
            return pandas().Series(values, index=names, name=getattr(assets, "symbol", assets))
        listed = self._lists.of(assets)
        columns = {name: self._column(listed, name) for name in names}
        if isinstance(fields, str):
            return columns[fields]
        return pandas().DataFrame(columns)

    def _column(self, listed: Listed, field: str) -> Any:
        values: Any = [self._value(asset, field) for asset in listed.assets]
        if not values:
            return pandas().Series(values, index=listed.index, name=field, dtype=object)
        if field != "last_traded":
            values = np.array(values, dtype=np.int64 if field == "volume" else np.float64)
        dtype = "datetime64[ns]" if field == "last_traded" else None
        return pandas().Series(values, index=listed.index, name=field, dtype=dtype)

    def can_trade(self, assets: Any) -> Any:
        """Whether an asset is not restricted, alive today and has a price; a list of them: a Series of bool by asset."""
        if type(assets) is Equity:
            row = self._clock.row
            if assets.first_row <= row <= assets.last_row:
                price = self._mark[assets.column, row]
                return price == price and (self._restrictions is None or not self._restricted(assets))
            return False
        if isinstance(assets, Asset):
            return bool(self._can_trade(assets))
        listed = self._lists.of(assets)
        answers = np.array([self._can_trade(asset) for asset in listed.assets], dtype=bool)
        return pandas().Series(answers, index=listed.index, copy=False)

    def _can_trade(self, asset: Asset) -> bool:
        row = self._clock.row
        if not asset.first_row <= row <= asset.last_row or np.isnan(self._mark[asset.column, row]):
            return False
        return self._restrictions is None or not self._restricted(asset)

    def _restricted(self, asset: Asset) -> bool:
        return bool(self._restrictions.is_restricted(asset, self._clock.dt if self._nanoseconds else self.current_dt))

    def is_stale(self, assets: Any) -> Any:
        """Whether an asset is alive, has no volume today and had one before; a list of them: a Series of bool by asset."""
        if isinstance(assets, Asset):
            return self._is_stale(assets)
        listed = self._lists.of(assets)
        answers = np.array([self._is_stale(asset) for asset in listed.assets], dtype=bool)
        return pandas().Series(answers, index=listed.index, copy=False)

    def _is_stale(self, asset: Asset) -> bool:
        row = self._clock.row
        if not asset.first_row <= row <= asset.last_row or self._volume[row, asset.column] > 0.0:
            return False
        return self._source.last_traded(asset.column, row) >= 0

    def history(self, assets: Any, fields: Any, bar_count: int, frequency: str, as_array: bool | None = None) -> Any:
        """The last `bar_count` sessions, today's among them, adjusted as of today.

        Parameters
        ----------
        assets : Asset or iterable of Asset
        fields : str or iterable of str
            open, high, low, close, volume, price.
        bar_count : int
            From 1 to the sessions of the bundle so far.
        frequency : str
            "1d".
        as_array : bool, optional
            Default: what the algorithm's HISTORY_AS_ARRAY says, else False.

        Returns
        -------
        Series, DataFrame, ndarray or dict of str to ndarray
            One asset, one field: Series named by the asset. Several assets, one field: DataFrame with them as columns. Several
            fields: DataFrame by date and asset, the fields as columns. As arrays, float64: shape (bar_count,) for an asset,
            (bar_count, assets) for several, a dict of these by field for several fields.

        Raises
        ------
        ValueError
            For an unknown field or frequency, a count below 1, or a symbol in place of its asset.
        LookupError
            If the window begins before the bundle does.
        HistoryWindowStartsBeforeData
            If it begins before the calendar does.
        IndexError
            If it is longer than the calendar.
        NotTradingMinuteError
            For the frequency "1m".
        TypeError
            If an argument is of another kind.
        """
        row = self._clock.row
        first = row - bar_count + 1 if type(bar_count) is int else -1
        single = isinstance(assets, Asset)
        if type(assets) is str:
            raise ValueError(
                f"assets must be an asset or several; received the text {assets!r}. Look it up: symbol({assets!r})."
            )
        listed = None if single else self._lists.of(assets)
        if (
            first < 0 or first > row or frequency != "1d" or type(fields) is not str or fields not in HISTORY_FIELDS
        ) or not (single or (listed and listed.columns)):
            return self._other(assets, listed, fields, bar_count, frequency, as_array)
        columns = (assets.column,) if listed is None else listed.columns
        values = self._history.window(fields, columns, row, bar_count)
        if as_array if as_array is not None else self._as_array:
            return values[:, 0] if listed is None else values
        if listed is None:
            return self._frames.one(values, assets, first)
        return self._frames.several(values, listed.index, first)

    def _other(
        self, assets: Any, listed: Listed | None, fields: Any, bar_count: Any, frequency: Any, as_array: bool | None
    ) -> Any:
        """What is rarer than one known field of a window within the data."""
        names = [fields] if isinstance(fields, str) else texts(fields)
        count, row = index(bar_count), self._clock.row
        check_request(names, count, frequency)
        check_span(self._frames.dates, row, count)
        arrays = self._as_array if as_array is None else as_array
        columns = (assets.column,) if listed is None else listed.columns
        if not columns:
            shape = (count, 0)
            empty = np.empty(shape) if isinstance(fields, str) else {name: np.empty(shape) for name in names}
            return empty if arrays else self._frames.empty(row, count, not isinstance(fields, str))
        if count > row + 1:
            today = np.datetime64(int(self._frames.dates.sessions[row]), "ns").astype("datetime64[D]")
            rule = f"must begin within the data, which have {row + 1} until {today}"
            raise LookupError(f"history of {count} sessions {rule}. Ask for fewer, or start later.")
        if arrays:
            made = {name: self._window(name, columns, row, count, listed is None) for name in names}
            return made[fields] if isinstance(fields, str) else made
        if isinstance(fields, str):
            return self.history(assets, fields, count, frequency, as_array=False)
        return self._fields(assets, listed, names, row, count)

    def _window(self, field: str, columns: tuple[int, ...], row: int, count: int, single: bool) -> FloatArray:
        values = self._history.window(field, columns, row, count)
        return values[:, 0] if single else values

    def _fields(self, assets: Any, listed: Listed | None, names: list[str], row: int, count: int) -> Any:
        names = list(dict.fromkeys(names))
        ordered = self._lists.one(assets) if listed is None else listed.ordered
        values = np.empty((count, len(ordered.columns), len(names)))
        for k, name in enumerate(names):
            values[:, :, k] = self._history.window(name, ordered.columns, row, count)
        return self._frames.fields(values, ordered.index, names, row - count + 1)
