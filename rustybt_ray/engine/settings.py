"""Every choice of the ledger that has more than one defensible answer, by name."""

from typing import Any, Literal

from rustybt_ray._record import record_class
from rustybt_ray._validation import check_choice, check_count, check_number
from rustybt_ray.exceptions import InputError

FILLS = ("next_close", "next_open")
SHARES = ("auto", "whole", "fractional")
SIZINGS = ("fill", "decision")
SEQUENCES = ("reduce first", "placement")
COMMISSIONS = ("each fill", "after bar")
SPLIT_FRACTIONS = ("previous close", "cost basis")
DIVIDENDS = ("ex-date", "pay date", "never")
DELISTINGS = ("morning", "session end")
ROUNDINGS = ("position", "order")
OPEN_ORDERS = ("replaced", "kept")
PRICE_GRIDS = (None, 0.001)
HALF_DAYS = ("run", "skipped")
END_OF_DAY_CANCELS = ("all", "oldest")
LIMIT_FILLS = ("at limit", "any price")
MORNING_DATA = ("previous session", "same session")


@record_class(frozen=True)
class Settings:
    """Rules of the ledger; the defaults are the ones documented in docs/ledger.md.

    Parameters
    ----------
    shares : {"auto", "whole", "fractional"}
        Whole or fractional positions; "auto" is fractional for bundles with fractional volume.
    sizing : {"fill", "decision"}
        Whether the number of shares uses the prices of the fill session or of the decision session.
    sequence : {"reduce first", "placement"}
        Whether reductions of positions come before openings, or orders run in column order.
    max_leverage : float or None, default 1.0
        Gross exposure after an opening, as a multiple of value; None cuts nothing.
    delay : int, default 0
        Sessions more than one between decision and fill.
    commissions : {"each fill", "after bar"}
        When commissions leave the cash.
    split_fraction : {"previous close", "cost basis"}
        Price at which the fraction of a share left by a split is paid; the cost basis is rounded to cents.
    dividends : {"ex-date", "pay date", "never"}
        When dividends count: in the value from the ex-date on (cash on the pay date where it is known), only on a known pay
        date, or not at all.
    delisting : {"morning", "session end"}
        When, on the session after its last bar, a position is closed.
    rounding : {"position", "order"}
        How shares become whole: the target position towards zero, or, as zipline does, the order: to the whole number that is
        within 1e-4, else towards zero.
    open_orders : {"replaced", "kept"}
        Whether a newer weight replaces an asset's open order, or orders live until they are filled or cancelled, beside each other.
    price_grid : None or 0.001
        Round the panel's prices to zipline's grid, in a view of its own; the bundle keeps every digit.
    half_days : {"run", "skipped"}
        Whether a scheduled function of a zipline algorithm runs on a half day that follows a session on the day before.
    end_of_day_cancel : {"all", "oldest"}
        What zipline's EODCancel cancels: all open orders, or, of each asset with several, the oldest.
    limit_fills : {"at limit", "any price"}
        Whether slippage may move the fill of a limit order beyond its limit.
    morning_data : {"previous session", "same session"}
        Which bar `before_trading_start` of a zipline algorithm sees as the current one; on a bundle's first session it is that
        session's.
    delisting_return : float, default 0.0
        Return applied to the last price of a delisted asset, at least -1.
    risk_free : float, default 0.0
        Annual risk-free rate of the metrics, a fraction.
    periods_per_year : int or None
        Trading days a year in the metrics; None takes the bundle's (252, or 365 for markets that never close).

    Raises
    ------
    InputError
        If a value is not among the ones named.
    """

    shares: Literal["auto", "whole", "fractional"] = "auto"
    sizing: Literal["fill", "decision"] = "fill"
    sequence: Literal["reduce first", "placement"] = "reduce first"
    max_leverage: float | None = 1.0
    delay: int = 0
    commissions: Literal["each fill", "after bar"] = "each fill"
    split_fraction: Literal["previous close", "cost basis"] = "previous close"
    dividends: Literal["ex-date", "pay date", "never"] = "ex-date"
    delisting: Literal["morning", "session end"] = "morning"
    rounding: Literal["position", "order"] = "position"
    open_orders: Literal["replaced", "kept"] = "replaced"
    price_grid: float | None = None
    half_days: Literal["run", "skipped"] = "run"
    end_of_day_cancel: Literal["all", "oldest"] = "all"
    limit_fills: Literal["at limit", "any price"] = "at limit"
    morning_data: Literal["previous session", "same session"] = "previous session"
    delisting_return: float = 0.0
    risk_free: float = 0.0
    periods_per_year: int | None = None

    def __post_init__(self) -> None:
        check_choice("shares", self.shares, SHARES)
        check_choice("sizing", self.sizing, SIZINGS)
        check_choice("sequence", self.sequence, SEQUENCES)
        check_choice("commissions", self.commissions, COMMISSIONS)
        check_choice("split_fraction", self.split_fraction, SPLIT_FRACTIONS)
        check_choice("dividends", self.dividends, DIVIDENDS)
        check_choice("delisting", self.delisting, DELISTINGS)
        check_choice("rounding", self.rounding, ROUNDINGS)
        check_choice("open_orders", self.open_orders, OPEN_ORDERS)
        check_choice("half_days", self.half_days, HALF_DAYS)
        check_choice("end_of_day_cancel", self.end_of_day_cancel, END_OF_DAY_CANCELS)
        check_choice("limit_fills", self.limit_fills, LIMIT_FILLS)
        check_choice("morning_data", self.morning_data, MORNING_DATA)
        if self.price_grid not in PRICE_GRIDS:
            raise InputError("price_grid", "None or 0.001", self.price_grid, "zipline's grid is 0.001.")
        self._check_kept()
        check_count("delay", self.delay)
        check_number("delisting_return", self.delisting_return, low=-1.0)
        check_number("risk_free", self.risk_free, low=-1.0, strict=True)
        if self.max_leverage is not None:
            check_number("max_leverage", self.max_leverage, low=0.0, strict=True, remedy="None sets no limit.")
        if self.periods_per_year is not None:
            check_count("periods_per_year", self.periods_per_year, low=1)

    @classmethod
    def zipline(cls, **changes: Any) -> "Settings":
        """The rules of zipline, which its algorithms follow by default; any of them can be given another value.

        Examples
        --------
        >>> Settings.zipline(dividends="ex-date").open_orders
        'kept'
        """
        return cls(**{**ZIPLINE, **changes})

    @property
    def kept(self) -> bool:
        """Whether open orders are kept."""
        return self.open_orders == "kept"

    def _check_kept(self) -> None:
        """Orders that are kept are counted when they are decided, in whole shares, and nothing is cut off them."""
        needed = {
            name: ZIPLINE[name] for name in ("shares", "sizing", "sequence", "rounding", "max_leverage", "commissions")
        }
        received = {name: getattr(self, name) for name in needed}
        if self.kept and received != needed:
            wrong = {name: value for name, value in received.items() if value != needed[name]}
            rule = ", ".join(f"{name}={needed[name]!r}" for name in wrong)
            remedy = "Start from Settings.zipline(...), or let newer weights replace open orders."
            raise InputError("Settings(open_orders='kept')", f"together with {rule}", wrong, remedy)
        if not self.kept and self.rounding != "position":
            remedy = "Start from Settings.zipline(...)."
            raise InputError("rounding", "'position' where open orders are replaced", self.rounding, remedy)


ZIPLINE: dict[str, Any] = {
    "shares": "whole",
    "sizing": "decision",
    "sequence": "placement",
    "max_leverage": None,
    "commissions": "after bar",
    "split_fraction": "cost basis",
    "dividends": "pay date",
    "delisting": "session end",
    "rounding": "order",
    "open_orders": "kept",
    "price_grid": 0.001,
    "half_days": "skipped",
    "end_of_day_cancel": "oldest",
    "limit_fills": "any price",
    "morning_data": "same session",
}
