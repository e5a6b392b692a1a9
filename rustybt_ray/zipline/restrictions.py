"""Assets that may not be traded, and when: zipline's ``finance.asset_restrictions``."""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterable
from enum import IntEnum
from typing import Any, NamedTuple

from rustybt_ray.zipline._pandas import pandas
from rustybt_ray.zipline.assets import Equity
from rustybt_ray.zipline.moments import nanoseconds


class RESTRICTION_STATES(IntEnum):  # noqa: N801
    """Whether an asset may be traded."""

    ALLOWED = 0
    FROZEN = 1


class Restriction(NamedTuple):
    """A state of an asset from a date on."""

    asset: Equity
    effective_date: Any
    state: RESTRICTION_STATES


class Restrictions(ABC):
    """A set of assets that may not be traded; several combine with ``|``."""

    @abstractmethod
    def is_restricted(self, assets: Any, dt: Any) -> Any:
        """Whether an asset may not be traded at `dt`.

        Parameters
        ----------
        assets : Equity or iterable of Equity
        dt : Timestamp, datetime or int
            A number is UTC nanoseconds.

        Returns
        -------
        bool or pandas.Series of bool by asset
        """

    def __or__(self, other: "Restrictions") -> "Restrictions":
        parts = [part for each in (self, other) for part in _parts(each)]
        if len(parts) > 1:
            return _UnionRestrictions(parts)
        return parts[0] if parts else NoRestrictions()


class _OfOne(Restrictions):
    """Restrictions that know each asset by itself."""

    def is_restricted(self, assets: Any, dt: Any) -> Any:
        if isinstance(assets, Equity):
            return self.holds(assets, dt)
        listed = list(assets)
        states = [self.holds(asset, dt) for asset in listed]
        return pandas().Series(states, index=pandas().Index(listed), dtype=bool)

    @abstractmethod
    def holds(self, asset: Equity, dt: Any) -> bool:
        """Whether one asset is restricted."""


class NoRestrictions(_OfOne):
    """Everything may be traded."""

    def holds(self, asset: Equity, dt: Any) -> bool:
        """False."""
        return False


class StaticRestrictions(_OfOne):
    """Assets that may never be traded.

    Parameters
    ----------
    restricted_list : iterable of Equity
    """

    def __init__(self, restricted_list: Iterable[Equity]) -> None:
        self._restricted_set = frozenset(restricted_list)

    def holds(self, asset: Equity, dt: Any) -> bool:
        """Whether the asset is listed."""
        return asset in self._restricted_set


class HistoricalRestrictions(_OfOne):
    """Assets that may not be traded from one date to another.

    Parameters
    ----------
    restrictions : iterable of Restriction
        In any order; of several on one date the last counts. Dates without a time zone are UTC.
    """

    def __init__(self, restrictions: Iterable[Restriction]) -> None:
        ordered = sorted(restrictions, key=lambda each: nanoseconds(each.effective_date))
        self._dates: dict[Equity, list[int]] = {}
        self._states: dict[Equity, list[bool]] = {}
        for asset, effective, state in ordered:
            self._dates.setdefault(asset, []).append(nanoseconds(effective))
            self._states.setdefault(asset, []).append(state == RESTRICTION_STATES.FROZEN)

    def holds(self, asset: Equity, dt: Any) -> bool:
        """Whether the last state that has begun by `dt` is FROZEN."""
        dates = self._dates.get(asset)
        if dates is None:
            return False
        known = bisect_right(dates, nanoseconds(dt))
        return known > 0 and self._states[asset][known - 1]


class _UnionRestrictions(Restrictions):
    """What any of several restricts."""

    def __init__(self, sub_restrictions: list[Restrictions]) -> None:
        self.sub_restrictions = sub_restrictions

    def is_restricted(self, assets: Any, dt: Any) -> Any:
        if isinstance(assets, Equity):
            return any(ask(part, assets, dt) for part in self.sub_restrictions)
        first, *rest = (ask(part, assets, dt) for part in self.sub_restrictions)
        for each in rest:
            first = first | each
        return first


def ask(restrictions: Restrictions, assets: Any, dt: Any) -> Any:
    """What restrictions say; a user's own class is asked with a Timestamp, as zipline would."""
    if isinstance(dt, int) and not type(restrictions).__module__.startswith("rustybt_ray."):
        dt = pandas().Timestamp(dt, tz="UTC")
    return restrictions.is_restricted(assets, dt)


def _parts(restrictions: Restrictions) -> list[Restrictions]:
    if isinstance(restrictions, _UnionRestrictions):
        return restrictions.sub_restrictions
    return [] if isinstance(restrictions, NoRestrictions) else [restrictions]
