"""`context.portfolio` and `context.account`: the ledger's numbers under zipline's names."""

from math import inf, nan
from operator import itemgetter
from typing import Any, NoReturn

from rustybt_ray.engine.stepwise import CASH, CLAIMS, LONGS, SHORTS, VALUE, SteppedLedger
from rustybt_ray.engine.structures import BASIS, ENTRY, LAST_SALE, SALE_ROW, SHARES
from rustybt_ray.zipline._pandas import pandas
from rustybt_ray.zipline.assets import Asset, AssetFinder
from rustybt_ray.zipline.clock import Clock
from rustybt_ray.zipline.dates import utc


class Position(tuple[Any, ...]):
    """What is held of an asset; a tuple, because it is made for every asset and session, and cannot be changed.

    Attributes
    ----------
    asset, sid : Asset
    amount : int
        Shares, negative for a short.
    cost_basis, last_sale_price : float
        Money a share.
    last_sale_date : Timestamp or None
        When it was last marked or traded.
    """

    __slots__ = ()
    asset = sid = property(itemgetter(0))
    amount = property(itemgetter(1))
    cost_basis = property(itemgetter(2))
    last_sale_price = property(itemgetter(3))
    __eq__, __ne__, __hash__ = object.__eq__, object.__ne__, object.__hash__

    @property
    def last_sale_date(self) -> Any:
        """When it was last marked or traded."""
        return None if self[4] is None else utc(self[4])

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("cannot mutate Position objects")

    def __repr__(self) -> str:
        names = ("asset", "amount", "cost_basis", "last_sale_price", "last_sale_date")
        return f"Position({ ({name: getattr(self, name) for name in names})!r})"


class Positions(dict[Asset, Position]):
    """Positions by asset, in the order of their first purchases; of an asset that is not held, an empty one."""

    def __missing__(self, key: object) -> Position:
        if isinstance(key, Asset):
            return Position((key, 0, 0.0, 0.0, None))
        raise ValueError(f"Position lookup expected a value of type Asset but got {type(key).__name__} instead.")


class _ReadOnly:
    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"cannot mutate {type(self).__name__} objects")


class Portfolio(_ReadOnly):
    """The portfolio, marked at the prices of now.

    Parameters
    ----------
    ledger : SteppedLedger
    clock : Clock
    finder : AssetFinder
    """

    __slots__ = ("_account", "_clock", "_finder", "_kept", "_ledger")
    _account: "memoryview[float]"
    _clock: Clock
    _finder: AssetFinder
    _kept: list[Any]
    _ledger: SteppedLedger

    def __init__(self, ledger: SteppedLedger, clock: Clock, finder: AssetFinder) -> None:
        for name, value in zip(
            ("_ledger", "_clock", "_finder", "_account"), (ledger, clock, finder, ledger.account), strict=True
        ):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_kept", [-1, False, Positions()])

    @property
    def portfolio_value(self) -> float:
        """Cash and positions."""
        return self._account[VALUE]

    @property
    def positions_value(self) -> float:
        """Value of the positions."""
        return self._account[LONGS] + self._account[SHORTS]

    @property
    def positions_exposure(self) -> float:
        """Exposure of the positions; of equities, their value."""
        return self._account[LONGS] + self._account[SHORTS]

    @property
    def cash(self) -> float:
        """Cash."""
        return self._account[CASH] + self._account[CLAIMS]

    @property
    def starting_cash(self) -> float:
        """Capital at the start."""
        return self._ledger.capital

    @property
    def capital_used(self) -> float:
        """Cash that has flowed since the start, negative if it was spent."""
        return self.cash - self._ledger.capital

    cash_flow = capital_used

    @property
    def pnl(self) -> float:
        """Profit or loss since the start."""
        return self._account[VALUE] - self._ledger.capital

    @property
    def returns(self) -> float:
        """Return since the start, a fraction."""
        return self._account[VALUE] / self._ledger.capital - 1.0

    @property
    def start_date(self) -> Any:
        """Timestamp of the first session."""
        return pandas().Timestamp(int(self._ledger.panel.sessions[self._ledger.first]))

    @property
    def positions(self) -> Positions:
        """Positions by asset."""
        kept, clock = self._kept, self._clock
        if kept[0] != clock.row or kept[1] != clock.before_trading:
            kept[:] = clock.row, clock.before_trading, self._read()
        found: Positions = kept[2]
        return found

    @property
    def current_portfolio_weights(self) -> Any:
        """Series of each position's share of the portfolio's value, by asset."""
        value = self.portfolio_value
        held = {asset: each.amount * each.last_sale_price / value for asset, each in self.positions.items()}
        return pandas().Series(held, dtype=float)

    def forget(self) -> None:
        """Positions have moved: read them again."""
        self._kept[0] = -1

    def _read(self) -> Positions:
        cells, found = self._ledger.book.cells, Positions()
        entries = cells[ENTRY]
        columns = entries.nonzero()[0]
        for column in columns[entries[columns].argsort(kind="stable")].tolist():
            asset, own = self._finder.equities[column], cells[:, column].tolist()
            if not own[SHARES]:
                own[LAST_SALE], own[SALE_ROW] = self._ledger.empty_mark(column, self._clock.row)
            date = self._marked_at(asset, int(own[SALE_ROW]))
            amount = int(own[SHARES]) if own[SHARES].is_integer() else own[SHARES]
            found[asset] = Position((asset, amount, own[BASIS], own[LAST_SALE], date))
        return found

    def _marked_at(self, asset: Asset, row: int) -> int | None:
        """When a position was last marked or traded: now, unless its asset has ended or never had a price."""
        if row < 0:
            return None
        clock, last = self._clock, asset.last_row
        if clock.before_trading and row == clock.row <= last:
            return clock.dt
        return int(self._ledger.panel.close_time[min(row, last)])


class Account(_ReadOnly):
    """The account: the portfolio as a broker would state it."""

    __slots__ = ("_portfolio",)
    _portfolio: Portfolio
    accrued_interest = initial_margin_requirement = maintenance_margin_requirement = 0.0
    buying_power = regt_margin = day_trades_remaining = inf

    def __init__(self, portfolio: Portfolio) -> None:
        object.__setattr__(self, "_portfolio", portfolio)

    @property
    def settled_cash(self) -> float:
        """Cash."""
        return self._portfolio.cash

    regt_equity = available_funds = excess_liquidity = settled_cash

    @property
    def equity_with_loan(self) -> float:
        """The portfolio's value."""
        return self._portfolio.portfolio_value

    net_liquidation = equity_with_loan

    @property
    def total_positions_value(self) -> float:
        """Value without the cash."""
        return self._portfolio.portfolio_value - self._portfolio.cash

    @property
    def total_positions_exposure(self) -> float:
        """Exposure of the positions."""
        return self._portfolio.positions_exposure

    @property
    def cushion(self) -> float:
        """Cash over value; NaN at a value of 0."""
        value = self._portfolio.portfolio_value
        return self._portfolio.cash / value if value else nan

    @property
    def leverage(self) -> float:
        """Gross exposure over value."""
        account = self._portfolio._account
        return _over(account[LONGS] - account[SHORTS], account[VALUE])

    gross_leverage = leverage

    @property
    def net_leverage(self) -> float:
        """Net exposure over value."""
        account = self._portfolio._account
        return _over(account[LONGS] + account[SHORTS], account[VALUE])


def _over(exposure: float, value: float) -> float:
    return exposure / value if value else inf
