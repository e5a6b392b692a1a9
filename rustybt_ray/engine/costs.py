"""What trading costs: commission, slippage and financing, named as zipline names them."""

from dataclasses import field
from typing import NamedTuple

from rustybt_ray._record import record_class
from rustybt_ray._validation import check_number
from rustybt_ray.exceptions import InputError


class Charges(NamedTuple):
    """A commission as the ledger computes it: ``max(minimum, fixed + shares * per_share + notional * per_dollar)``."""

    fixed: float = 0.0
    per_share: float = 0.0
    per_dollar: float = 0.0
    minimum: float = 0.0


class Impact(NamedTuple):
    """Slippage as the ledger computes it; see docs/ledger.md. `slippage` is a fraction of the price, `volume_limit` 0 no limit."""

    slippage: float = 0.0
    spread: float = 0.0
    price_impact: float = 0.0
    volume_limit: float = 0.0


@record_class(frozen=True)
class NoCommission:
    """No commission."""

    def charges(self) -> Charges:
        """The commission's four terms."""
        return Charges()


@record_class(frozen=True)
class PerShare:
    """`cost` of money a share, at least `minimum` an order (zipline's PerShare)."""

    cost: float = 0.001
    minimum: float = 0.0

    def __post_init__(self) -> None:
        check_number("PerShare.cost", self.cost, low=0.0)
        check_number("PerShare.minimum", self.minimum, low=0.0)

    def charges(self) -> Charges:
        """The commission's four terms."""
        return Charges(per_share=self.cost, minimum=self.minimum)


@record_class(frozen=True)
class PerTrade:
    """`cost` of money an order, on its first fill (zipline's PerTrade)."""

    cost: float = 0.0

    def __post_init__(self) -> None:
        check_number("PerTrade.cost", self.cost, low=0.0)

    def charges(self) -> Charges:
        """The commission's four terms."""
        return Charges(fixed=self.cost)


@record_class(frozen=True)
class PerDollar:
    """`cost` a unit of money traded (0.001 is 10 basis points), at least `minimum` an order (zipline's PerDollar)."""

    cost: float = 0.0015
    minimum: float = 0.0

    def __post_init__(self) -> None:
        check_number("PerDollar.cost", self.cost, low=0.0, high=1.0, remedy="10 basis points are 0.001.")
        check_number("PerDollar.minimum", self.minimum, low=0.0)

    def charges(self) -> Charges:
        """The commission's four terms."""
        return Charges(per_dollar=self.cost, minimum=self.minimum)


@record_class(frozen=True)
class NoSlippage:
    """Fills at the price itself."""

    def impact(self) -> Impact:
        """The slippage's four terms."""
        return Impact()


@record_class(frozen=True)
class FixedBasisPoints:
    """`basis_points` of the price against the trader; at most `volume_limit` of a bar's volume (None: no limit)."""

    basis_points: float = 5.0
    volume_limit: float | None = None

    def __post_init__(self) -> None:
        check_number("FixedBasisPoints.basis_points", self.basis_points, low=0.0, high=1e4)
        _check_limit("FixedBasisPoints.volume_limit", self.volume_limit)

    def impact(self) -> Impact:
        """The slippage's four terms."""
        return Impact(slippage=self.basis_points / 10000.0, volume_limit=self.volume_limit or 0.0)


@record_class(frozen=True)
class FixedSpread:
    """Half of `spread`, in money a share, against the trader (zipline's FixedSlippage)."""

    spread: float = 0.0

    def __post_init__(self) -> None:
        check_number("FixedSpread.spread", self.spread, low=0.0)

    def impact(self) -> Impact:
        """The slippage's four terms."""
        return Impact(spread=self.spread)


@record_class(frozen=True)
class VolumeShare:
    """Impact by the square of the share of a bar's volume, of which at most `volume_limit` fills (VolumeShareSlippage)."""

    volume_limit: float = 0.025
    price_impact: float = 0.1

    def __post_init__(self) -> None:
        _check_limit("VolumeShare.volume_limit", self.volume_limit)
        check_number("VolumeShare.price_impact", self.price_impact, low=0.0)

    def impact(self) -> Impact:
        """The slippage's four terms."""
        return Impact(price_impact=self.price_impact, volume_limit=self.volume_limit)


Commission = NoCommission | PerShare | PerTrade | PerDollar
Slippage = NoSlippage | FixedBasisPoints | FixedSpread | VolumeShare


@record_class(frozen=True)
class Costs:
    """Everything that trading costs; ``Costs()`` is free of charge.

    Parameters
    ----------
    commission : NoCommission, PerShare, PerTrade or PerDollar
    slippage : NoSlippage, FixedBasisPoints, FixedSpread or VolumeShare
    borrow, margin, cash : float
        Annual rates, as fractions, on short value, on negative cash (both paid) and on positive cash (received), by calendar
        days / 365.

    Raises
    ------
    InputError
        If a model is not one of those named or a rate is negative (`cash` may be).

    Examples
    --------
    >>> Costs(commission=PerDollar(0.001), slippage=FixedBasisPoints(5))
    ... # doctest: +NORMALIZE_WHITESPACE
    Costs(commission=PerDollar(cost=0.001, minimum=0.0),
          slippage=FixedBasisPoints(basis_points=5, volume_limit=None), borrow=0.0, margin=0.0, cash=0.0)
    """

    commission: Commission = field(default_factory=NoCommission)
    slippage: Slippage = field(default_factory=NoSlippage)
    borrow: float = 0.0
    margin: float = 0.0
    cash: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.commission, Commission):
            remedy = "Use NoCommission(), PerShare(...), PerTrade(...) or PerDollar(...)."
            raise InputError("commission", "a commission model", self.commission, remedy)
        if not isinstance(self.slippage, Slippage):
            remedy = "Use NoSlippage(), FixedBasisPoints(...), FixedSpread(...) or VolumeShare(...)."
            raise InputError("slippage", "a slippage model", self.slippage, remedy)
        check_number("borrow", self.borrow, low=0.0)
        check_number("margin", self.margin, low=0.0)
        check_number("cash", self.cash)

    @property
    def free(self) -> bool:
        """Whether trading is free of charge."""
        return not any((*self.commission.charges(), *self.slippage.impact()[:3]))


def _check_limit(name: str, value: float | None) -> None:
    if value is not None:
        check_number(
            name, value, low=0.0, high=1.0, strict=True, remedy="0.1 lets an order take a tenth of a bar's volume."
        )
