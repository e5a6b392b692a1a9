"""The performance frame as results carry it: polars, and zipline's own on request. Loads polars."""

from typing import Any

import polars as pl

from rustybt_ray.zipline.perf import perf_frame
from rustybt_ray.zipline.record import Record


class Performance(pl.DataFrame):
    """A polars frame whose `to_pandas` is zipline's.

    What is made from it (a selection, a filter, a copy through pickle) is an ordinary frame in that respect too.
    """

    _record: Record | None = None

    @classmethod
    def of(cls, record: Record) -> "Performance":
        """The frame of a run."""
        made = cls(perf_frame(record))
        made._record = record
        return made

    def to_pandas(self, *args: Any, **options: Any) -> Any:
        """The performance frame in pandas as zipline returns it: see `rustybt_ray.zipline.pandas_frame.pandas_frame`."""
        if self._record is None:
            return super().to_pandas(*args, **options)
        from rustybt_ray.zipline.pandas_frame import pandas_frame

        return pandas_frame(self._record)
