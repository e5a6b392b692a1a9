"""The random numbers of the causality check and what it keeps; what it finds is tested with `optimize`."""

import numpy as np
import pytest
from trials import wave_panel

from rustybt_ray.engine.weights import equal_weight
from rustybt_ray.studies import causality
from rustybt_ray.studies.causality import uniform
from rustybt_ray.workspace.asset_cache import Assets
from rustybt_ray.workspace.history_cache import HistoryCache
from rustybt_ray.workspace.market_data import MarketData

PANEL = wave_panel()
CALLED = []


def own(close):
    CALLED.append(1)
    return close


def test_the_numbers_drawn_are_those_of_splitmix64():
    # first outputs for the state 0, from the reference implementation (Vigna, splitmix64.c)
    expected = (0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F)
    assert (uniform(0, 3) * 2.0**53).astype(np.uint64).tolist() == [value >> 11 for value in expected]
    many = uniform(7, 100_000)
    assert ((many >= 0.0) & (many < 1.0)).all()
    assert abs(many.mean() - 0.5) < 0.005


class TestKeptFutures:
    """Altered fields and indicators of small panels serve the next study with the same panel, rows and seed."""

    @pytest.fixture
    def made(self, monkeypatch):
        """Which fields were altered."""
        made, field = [], causality.Futures.field
        monkeypatch.setattr(
            causality.Futures, "field", lambda self, way, name: made.append((way, name)) or field(self, way, name)
        )
        causality._kept[0].clear()
        return made

    def check(self, strategy, scope="one", seed=3, panel=PANEL):
        weights = strategy(MarketData(panel, HistoryCache(0), Assets.of(panel)))
        return causality.first_moved(strategy, {}, panel, weights, 0, len(panel.time) - 1, seed, scope)

    @staticmethod
    def honest(data):
        return equal_weight(data.sma("close", 3) > data.sma("close", 9))

    @staticmethod
    def knowing(data):
        return equal_weight(data.close > np.nanmean(data.close))

    def test_they_are_made_once(self, made):
        assert self.check(self.honest) is None
        assert made == [(0, "close"), (1, "close"), (2, "close")]
        assert self.check(self.honest, "two") is None
        assert len(made) == 3
        self.check(self.honest, seed=4)
        assert len(made) == 6

    def test_those_of_large_panels_are_not_kept(self, made, monkeypatch):
        monkeypatch.setattr(causality, "SMALL", PANEL.close.nbytes - 1)
        for _ in range(2):
            assert self.check(self.honest) is None
        assert len(made) == 6
        assert not len(causality._kept[0])

    def test_a_check_inside_another_does_without(self, made):
        def strategy(data):
            if not isinstance(data, causality.AlteredData):
                return self.honest(data)
            assert self.check(self.honest) is None
            return self.honest(data)

        assert self.check(strategy, "outer") is None
        assert len(made) == 3 + 3 * 3
        assert self.check(self.honest) is None
        assert len(made) == 3 + 3 * 3

    def test_who_knows_the_future_is_found_again(self, made):
        found = self.check(self.knowing)
        assert found is not None
        assert self.check(self.honest) is None
        assert self.check(self.knowing) == found

    def test_functions_of_two_strategies_are_told_apart(self, made):
        for scope in ("one", "two"):
            CALLED.clear()
            self.check(lambda data: equal_weight(data.cached(own, "close") > 0.0), scope)
            assert len(CALLED) == 1 + 3
