"""What a strategy sees: raw and adjusted fields, returns, and indicators as they were known on each row."""

from collections.abc import Callable, Hashable, Iterator
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from rustybt_ray._typing import BoolArray, FloatArray
from rustybt_ray._validation import check_choice, check_count
from rustybt_ray.data.panel import Panel
from rustybt_ray.engine import rolling
from rustybt_ray.exceptions import InputError
from rustybt_ray.workspace.asset_cache import Assets
from rustybt_ray.workspace.function_key import call_key
from rustybt_ray.workspace.history_cache import HistoryCache

PRICES = ("open", "high", "low", "close", "price")
FIELDS = (*PRICES, "volume")
BARS = ("open", "high", "low", "close", "volume")
ADJUSTMENTS = ("all", "splits")
Adjust = Literal["all", "splits"]
Placed: TypeAlias = Callable[[str, str], FloatArray | None]
"""An adjusted field that is there already, or None."""


class MarketData:
    """A panel as strategies see it; every array has the panel's shape [T, N] and is read-only.

    Raw fields are prices as traded. Indicators are computed on adjusted fields A = raw x G, G being the forward adjustment
    factor, and given back in the prices of their own row (divided by G of that row): no later event changes a bit of
    them. ``adjust="splits"`` leaves dividends out.

    Attributes
    ----------
    assets : Assets
    scope : hashable
        What the functions given to `cached` belong to, such as the digest of their strategy: equal code that reads other
        helpers from its module is then told apart.
    """

    scope: Hashable = None

    def __init__(self, panel: Panel, history: HistoryCache, assets: Assets, placed: Placed | None = None) -> None:
        self._panel, self.assets = panel, assets
        self._placed = placed or (lambda field, adjust: None)
        self._history = history
        self._get = history.get
        self._version: Hashable = panel.version

    # what there is

    @property
    def symbols(self) -> tuple[str, ...]:
        """The N columns."""
        return self._panel.symbols

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and assets."""
        return self._panel.shape

    @property
    def time(self) -> Any:
        """UTC time of each row, datetime64[ns], shape (T,)."""
        return self._panel.time.view("datetime64[ns]")

    @property
    def sessions(self) -> Any:
        """Session date of each row, datetime64[D], shape (T,)."""
        return self._panel.sessions[self._panel.session].view("datetime64[ns]").astype("datetime64[D]")

    @property
    def listed(self) -> BoolArray:
        """Whether an asset's first bar is on or before the row.

        It never falls: only the future knows whether a missing bar was the last.
        """
        return self.assets.begun

    def column(self, symbol: str) -> int:
        """Column of a symbol; InputError if there is none."""
        return self.assets.column(symbol)

    @property
    def open(self) -> FloatArray:
        """Opening prices as traded; NaN without a bar."""
        return self._field("open")

    @property
    def high(self) -> FloatArray:
        """Highest prices as traded; NaN without a bar."""
        return self._field("high")

    @property
    def low(self) -> FloatArray:
        """Lowest prices as traded; NaN without a bar."""
        return self._field("low")

    @property
    def close(self) -> FloatArray:
        """Closing prices as traded; NaN without a bar."""
        return self._field("close")

    @property
    def volume(self) -> FloatArray:
        """Volumes as traded; NaN without a bar."""
        return self._field("volume")

    @property
    def price(self) -> FloatArray:
        """Closing prices, carried over missing bars through splits and dividends."""
        return self._keep(("price",), None, lambda: np.ascontiguousarray(self._field("mark").T))

    # adjusted

    def adjusted(self, field: str = "close", *, adjust: Adjust = "all") -> FloatArray:
        """A = raw x G: only ratios of its rows have a meaning. Volume is raw / G of splits alone.

        Raises
        ------
        InputError
            If there is no such field.
        """
        raw = self._raw(field)
        check_choice("adjust", adjust, ADJUSTMENTS)
        factor = self._factor(field, adjust)
        if factor is None:
            return raw
        found = self._placed(field, adjust)
        if found is not None:
            return found
        return self._keep(("adjusted", field, adjust), None, lambda: adjust_field(raw, factor, field))

    def returns(self, n: int = 1, *, field: str = "close", adjust: Adjust = "all") -> FloatArray:
        """Total return over `n` rows, a fraction: ``A[t] / A[t - n] - 1``."""
        return self._indicator("returns", rolling.change, field, n, adjust, scaled=False)

    def momentum(self, field: str = "close", n: int = 20, *, adjust: Adjust = "all") -> FloatArray:
        """``A[t] / A[t - n] - 1``, a fraction."""
        return self._indicator("returns", rolling.change, field, n, adjust, scaled=False)

    # as-of indicators

    def sma(self, field: str, n: int, *, adjust: Adjust = "all") -> FloatArray:
        """Mean of the last `n` rows, in the prices of each row; NaN where one of them is missing.

        Raises
        ------
        InputError
            If there is no such field or `n` is below 1.
        """
        return self._indicator("sma", rolling.rolling_mean, field, n, adjust)

    def ema(self, field: str, n: int, *, adjust: Adjust = "all") -> FloatArray:
        """Exponential average, alpha = 2 / (n + 1), begun with the mean of the first `n` values."""
        return self._indicator("ema", rolling.exponential_mean, field, n, adjust)

    def sum(self, field: str, n: int, *, adjust: Adjust = "all") -> FloatArray:
        """Sum of the last `n` rows."""
        return self._indicator("sum", rolling.rolling_sum, field, n, adjust)

    def std(self, field: str, n: int, *, adjust: Adjust = "all") -> FloatArray:
        """Standard deviation (ddof 1) of the last `n` rows, in the prices of each row."""
        return self._indicator("std", rolling.rolling_std, field, n, adjust)

    def min(self, field: str, n: int, *, adjust: Adjust = "all") -> FloatArray:
        """Smallest of the last `n` rows."""
        return self._indicator("min", rolling.rolling_min, field, n, adjust)

    def max(self, field: str, n: int, *, adjust: Adjust = "all") -> FloatArray:
        """Largest of the last `n` rows."""
        return self._indicator("max", rolling.rolling_max, field, n, adjust)

    def zscore(self, field: str, n: int, *, adjust: Adjust = "all") -> FloatArray:
        """Standard deviations that the value is from the mean of the last `n` rows."""
        return self._indicator("zscore", rolling.rolling_zscore, field, n, adjust, scaled=False)

    def rsi(self, field: str = "close", n: int = 14, *, adjust: Adjust = "all") -> FloatArray:
        """Wilder's relative strength index, 0 to 100."""
        return self._indicator("rsi", rolling.relative_strength, field, n, adjust, scaled=False)

    def atr(self, n: int = 14, *, adjust: Adjust = "all") -> FloatArray:
        """Wilder's average true range, in the prices of each row."""
        n = check_window(n)

        def compute() -> FloatArray:
            high, low, close = (self.adjusted(name, adjust=adjust) for name in ("high", "low", "close"))
            return self._as_of(rolling.average_true_range(high, low, close, n), "close", adjust)

        return self._keep(("atr", n, adjust), n, compute)

    def correlation(self, other: str, n: int, *, field: str = "close", adjust: Adjust = "all") -> FloatArray:
        """Correlation of each asset's returns with those of the symbol `other` over the last `n` rows."""
        column, n = self.column(other), check_window(n)

        def compute() -> FloatArray:
            returns = self.returns(1, field=field, adjust=adjust)
            return rolling.rolling_correlation(returns, returns[:, column : column + 1], n)

        return self._keep(("correlation", other, field, n, adjust), n, compute)

    def rank(self, values: "str | ArrayLike") -> FloatArray:
        """Rank of each asset in its row, in (0, 1]; of an array, or of a field as traded."""
        return rolling.rank(self._raw(values) if isinstance(values, str) else values)

    def cached(
        self,
        function: Callable[..., ArrayLike],
        *args: Any,
        scale: Literal["price", "none"] = "none",
        adjust: Adjust = "all",
        **kwargs: Any,
    ) -> FloatArray:
        """Your own indicator, computed once: ``data.cached(f, "close", 20)``.

        Parameters
        ----------
        function : callable
            Gets the arguments, a field's name replaced by its adjusted array; returns an array of T rows.
        scale : {"none", "price"}
            "price" divides the result by G of each row, which gives prices of that row.

        Raises
        ------
        InputError
            If an argument cannot be a key, or the result has not T rows.
        """
        check_choice("scale", scale, ("price", "none"))
        check_choice("adjust", adjust, ADJUSTMENTS)
        try:
            key = ("cached", self.scope, call_key(function, args, kwargs), scale, adjust)
        except TypeError as error:
            remedy = f"Pass numbers and text, and let the function read what else it needs from them ({error})."
            rule = "hashable, and so must be what the function captured"
            raise InputError("cached arguments", rule, (args, kwargs), remedy) from None
        return self._keep(key, None, lambda: self._computed(function, args, kwargs, scale, adjust))

    # inside

    def _field(self, name: str) -> FloatArray:
        """An array of the panel; the one place where prices and volumes come from."""
        return getattr(self._panel, name)  # type: ignore[no-any-return]

    def _indicator(
        self,
        name: str,
        compute: Callable[[FloatArray, int], FloatArray],
        field: str,
        n: int,
        adjust: Adjust,
        scaled: bool = True,
    ) -> FloatArray:
        # 5.0 and True would find the entry of 5 and 1: only an int asks before it is checked
        if n.__class__ is int and field.__class__ is str:
            found = self._get((self._version, name, field, n, adjust))
            if found is not None:
                return found  # type: ignore[no-any-return]
        n = check_window(n)
        check_field(field)

        def made() -> FloatArray:
            values = compute(self.adjusted(field, adjust=adjust), n)
            return self._as_of(values, field, adjust) if scaled else values

        return self._keep((name, field, n, adjust), n, made)

    def _computed(
        self,
        function: Callable[..., ArrayLike],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        scale: Literal["price", "none"],
        adjust: Adjust,
    ) -> FloatArray:
        """What a user's function makes of its arguments: a copy, so that nobody else can write into it."""
        given = [self.adjusted(arg, adjust=adjust) if isinstance(arg, str) and arg in FIELDS else arg for arg in args]
        made = np.asarray(function(*given, **kwargs))
        rule, rows = f"an array of {self.shape[0]} rows", self.shape[0]
        if made.ndim == 0 or made.shape[0] != rows or made.dtype.kind not in "biuf":
            raise InputError("a cached function's result", rule, f"{made.dtype} {made.shape}", "One row a bar.")
        if scale == "none":
            return made.copy() if made.dtype == np.bool_ else np.array(made, dtype=np.float64, order="C")
        if made.shape != self.shape:
            raise InputError("a result with scale='price'", f"of shape {self.shape}", made.shape, "Use scale='none'.")
        return np.array(self._as_of(made.astype(np.float64), "close", adjust), order="C")

    def _as_of(self, values: FloatArray, field: str, adjust: Adjust) -> FloatArray:
        """Adjusted values in the prices (or shares) of their own row."""
        factor = self._factor(field, adjust)
        if factor is None:
            return values
        return values * factor if field == "volume" else values / factor

    def _factor(self, field: str, adjust: Adjust) -> FloatArray | None:
        """The factor of a field; None where it is 1 everywhere."""
        panel = self._panel
        if field == "volume" or adjust == "splits":
            return panel.split_factor if len(panel.split_row) else None
        return panel.factor if panel.has_events else None

    def _raw(self, field: str) -> FloatArray:
        check_field(field)
        return getattr(self, field)  # type: ignore[no-any-return]

    def _keep(self, key: tuple[Any, ...], window: int | None, compute: Callable[[], FloatArray]) -> FloatArray:
        return self._history.get_or_compute((self._version, *key), window, compute)  # type: ignore[no-any-return]


def adjust_field(raw: FloatArray, factor: FloatArray, field: str) -> FloatArray:
    """A = raw x G; volume is raw / G."""
    return raw / factor if field == "volume" else raw * factor


def adjusted_fields(panel: Panel) -> Iterator[tuple[tuple[str, Adjust], FloatArray]]:
    """The adjusted bars of a panel, one array at a time, for a place that all workers of a machine share."""
    adjust: Adjust = "all"
    data = MarketData(panel, HistoryCache(0), Assets.of(panel))
    for field in BARS:
        values = data.adjusted(field, adjust=adjust)
        if values is not getattr(panel, field):
            yield (field, adjust), values


def adjusted_bytes(panel: Panel) -> int:
    """Bytes of all that `adjusted_fields` gives, without making it."""
    prices = (len(BARS) - 1) * panel.close.nbytes if panel.has_events else 0
    return prices + (panel.volume.nbytes if len(panel.split_row) else 0)


def check_field(field: object) -> None:
    """Refuse what is no field's name."""
    if not isinstance(field, str) or field not in FIELDS:
        from difflib import get_close_matches

        near = get_close_matches(str(field), FIELDS, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "'price' is the close carried over missing bars."
        raise InputError("field", f"one of {', '.join(map(repr, FIELDS))}", field, hint)


def check_window(n: object) -> int:
    """`n` as a number of rows, an int of at least 1."""
    return check_count("n", n, low=1, remedy="It is the number of rows in the window.")
