"""Every choice of the ledger that has more than one defensible answer, by name."""

from typing import Literal

from rustybt_ray._record import record_class
from rustybt_ray._validation import check_choice, check_count, check_number

FILLS = ("next_close", "next_open")
SHARES = ("auto", "whole", "fractional")
SIZINGS = ("fill", "decision")
SEQUENCES = ("reduce first", "placement")
COMMISSIONS = ("each fill", "after bar")
SPLIT_FRACTIONS = ("previous close", "cost basis")
DIVIDENDS = ("ex-date", "pay date", "never")
DELISTINGS = ("morning", "session end")


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
        check_count("delay", self.delay)
        check_number("delisting_return", self.delisting_return, low=-1.0)
        check_number("risk_free", self.risk_free, low=-1.0, strict=True)
        if self.max_leverage is not None:
            check_number("max_leverage", self.max_leverage, low=0.0, strict=True, remedy="None sets no limit.")
        if self.periods_per_year is not None:
            check_count("periods_per_year", self.periods_per_year, low=1)
