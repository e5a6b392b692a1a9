import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rustybt_ray.workspace.history_cache import HistoryCache

LIMIT = 800
PERMANENT = (20, 50)


def array(size):
    return np.zeros(size // 8)


class AgainstALedger(RuleBasedStateMachine):
    """The cache beside a plain list of (key, bytes, permanent), least recently used first."""

    def __init__(self):
        super().__init__()
        self.cache = HistoryCache(LIMIT, PERMANENT)
        self.entries, self.limit = [], LIMIT
        self.counts = {"permanent": [0, 0, 0], "lru": [0, 0, 0]}

    def held(self, permanent=None):
        return sum(size for _, size, kind in self.entries if permanent is None or kind == permanent)

    @rule(
        version=st.sampled_from("ab"),
        window=st.sampled_from([20, 50, 7, 9, None]),
        size=st.sampled_from([80, 160, 400, 720, 880]),
    )
    def ask(self, version, window, size):
        key = (version, window, size)
        found = next((entry for entry in self.entries if entry[0] == key), None)
        computed = []
        value = self.cache.get_or_compute(key, window, lambda: computed.append(1) or array(size))
        assert value.nbytes == size
        assert not value.flags.writeable
        assert bool(computed) == (found is None)
        if found is not None:
            self.counts["permanent" if found[2] else "lru"][0] += 1
            if not found[2]:
                self.entries.remove(found)
                self.entries.append(found)
            return
        self.counts["permanent" if window in PERMANENT else "lru"][1] += 1
        room = self.limit - self.held(permanent=True)
        if size > room:
            return
        self.entries.append((key, size, window in PERMANENT and 2 * size <= room))
        while self.held() > self.limit:
            self.entries.remove(next(entry for entry in self.entries if not entry[2]))
            self.counts["lru"][2] += 1

    @rule(limit=st.sampled_from([0, 160, 400, LIMIT, 2 * LIMIT]))
    def resize(self, limit):
        self.limit = limit
        self.cache.resize(limit)
        while self.held() > limit:
            oldest = next((entry for entry in self.entries if not entry[2]), self.entries[0])
            self.entries.remove(oldest)
            self.counts["permanent" if oldest[2] else "lru"][2] += 1

    @rule(version=st.sampled_from("ab"))
    def drop(self, version):
        self.cache.drop(version)
        self.entries = [entry for entry in self.entries if entry[0][0] != version]

    @rule()
    def clear(self):
        self.cache.clear()
        self.entries = []

    @invariant()
    def agrees(self):
        found = self.cache.statistics()
        assert found["bytes"] == self.held() <= found["limit"] == self.limit
        for tier, permanent in (("permanent", True), ("lru", False)):
            expected = self.counts[tier], self.held(permanent), sum(kind == permanent for *_, kind in self.entries)
            counts = found[tier]
            assert (
                [counts["hits"], counts["misses"], counts["evictions"]],
                counts["bytes"],
                counts["entries"],
            ) == expected
        assert len(self.cache) == len(self.entries)


TestAgainstALedger = AgainstALedger.TestCase
TestAgainstALedger.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_permanent_windows_stay_while_others_come_and_go():
    cache = HistoryCache(1000)
    for window in (20, 50, 200):
        cache.put(("v", window), window, array(160))
    for window in range(300, 320):
        cache.put(("v", window), window, array(160))
    assert all(cache.get(("v", window)) is not None for window in (20, 50, 200))
    assert [w for w in range(300, 320) if cache.get(("v", w)) is not None] == [317, 318, 319]
    assert cache.statistics()["lru"]["evictions"] == 17


def test_what_is_used_stays():
    cache = HistoryCache(240)
    for name in "xyz":
        cache.put(("v", name), None, array(80))
    cache.get(("v", "x"))
    cache.put(("v", "new"), None, array(80))
    assert cache.get(("v", "y")) is None
    assert cache.get(("v", "x")) is not None


def test_a_cache_full_of_permanent_windows_keeps_what_is_in_use():
    cache = HistoryCache(240)
    for window in (20, 50, 200):
        cache.put(("v", window), window, array(80))
    cache.put(("v", 7), 7, array(80))
    assert cache.get(("v", 7)) is not None
    assert cache.statistics()["permanent"]["entries"] == 2


def test_a_key_put_twice_counts_once():
    cache = HistoryCache(1000)
    cache.put(("v", 7), 7, array(80))
    cache.put(("v", 7), 7, array(160))
    assert cache.statistics()["bytes"] == cache.get(("v", 7)).nbytes == 160


def test_no_limit_no_entry():
    cache = HistoryCache(0)
    for _ in range(2):
        assert cache.get_or_compute(("v", 20), 20, lambda: array(80)).nbytes == 80
    assert len(cache) == 0
    assert cache.statistics()["permanent"]["misses"] == 2


def test_a_failed_computation_leaves_nothing():
    cache = HistoryCache(1000)
    with pytest.raises(ZeroDivisionError):
        cache.get_or_compute(("v", 20), 20, lambda: 1 / 0)
    assert cache.statistics()["bytes"] == 0
    assert cache.get_or_compute(("v", 20), 20, lambda: array(80)).nbytes == 80


def test_the_hit_rate_is_of_all_that_was_asked():
    cache = HistoryCache(1000)
    assert np.isnan(cache.statistics()["hit_rate"])
    for window in (20, 20, 20, 7):
        cache.get_or_compute(("v", window), window, lambda: array(80))
    assert cache.statistics()["hit_rate"] == 0.5
