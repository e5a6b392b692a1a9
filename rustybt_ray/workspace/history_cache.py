"""A worker's indicators in two tiers under one byte limit."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from rustybt_ray._record import record_class

PERMANENT = (20, 50, 200)


@record_class
class Tier:
    """Counts of one tier."""

    hits: int = 0
    misses: int = 0
    evictions: int = 0
    bytes: int = 0


class HistoryCache:
    """Arrays by bundle version and indicator: windows 20, 50 and 200 stay while their bundle does, the rest is LRU.

    Parameters
    ----------
    limit_bytes : int
        Of both tiers together; 0 keeps nothing. Permanent windows push LRU entries out as long as room for one more of
        their size is left beside them; the others are LRU entries themselves, so that a small cache full of permanent windows
        still keeps what is in use. What is larger than the room is not kept.
    permanent : tuple of int, default (20, 50, 200)
    """

    def __init__(self, limit_bytes: int, permanent: tuple[int, ...] = PERMANENT) -> None:
        self.limit_bytes, self.permanent = limit_bytes, frozenset(permanent)
        self._first: dict[Hashable, Any] = {}
        self._second: OrderedDict[Hashable, Any] = OrderedDict()
        self._tiers = (Tier(), Tier())

    def get(self, key: Hashable) -> Any:
        """The array of a key, or None."""
        value = self._first.get(key)
        if value is not None:
            self._tiers[0].hits += 1
            return value
        value = self._second.get(key)
        if value is not None:
            self._second.move_to_end(key)
            self._tiers[1].hits += 1
        return value

    def get_or_compute(
        self, key: tuple[str, ...] | tuple[Any, ...], window: int | None, compute: Callable[[], Any]
    ) -> Any:
        """The array of a key; computed, made read-only and kept if it is not there. ``key[0]`` is the bundle's version."""
        value = self.get(key)
        if value is None:
            value = compute()
            self.put(key, window, value)
        return value

    def put(self, key: tuple[Any, ...], window: int | None, value: np.ndarray) -> None:
        """Keep an array, which becomes read-only."""
        value.flags.writeable = False
        permanent = window in self.permanent
        self._tiers[0 if permanent else 1].misses += 1
        self._discard(key)
        size, room = value.nbytes, self.limit_bytes - self._tiers[0].bytes
        if size > room:
            return
        permanent = permanent and 2 * size <= room
        entries, tier = (self._first, self._tiers[0]) if permanent else (self._second, self._tiers[1])
        entries[key] = value
        tier.bytes += size
        while self.nbytes > self.limit_bytes:
            _, oldest = self._second.popitem(last=False)
            self._tiers[1].bytes -= oldest.nbytes
            self._tiers[1].evictions += 1

    def resize(self, limit_bytes: int) -> None:
        """Set another limit; what is too much for it is let go, LRU entries first."""
        self.limit_bytes = limit_bytes
        for entries, tier in ((self._second, self._tiers[1]), (self._first, self._tiers[0])):
            while entries and self.nbytes > limit_bytes:
                tier.bytes -= entries.pop(next(iter(entries))).nbytes
                tier.evictions += 1

    def _discard(self, key: Hashable) -> None:
        for entries, tier in ((self._first, self._tiers[0]), (self._second, self._tiers[1])):
            if (value := entries.pop(key, None)) is not None:
                tier.bytes -= value.nbytes

    def drop(self, version: str) -> None:
        """Forget everything of a bundle version."""
        for entries, tier in ((self._first, self._tiers[0]), (self._second, self._tiers[1])):
            for key in [key for key in entries if key[0] == version]:  # type: ignore[index]
                tier.bytes -= entries.pop(key).nbytes

    def clear(self) -> None:
        """Forget everything."""
        self._first.clear()
        self._second.clear()
        for tier in self._tiers:
            tier.bytes = 0

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    @property
    def lookups(self) -> tuple[int, int]:
        """Hits and misses of both tiers so far."""
        first, second = self._tiers
        return first.hits + second.hits, first.misses + second.misses

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays kept."""
        return self._tiers[0].bytes + self._tiers[1].bytes

    def statistics(self) -> dict[str, Any]:
        """Hits, misses, evictions and bytes by tier, and the hit rate."""
        first, second = self._tiers
        hits, misses = self.lookups
        asked = hits + misses
        return {
            "permanent": {**vars(first), "entries": len(self._first)},
            "lru": {**vars(second), "entries": len(self._second)},
            "hit_rate": hits / asked if asked else float("nan"),
            "bytes": self.nbytes,
            "limit": self.limit_bytes,
        }
