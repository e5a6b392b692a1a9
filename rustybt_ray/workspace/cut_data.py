"""What a strategy would have seen on an earlier day: a panel cut after one of its sessions."""

from dataclasses import replace

import numpy as np

from rustybt_ray._typing import FloatArray
from rustybt_ray.data.panel import DATES, LIFE, STOCK, Panel
from rustybt_ray.workspace.asset_cache import Assets
from rustybt_ray.workspace.history_cache import HistoryCache
from rustybt_ray.workspace.market_data import MarketData


class CutData(MarketData):
    """The rows up to `last` of a panel, and nothing that came later.

    Parameters
    ----------
    panel : Panel
    last : int
        Last row, a session's last.
    history : HistoryCache
        Keeps the indicators, under a version of the cut's own.
    """

    def __init__(self, panel: Panel, last: int, history: HistoryCache) -> None:
        cut = _cut(panel, last)
        super().__init__(cut, history, _assets(panel, last))
        self._marks = panel.mark[:, : last + 1]

    @property
    def version(self) -> str:
        """Under which its indicators are kept."""
        return self._panel.version

    def _field(self, name: str) -> FloatArray:
        return self._marks if name == "mark" else super()._field(name)


def _assets(panel: Panel, last: int) -> Assets:
    """The assets as they were known on row `last`: what `Assets.of` the cut gives, without looking through all of it."""
    begun, ended = panel.listing
    there = begun <= last
    first, final = np.where(there, begun, last + 1), np.where(there, np.minimum(ended, last), -1)
    for column in np.flatnonzero(there & np.isnan(panel.close[np.maximum(final, 0), np.arange(len(final))])).tolist():
        final[column] = np.flatnonzero(np.isfinite(panel.close[: last + 1, column]))[-1]
    return Assets(panel.symbols, first, final, last + 1)


def _cut(panel: Panel, last: int) -> Panel:
    """The panel's first rows, without a copy; its marks, which lie the other way, and dates of dividends are left out."""
    rows, sessions = last + 1, int(panel.session[last]) + 1
    splits, dividends = (int(np.searchsorted(r, rows)) for r in (panel.split_row, panel.dividend_row))
    made = {name: getattr(panel, name)[:rows] for name in ("time", "session", "open", "high", "low", "close", "volume")}
    made |= {name: getattr(panel, name)[:sessions] for name in ("sessions", "open_time", "close_time")}
    made |= {name: getattr(panel, name)[:splits] for name in ("split_row", "split_column", "split_ratio")}
    made |= {name: getattr(panel, name)[:dividends] for name in ("dividend_row", "dividend_column", "dividend_amount")}
    made |= {name: getattr(panel, name)[:0] for name in (*DATES, *STOCK, *LIFE)}
    made |= {name: getattr(panel, name)[:rows] for name in ("factor", "split_factor")}
    pay = np.minimum(panel.dividend_pay[:dividends], rows)
    return replace(
        panel, version=f"{panel.version}@{last}", dividend_pay=pay, mark=panel.mark[:, :0], folder=None, **made
    )
