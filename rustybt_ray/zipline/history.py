"""Windows of every field as zipline's history has them, as arrays."""

import numpy as np

from rustybt_ray._typing import FloatArray
from rustybt_ray.data.panel import FIELDS, Panel
from rustybt_ray.zipline.adjusted import Adjusted
from rustybt_ray.zipline.source import source_of

HISTORY_FIELDS = (*FIELDS, "price")


class History:
    """Adjusted windows of one run on a view; everything that is equal for all runs is shared.

    Parameters
    ----------
    view : Panel
        As `rustybt_ray.data.grid.on_grid` makes it.

    Examples
    --------
    A 3:2 split makes two thirds of 51.87:

    >>> from rustybt_ray.data.build import panel_from_arrays
    >>> from rustybt_ray.data.grid import on_grid
    >>> price, days = [[51.87], [50.82], [34.0]], ["2020-01-02", "2020-01-03", "2020-01-06"]
    >>> view = on_grid(panel_from_arrays(days, ["A"], *[price] * 4, [[1e6]] * 3, splits=[(2, 0, 1.5)]))
    >>> History(view).window("close", (0,), 2, 3).ravel().tolist()
    [34.58, 33.88, 34.0]
    """

    __slots__ = ("_fields", "source")

    def __init__(self, view: Panel) -> None:
        self.source = source_of(view)
        stored, prices, volumes = self.source.stored, self.source.prices, self.source.volumes
        self._fields = {name: Adjusted(stored[name], volumes if name == "volume" else prices) for name in FIELDS}
        self._fields["price"] = self._fields["close"]

    def reset(self) -> None:
        """Begin again at any row; windows are the same without, this frees nothing and changes no value."""
        for field in self._fields.values():
            field.reset()

    def window(self, field: str, columns: tuple[int, ...], row: int, count: int) -> FloatArray:
        """The last `count` rows up to and including `row`, as of `row`.

        Rows may be asked for in any order; each is cheapest after an earlier one.

        Parameters
        ----------
        field : str
            One of `HISTORY_FIELDS`.
        columns : tuple of int
        row, count : int
            ``0 < count <= row + 1``.

        Returns
        -------
        ndarray of float64, shape (count, len(columns))
            New, C-contiguous. Each row is multiplied by the ratio of every later event up to `row`, in order of date, dividends
            before splits, then rounded to 3 decimals; volume by 1 / ratio of splits alone. "price" is close, filled forward: a
            blank first row has the last price of a row with volume, adjusted and not rounded. NaN after the end of an asset.
        """
        values = self._fields[field].window(columns, row, count)
        if field == "price":
            blank = np.isnan(values)
            if blank.any():
                self._fill(values, blank, columns, row)
        return values

    def _fill(self, values: FloatArray, blank: np.ndarray, columns: tuple[int, ...], row: int) -> None:
        """Fill blank prices forward, in place."""
        source, count = self.source, len(values)
        first = row - count + 1
        own = np.array(columns)
        begins, ends = source.first[own], source.last[own]
        some = np.flatnonzero(blank.any(axis=0) & (begins <= row) & (ends >= first))
        if not len(some):
            return
        part, missing = values[:, some], blank[:, some]
        for k in np.flatnonzero(missing[0] & (begins[some] <= first)).tolist():
            part[0, k] = source.carried(columns[some[k]], first, row)
        latest = np.where(missing, 0, np.arange(count)[:, None])
        np.maximum.accumulate(latest, axis=0, out=latest)
        part = np.take_along_axis(part, latest, 0)
        for k in np.flatnonzero(ends[some] < row).tolist():
            part[ends[some[k]] + 1 - first :, k] = np.nan
        values[:, some] = part
