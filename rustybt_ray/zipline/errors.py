# ruff: noqa: D101, N818  (the names are zipline's, and each class is its message)
"""What goes wrong in a zipline algorithm, under zipline's names, with zipline's messages.

An error is made of keywords that its message names, as zipline's are: ``SymbolNotFound(symbol="XYZ")``. All of them are also
errors of this package, so that ``except RustybtRayError`` and ``except zipline.errors.ZiplineError`` both work.
"""

from typing import Any, ClassVar

from rustybt_ray.exceptions import RustybtRayError


class ZiplineError(RustybtRayError):
    """Base of zipline's errors: `msg` with the keywords that it was made of.

    Parameters
    ----------
    **kwargs
        What the message names.

    Examples
    --------
    >>> str(SymbolNotFound(symbol="XYZ"))
    "Symbol 'XYZ' was not found."
    """

    msg: ClassVar[str] = ""

    def __init_subclass__(cls, msg: str | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if msg is not None:
            cls.msg = msg
            cls.__doc__ = msg

    def __init__(self, **kwargs: Any) -> None:
        self.kwargs = kwargs

    @property
    def message(self) -> str:
        """The message as text."""
        return str(self)

    def __str__(self) -> str:
        return self.msg.format(**self.kwargs)

    __repr__ = __str__


class NotSupported(ZiplineError, NotImplementedError, msg="{what} is not supported here. {remedy}"): ...


class UnsupportedImport(NotSupported, ImportError):
    """A module or name of zipline that an algorithm imports and that does not exist here."""


# Orders


class UnsupportedOrderParameters(ZiplineError, msg="{msg}"): ...


class BadOrderParameters(ZiplineError, msg="{msg}"): ...


class CannotOrderDelistedAsset(ZiplineError, msg="{msg}"): ...


class OrderDuringInitialize(ZiplineError, msg="{msg}"): ...


class OrderInBeforeTradingStart(ZiplineError, msg="Cannot place orders inside before_trading_start."): ...


class TradingControlViolation(
    ZiplineError,
    msg="Order for {amount} shares of {asset} at {datetime} violates trading constraint\n{constraint}.",
): ...


class AccountControlViolation(ZiplineError, msg="Account violates account constraint {constraint}."): ...


class TransactionWithNoVolume(ZiplineError, msg="Transaction {txn} has a volume of zero."): ...


class TransactionWithNoAmount(ZiplineError, msg="Transaction {txn} has an amount of zero."): ...


class TransactionWithWrongDirection(
    ZiplineError, msg="Transaction {txn} not in same direction as corresponding order {order}."
): ...


class TransactionVolumeExceedsOrder(
    ZiplineError, msg="Transaction volume of {txn} exceeds the order volume of {order}."
): ...


# Settings


class ZeroCapitalError(ZiplineError, msg="initial capital base must be greater than zero"): ...


class SetSlippagePostInit(
    ZiplineError,
    msg="You attempted to set slippage outside of `initialize`. "
    "You may only call 'set_slippage' in your initialize method.",
): ...


class SetCommissionPostInit(
    ZiplineError,
    msg="You attempted to override commission outside of `initialize`. "
    "You may only call 'set_commission' in your initialize method.",
): ...


class SetCancelPolicyPostInit(
    ZiplineError,
    msg="You attempted to set the cancel policy outside of `initialize`. "
    "You may only call 'set_cancel_policy' in your initialize method.",
): ...


class SetBenchmarkOutsideInitialize(
    ZiplineError, msg="'set_benchmark' can only be called within initialize function."
): ...


class RegisterTradingControlPostInit(
    ZiplineError,
    msg="You attempted to set a trading control outside of `initialize`. "
    "Trading controls may only be set in your initialize method.",
): ...


class RegisterAccountControlPostInit(
    ZiplineError,
    msg="You attempted to set an account control outside of `initialize`. "
    "Account controls may only be set in your initialize method.",
): ...


class UnsupportedSlippageModel(
    ZiplineError,
    msg="You attempted to set slippage with an unsupported class. Please use VolumeShareSlippage or FixedSlippage.",
): ...


class UnsupportedCommissionModel(
    ZiplineError,
    msg="You attempted to set commission with an unsupported class. Please use PerShare or PerTrade.",
): ...


class UnsupportedCancelPolicy(
    ZiplineError,
    msg="You attempted to set the cancel policy with an unsupported class.  Please use\nan instance of CancelPolicy.",
): ...


class IncompatibleSlippageModel(
    ZiplineError,
    msg="You attempted to set an incompatible slippage model for {asset_type}. "
    "The slippage model '{given_model}' only supports {supported_asset_types}.",
): ...


class IncompatibleCommissionModel(
    ZiplineError,
    msg="You attempted to set an incompatible commission model for {asset_type}. "
    "The commission model '{given_model}' only supports {supported_asset_types}.",
): ...


class ScheduleFunctionInvalidCalendar(
    ZiplineError,
    msg="Invalid calendar '{given_calendar}' passed to schedule_function. Allowed options are {allowed_calendars}.",
): ...


class ScheduleFunctionWithoutCalendar(
    ZiplineError,
    msg="To use schedule_function, the TradingAlgorithm must be running on an ExchangeTradingSchedule, "
    "rather than {schedule}.",
): ...


# Assets


class SymbolNotFound(ZiplineError, msg="Symbol '{symbol}' was not found."): ...


class MultipleSymbolsFound(
    ZiplineError,
    msg="Multiple symbols with the name '{symbol}' found. Use the\nas_of_date' argument to specify when the date "
    "symbol-lookup\nshould be valid.\n\nPossible options: {options}",
): ...


class SameSymbolUsedAcrossCountries(
    MultipleSymbolsFound,
    msg="The symbol '{symbol}' is used in more than one country. Use the\ncountry_code argument to specify the country."
    "\n\nPossible options by country: {options}\n",
): ...


class SidsNotFound(ZiplineError):
    """No asset has such a number."""

    nouns = "asset", "assets"

    @property
    def sids(self) -> Any:
        """The numbers that were asked for."""
        return self.kwargs["sids"]

    @property
    def plural(self) -> bool:
        """Whether it is about several."""
        return len(self.sids) > 1

    def __str__(self) -> str:
        one, several = self.nouns
        return (
            f"No {several} found for sids: {self.sids}." if self.plural else f"No {one} found for sid: {self.sids[0]}."
        )

    __repr__ = __str__


class EquitiesNotFound(SidsNotFound):
    """No equity has such a number."""

    nouns = "equity", "equities"


class NonExistentAssetInTimeFrame(
    ZiplineError,
    msg="The target asset '{asset}' does not exist for the entire timeframe between {start_date} and {end_date}.",
): ...


class UnsupportedDatetimeFormat(
    ZiplineError, msg="The input '{input}' passed to '{method}' is not coercible to a pandas.Timestamp object."
): ...


# Data and benchmark


class HistoryWindowStartsBeforeData(
    ZiplineError,
    msg="History window extends before {first_trading_day}. To use this history window, start the backtest on or after "
    "{suggested_start_day}.",
): ...


class IncompatibleHistoryFrequency(
    ZiplineError,
    msg="Requested history at frequency '{frequency}' cannot be created with data\nat frequency '{data_frequency}'.",
): ...


class NoFurtherDataError(ZiplineError, msg="{msg}"): ...


class NoTradeDataAvailable(ZiplineError): ...


class NoTradeDataAvailableTooEarly(
    NoTradeDataAvailable, msg="{sid} does not exist on {dt}. It started trading on {start_dt}."
): ...


class NoTradeDataAvailableTooLate(
    NoTradeDataAvailable, msg="{sid} does not exist on {dt}. It stopped trading on {end_dt}."
): ...


class BenchmarkAssetNotAvailableTooEarly(NoTradeDataAvailableTooEarly): ...


class BenchmarkAssetNotAvailableTooLate(NoTradeDataAvailableTooLate): ...


class InvalidBenchmarkAsset(
    ZiplineError,
    msg="{sid} cannot be used as the benchmark because it has a stock dividend on {dt}.  "
    "Choose another asset to use as the benchmark.",
): ...


class NotTradingMinuteError(RustybtRayError, ValueError):
    """A minute was asked for that the exchange does not trade in; known as ``exchange_calendars.errors``'."""
