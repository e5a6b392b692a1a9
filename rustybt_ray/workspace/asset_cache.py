"""Asset tables by bundle version: symbol to column, listing range, which assets are listed when."""

from functools import cached_property

import numpy as np

from rustybt_ray._record import record_class
from rustybt_ray._typing import BoolArray, IntArray
from rustybt_ray.data.panel import Panel
from rustybt_ray.exceptions import InputError


@record_class(frozen=True)
class Assets:
    """The assets of one panel.

    Attributes
    ----------
    symbols : tuple of str
    first_row, last_row : ndarray of int64, shape (N,)
        First and last row with a bar.
    rows : int
    """

    symbols: tuple[str, ...]
    first_row: IntArray
    last_row: IntArray
    rows: int

    @classmethod
    def of(cls, panel: Panel) -> "Assets":
        """The asset table of a panel."""
        first, last = panel.listing
        return cls(panel.symbols, first, last, panel.shape[0])

    @cached_property
    def columns(self) -> dict[str, int]:
        """Column of each symbol."""
        return {symbol: column for column, symbol in enumerate(self.symbols)}

    @cached_property
    def listed(self) -> BoolArray:
        """Whether a row lies between an asset's first and last bar, shape (T, N); read-only."""
        row = np.arange(self.rows)[:, None]
        made = np.ascontiguousarray((row >= self.first_row) & (row <= self.last_row))
        made.flags.writeable = False
        return made

    @cached_property
    def begun(self) -> BoolArray:
        """Whether an asset's first bar is on or before the row, shape (T, N); read-only.

        Unlike `listed`, no later bar changes it: strategies see this one.
        """
        made = np.ascontiguousarray(np.arange(self.rows)[:, None] >= self.first_row)
        made.flags.writeable = False
        return made

    def column(self, symbol: str) -> int:
        """Column of a symbol.

        Raises
        ------
        InputError
            If there is no such symbol; the message has the nearest ones.
        """
        if not isinstance(symbol, str) or symbol not in self.columns:
            from difflib import get_close_matches

            near = get_close_matches(str(symbol).upper(), self.symbols, n=3) or list(self.symbols[:8])
            raise InputError("symbol", "one of the bundle's", symbol, f"Near it: {', '.join(near)}.")
        return self.columns[symbol]


class AssetCache:
    """Asset tables by bundle version, made once."""

    def __init__(self) -> None:
        self._tables: dict[str, Assets] = {}
        self.hits = self.misses = 0

    def get(self, panel: Panel) -> Assets:
        """The asset table of a panel."""
        table = self._tables.get(panel.version)
        if table is None:
            self.misses += 1
            table = self._tables[panel.version] = Assets.of(panel)
        else:
            self.hits += 1
        return table

    def drop(self, version: str) -> None:
        """Forget a version."""
        self._tables.pop(version, None)

    def __len__(self) -> int:
        return len(self._tables)
