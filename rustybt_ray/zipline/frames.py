"""Windows as the pandas objects that zipline hands out."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rustybt_ray._typing import FloatArray
from rustybt_ray.data.panel import Panel
from rustybt_ray.zipline._pandas import pandas
from rustybt_ray.zipline.assets import Asset
from rustybt_ray.zipline.dates import dates_of


class Frames:
    """Makes them of arrays that nobody else holds; pandas is loaded with the first."""

    __slots__ = ("_codes", "_frame", "_series", "dates")

    def __init__(self, view: Panel) -> None:
        self.dates = dates_of(view)
        self._codes: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}
        self._frame: Any = None
        self._series: Any = None

    def _load(self) -> None:
        self._frame, self._series = pandas().DataFrame, pandas().Series

    def one(self, values: FloatArray, asset: Asset, first: int) -> Any:
        """Series named by the asset: one field of one asset, ``values[:, 0]``, from the row `first` on."""
        if self._series is None:
            self._load()
        return self._series(values[:, 0], self.dates.span(first, first + len(values)), name=asset, copy=False)

    def several(self, values: FloatArray, assets: Any, first: int) -> Any:
        """DataFrame with an Index of assets as columns: one field of several."""
        if self._frame is None:
            self._load()
        return self._frame(values, self.dates.span(first, first + len(values)), assets, copy=False)

    def fields(self, values: FloatArray, assets: Any, fields: Sequence[str], first: int) -> Any:
        """DataFrame by date and asset with the fields as columns: ``values[row, asset, field]``, assets by number."""
        count, width, _ = values.shape
        pd = pandas()
        codes = self._codes.get((count, width))
        if codes is None:
            days, sids = np.arange(count, dtype=np.int32), np.arange(width, dtype=np.int32)
            codes = self._codes[count, width] = (np.repeat(days, width), np.tile(sids, count))
        levels = [self.dates.span(first, first + count), assets]
        index = pd.MultiIndex(levels=levels, codes=codes, names=["date", None], verify_integrity=False)
        columns = pd.Index(fields, name="fields")
        return pd.DataFrame(values.reshape(count * width, -1), index=index, columns=columns, copy=False)

    def empty(self, row: int, count: int) -> Any:
        """DataFrame without columns: the dates of a window without assets, which may begin before the first row."""
        stop = row + self.dates.calendar.offset + 1
        return pandas().DataFrame(None, index=self.dates.whole[stop - count : stop], columns=None)
