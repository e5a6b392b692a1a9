"""Orders and transactions as algorithms and their models see them."""

from math import copysign, isnan
from typing import Any

from rustybt_ray.engine import blotter
from rustybt_ray.zipline.assets import Asset
from rustybt_ray.zipline.dates import utc
from rustybt_ray.zipline.record import BEFORE_OPEN, ORDER_STATUS


def order_id(number: int) -> str:
    """The id of the order of this number."""
    return f"{number:032x}"


def order_number(text: Any) -> int:
    """The number of the order of this id; -1 if it is none."""
    try:
        return int(text, 16) if len(text) == 32 else -1
    except (TypeError, ValueError):
        return -1


class Order:
    """An order as it was when it was asked for, or, in a model's hands, as it is.

    Attributes
    ----------
    id : str
    asset, sid : Asset
    amount, filled, open_amount : int
        Shares, negative for a sale.
    direction : float
        1.0 of a purchase, -1.0 of a sale, as it was placed: a split may leave an overfilled order of 0 shares.
    limit, stop : float or None
    limit_reached, stop_reached, triggered, open : bool
    commission : float
        Money charged so far.
    status : ORDER_STATUS
    created, dt : Timestamp
        When it was placed, and when it last changed.
    """

    __slots__ = (
        "_changed",
        "_created",
        "_status",
        "_view",
        "amount",
        "asset",
        "commission",
        "direction",
        "filled",
        "id",
        "limit",
        "limit_reached",
        "stop",
        "stop_reached",
    )  # fmt: skip
    reason = broker_order_id = None

    def __init__(self, number: int, asset: Asset, row: Any, view: Any) -> None:
        self.id, self.asset, self._view = order_id(number), asset, view
        self.read(row)
        self.direction = copysign(1.0, self.amount)

    def read(self, row: Any) -> "Order":
        """Take over what a row of the blotter's table says."""
        self.amount, self.filled = int(row[blotter.AMOUNT]), int(row[blotter.FILLED])
        limit, stop = row[blotter.LIMIT], row[blotter.STOP]
        self.limit, self.stop = None if isnan(limit) else limit, None if isnan(stop) else stop
        self.limit_reached, self.stop_reached = bool(row[blotter.LIMIT_REACHED]), bool(row[blotter.STOP_REACHED])
        # a whole number until something was added to it
        self.commission = row[blotter.COMMISSION] if self.filled or row[blotter.COMMISSION] else 0
        self._status = int(row[blotter.STATUS])
        self._created, self._changed = row[blotter.CREATED], row[blotter.CHANGED]
        return self

    @property
    def sid(self) -> Asset:
        """The asset."""
        return self.asset

    @property
    def open_amount(self) -> int:
        """What is not filled yet."""
        return self.amount - self.filled

    @property
    def status(self) -> ORDER_STATUS:
        """FILLED whenever nothing is left of it."""
        return ORDER_STATUS.FILLED if not self.open_amount else ORDER_STATUS(self._status)

    @property
    def open(self) -> bool:
        """Whether it may still fill."""
        return self.status is ORDER_STATUS.OPEN

    @property
    def triggered(self) -> bool:
        """Whether its stop and limit, where there is one, have been reached."""
        return (self.stop is None or self.stop_reached) and (self.limit is None or self.limit_reached)

    @property
    def created(self) -> Any:
        """When it was placed."""
        return self._time(self._created)

    @property
    def dt(self) -> Any:
        """When it last changed."""
        return self._time(self._changed)

    def _time(self, row: float) -> Any:
        at = int(-(-row // 1))
        early = at != row
        return utc(int(self._view.open_time[at]) - BEFORE_OPEN if early else int(self._view.close_time[at]))

    def to_dict(self) -> dict[str, Any]:
        """Its attributes by name."""
        names = (
            "id",
            "dt",
            "created",
            "amount",
            "filled",
            "commission",
            "stop",
            "limit",
            "stop_reached",
            "limit_reached",
        )
        return {**{name: getattr(self, name) for name in names}, "sid": self.sid, "reason": None, "status": self.status}

    def __repr__(self) -> str:
        return f"Order({ {'id': self.id, 'asset': self.asset, 'amount': self.amount, 'filled': self.filled} })"


class Transaction:
    """A fill, as commission models see it.

    Attributes
    ----------
    asset, sid : Asset
    amount : int
    price : float
    dt : Timestamp
    order_id : str
    commission : None
    """

    __slots__ = ("_dt", "amount", "asset", "order_id", "price")
    commission = None

    def __init__(self, asset: Asset, amount: int, price: float, dt: int, order_id: str) -> None:
        self.asset, self.amount, self.price, self._dt, self.order_id = asset, amount, price, dt, order_id

    @property
    def sid(self) -> Asset:
        """The asset."""
        return self.asset

    @property
    def dt(self) -> Any:
        """When it happened."""
        return utc(self._dt)

    def __repr__(self) -> str:
        return f"Transaction(asset={self.asset}, amount={self.amount}, price={self.price}, order_id={self.order_id})"
