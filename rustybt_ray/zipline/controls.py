"""Limits that an algorithm sets itself, on its orders and its account: zipline's ``finance.controls``.

An order's controls run before it is placed, with the rounded number of shares; open orders do not count. An account's run once
a session, at its end.
"""

import logging
from abc import ABC, abstractmethod
from datetime import datetime
from typing import Any, ClassVar

from rustybt_ray.zipline.assets import Equity
from rustybt_ray.zipline.errors import AccountControlViolation, TradingControlViolation
from rustybt_ray.zipline.moments import DAY, nanoseconds, text_of
from rustybt_ray.zipline.restrictions import Restrictions, ask

log = logging.getLogger("TradingControl")


class _Control:
    told: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({ ({name: getattr(self, name) for name in self.told}) })"


class TradingControl(_Control, ABC):
    """A limit on orders.

    Parameters
    ----------
    on_error : {"fail", "log"}
        A violation raises, or is logged and the order is placed all the same.
    """

    def __init__(self, on_error: str) -> None:
        self.on_error = on_error

    @abstractmethod
    def validate(self, asset: Equity, amount: int, shares_held: float, price: float, dt: int) -> None:
        """Check an order of `amount` shares, signed, at the current `price` and time (UTC nanoseconds).

        Raises
        ------
        TradingControlViolation
            If it breaks the limit and `on_error` is "fail".
        """

    def handle_violation(self, asset: Equity, amount: int, dt: int) -> None:
        """Raise or log."""
        if self.on_error == "fail":
            raise TradingControlViolation(asset=asset, amount=amount, datetime=text_of(dt), constraint=repr(self))
        if self.on_error == "log":
            text = "Order for %s shares of %s at %s violates trading constraint %s"
            log.error(text, amount, asset, text_of(dt), self)


class MaxOrderCount(TradingControl):
    """At most `max_count` order calls a day, by UTC date; calls for no shares count too."""

    told = ("max_count",)

    def __init__(self, on_error: str, max_count: int) -> None:
        super().__init__(on_error)
        self.orders_placed = 0
        self.max_count = max_count
        self.current_day: int | None = None

    def validate(self, asset: Equity, amount: int, shares_held: float, price: float, dt: int) -> None:
        """Another call, and whether it is one too many."""
        day = dt // DAY
        if day != self.current_day:
            self.current_day, self.orders_placed = day, 0
        if self.orders_placed >= self.max_count:
            self.handle_violation(asset, amount, dt)
        self.orders_placed += 1


class RestrictedListOrder(TradingControl):
    """No order of a restricted asset."""

    def __init__(self, on_error: str, restrictions: Restrictions) -> None:
        super().__init__(on_error)
        self.restrictions = restrictions

    def validate(self, asset: Equity, amount: int, shares_held: float, price: float, dt: int) -> None:
        """Whether the asset is restricted now."""
        if ask(self.restrictions, asset, dt):
            self.handle_violation(asset, amount, dt)


class _MaxSize(TradingControl):
    """A limit in shares, in money or both, for one asset or all; one that breaks both is reported twice."""

    told = ("asset", "max_shares", "max_notional")

    def __init__(
        self,
        on_error: str,
        asset: Equity | None = None,
        max_shares: float | None = None,
        max_notional: float | None = None,
    ) -> None:
        super().__init__(on_error)
        if max_shares is None and max_notional is None:
            raise ValueError("Must supply at least one of max_shares and max_notional")
        if max_shares is not None and max_shares < 0:
            raise ValueError("max_shares cannot be negative.")
        if max_notional is not None and max_notional < 0:
            raise ValueError("max_notional must be positive.")
        self.asset, self.max_shares, self.max_notional = asset, max_shares, max_notional

    def check(self, asset: Equity, amount: int, shares: float, price: float, dt: int) -> None:
        if self.asset is not None and self.asset != asset:
            return
        if self.max_shares is not None and abs(shares) > self.max_shares:
            self.handle_violation(asset, amount, dt)
        if self.max_notional is not None and abs(shares * price) > self.max_notional:
            self.handle_violation(asset, amount, dt)


class MaxOrderSize(_MaxSize):
    """An order of at most so many shares or so much money."""

    def validate(self, asset: Equity, amount: int, shares_held: float, price: float, dt: int) -> None:
        """Whether the order is too large."""
        self.check(asset, amount, amount, price, dt)


class MaxPositionSize(_MaxSize):
    """A position, once the order is filled, of at most so many shares or so much money."""

    def validate(self, asset: Equity, amount: int, shares_held: float, price: float, dt: int) -> None:
        """Whether the position would be too large."""
        self.check(asset, amount, shares_held + amount, price, dt)


class LongOnly(TradingControl):
    """No order that would leave a short."""

    def validate(self, asset: Equity, amount: int, shares_held: float, price: float, dt: int) -> None:
        """Whether shares would be negative."""
        if shares_held + amount < 0:
            self.handle_violation(asset, amount, dt)


class AccountControl(_Control, ABC):
    """A limit on the account."""

    @abstractmethod
    def validate(self, leverage: float, dt: int) -> None:
        """Check the gross leverage at a session's end (UTC nanoseconds).

        Raises
        ------
        AccountControlViolation
            If it breaks the limit.
        """

    def fail(self) -> None:
        """Raise."""
        raise AccountControlViolation(constraint=repr(self))


class MaxLeverage(AccountControl):
    """A gross leverage of at most `max_leverage`."""

    told = ("max_leverage",)

    def __init__(self, max_leverage: float) -> None:
        if max_leverage is None:
            raise ValueError("Must supply max_leverage")
        if max_leverage < 0:
            raise ValueError("max_leverage must be positive")
        self.max_leverage = max_leverage

    def validate(self, leverage: float, dt: int) -> None:
        """Whether leverage is too high."""
        if leverage > self.max_leverage:
            self.fail()


class MinLeverage(AccountControl):
    """A gross leverage of at least `min_leverage` after a `deadline`."""

    told = ("min_leverage", "deadline")

    def __init__(self, min_leverage: float, deadline: Any) -> None:
        if not isinstance(min_leverage, int | float):
            raise TypeError(f"MinLeverage() expected a number as min_leverage; received {min_leverage!r}")
        if not isinstance(deadline, datetime):
            raise TypeError(f"MinLeverage() expected a Timestamp or datetime as deadline; received {deadline!r}")
        if min_leverage < 0:
            raise ValueError(f"MinLeverage() expected a min_leverage of at least 0; received {min_leverage!r}")
        self.min_leverage, self.deadline = min_leverage, deadline
        self._after = nanoseconds(deadline)

    def validate(self, leverage: float, dt: int) -> None:
        """Whether the deadline is over and leverage too low."""
        if dt > self._after and leverage < self.min_leverage:
            self.fail()
