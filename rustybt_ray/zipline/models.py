"""What slippage and commission models share: which kinds of assets they are for."""

from abc import ABC
from typing import Any, ClassVar

from rustybt_ray.zipline.assets import Equity
from rustybt_ray.zipline.errors import NotSupported

REMEDY = "Algorithms trade daily bars of equities: take what concerns futures out."


class Future:
    """A futures contract, of which there are none here."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotSupported(what="a future", remedy=REMEDY)


class FinancialModel(ABC):
    """A model; `allowed_asset_types` says for which assets.

    A class that derives from models of equities and of futures alike is for both.
    """

    allowed_asset_types: ClassVar[tuple[type, ...]] = (Equity, Future)
    _of_its_kind: ClassVar[bool] = False
    _formula: ClassVar[str]
    """Name of the method that a user's class would write."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "allowed_asset_types" not in vars(cls):
            kinds = [kind for base in cls.__bases__ for kind in _kinds(base)]
            if kinds:
                cls.allowed_asset_types = tuple(dict.fromkeys(kinds))

    def _has_terms(self) -> bool:
        """Whether the class that has the formula has the ledger's terms of it too: a user's formula has none."""
        if self._formula in vars(self):
            return False
        owner = next(kind for kind in type(self).__mro__ if self._formula in vars(kind))
        return "_terms" in vars(owner)


def _kinds(base: type) -> tuple[type, ...]:
    marked = issubclass(base, FinancialModel) and base._of_its_kind
    return base.allowed_asset_types if marked else ()  # type: ignore[attr-defined]
